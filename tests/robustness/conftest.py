"""A bundle with dependencies, packed once, and an empty cache for each test."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import PackBundle
from tests.unit.pack.wheels import make_wheel

TASKS = """
import os, shutil, sys
from afbundle import Bundle

bundle = Bundle("sturdy", version="1")
dag = bundle.dag("d")

@dag.task
def use():
    import dep, dep.m7
    from importlib import resources
    return [dep.VERSION, dep.m7.X, len((resources.files("dep") / "data.txt").read_text()), dep.__file__]

@dag.task
def surroundings():
    import json, socket
    return [json.__file__, socket.__file__, sys.path, sys.flags.isolated]

@dag.task
def lose_the_cache():
    import dep.m1
    shutil.rmtree(os.environ["AFBUNDLE_CACHE"])
    try:
        import dep.m2
    except ImportError as error:
        late = type(error).__name__
    import json.tool
    return [dep.m1.X, late]

if __name__ == "__main__":
    bundle.serve()
"""


def dependency(version: str) -> dict[str, str]:
    """Return the files of a package with many modules, a data file and what looks like an extension."""
    noise = random.Random(version)
    return {
        "dep/__init__.py": f"VERSION = {version!r}\n",
        **{f"dep/m{number}.py": f"X = {number}\n" for number in range(30)},
        "dep/data.txt": "".join(noise.choices("abcdefghijklmnop", k=2_000_000)),
        "dep/_native.so": "not really\n",
    }


@pytest.fixture(scope="session")
def pack_version(pack_bundle: PackBundle, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Pack the tasks with a version of the dependency: ``pack_version("1.0", *options)``."""

    def pack(version: str, *options: str) -> Path:
        folder = tmp_path_factory.mktemp("sturdy")
        tasks = folder / "sturdy.py"
        tasks.write_text(TASKS)
        wheel = make_wheel(folder, "dep", dependency(version), version=version)
        return pack_bundle(tasks, "--with", str(wheel), *options)

    return pack


@pytest.fixture(scope="session")
def bundle(pack_version: Callable[..., Path]) -> Path:
    """The bundle."""
    return pack_version("1.0")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache folder that does not exist yet."""
    return tmp_path / "cache"
