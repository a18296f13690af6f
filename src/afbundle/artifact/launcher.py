r"""The head of a packed bundle: a shell script that finds the interpreter, and the first line of Python it runs.

Layout of the executable region (offsets in bytes)::

    0            shell header, padded with newlines to HEADER_SIZE
    HEADER_SIZE  index: marshal version 2 of a dict (see `afbundle.artifact.image`), its key "boot" the boot code
    base         blobs: what the index points to, by offset from here

Everything is found by offset from the front. The end of the file belongs to the bundle format, and whatever searches
there (zipimport does, for `PK\5\6`) breaks on a legal source region.
"""

from __future__ import annotations

from afbundle.artifact.errors import ArtifactError

HEADER_SIZE = 4096
"""Bytes of the padded shell header: one page, far below what a shell needs to keep reading for."""

HEADER_MARK = b"#!/bin/sh\n# afbundle 1\n"
"""How every executable region that this packer writes begins."""

LAUNCHER_FLAGS = ("-X", "utf8", "-IBSc")
"""Interpreter flags: isolated, no bytecode written, no `site`, UTF-8 whatever the worker's locale."""

# The loop forks nothing until the interpreter chosen at pack time is missing. `_AFBUNDLE_TRIED` comes from stage 0 of an
# interpreter that turned out to be of another version; it keeps the loop from choosing it again.
_HEADER = """\
# This is an Airflow task bundle. Look inside with: afbundle inspect FILE
t=${{_AFBUNDLE_TRIED-}}
for c in "${{AFBUNDLE_PYTHON-}}" {interpreter} python{version} python3; do
case $c in
'') continue ;;
*/*) p=$c ;;
*) p=$(command -v "$c") || continue ;;
esac
case $t in *" $p is "*) continue ;; esac
[ -f "$p" ] && [ -x "$p" ] && exec "$p" {flags} {stage0} "$0" "$p" "$@"
done
printf '%s\\n' "afbundle: cannot start $0: it was packed for CPython {version}, and this host has none." \
"  looked for: \\$AFBUNDLE_PYTHON (${{AFBUNDLE_PYTHON:-not set}}), {plain_interpreter}," \
"    python{version} and python3 on PATH ($PATH)" \
"  found: ${{t:-nothing}}" \
"  mend it: install CPython {version}, or set AFBUNDLE_PYTHON to one, or pack the bundle again with this host's Python." >&2
exit 127
"""

# No single quote may occur here: it is quoted for the shell, and read by humans in `ps`.
_STAGE_0 = """\
import sys,posix,_frozen_importlib_external as e
b,p,*a=sys.argv[1:]
if e.MAGIC_NUMBER.hex()!="{magic}":
 t=posix.environ.get(b"_AFBUNDLE_TRIED",b"")+(" %s is %s %d.%d;"%(p,sys.implementation.name,*sys.version_info[:2])).encode()
 posix.execve("/bin/sh",["/bin/sh",b,*a],{{**posix.environ,b"_AFBUNDLE_TRIED":t}})
import marshal as m
f=posix.open(b,0)
i=m.loads(posix.pread(f,{length},{header}))
exec(m.loads(i.pop("boot")),{{"__name__":"afbundle.artifact._boot","_argv":[b,*a],"_fd":f,"_base":{base},"_index":i}})
"""


def stage0(magic: bytes, index_length: int) -> str:
    """Return the program for ``python -c`` that loads the index and runs the boot code.

    Its own arguments are the bundle, the interpreter as the shell found it, and the bundle's arguments.

    Arguments:
        magic: the interpreter's `MAGIC_NUMBER` for bytecode. Marshalled code crashes an interpreter of another version,
            so nothing is read before it was compared.
        index_length: bytes of the index.
    """
    return _STAGE_0.format(
        magic=magic.hex(), length=index_length, header=HEADER_SIZE, base=HEADER_SIZE + index_length
    )


def header(interpreter: str, version: str, stage0_text: str) -> bytes:
    """Return the shell header, padded to `HEADER_SIZE`.

    Arguments:
        interpreter: absolute path of the interpreter that is tried first, after ``$AFBUNDLE_PYTHON``.
        version: its version, as ``3.11``.
        stage0_text: what `stage0` returned.

    Raises:
        ArtifactError: the interpreter's path is so long that the header does not fit.
    """
    text = _HEADER.format(
        interpreter=_quote(interpreter),
        plain_interpreter=_escape(interpreter),
        version=version,
        flags=" ".join(LAUNCHER_FLAGS),
        stage0=_quote(stage0_text),
    )
    data = HEADER_MARK + text.encode("utf-8", "surrogateescape")
    if len(data) > HEADER_SIZE:
        raise ArtifactError(f"the interpreter's path is too long for the bundle's header: {interpreter}")
    return data.ljust(HEADER_SIZE, b"\n")


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _escape(text: str) -> str:
    """Escape `text` for use inside the shell's double quotes."""
    for char in '\\"$`':
        text = text.replace(char, "\\" + char)
    return text
