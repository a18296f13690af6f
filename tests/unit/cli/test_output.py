"""Tables at a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from afbundle.cli import output

ROWS = [("dags", "d: a\ne: [b]"), ("size", "7 B")]


def test_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    output.show("title", ROWS)
    assert capsys.readouterr().out == "title\ndags: d: a\n  e: [b]\nsize: 7 B\n"


def test_a_table_for_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    output.show("title", [*ROWS, ("foreign", "clear\x1b[2Jscreen")])
    shown = capsys.readouterr().out
    # Markup and control characters of a foreign manifest are text.
    assert "e: [b]" in shown
    assert r"clear\x1b[2Jscreen" in shown
    assert shown.splitlines()[0].strip() == "title"


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 20, "5.0 MiB"), (3 << 30, "3072.0 MiB")],
)
def test_sizes(count: int, shown: str) -> None:
    assert output.size(count) == shown


def test_steps_on_a_terminal_stay_with_their_seconds(tmp_path: Path) -> None:
    """One line moves while a step runs; what is done stays, and the answer on stdout is not touched."""
    (tmp_path / "tasks.py").write_text(
        "from afbundle import Bundle\nb = Bundle('n')\n@b.dag('d').task\ndef t(): ...\nb.serve()\n"
    )
    ours, theirs = os.openpty()
    command = [
        sys.executable,
        "-m",
        "afbundle.cli",
        "pack",
        str(tmp_path / "tasks.py"),
        "-o",
        str(tmp_path / "b"),
    ]
    env = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True, env=env) as process:
        os.close(theirs)
        shown = b""
        # A terminal that nobody holds open any more reads as an error on Linux.
        with contextlib.suppress(OSError), os.fdopen(ours, "rb", buffering=0) as terminal:
            while piece := terminal.read(4096):
                shown += piece
        assert process.stdout is not None
        assert process.stdout.read().startswith(f"packed {tmp_path}/b\nbundle: n\n")
    for step in (b"compiling", b"asking the entry for its Dags", b"writing"):
        assert re.search(rb"\d+\.\d s  " + step, shown), shown
