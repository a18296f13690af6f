"""The command line as a whole."""

from __future__ import annotations

import subprocess
import sys

from click.testing import CliRunner

from afbundle import __version__
from afbundle.cli.group import afbundle


def test_version() -> None:
    done = CliRunner().invoke(afbundle, ["--version"])
    assert (done.exit_code, done.output) == (0, f"afbundle {__version__}\n")


def test_help_lists_the_commands_without_importing_them() -> None:
    program = (
        "import sys\nfrom afbundle.cli.__main__ import main\nsys.argv = ['afbundle', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "assert not [name for name in sys.modules if name.startswith(('afbundle.pack', 'afbundle.supervise', 'rich'))]\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    commands = done.stdout.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in commands] == [
        "cache",
        "inspect",
        "keygen",
        "pack",
        "run",
        "sign",
        "verify",
    ]


def test_an_unknown_command_is_a_usage_error() -> None:
    done = CliRunner().invoke(afbundle, ["bake"])
    assert done.exit_code == 2
    assert "No such command 'bake'" in done.output


def test_without_click_one_line_says_what_to_install() -> None:
    program = "import sys\nsys.modules['click'] = None\nfrom afbundle.cli.__main__ import main\nmain()\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "afbundle: the command line needs click: pip install 'afbundle[pack]'\n"
