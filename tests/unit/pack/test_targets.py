"""Packing for another machine or another Python, and without sources."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from afbundle.artifact.reader import BundleFile
from afbundle.pack import pythons, tools
from afbundle.pack.errors import PackError
from afbundle.pack.interpreter import this_interpreter
from afbundle.pack.options import Options, Packed
from afbundle.pack.platforms import Platform
from afbundle.pack.python import pack_python
from afbundle.pack.pythons import find_python
from afbundle.pack.resolve import Requirements
from tests.unit.pack.projects import OTHER_VERSION, tasks
from tests.unit.pack.wheels import make_wheel

MACHINE = "aarch64" if os.uname().machine == "x86_64" else "x86_64"
THERE = Platform.parse(f"manylinux_2_28_{MACHINE}")
PYTHON = "cp{}{}".format(*sys.version_info)


@pytest.fixture(autouse=True)
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels instead of an index; ``native`` is an extension for another machine."""
    folder = tmp_path / "wheels"
    library = f"native.cpython-3{sys.version_info[1]}-{MACHINE}-linux-gnu.so"
    make_wheel(folder, "native", {library: "\x7fELF"}, tag=f"{PYTHON}-{PYTHON}-manylinux_2_17_{MACHINE}")
    make_wheel(
        folder,
        "pure",
        {"pure.py": "", "broken.py": "import native\n"},
        requires=f"native; platform_machine == '{MACHINE}'",
    )
    make_wheel(folder, "newer", {"newer.so": ""}, tag=f"{PYTHON}-{PYTHON}-manylinux_2_34_{MACHINE}")
    for name in ("PIP_NO_INDEX", "UV_NO_INDEX", "UV_OFFLINE"):
        monkeypatch.setenv(name, "1")
    for name in ("PIP_FIND_LINKS", "UV_FIND_LINKS"):
        monkeypatch.setenv(name, str(folder))
    return folder


def _pack(tmp_path: Path, imports: str, *packages: str, **options: Any) -> Packed:
    (tmp_path / "tasks.py").write_text(tasks(imports))
    chosen = Options(output=tmp_path / "bundle", requirements=Requirements(packages=packages), **options)
    return pack_python(tmp_path / "tasks.py", chosen)


def test_wheels_of_another_machine(tmp_path: Path) -> None:
    packed = _pack(tmp_path, "import pure", "pure", platform=THERE)
    # The marker was judged for that machine.
    assert [one.name for one in packed.distributions] == ["native", "pure"]
    assert packed.dags == {"d": ["one"]}
    assert str(Path(this_interpreter().executable).parent).encode() not in (tmp_path / "bundle").read_bytes()


def test_an_entry_that_imports_what_cannot_run_here(tmp_path: Path) -> None:
    with pytest.raises(
        PackError, match=rf"it imports what is built for manylinux_2_28_{MACHINE} .* --airflow-metadata FILE"
    ) as caught:
        _pack(tmp_path, "import broken", "pure", platform=THERE)
    assert 'File "broken.py", line 1' in caught.value.output
    said = {
        "airflow_bundle_metadata_version": "1.0",
        "sdk": {"language": "python", "version": "1", "supervisor_schema_version": "2026-10-30"},
        "dags": {"d": {"tasks": ["one"]}},
        "bundle": {"name": "etl", "version": "7"},
    }
    file = tmp_path / "metadata.json"
    file.write_text(json.dumps(said))
    packed = _pack(tmp_path, "import native", "native", platform=THERE, metadata_file=file)
    assert (packed.bundle, packed.schema.version) == (("etl", "7"), "2026-10-30")
    with BundleFile.open(tmp_path / "bundle") as bundle:
        assert bundle.dags == {"d": ["one"]}
    file.write_text(json.dumps({**said, "sdk": {**said["sdk"], "language": "go"}}))  # type: ignore[dict-item]
    with pytest.raises(PackError, match=r"metadata.json: sdk.language is 'go', expected 'python'"):
        _pack(tmp_path, "import native", "native", platform=THERE, metadata_file=file)


def test_a_module_that_is_not_there_at_all(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"No module named 'gone'; add it with --with or --requirement"):
        _pack(tmp_path, "import gone", "pure", platform=THERE)


def test_a_wheel_that_is_too_new_for_the_platform(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="a package has no wheel for that interpreter and platform") as caught:
        _pack(tmp_path, "", "newer", platform=THERE)
    assert "newer" in caught.value.output
    _pack(tmp_path, "", "newer", platform=Platform.parse(f"manylinux_2_36_{MACHINE}"))


