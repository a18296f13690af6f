"""The command line: ``afbundle pack | inspect | verify | sign | run | cache``."""

from __future__ import annotations

import sys

COMMANDS = {
    "cache": "Show and clean up where bundles unpack their dependencies.",
    "inspect": "Show what a bundle of any language says about itself.",
    "keygen": "Make a pair of keys for signing bundles.",
    "pack": "Pack tasks, or a pre-built executable, into one file.",
    "run": "Run a bundle's tasks here, without Airflow.",
    "sign": "Sign a bundle.",
    "verify": "Check every byte of a bundle, and who signed it.",
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
