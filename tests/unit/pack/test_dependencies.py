"""Installing dependencies into a bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from afbundle._version import __version__
from afbundle.pack.dependencies import install
from afbundle.pack.errors import PackError
from afbundle.pack.interpreter import this_interpreter
from afbundle.pack.resolve import Requirements, check
from tests.unit.pack.wheels import make_wheel


@pytest.fixture(autouse=True)
def _no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_NO_INDEX", "UV_NO_INDEX", "UV_OFFLINE"):
        monkeypatch.setenv(name, "1")


def _install(work: Path, *packages: str, files: tuple[Path, ...] = ()) -> dict[str, bytes]:
    site = work / "site"
    site.mkdir(parents=True)
    requirements = Requirements(files, packages)
    check(requirements)
    install(requirements, work, site, work, this_interpreter())
    return {
        path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()
    }


def test_what_is_installed_is_compiled_and_the_same_everywhere(tmp_path: Path) -> None:
    files = {
        "dep/__init__.py": "X = {'a', 'b', 'c'}\n",
        "dep/data.txt": "d",
        "dep/template.py": "not { python\n",
    }
    one = make_wheel(tmp_path / "wheels", "dep", files, scripts="dep-tool = dep:main")
    two = make_wheel(tmp_path / "more wheels", "dep", files, scripts="dep-tool = dep:main")
    found = _install(tmp_path / "one", str(one))
    cached = [name for name in found if "__pycache__" in name]
    assert len(cached) == 1
    assert cached[0].startswith("dep/__pycache__/__init__.cpython-")
    assert {"dep/__init__.py", "dep/data.txt", "dep/template.py", "dep-1.0.dist-info/METADATA"} <= set(found)
    # Where it came from, who installed it and the tools for a shell stay out.
    assert not {
        name for name in found if name.startswith("bin/") or name.endswith(("direct_url.json", "INSTALLER"))
    }
    recorded = {line.partition(",")[0] for line in found["dep-1.0.dist-info/RECORD"].decode().splitlines()}
    assert recorded == set(found) - set(cached)
    assert _install(tmp_path / "two" / "deeper", str(two)) == found


def test_a_requirement_file_may_name_afbundle_and_gets_none_of_it(tmp_path: Path) -> None:
    dep = make_wheel(tmp_path / "wheels", "dep", {"dep.py": ""}, requires="afbundle")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"afbundle[pack]\n{dep}\n")
    found = _install(tmp_path / "work", files=(requirements,))
    assert "dep.py" in found
    assert not [name for name in found if name.startswith("afbundle/")]
    assert f"afbundle-{__version__}.dist-info/METADATA" in found


def test_a_real_afbundle_wheel_is_emptied(tmp_path: Path) -> None:
    import zipfile

    wheel = tmp_path / f"afbundle-{__version__}-py3-none-any.whl"
    info = f"afbundle-{__version__}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("afbundle/__init__.py", "raise SystemExit('a second afbundle')")
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: afbundle\nVersion: {__version__}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    assert not [name for name in _install(tmp_path / "work", str(wheel)) if name.startswith("afbundle/")]


@pytest.mark.parametrize(
    ("package", "says"),
    [
        ("no-such-package-for-afbundle", "no-such-package-for-afbundle"),
        ("not a requirement", "is not a requirement"),
        ("./gone.whl", r"the package ./gone.whl does not exist"),
        ("/gone/dep", "the package /gone/dep does not exist"),
        ("--index-url=x", "'--index-url=x' is not a requirement; give one like"),
        ("", "'' is not a requirement"),
    ],
)
def test_failures_are_told_in_one_line(tmp_path: Path, package: str, says: str) -> None:
    with pytest.raises(PackError, match=says) as caught:
        _install(tmp_path, package)
    assert "\n" not in caught.value.message


def test_a_conflict_is_told_in_one_line_before_the_output(tmp_path: Path) -> None:
    one = make_wheel(tmp_path / "wheels", "one", {"one.py": ""}, requires="afbundle<0.0.1")
    with pytest.raises(
        PackError, match="cannot install the dependencies: the requirements contradict each other"
    ) as caught:
        _install(tmp_path / "work", str(one))
    assert "afbundle" in caught.value.output


def test_a_requirement_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"the requirement file .*gone.txt does not exist"):
        _install(tmp_path, files=(tmp_path / "gone.txt",))
