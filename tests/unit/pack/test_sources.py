"""Where dependencies come from: projects, locks, virtual environments."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from afbundle.pack import tools
from afbundle.pack.errors import PackError
from afbundle.pack.options import Options, Packed
from afbundle.pack.python import pack_python
from afbundle.pack.resolve import Requirements
from afbundle.pack.venv import Venv
from tests.unit.pack.projects import make_project, tasks
from tests.unit.pack.wheels import make_wheel, sha256_of

MINOR = sys.version_info[1]
Pack = Callable[..., Packed]


@pytest.fixture(autouse=True)
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels instead of an index: dep (needs sub), sub, extra, grouped."""
    folder = tmp_path / "wheels"
    make_wheel(folder, "dep", {"dep.py": ""}, requires="sub")
    for name in ("sub", "extra", "grouped"):
        make_wheel(folder, name, {f"{name}.py": ""})
    for name in ("PIP_NO_INDEX", "UV_NO_INDEX", "UV_OFFLINE"):
        monkeypatch.setenv(name, "1")
    for name in ("PIP_FIND_LINKS", "UV_FIND_LINKS"):
        monkeypatch.setenv(name, str(folder))
    return folder


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Pack ``tasks.py`` of a folder with such an entry."""

    def pack(folder: Path, imports: str, **requirements: object) -> Packed:
        folder.mkdir(exist_ok=True, parents=True)
        (folder / "tasks.py").write_text(tasks(imports))
        options = Options(output=tmp_path / "bundle", requirements=Requirements(**requirements))  # type: ignore[arg-type]
        return pack_python(folder / "tasks.py", options)

    return pack


@pytest.fixture(params=["uv", "pip"])
def installer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test with uv, and with pip as if uv were not there."""
    name: str = request.param
    if name == "pip":
        monkeypatch.setattr(tools, "find_uv", lambda: None)
    return name


def _entered(packed: Packed) -> dict[str, str]:
    return {one.name: one.version for one in packed.distributions}


PYPROJECT = """
requires-python = ">=3.10"
dependencies = ["dep", "afbundle", "gone; sys_platform == 'win32'"]
[project.optional-dependencies]
more = ["extra"]
all = ["shop[more]"]
[dependency-groups]
base = ["grouped"]
dev = [{include-group = "base"}]
"""


def test_a_project_with_its_own_package(tmp_path: Path, pack: Pack, installer: str) -> None:
    root = make_project(tmp_path / "shop", PYPROJECT)
    packed = pack(
        root / "jobs",
        "import shop, dep, sub, extra, grouped",
        project=root,
        extras=("All",),
        groups=("dev",),
    )
    assert _entered(packed) == {"dep": "1.0", "extra": "1.0", "grouped": "1.0", "shop": "2.0", "sub": "1.0"}


def test_a_project_gives_dependencies_to_a_file_elsewhere(tmp_path: Path, pack: Pack) -> None:
    root = make_project(tmp_path / "shop", PYPROJECT)
    packed = pack(tmp_path / "elsewhere", "import dep", project=root / "pyproject.toml")
    assert _entered(packed) == {"dep": "1.0", "sub": "1.0"}


def test_the_package_that_is_packed_is_not_built_again(tmp_path: Path) -> None:
    root = make_project(tmp_path / "shop", PYPROJECT)
    (root / "src" / "shop" / "__main__.py").write_text(tasks("import shop, dep"))
    options = Options(output=tmp_path / "bundle", requirements=Requirements(project=root))
    packed = pack_python(root / "src" / "shop", options)
    assert _entered(packed) == {"dep": "1.0", "sub": "1.0"}
    assert "shop" in packed.modules


@pytest.mark.parametrize(
    ("pyproject", "parts", "says"),
    [
        (
            f'requires-python = ">=3.{MINOR + 1}"',
            {},
            rf"the project shop requires Python >=3\.{MINOR + 1}, and the bundle is packed for 3\.{MINOR}",
        ),
        (PYPROJECT, {"extras": ("x",)}, "the project shop has no extra 'x'; it has all, more"),
        (
            PYPROJECT,
            {"groups": ("x",)},
            "the dependency groups of shop are not right: .*x.*; it has base, dev",
        ),
        ('dynamic = ["dependencies"]', {}, "the dependencies of shop are dynamic"),
        (
            'dependencies = ["dep"]\n[tool.uv.sources]\ndep = {path = "../dep"}',
            {},
            "shop takes dep from places named in tool.uv.sources; lock it with `uv lock`",
        ),
        ("dependencies = 1 2", {}, "pyproject.toml is not TOML"),
    ],
)
def test_projects_that_are_not_right(
    tmp_path: Path, pack: Pack, pyproject: str, parts: dict[str, object], says: str
) -> None:
    root = make_project(tmp_path / "shop", pyproject)
    with pytest.raises(PackError, match=says):
        pack(root, "", project=root, **parts)


