"""The interpreter that travels in a bundle: how a host without Python unpacks it.

It comes in two parts of the executable region, each a tar under gzip, each unpacked to a folder of the cache that its digest
names. The *core* is what an interpreter needs to start and to connect; the launcher's shell script unpacks it, and it is
small because the supervisor waits meanwhile. Everything else is the *library*, unpacked once the sockets are connected::

    <cache>/<digest of the core>/python/bin/python3.11
                                 python/lib/python311.zip   a link to ../../../<digest of the library>/stdlib
                                 python/lib/python3.11/     the few modules of the start
    <cache>/<digest of the library>/stdlib/

An interpreter looks into ``python311.zip`` of its own accord, so processes that a task starts with `sys.executable` have a
whole library, too. Both are unpacked by the same few lines of shell, with what the barest system has: the Python that could
do it better would need half of the library for that.
"""

from __future__ import annotations

import posix
import sys

from afbundle.artifact import cache
from afbundle.artifact.errors import CacheError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Log = Callable[[str, dict[str, Any]], None]

# Unpacks one part. Takes: b the bundle, r the cache folder, n the part's digest, o its offset in the file from 1, l its
# length, h the SHA-256 of those bytes. Says on stdout what went wrong, or "unpacked" where this process did it. The lock
# lets one process unpack while others wait; tar inherits it, so when the shell is killed, nobody sweeps a folder that tar
# still writes to. Where locks do not work, all unpack and the first rename wins.
UNPACK = """\
umask 022
e=$r/$n
piece() { tail -c "+$o" "$b" 2>/dev/null | head -c "$l"; }
{ {
flock 9 2>/dev/null && rm -rf "$e".tmp-*
[ -d "$e" ] && exit
if command -v sha256sum >/dev/null; then
c=$(piece | sha256sum)
[ "${c%% *}" = "$h" ] || { echo "$b is damaged: deploy it again"; exit 1; }
else
piece | gzip -t || exit
fi
t=$(mktemp -d "$e.tmp-XXXXXX") || exit
x=$({ piece | gzip -dc | tar -xof - -C "$t"; } 2>&1) && chmod 755 "$t" && { mv -T "$t" "$e" 2>/dev/null || [ -d "$e" ]; }
s=$?
rm -rf "$t"
[ "$s" != 0 ] || x=unpacked
case $x in *"No space left"* | *"Wrote only"*) x="no space left on device" ;; esac
printf '%s\\n' "$x"
exit "$s"
} 9>>"$e.lock"; } 2>&1
"""

# The same as a program of its own: sh -c PROGRAM bundle cache digest offset length checksum
_PROGRAM = f"""\
PATH=${{PATH-}}:/usr/bin:/bin
b=$0 r=$1 n=$2 o=$3 l=$4 h=$5
{UNPACK}"""


def prepare(path: str, base: int, part: dict[str, Any], log: Log) -> None:
    """Complete the interpreter that runs this, and keep both of its parts in the cache while it does.

    Arguments:
        path: the bundle.
        base: file offset that the part's offset counts from.
        part: ``interpreter`` of the bundle's index.
        log: called with an event and its fields when something takes time.

    Raises:
        CacheError: the cache has no room for the library, or the bundle is damaged.
    """
    # <root>/<digest of the core>/python/bin/python3.11
    core = sys.executable.rsplit("/", 3)[0]
    root = core.rpartition("/")[0]
    library = f"{root}/{part['digest']}"
    held = cache.hold(core)
    if held and not cache.hold(library):
        log("unpacking the standard library", {"files": part["files"], "bytes": part["bytes"]})
        status, said = unpack_part(path, root, part["digest"], base + part["offset"], part)
        if status != 0:
            raise CacheError(
                f"cannot unpack Python's standard library ({part['bytes']} bytes) to {root}: "
                f"{said.splitlines()[0] if said else f'exit code {status}'}. "
                "Set AFBUNDLE_CACHE to a folder of this user with enough room"
            )
        _use_library()
        held = cache.hold(library)
    if not held:
        raise CacheError(f"the cache {root} was cleared while this task started; start it again")


def unpack_part(path: str, root: str, digest: str, offset: int, part: dict[str, Any]) -> tuple[int, str]:
    """Unpack one part with the shell; return its exit code and what it said.

    Arguments:
        path: the file that holds the part.
        root: the cache folder.
        digest: the part's name there.
        offset: of the part in the file, in bytes.
        part: ``length`` in bytes and ``checksum`` of what is there.
    """
    arguments = [path, root, digest, str(offset + 1), str(part["length"]), part["checksum"]]
    reader, writer = posix.pipe()
    try:
        actions = [(posix.POSIX_SPAWN_DUP2, writer, 1), (posix.POSIX_SPAWN_DUP2, writer, 2)]
        command = ["/bin/sh", "-c", _PROGRAM, *arguments]
        pid = posix.posix_spawn(command[0], command, posix.environ, file_actions=actions)
        posix.close(writer)
        writer = -1
        said = b""
        while data := posix.read(reader, 65536):
            said += data
        return posix.waitstatus_to_exitcode(posix.waitpid(pid, 0)[1]), said.decode(errors="replace").strip()
    finally:
        posix.close(reader)
        if writer >= 0:
            posix.close(writer)


def _use_library() -> None:
    """Let the import system see what was not there when this interpreter started."""
    library = sys.path[0]
    sys.path_importer_cache.pop(library, None)
    # The one package that the core has a part of.
    encodings = sys.modules["encodings"]
    encodings.__path__ = [f"{library}/encodings"]
    for name in [name for name, codec in encodings._cache.items() if codec is None]:
        del encodings._cache[name]
