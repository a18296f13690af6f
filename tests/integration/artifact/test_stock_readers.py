"""The readers of real Airflows accept what `afbundle pack` writes, and refuse what was damaged."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from afbundle.artifact.reader import BundleFile
from afbundle.pack.foreign import pack_executable
from afbundle.pack.options import Options
from afbundle.pack.python import pack_python
from tests.peers import peer_python

pytestmark = pytest.mark.integration

READERS = Path(__file__).with_name("stock_readers.py")

PACKAGE = {
    "__main__.py": "from .dags import bundle\n\nif __name__ == '__main__':\n    bundle.serve()\n",
    "__init__.py": "",
    "dags.py": (
        "# Grüße, PK\x05\x06\nfrom afbundle import Bundle\n\nbundle = Bundle('readers', version='1')\n"
        "dag = bundle.dag('yes')\n\n\n@dag.task\ndef a(): ...\n"
    ),
}


def _ask(version: str, dag_id: str, path: Path, home: Path) -> dict[str, Any]:
    done = subprocess.run(
        [peer_python(version), READERS, dag_id, path],
        capture_output=True,
        text=True,
        check=False,
        env={"AIRFLOW_HOME": str(home), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with a Dag whose id YAML could take for a boolean, packed."""
    base = tmp_path_factory.mktemp("packed")
    for name, text in PACKAGE.items():
        (base / "pkg").mkdir(exist_ok=True)
        (base / "pkg" / name).write_text(text)
    (base / "out").mkdir()
    return pack_python(base / "pkg", Options(output=base / "out" / "readers")).written.path


def test_a_python_bundle_is_found_and_read(airflow_version: str, packed: Path, tmp_path: Path) -> None:
    said = _ask(airflow_version, "yes", packed, tmp_path)
    assert said["found"] == [str(packed), "2026-06-16"]
    assert _ask(airflow_version, "other", packed, tmp_path)["found"] is None
    if airflow_version.startswith("3.3"):
        return
    with BundleFile.open(packed) as bundle:
        assert said["metadata"] == bundle.manifest
    assert said["dag_source"] == PACKAGE["dags.py"]
    assert said["entry_source"] == PACKAGE["__main__.py"]
    assert said["language"] == "python"
    assert said["claimed"] is True


def test_a_foreign_executable_is_found_and_read(airflow_version: str, tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text("package main // é\n")
    (tmp_path / "m.yaml").write_text(
        'airflow_bundle_metadata_version: "1.0"\ndags: {d: {tasks: [a]}}\n'
        "sdk: {language: go, version: v1, supervisor_schema_version: 2026-06-16}\n"
    )
    (tmp_path / "out").mkdir()
    options = Options(output=tmp_path / "out" / "foreign")
    path = pack_executable(Path("/bin/true"), tmp_path / "main.go", tmp_path / "m.yaml", options).written.path
    said = _ask(airflow_version, "d", path, tmp_path)
    assert said["found"] == [str(path), "2026-06-16"]
    if airflow_version.startswith("3.4"):
        assert said["dag_source"] == said["entry_source"] == "package main // é\n"
        assert said["language"] == "go"


def test_the_later_schema_is_for_3_4_alone(airflow_version: str, tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.py"
    tasks.write_text(
        "from afbundle import Bundle\nbundle = Bundle('b', version='1')\n"
        "@bundle.dag('d').task\ndef a(x: int): ...\nbundle.serve()\n"
    )
    (tmp_path / "out").mkdir()
    path = pack_python(tasks, Options(output=tmp_path / "out" / "b")).written.path
    found = _ask(airflow_version, "d", path, tmp_path)["found"]
    assert found == (None if airflow_version.startswith("3.3") else [str(path), "2026-10-30"])


def test_damage_is_refused_there_too(airflow_version: str, packed: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    damaged = tmp_path / "out" / "damaged"
    data = bytearray(packed.read_bytes())
    data[5000] ^= 1
    damaged.write_bytes(data)
    damaged.chmod(0o755)
    said = _ask(airflow_version, "yes", damaged, tmp_path)
    assert said["found"] is None
    if airflow_version.startswith("3.4"):
        assert "SHA-256 does not match" in said["refused"]