def test_files_that_are_no_projects(tmp_path: Path, pack: Pack) -> None:
    with pytest.raises(
        PackError, match=r"is not a project: it has none of uv.lock, pylock.toml, pyproject.toml"
    ):
        pack(tmp_path, "", project=tmp_path)
    with pytest.raises(PackError, match=r"tasks.py is not a project's file"):
        pack(tmp_path, "", project=tmp_path / "tasks.py")
    with pytest.raises(PackError, match=r"the project .*gone does not exist"):
        pack(tmp_path, "", project=tmp_path / "gone")
    with pytest.raises(PackError, match="--extra and --group need the project"):
        pack(tmp_path, "", packages=("dep",), extras=("x",))


def _pylock(root: Path, wheels: Path, *, damaged: bool = False) -> Path:
    """Write a lock of dep, sub and (for an extra) extra, its wheels named by relative paths."""
    text = 'lock-version = "1.0"\ncreated-by = "hand"\nextras = ["more"]\nrequires-python = ">=3.10"\n'
    for name, marker in [
        ("dep", ""),
        ("sub", "sys_platform == 'linux'"),
        ("extra", "'more' in extras"),
        ("grouped", "sys_platform == 'win32'"),
        ("afbundle", ""),
    ]:
        file = wheels / f"{name}-1.0-py3-none-any.whl"
        digest = sha256_of(file) if file.exists() and not (damaged and name == "sub") else "0" * 64
        text += f'[[packages]]\nname = "{name}"\nversion = "1.0"\n'
        text += f'marker = "{marker}"\n' if marker else ""
        path = f"../wheels/{file.name}"
        text += f'wheels = [{{name = "{file.name}", path = "{path}", hashes = {{sha256 = "{digest}"}}}}]\n'
    root.mkdir(exist_ok=True)
    (root / "pylock.toml").write_text(text)
    return root / "pylock.toml"


def test_a_pylock(tmp_path: Path, pack: Pack, wheels: Path, installer: str) -> None:
    lock = _pylock(tmp_path / "locked", wheels)
    newer = make_wheel(wheels, "sub", {"sub.py": "raise SystemExit('not the locked one')"}, version="2.0")
    packed = pack(tmp_path / "in", "import dep, sub, extra", files=(lock,), extras=("more",))
    assert _entered(packed) == {"dep": "1.0", "extra": "1.0", "sub": "1.0"}
    archives = {one.name: one.archive_sha256 for one in packed.distributions}
    assert archives["dep"] == sha256_of(wheels / "dep-1.0-py3-none-any.whl")
    assert newer.exists()
    # As the lock of a project, and next to other requirements.
    packed = pack(tmp_path / "in", "import dep, sub, grouped", project=lock.parent, packages=("grouped",))
    assert _entered(packed) == {"dep": "1.0", "grouped": "1.0", "sub": "1.0"}


def test_a_pylock_whose_file_was_replaced(tmp_path: Path, pack: Pack, wheels: Path, installer: str) -> None:
    lock = _pylock(tmp_path / "locked", wheels, damaged=True)
    with pytest.raises(PackError, match="a package is not the one that was locked: its hash is another one"):
        pack(tmp_path / "in", "", files=(lock,))


def test_a_pylock_that_is_not_right(tmp_path: Path, pack: Pack, wheels: Path) -> None:
    lock = _pylock(tmp_path / "locked", wheels)
    with pytest.raises(PackError, match=r"pylock.toml has no extra x"):
        pack(tmp_path / "in", "", files=(lock,), extras=("x",))
    lock.write_text(lock.read_text().replace('">=3.10"', '">=3.99"'))
    with pytest.raises(PackError, match=r"cannot install from .*pylock.toml: .*does not satisfy .*>=3.99"):
        pack(tmp_path / "in", "", files=(lock,))
    lock.write_text('lock-version = "9.0"\n')
    with pytest.raises(PackError, match=r"cannot install from .*pylock.toml: "):
        pack(tmp_path / "in", "", files=(lock,))


@pytest.fixture
def uv_project(tmp_path: Path, wheels: Path) -> Path:
    """A project with a ``uv.lock``."""
    root = make_project(
        tmp_path / "shop", PYPROJECT.replace(""", "afbundle", "gone; sys_platform == 'win32'\"""", "")
    )
    subprocess.run([str(tools.find_uv()), "lock"], cwd=root, check=True, capture_output=True)
    return root


def test_a_uv_lock(tmp_path: Path, pack: Pack, wheels: Path, uv_project: Path) -> None:
    make_wheel(wheels, "sub", {"sub.py": "raise SystemExit('not the locked one')"}, version="2.0")
    packed = pack(uv_project / "jobs", "import shop, dep, sub, extra", project=uv_project, extras=("more",))
    assert _entered(packed) == {"dep": "1.0", "extra": "1.0", "shop": "2.0", "sub": "1.0"}
    assert {one.archive_sha256 is not None for one in packed.distributions if one.name != "shop"} == {True}


