"""Install a real Airflow into a cached virtual environment of its own.

    python -m scripts.install_peer 3.3.2 3.4.0b2

The tests run afbundle against these peers. Each lives in ``<cache>/airflow-<version>`` with the packages of
``requirements/airflow-<version>.lock``; the cache is ``.cache/peers``, or the folder that ``AFBUNDLE_PEERS`` names.
``AFBUNDLE_PEER_332`` and ``AFBUNDLE_PEER_340`` name ready environments to use instead. An installation that was
interrupted, or whose lock file changed since, is made anew. Prints the path of each interpreter.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from scripts.pythons import find_at_least

ROOT = Path(__file__).resolve().parent.parent
STAMP = ".complete"


class PeerError(Exception):
    """A peer is not there or cannot be installed; the message says why and how to mend it."""


@dataclass(frozen=True)
class Peer:
    """One Airflow version that the tests run against.

    Attributes:
        version: Version of the ``apache-airflow`` package.
        override: Environment variable that names a ready virtual environment.
        min_python: Oldest (major, minor) Python that the version supports.
    """

    version: str
    override: str
    min_python: tuple[int, int]

    @property
    def lock(self) -> Path:
        """Lock file with every package of the environment."""
        return ROOT / "requirements" / f"airflow-{self.version}.lock"

    @property
    def folder(self) -> Path:
        """The virtual environment, whether installed or not."""
        if override := os.environ.get(self.override):
            return Path(override)
        cache = os.environ.get("AFBUNDLE_PEERS") or ROOT / ".cache" / "peers"
        return Path(cache).resolve() / f"airflow-{self.version}"

    @property
    def python(self) -> Path:
        """The environment's interpreter, whether installed or not."""
        return self.folder / "bin" / "python"

    def digest(self) -> str:
        """Tell what a complete installation's stamp file says."""
        return hashlib.sha256(self.lock.read_bytes()).hexdigest()

    def is_ready(self) -> bool:
        """Tell whether the environment is complete and made from the current lock file."""
        if os.environ.get(self.override):
            return self.python.exists()
        stamp = self.folder / STAMP
        return stamp.exists() and stamp.read_text() == self.digest()


PEERS = {
    peer.version: peer
    for peer in (
        Peer("3.3.2", "AFBUNDLE_PEER_332", (3, 10)),
        Peer("3.4.0b2", "AFBUNDLE_PEER_340", (3, 11)),
    )
}


def install(peer: Peer) -> None:
    """Make *peer*'s environment unless it is there already.

    Raises:
        PeerError: No fitting Python, an override that names nothing, or the packages cannot be installed.
    """
    if peer.is_ready():
        return
    if override := os.environ.get(peer.override):
        raise PeerError(f"{peer.override}={override} has no bin/python: correct or unset the variable")
    peer.folder.parent.mkdir(parents=True, exist_ok=True)
    with (peer.folder.parent / f"airflow-{peer.version}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if peer.is_ready():  # another process made it while this one waited
            return
        if (python := find_at_least(peer.min_python)) is None:
            wanted = ".".join(map(str, peer.min_python))
            raise PeerError(
                f"needs Python {wanted} or newer: install one, or run make with PYTHON=/path/to/python"
            )
        print(f"Installing Airflow {peer.version} into {peer.folder} (once) ...", file=sys.stderr, flush=True)
        # A console script holds the absolute path of its environment, so the environment cannot be built
        # elsewhere and renamed: the stamp, written last, is what makes it count.
        shutil.rmtree(peer.folder, ignore_errors=True)
        make_environment(peer, python)
        (peer.folder / STAMP).write_text(peer.digest())


def make_environment(peer: Peer, python: str) -> None:
    """Make the environment and install the locked packages: with uv, which takes seconds, else with pip.

    uv does not read pip's configuration. Where the registry is reached only through that, pip still works.

    Raises:
        PeerError: The environment cannot be made, or both failed.
    """
    if subprocess.run([python, "-m", "venv", str(peer.folder)], check=False).returncode != 0:
        raise PeerError(f"{python} -m venv failed; the messages above tell why")
    what = ["--require-hashes", "-r", str(peer.lock)]
    uv = Path(sys.executable).with_name("uv")
    attempts = [[str(peer.python), "-m", "pip", "install", "-q", *what]]
    if uv.exists():
        attempts.insert(
            0, [str(uv), "pip", "install", "-q", "--compile-bytecode", "--python", str(peer.python), *what]
        )
    if not any(subprocess.run(command, check=False).returncode == 0 for command in attempts):
        raise PeerError(f"cannot install the packages of {peer.lock.name}; the messages above tell why")


def main(versions: list[str]) -> int:
    """Install the named peers; returns the exit code."""
    for version in versions:
        if version not in PEERS:
            print(f"unknown Airflow version {version!r}; known: {', '.join(PEERS)}", file=sys.stderr)
            return 2
        try:
            install(PEERS[version])
        except PeerError as error:
            print(f"Airflow {version}: {error}", file=sys.stderr)
            return 1
        print(PEERS[version].python)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
