"""Render the capability matrix of README.md from tests/conformance/capabilities.yaml, or check that it is up to date.

python scripts/capabilities.py [--check]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "tests" / "conformance" / "capabilities.yaml"
README = ROOT / "README.md"
BEGIN, END = "<!-- capabilities: begin (make capabilities) -->", "<!-- capabilities: end -->"
TITLES = {
    "states": "Task instance state",
    "runtime": "Runtime capability",
    "native_dag": "Native-Dag capability",
}


def load() -> dict[str, dict[str, dict[str, Any]]]:
    """Return the manifest: section → row → ``tier``, ``supported``, ``tests``, ``note``."""
    manifest: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(MANIFEST.read_text())
    return manifest


def render() -> str:
    """Return the matrix as Markdown tables, one for each section."""
    parts = []
    for section, rows in load().items():
        parts.append(f"| {TITLES[section]} | Tier | Supported | Shown by |\n| --- | --- | --- | --- |")
        for name, row in rows.items():
            shown = "<br>".join(f"`{test}`" for test in row.get("tests", ())) or row.get("note", "")
            parts.append(
                f"| `{name}` | {row['tier']} | {'yes' if row['supported'] else 'not yet'} | {shown} |"
            )
        parts.append("")
    return "\n".join(parts).rstrip()


def with_matrix(readme: str) -> str:
    """Return the README's text with the matrix between its markers replaced.

    Raises:
        SystemExit: the markers are missing.
    """
    head, begin, rest = readme.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{README.name} lacks the markers {BEGIN!r} and {END!r}")
    return f"{head}{BEGIN}\n\n{render()}\n\n{END}{tail}"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if README.md is not up to date")
    arguments = parser.parse_args()
    current = README.read_text()
    wanted = with_matrix(current)
    if wanted == current:
        return 0
    if arguments.check:
        sys.stderr.write("README.md's capability matrix is out of date; run `make capabilities`\n")
        return 1
    README.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
