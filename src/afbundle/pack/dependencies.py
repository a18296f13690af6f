"""Puts what a bundle depends on into a folder, in a form that is the same for everybody."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from typing import TYPE_CHECKING

from afbundle._version import __version__
from afbundle.pack import resolve
from afbundle.pack.compiler import Job, compile_all
from afbundle.pack.distributions import Distribution, read_distributions
from afbundle.pack.tools import Tool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from afbundle.artifact.image import Target
    from afbundle.pack.platforms import Platform
    from afbundle.pack.resolve import Requirements

# What installers note about the installation rather than about the package: it differs between pip and uv, between
# folders, between runs.
_NOTES = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"})
_LOCK_NAMES = frozenset({".lock", ".gitignore"})


def install(
    requirements: Requirements,
    path: Path,
    site: Path,
    work: Path,
    target: Target,
    *,
    platform: Platform | None = None,
    strip: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Distribution, ...]:
    """Install `requirements` into `site`, compile them, and return what is there.

    afbundle itself is never installed: an empty stand-in of this version takes its place in the resolution, because
    the bundle carries afbundle already.

    Arguments:
        requirements: what to install, checked with `resolve.check`.
        path: what is packed.
        site: an empty folder.
        work: a folder for files that are needed on the way.
        target: the interpreter to install for.
        platform: the machine to install for, or None for one like this.
        strip: leave sources out. Otherwise they stay next to the compiled files: packages read their own (`inspect`,
            compilers of kernels), and tracebacks show them.
        progress: called with a line before each step that takes time.

    Raises:
        PackError: the resolution or a build failed; one line of ours, then the tool's output.
    """
    plan = resolve.plan(
        requirements, path=path, site=site, target=target, platform=platform, work=work, progress=progress
    )
    if plan.files or plan.packages:
        tool = Tool.find("dependencies are installed")
        progress(f"installing dependencies with {tool.name}")
        arguments = ["--no-deps"] if plan.exact else _stand_in(work)
        for file in plan.files:
            arguments += ["--requirement", str(file)]
        tool.install(site, target, platform, [*arguments, "--", *plan.packages])
    _normalise(site)
    progress("compiling dependencies")
    compile_site(site, target, strip=strip)
    return read_distributions(site, plan.archives)


def _stand_in(work: Path) -> list[str]:
    """Write the wheel that stands for afbundle, and return the arguments that make an installer take it."""
    links = work / "links"
    links.mkdir()
    info = f"afbundle-{__version__}.dist-info"
    with zipfile.ZipFile(links / f"afbundle-{__version__}-py3-none-any.whl", "w") as wheel:
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
    constraint = work / "constraint.txt"
    constraint.write_text(f"afbundle=={__version__}\n")
    # As an argument it would replace the author's own PIP_FIND_LINKS or UV_FIND_LINKS; as a line of a file it is one more.
    places = work / "places.txt"
    places.write_text(f"--find-links {links.as_uri()}\n")
    return ["--requirement", str(places), "--constraint", str(constraint)]


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
    rows = []
    with record.open(newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            if not row or row[0].startswith(".."):
                continue
            if (site / row[0]).is_file():
                rows.append(row)
            elif row[0].endswith(".py") and (site / f"{row[0]}c").is_file():
                rows.append([f"{row[0]}c", "", ""])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(sorted(rows))
    record.write_text(text.getvalue(), encoding="utf-8", newline="\n")


def compile_site(site: Path, target: Target, *, strip: bool = False) -> None:
    """Compile every Python file of `site`, the way the import system looks for it.

    What is not valid Python for this interpreter (templates, files for other versions) stays as it is.

    Arguments:
        site: the folder.
        target: the interpreter.
        strip: put the compiled file in the place of its source; without its source it is found nowhere else.
    """
    tag = "cpython-{}{}".format(*target.version)
    jobs = []
    for source in sorted(site.rglob("*.py")):
        beside = source.with_suffix(".pyc")
        compiled = beside if strip else source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        jobs.append(Job(source, source.relative_to(site).as_posix(), compiled, kind="pyc"))
    failed = {failure.source for failure in compile_all(jobs, target)}
    if not strip:
        return
    for job in jobs:
        if job.source not in failed:
            job.source.unlink()
    for info in site.glob("*.dist-info"):
        _rewrite_record(info / "RECORD", site)
