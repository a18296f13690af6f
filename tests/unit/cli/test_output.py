"""Tables at a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys

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
