r"""The head of a packed bundle: a shell script that finds the interpreter, and the first line of Python it runs.

Layout of the executable region (offsets in bytes)::

    0            shell header, padded with newlines to HEADER_SIZE (EMBEDDED_HEADER_SIZE where an interpreter travels along)
    HEADER_SIZE  index: marshal version 2 of a dict (see `afbundle.artifact.image`), its key "boot" the boot code
    base         blobs: what the index points to, by offset from here

Everything is found by offset from the front. The end of the file belongs to the bundle format, and whatever searches
there (zipimport does, for `PK\5\6`) breaks on a legal source region.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afbundle.artifact.embedded import UNPACK
from afbundle.artifact.errors import ArtifactError

if TYPE_CHECKING:
    from afbundle.artifact.image import Embedded

HEADER_SIZE = 4096
"""Bytes of the padded shell header: one page, far below what a shell needs to keep reading for."""

EMBEDDED_HEADER_SIZE = 8192
"""The same where an interpreter travels along."""

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

# Up to the first exec nothing is forked: this is every start but the first on a host. `-O` says that the folder is this
# user's own; the subshell that follows looks closer, tries the other folders that `afbundle.artifact.cache` names, and
# unpacks. A folder that belongs to root and that root filled is used as well.
_EMBEDDED_HEADER = """\
# This is an Airflow task bundle with an interpreter of its own, CPython {version}. Look inside with: afbundle inspect FILE
s={stage0}
n={digest} i={program} b=$0
case ${{AFBUNDLE_CACHE-}} in
'') case ${{XDG_CACHE_HOME-}} in
/*) r=$XDG_CACHE_HOME/afbundle ;;
*) case ${{HOME-}} in /*) r=$HOME/.cache/afbundle ;; *) r= ;; esac ;;
esac ;;
/*) r=$AFBUNDLE_CACHE ;;
*) r=$PWD/$AFBUNDLE_CACHE ;;
esac
p=$r/$n/$i
[ -O "$r" ] && [ -O "$r/$n" ] && [ ! -L "$r/$n" ] && [ -x "$p" ] && exec "$p" {flags} "$s" "$b" "$p" "$@"
p=$(
set -f
umask 022
PATH=${{PATH-}}:/usr/bin:/bin
o={offset} l={length} h={checksum}
u=$(id -u) w=
owned() {{
set -- $(ls -ldn "$1" 2>/dev/null)
[ "${{3-}}" = 0 ] || [ "${{3-}}" = "$u" ]
}}
good() {{
owned "$1" && owned "$1/." || return
case $(ls -ldn "$1/.") in d????-??-*) ;; *) false ;; esac
}}
use() {{
good "$r" && [ ! -L "$e" ] && good "$e" && [ -x "$e/$i" ] && printf %s "$e/$i"
}}
unpack() (
{unpack})
try() {{
r=$1 e=$1/$n
[ -d "$e" ] && use && exit
if [ ! -d "$r" ]; then
mkdir -p "${{r%/*}}" && mkdir -m 700 "$r" && printf 'Signature: 8a477f597d28d172789f06886806bc55\n' >"$r/CACHEDIR.TAG"
fi 2>/dev/null
if [ ! -d "$r" ]; then m="cannot be made"
elif ! good "$r"; then m="belongs to another user, or others can write to it"
elif ! m=$(set +f; unpack); then m=${{m%%"
"*}}
elif [ ! -x "$e/$i" ]; then m="programs cannot be run from there"
elif [ "$m" = unpacked ] && ! m=$("$e/$i" -IBSc '' 2>&1); then m="its Python does not run here: $m"
elif use; then exit
else m="$e is not this user's own"
fi
w="$w
  $r: ${{m:-cannot be used}}"
}}
[ -n "$r" ] && try "$r"
if [ -z "${{AFBUNDLE_CACHE-}}" ]; then
case ${{TMPDIR-}} in /*) try "$TMPDIR/afbundle-$u" ;; *) try "/tmp/afbundle-$u" ;; esac
try "/var/tmp/afbundle-$u"
fi
printf '%s\n' "afbundle: cannot start $b: found no place for the Python that it carries ({size} MB unpacked)$w" \
"  mend it: set AFBUNDLE_CACHE to a folder of this user with enough room" >&2
exit 1
) || exit
exec "$p" {flags} "$s" "$b" "$p" "$@"
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


def stage0(magic: bytes, index_length: int, header_size: int = HEADER_SIZE) -> str:
    """Return the program for ``python -c`` that loads the index and runs the boot code.

    Its own arguments are the bundle, the interpreter as the shell found it, and the bundle's arguments.

    Arguments:
        magic: the interpreter's `MAGIC_NUMBER` for bytecode. Marshalled code crashes an interpreter of another version,
            so nothing is read before it was compared.
        index_length: bytes of the index.
        header_size: bytes of the header before it.
    """
    return _STAGE_0.format(
        magic=magic.hex(), length=index_length, header=header_size, base=header_size + index_length
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


def embedded_header(embedded: Embedded, offset: int, stage0_text: str) -> bytes:
    """Return the shell header of a bundle that carries its interpreter, padded to `EMBEDDED_HEADER_SIZE`.

    Arguments:
        embedded: the interpreter.
        offset: where its core begins in the file, in bytes.
        stage0_text: what `stage0` returned.
    """
    text = _EMBEDDED_HEADER.format(
        version=embedded.version,
        stage0=_quote(stage0_text),
        digest=embedded.core.digest,
        program=embedded.program,
        # `tail` counts from 1.
        offset=offset + 1,
        length=embedded.core.length,
        checksum=embedded.core_checksum,
        size=round((embedded.core.size + embedded.library.size) / 1e6),
        flags=" ".join(LAUNCHER_FLAGS),
        unpack=UNPACK,
    )
    data = HEADER_MARK + text.encode()
    assert len(data) <= EMBEDDED_HEADER_SIZE  # noqa: S101  (nothing in it is as long as its author likes)
    return data.ljust(EMBEDDED_HEADER_SIZE, b"\n")


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _escape(text: str) -> str:
    """Escape `text` for use inside the shell's double quotes."""
    for char in '\\"$`':
        text = text.replace(char, "\\" + char)
    return text