def test_pip_cannot_judge_for_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "find_uv", lambda: None)
    with pytest.raises(PackError, match="packing for another platform needs uv"):
        _pack(tmp_path, "", "pure", platform=THERE)


def test_tags_of_a_platform() -> None:
    tags = [str(tag) for tag in Platform.parse("manylinux2014_x86_64").tags((3, 12))]
    assert tags[0] == "cp312-cp312-manylinux_2_17_x86_64"
    assert {"cp38-abi3-manylinux1_x86_64", "py3-none-any", "cp312-abi3-manylinux2014_x86_64"} <= set(tags)
    assert not [tag for tag in tags if "2_18" in tag or "aarch64" in tag]
    assert Platform.parse("manylinux_2_30_aarch64").for_uv == "aarch64-manylinux_2_28"
    assert Platform.parse("musllinux_1_2_x86_64").for_uv == "x86_64-unknown-linux-musl"
    for wrong in ("manylinux_2_5_x86_64", "win_amd64", "manylinux_2_28_x86_64.evil", "musllinux_1_1_x86_64"):
        with pytest.raises(PackError, match="is not a platform to pack for"):
            Platform.parse(wrong)


def test_a_python_that_is_not_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setattr(pythons, "find_uv", lambda: None)
    with pytest.raises(
        PackError, match=r"compiled by a CPython 3\.99, and none is here: looked for "
    ) as caught:
        find_python((3, 99))
    assert caught.value.message.endswith(
        f"python3.99 on PATH, {tmp_path}/versions/3.99.*, uv (not installed); "
        "install one, for example with: uv python install 3.99"
    )


def test_the_newest_of_several_pythons(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setattr(pythons, "find_uv", lambda: None)
    for patch in ("3.99.9", "3.99.10"):
        program = tmp_path / "versions" / patch / "bin" / "python3.99"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\necho \'["cpython", [3, 99], "0a0b0d0a", "\'$0\'", "{patch}"]\'\n')
        program.chmod(0o755)
    found = find_python((3, 99))
    assert found.executable == str(tmp_path / "versions" / "3.99.10" / "bin" / "python3.99")
    assert (found.version, found.magic, pythons.full_version(found)) == (
        (3, 99),
        b"\x0a\x0b\x0d\x0a",
        "3.99.10",
    )


@pytest.mark.slow
def test_another_python(tmp_path: Path, wheels: Path) -> None:
    make_wheel(wheels, "dep", {"dep.py": "import sys\nMINOR = sys.version_info[1]\n"})
    version = pythons.parse_version(OTHER_VERSION)
    try:
        found = find_python(version)
    except PackError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    _pack(tmp_path, f"import dep; assert dep.MINOR == {version[1]}", "dep", python=version)
    env = {"PATH": "/bin", "AFBUNDLE_CACHE": str(tmp_path / "cache"), "AFBUNDLE_PYTHON": found.executable}
    done = subprocess.run(
        [tmp_path / "bundle", "--airflow-metadata"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_dependencies_without_their_sources(tmp_path: Path, wheels: Path) -> None:
    files = {
        "dep/__init__.py": "from .inner import X\n",
        "dep/inner.py": "X = 1\n",
        "dep/data.txt": "",
        "dep/template.py": "not { python",
        "dep/tests/test_it.py": "",
    }
    make_wheel(wheels, "dep", files)
    whole = _pack(tmp_path, "import dep.inner", "dep").distributions[0]
    (tmp_path / "bundle").unlink()
    stripped = _pack(tmp_path, "import dep.inner", "dep", strip=True).distributions[0]
    assert stripped.content_sha256 != whole.content_sha256
    env = {"PATH": "/bin", "AFBUNDLE_CACHE": str(tmp_path / "cache")}
    subprocess.run([tmp_path / "bundle", "--airflow-metadata"], env=env, capture_output=True, check=True)
    (info,) = (tmp_path / "cache").rglob("dep-1.0.dist-info")
    site = info.parent
    found = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert {name for name in found if name.startswith("dep/")} == {
        "dep/__init__.pyc",
        "dep/inner.pyc",
        "dep/data.txt",
        "dep/template.py",
        "dep/tests/test_it.pyc",
    }
    recorded = {line.partition(",")[0] for line in (info / "RECORD").read_text().splitlines()}
    assert recorded == found
