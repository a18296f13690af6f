"""The tools that resolve and install: uv where it is, else pip; how they are called, and what their failures mean."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afbundle.pack.errors import PackError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from afbundle.artifact.image import Target
    from afbundle.pack.platforms import Platform

# The failure in one line: the first of these that is found in the tool's output names it.
_REASONS = (
    (
        r"No matching distribution found for (?P<what>\S[^\n]*)",
        "no version of {what} fits this interpreter and platform",
    ),
    (
        r"(?P<what>\S+) was not found in the (?:package registry|provided package)",
        "there is no package {what}",
    ),
    (
        r"has no wheels with a matching|no wheels are available|has no usable wheels|No compatible wheel",
        "a package has no wheel for that interpreter and platform",
    ),
    (
        r"ResolutionImpossible|No solution found when resolving dependencies",
        "the requirements contradict each other",
    ),
    (
        r"(?:Hash mismatch for|THESE PACKAGES DO NOT MATCH THE HASHES)(?: [^\n`]*`(?P<what>[^`\n]*)`)?",
        "a package is not the one that was locked: its hash is another one",
    ),
    (r"Invalid requirement: (?P<what>[^\n]*)", "{what} is not a requirement"),
    (r"Failed to parse: (?P<what>[^\n]*)", "{what} is not a requirement"),
    (
        r"subprocess-exited-with-error|Failed building wheel|Failed to build",
        "a package has to be built here, and that failed",
    ),
    (
        r"Temporary failure in name resolution|Failed to establish a new connection|dns error",
        "the package index cannot be reached",
    ),
    (r"No space left on device", "the disk is full"),
)


def find_uv() -> str | None:
    """Return the path of uv: on PATH, or next to the interpreter that runs afbundle; else None."""
    beside = Path(sys.executable).with_name("uv")
    return shutil.which("uv") or (str(beside) if os.access(beside, os.X_OK) else None)


@dataclass(frozen=True)
class Tool:
    """uv or pip.

    Attributes:
        name: ``uv`` or ``pip``.
        command: how it is started.
    """

    name: str
    command: tuple[str, ...]

    @classmethod
    def find(cls, why: str) -> Tool:
        """Return uv where it is here, else pip.

        Arguments:
            why: what it is needed for, as the beginning of a sentence.

        Raises:
            PackError: neither is here.
        """
        uv = find_uv()
        if uv is not None:
            return cls("uv", (uv,))
        if importlib.util.find_spec("pip") is None:
            raise PackError(f"{why} with uv or pip, and neither is here: pip install uv")
        return cls("pip", (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"))

    def install(
        self, site: Path, target: Target, platform: Platform | None, arguments: Sequence[str]
    ) -> None:
        """Install into a folder.

        Arguments:
            site: the folder.
            target: the interpreter to install for.
            platform: the machine, or None for one like this.
            arguments: what to install, and from where; both tools understand it.

        Raises:
            PackError: the installation failed, or pip would have to judge for another machine.
        """
        if self.name == "uv":
            command = [
                "pip",
                "install",
                "--python",
                target.executable,
                "--no-progress",
                "--link-mode",
                "copy",
            ]
            if platform is not None:
                # The interpreter found here stands for its minor version, not for its patch release.
                command += ["--python-platform", platform.for_uv, "--python-version", target.text]
                command += ["--only-binary", ":all:"]
        else:
            if platform is not None:
                raise PackError(
                    "packing for another platform needs uv, because pip judges requirements by the machine it runs on: "
                    "pip install uv"
                )
            command = [] if target.version == sys.version_info[:2] else ["--python", target.executable]
            command += ["install", "--no-compile", "--no-warn-script-location", "--progress-bar", "off"]
        self._run([*command, "--target", str(site), *arguments], "cannot install the dependencies")

    def build(self, project: Path, folder: Path, target: Target) -> Path:
        """Build the wheel of a project, and return it.

        Arguments:
            project: the folder with ``pyproject.toml``.
            folder: where to write.
            target: the interpreter that the build runs on.

        Raises:
            PackError: the build failed.
        """
        folder.mkdir(parents=True)
        if self.name == "uv":
            command = [
                "build",
                "--wheel",
                "--python",
                target.executable,
                "--out-dir",
                str(folder),
                str(project),
            ]
        else:
            command = [] if target.version == sys.version_info[:2] else ["--python", target.executable]
            command += [
                "wheel",
                "--no-deps",
                "--progress-bar",
                "off",
                "--wheel-dir",
                str(folder),
                str(project),
            ]
        self._run(command, f"cannot build the project {project}")
        (wheel,) = folder.glob("*.whl")
        return wheel

    def _run(self, arguments: Sequence[str], failure: str) -> None:
        done = subprocess.run(
            [*self.command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        if done.returncode != 0:
            output = done.stdout.decode(errors="replace")
            raise PackError(f"{failure}: {_reason(output)} ({self.name} says below what happened)", output)


def _reason(output: str) -> str:
    for pattern, text in _REASONS:
        found = re.search(pattern, output)
        if found:
            return text.format(**{key: (value or "").strip() for key, value in found.groupdict().items()})
    return "it failed"
