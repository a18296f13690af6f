"""The installer of the peers: what counts as installed, and what it says when it cannot install."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts import install_peer
from scripts.install_peer import PEERS, STAMP, PeerError, install, main
from scripts.pythons import version_of


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AFBUNDLE_PEERS", str(tmp_path))
    for peer in PEERS.values():
        monkeypatch.delenv(peer.override, raising=False)
    return tmp_path


def test_an_interrupted_or_outdated_installation_does_not_count(cache: Path) -> None:
    peer = PEERS["3.3.2"]
    peer.python.parent.mkdir(parents=True)
    peer.python.touch()
    assert not peer.is_ready()
    (peer.folder / STAMP).write_text("the lock file of yesterday")
    assert not peer.is_ready()
    (peer.folder / STAMP).write_text(peer.digest())
    assert peer.is_ready()
    assert peer.folder.parent == cache


def test_a_failed_installation_leaves_no_stamp(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(peer: install_peer.Peer, python: str) -> None:
        raise PeerError("no registry")

    monkeypatch.setattr(install_peer, "make_environment", fail)
    with pytest.raises(PeerError, match="no registry"):
        install(PEERS["3.4.0b2"])
    assert not PEERS["3.4.0b2"].is_ready()


def test_a_ready_environment_can_be_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFBUNDLE_PEER_340", sys.prefix)
    assert PEERS["3.4.0b2"].python == Path(sys.prefix) / "bin" / "python"
    assert PEERS["3.4.0b2"].is_ready()


def test_a_named_environment_that_is_not_there(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AFBUNDLE_PEER_332", str(cache / "nowhere"))
    assert main(["3.3.2"]) == 1
    assert "AFBUNDLE_PEER_332" in capsys.readouterr().err


def test_no_python_is_new_enough(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install_peer, "find_at_least", lambda minimum: None)
    assert main(["3.4.0b2"]) == 1
    assert "needs Python 3.11 or newer" in capsys.readouterr().err


def test_an_interpreter_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert version_of(sys.executable) == sys.version_info[:2]
    shim = tmp_path / "python3.12"
    shim.write_text("#!/bin/sh\necho not selected >&2\nexit 127\n")
    shim.chmod(0o755)
    assert version_of(str(shim)) is None


def test_unknown_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["2.0"]) == 2
    assert "3.3.2" in capsys.readouterr().err
