"""Installs what a bundle depends on into a folder, in a form that is the same for everybody."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afbundle._version import __version__
from afbundle.pack.compiler import Job, compile_all
from afbundle.pack.errors import PackError

if TYPE_CHECKING:
    from afbundle.artifact.image import Target

# What installers note about the installation rather than about the package: it differs between pip and uv, between
# folders, between runs.
_NOTES = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"})
_LOCK_NAMES = frozenset({".lock", ".gitignore"})

# The failure in one line: the first of these that is found in the tool's output names it.
_REASONS = (
    (
        r"No matching distribution found for (?P<what>\S[^\n]*)",
        "no version of {what} fits this interpreter and platform",
    ),
    (r"(?P<what>\S+) was not found in the package registry", "there is no package {what}"),
    (
        r"ResolutionImpossible|No solution found when resolving dependencies",
        "the requirements contradict each other",
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


@dataclass(frozen=True)
class Requirements:
    """What to install.

    Attributes:
        files: requirement files, as pip reads them.
        packages: single requirements: ``pandas>=2``, a path to a wheel, a URL.
    """

    files: tuple[Path, ...] = ()
    packages: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.packages)


def install(requirements: Requirements, site: Path, work: Path, target: Target) -> None:
    """Install `requirements` into `site` and compile them.

    Sources stay next to the compiled files: packages read their own (`inspect`, compilers of kernels), and tracebacks
    show them. afbundle itself is never installed: an empty stand-in of this version takes its place in the resolution,
    because the bundle carries afbundle already.

    Arguments:
        requirements: what to install.
        site: an empty folder.
        work: a folder for files that are needed on the way.
        target: the interpreter to install for.

    Raises:
        PackError: the resolution or a build failed; one line of ours, then the tool's output.
    """
    _check(requirements)
    links = work / "links"
    links.mkdir()
    _write_stand_in(links)
    constraint = work / "constraint.txt"
    constraint.write_text(f"afbundle=={__version__}\n")
    name, command = _installer(target)
    command += ["--target", str(site), "--find-links", str(links), "--constraint", str(constraint)]
    for file in requirements.files:
        command += ["--requirement", str(file)]
    command += ["--", *requirements.packages]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        output = done.stdout.decode(errors="replace")
        raise PackError(
            f"cannot install the dependencies: {_reason(output)} ({name} says below what happened)", output
        )
    _normalise(site)
    compile_site(site, target)


def _check(requirements: Requirements) -> None:
    for file in requirements.files:
        if not file.is_file():
            raise PackError(f"the requirement file {file} does not exist")
    for package in requirements.packages:
        if not package.strip() or package.startswith("-"):
            raise PackError(
                f"{package!r} is not a requirement; give one like 'pandas>=2' or a path to a wheel"
            )
        path = Path(package)
        if (
            (path.suffix == ".whl" or package.startswith((".", "/")))
            and "://" not in package
            and not path.exists()
        ):
            raise PackError(f"the package {package} does not exist")


def _installer(target: Target) -> tuple[str, list[str]]:
    uv = shutil.which("uv")
    if uv is not None:
        return "uv", [
            uv,
            "pip",
            "install",
            "--python",
            target.executable,
            "--no-progress",
            "--link-mode",
            "copy",
        ]
    try:
        import pip  # noqa: F401  (asks whether the interpreter that runs afbundle has it)
    except ImportError:
        raise PackError(
            "dependencies are installed with uv or pip, and neither is here: pip install uv"
        ) from None
    flags = [
        "--no-compile",
        "--no-input",
        "--disable-pip-version-check",
        "--no-warn-script-location",
        "--progress-bar",
        "off",
    ]
    return "pip", [sys.executable, "-m", "pip", "install", *flags]


def _reason(output: str) -> str:
    for pattern, text in _REASONS:
        found = re.search(pattern, output)
        if found:
            return text.format(**{key: value.strip() for key, value in found.groupdict().items()})
    return "the installer failed"


def _write_stand_in(folder: Path) -> None:
    info = f"afbundle-{__version__}.dist-info"
    with zipfile.ZipFile(folder / f"afbundle-{__version__}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: afbundle\nVersion: {__version__}\nProvides-Extra: pack\n",
        )
        wheel.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: afbundle\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(
            f"{info}/RECORD", "".join(f"{info}/{name},,\n" for name in ("METADATA", "WHEEL", "RECORD"))
        )


def _normalise(site: Path) -> None:
    for name in ("bin", "afbundle"):
        shutil.rmtree(site / name, ignore_errors=True)
    for cache in list(site.rglob("__pycache__")):
        shutil.rmtree(cache)
    for name in _LOCK_NAMES:
        (site / name).unlink(missing_ok=True)
    for info in site.glob("*.dist-info"):
        for note in _NOTES:
            (info / note).unlink(missing_ok=True)
        _rewrite_record(info / "RECORD", site)


def _rewrite_record(record: Path, site: Path) -> None:
    """Make RECORD name the files that are there, in sorted order."""
    if not record.is_file():
        return
    with record.open(newline="", encoding="utf-8") as file:
        rows = [
            row
            for row in csv.reader(file)
            if row and not row[0].startswith("..") and (site / row[0]).is_file()
        ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(sorted(rows))
    record.write_text(text.getvalue(), encoding="utf-8", newline="\n")


def compile_site(site: Path, target: Target) -> None:
    """Compile every Python file of `site` next to its source, the way the import system looks for it.

    What is not valid Python for this interpreter (templates, files for other versions) stays uncompiled.
    """
    tag = sys.implementation.cache_tag
    jobs = []
    for source in sorted(site.rglob("*.py")):
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        jobs.append(Job(source, source.relative_to(site).as_posix(), compiled, kind="pyc"))
    compile_all(jobs, target)
