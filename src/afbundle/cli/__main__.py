"""The command line: ``afbundle pack | inspect | verify | run``."""

from __future__ import annotations

import sys

COMMANDS = {
    "inspect": "Show what a bundle of any language says about itself.",
    "pack": "Pack tasks, or a pre-built executable, into one file.",
    "run": "Run a bundle's tasks here, without Airflow.",
    "verify": "Check that every byte of a bundle is what was packed.",
}
"""Command -> its line in the help. Each is the function of the same name in a module of the same name."""


def main() -> None:
    """Run the command that the arguments name."""
    try:
        import click  # noqa: F401  (asks whether the extra is installed)

        from afbundle.cli.group import afbundle
    except ImportError as error:
        if error.name not in ("click", "rich"):
            raise
        sys.stderr.write(f"afbundle: the command line needs {error.name}: pip install 'afbundle[pack]'\n")
        raise SystemExit(1) from None
    afbundle(prog_name="afbundle")


if __name__ == "__main__":
    main()