def test_the_lock_of_a_workspace(tmp_path: Path, pack: Pack, wheels: Path) -> None:
    """A member takes other members from their folders, and everything else as the workspace locked it."""
    root = tmp_path / "workspace"
    sources = 'dependencies = ["dep", "till"]\n[tool.uv.sources]\ntill = {workspace = true}'
    shop = make_project(root / "members" / "shop", f'requires-python = ">=3.10"\n{sources}')
    make_project(root / "members" / "till", 'requires-python = ">=3.10"\n', name="till")
    (root / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["members/*"]\n')
    subprocess.run([str(tools.find_uv()), "lock"], cwd=root, check=True, capture_output=True)
    make_wheel(wheels, "sub", {"sub.py": "raise SystemExit('not the locked one')"}, version="2.0")
    packed = pack(tmp_path / "in", "import dep, sub, till", project=shop)
    assert _entered(packed) == {"dep": "1.0", "sub": "1.0", "till": "2.0"}


def test_a_uv_lock_that_is_out_of_date(tmp_path: Path, pack: Pack, uv_project: Path) -> None:
    pyproject = uv_project / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('["dep"', '["dep", "grouped"'))
    with pytest.raises(PackError, match=r"uv.lock: it does not fit pyproject.toml; run `uv lock`"):
        pack(tmp_path / "in", "", project=uv_project)


def test_a_uv_lock_without_uv(
    tmp_path: Path, pack: Pack, uv_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("afbundle.pack.locks.find_uv", lambda: None)
    with pytest.raises(PackError, match=r"uv.lock is read with uv, and uv is not here: pip install uv"):
        pack(tmp_path / "in", "", project=uv_project)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtual environment of this Python, empty."""
    root = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root)], check=True)
    return root


def _install(environment: Path, *arguments: str) -> None:
    command = [
        str(tools.find_uv()),
        "pip",
        "install",
        "--quiet",
        "--python",
        str(environment / "bin" / "python"),
    ]
    subprocess.run([*command, *arguments], check=True)


def test_a_virtual_environment(tmp_path: Path, pack: Pack, environment: Path) -> None:
    _install(environment, "dep")
    (environment / "lib" / f"python3.{MINOR}" / "site-packages" / "stray.py").write_text("")
    packed = pack(tmp_path / "in", "import dep, sub", venv=Venv.open(environment))
    assert _entered(packed) == {"dep": "1.0", "sub": "1.0"}
    with pytest.raises(PackError, match="No module named 'stray'"):
        pack(tmp_path / "in", "import stray", venv=Venv.open(environment))


def test_an_editable_project_in_a_virtual_environment(tmp_path: Path, pack: Pack, environment: Path) -> None:
    root = make_project(tmp_path / "shop", "", requires="Requires-Dist: not-installed\\n")
    _install(environment, "dep", "--editable", str(root))
    packed = pack(tmp_path / "in", "import shop, dep", venv=Venv.open(environment))
    assert _entered(packed) == {"dep": "1.0", "shop": "2.0", "sub": "1.0"}
    (root / "pyproject.toml").unlink()
    with pytest.raises(PackError, match=r"shop is installed as editable from .*install it again without -e"):
        pack(tmp_path / "in", "", venv=Venv.open(environment))


def test_the_active_virtual_environment(
    tmp_path: Path, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(environment))
    assert Venv.open(None) == Venv(environment, sys.version_info[:2])


def test_virtual_environments_that_are_not_right(tmp_path: Path, pack: Pack, environment: Path) -> None:
    with pytest.raises(PackError, match=r"is not a virtual environment: it has no pyvenv.cfg"):
        Venv.open(tmp_path)
    with pytest.raises(PackError, match="--venv packs exactly what is installed there"):
        pack(tmp_path / "in", "", venv=Venv.open(environment), packages=("dep",))
    with pytest.raises(PackError, match=r"is for Python 3\.\d+; leave --python-version out"):
        pack_python(
            tmp_path / "in" / "tasks.py",
            Options(requirements=Requirements(venv=Venv.open(environment)), python=(3, 99)),
        )
    _install(environment, "dep")
    site = environment / "lib" / f"python3.{MINOR}" / "site-packages"
    (site / "dep.py").unlink()
    with pytest.raises(PackError, match=r"dep 1.0 is damaged in .*: dep.py is gone"):
        pack(tmp_path / "in", "", venv=Venv.open(environment))
    (site / "dep-1.0.dist-info" / "RECORD").unlink()
    with pytest.raises(PackError, match="dep has no record of its files"):
        pack(tmp_path / "in", "", venv=Venv.open(environment))
    config = environment / "pyvenv.cfg"
    config.write_text(config.read_text().replace("packages = false", "packages = true"))
    with pytest.raises(PackError, match="make it without --system-site-packages"):
        Venv.open(environment)
