"""Projects made by hand, with a build backend of their own, so that no test needs an index."""

from __future__ import annotations

import sys
from pathlib import Path

_BACKEND = """
import pathlib, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    info = "{name}-2.0.dist-info"
    wheel = "{name}-2.0-py3-none-any.whl"
    metadata = "Metadata-Version: 2.1\\nName: {name}\\nVersion: 2.0\\n{requires}"
    with zipfile.ZipFile(pathlib.Path(wheel_directory, wheel), "w") as archive:
        for file in sorted(pathlib.Path("src").rglob("*.py")):
            archive.write(file, file.relative_to("src"))
        archive.writestr(info + "/METADATA", metadata)
        archive.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(info + "/RECORD", "")
    return wheel

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    wheel = "{name}-2.0-py3-none-any.whl"
    info = "{name}-2.0.dist-info"
    with zipfile.ZipFile(pathlib.Path(wheel_directory, wheel), "w") as archive:
        archive.writestr("{name}.pth", str(pathlib.Path("src").resolve()))
        archive.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: {name}\\nVersion: 2.0\\n")
        archive.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(info + "/RECORD", "")
    return wheel
"""


def make_project(root: Path, pyproject: str, *, name: str = "shop", requires: str = "") -> Path:
    """Write a project with one package, ``src/<name>/__init__.py``, that can be built; return its folder.

    Arguments:
        root: its folder.
        pyproject: what follows the ``project`` table's name and version.
        name: of the project and its package.
        requires: further lines of the built wheel's metadata.
    """
    package = root / "src" / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"WHERE = '{name} of the project'\n")
    backend = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["build_here"]\n'
    (root / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "2.0"\n{pyproject}\n{backend}'
    )
    (root / "build_here").mkdir()
    (root / "build_here" / "backend.py").write_text(
        _BACKEND.replace("{name}", name).replace("{requires}", requires)
    )
    return root


def tasks(imports: str) -> str:
    """Return an entry that imports something and serves one task."""
    return (
        f"{imports}\nfrom afbundle import Bundle\nbundle = Bundle('etl', version='1')\n"
        "@bundle.dag('d').task\ndef one(): ...\nbundle.serve()\n"
    )


OTHER_VERSION = f"3.{12 if sys.version_info[1] != 12 else 11}"
"""A version that is not the one that runs the tests."""
