"""The bill of materials of a bundle, as its users read it."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from afbundle._version import __version__
from afbundle.artifact.errors import CorruptBundle
from afbundle.artifact.reader import BundleFile
from afbundle.artifact.writer import write_bundle
from afbundle.cli.group import afbundle
from tests.unit.pack.projects import tasks
from tests.unit.pack.wheels import make_wheel, sha256_of


def _run(*arguments: str | Path) -> Result:
    done = CliRunner().invoke(afbundle, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle with three distributions; ``top`` needs ``below``."""
    for name in ("PIP_NO_INDEX", "UV_NO_INDEX", "UV_OFFLINE"):
        monkeypatch.setenv(name, "1")
    wheels = tmp_path / "wheels"
    below = make_wheel(wheels, "below", {"below.py": ""}, metadata="License: BSD\n", version="1.0+cu121")
    plain = "Classifier: License :: OSI Approved :: MIT License\n"
    top = make_wheel(
        wheels,
        "Top.Level",
        {"top.py": ""},
        requires="below>=1",
        metadata="License-Expression: MIT OR Apache-2.0\n",
    )
    other = make_wheel(wheels, "other", {"other.py": ""}, metadata=plain)
    (tmp_path / "tasks.py").write_text(tasks("import top"))
    packages = [part for wheel in (below, top, other) for part in ("--with", str(wheel))]
    _run("pack", tmp_path / "tasks.py", "-o", tmp_path / "b", *packages)
    return tmp_path / "b"


def _bill(bundle: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_run("inspect", bundle, "--sbom").stdout)
    return found


def test_what_is_in_it(bundle: Path, tmp_path: Path) -> None:
    bill = _bill(bundle)
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"])
    assert bill["metadata"]["component"] == {
        "type": "application",
        "bom-ref": "bundle",
        "name": "etl",
        "version": "1",
    }
    found = {component["name"]: component for component in bill["components"]}
    assert set(found) == {"afbundle", "CPython", "below", "top-level", "other"}
    assert found["afbundle"]["purl"] == f"pkg:pypi/afbundle@{__version__}"
    assert found["below"]["purl"] == "pkg:pypi/below@1.0%2Bcu121"
    assert found["below"]["licenses"] == [{"license": {"name": "BSD"}}]
    assert found["top-level"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert found["other"]["licenses"] == [{"license": {"name": "MIT License"}}]
    wheel = tmp_path / "wheels" / "other-1.0-py3-none-any.whl"
    assert found["other"]["hashes"] == [{"alg": "SHA-256", "content": sha256_of(wheel)}]
    assert found["CPython"]["properties"] == [{"name": "afbundle:interpreter", "value": "host"}]


def test_who_depends_on_whom(bundle: Path) -> None:
    bill = _bill(bundle)
    names = {component["bom-ref"]: component["name"] for component in bill["components"]}
    names["bundle"] = "bundle"
    graph = {
        names[entry["ref"]]: {names[ref] for ref in entry["dependsOn"]} for entry in bill["dependencies"]
    }
    assert graph == {
        "bundle": {"afbundle", "CPython", "top-level", "other"},
        "top-level": {"below"},
        "below": set(),
        "other": set(),
    }


def test_it_is_verified_with_the_rest(bundle: Path) -> None:
    data = bundle.read_bytes()
    place = data.index(b'"CycloneDX"')
    bundle.write_bytes(data[:place] + b'"cyclonedx"' + data[place + 11 :])
    with BundleFile.open(bundle) as file, pytest.raises(CorruptBundle, match="executable: its SHA-256"):
        file.verify()
    done = CliRunner().invoke(afbundle, ["inspect", str(bundle), "--sbom"])
    assert done.exit_code == 1
    assert "the SHA-256 of the bill of materials is not the one in the manifest" in done.stderr


def test_every_byte_is_covered(bundle: Path, tmp_path: Path) -> None:
    """A bit that flips anywhere is found: in each part of the executable region, and in each region."""
    whole = bundle.read_bytes()
    with BundleFile.open(bundle) as file:
        entry = file.manifest["x_afbundle"]["sbom"]
        ends = [4096, entry["offset"], entry["offset"] + entry["length"], file.source.offset]
        ends += [file.manifest_region.offset, len(whole) - 64, len(whole)]
    damaged = tmp_path / "damaged"
    # First and last byte of each, and some between.
    for begin, end in itertools.pairwise([0, *sorted(set(ends))]):
        for place in {begin, end - 1, *range(begin, end, max(1, (end - begin) // 7))}:
            changed = bytearray(whole)
            changed[place] ^= 1
            damaged.write_bytes(changed)
            assert CliRunner().invoke(afbundle, ["verify", str(damaged)]).exit_code == 1, place


@pytest.mark.parametrize(
    ("sbom", "says"),
    [
        ([], "manifest: sbom is not a mapping"),
        ({"offset": -1, "length": 1}, "manifest: offset of the bill of materials is not a byte count"),
        ({"offset": 0, "length": 99}, "manifest: the bill of materials reaches beyond the executable region"),
        ({"offset": 0, "length": 3}, "executable: the SHA-256 of the bill of materials is not the one"),
    ],
)
def test_a_manifest_that_names_a_wrong_place(tmp_path: Path, sbom: object, says: str) -> None:
    metadata = {
        "airflow_bundle_metadata_version": "1.0",
        "sdk": {"language": "python", "version": "1", "supervisor_schema_version": "2026-10-30"},
        "dags": {},
        "x_afbundle": {"sbom": sbom},
    }
    with pytest.raises(CorruptBundle, match=says):
        write_bundle(tmp_path / "b", [b"#!/bin/sh\n"], [("a.py", b"")], metadata, {})


def test_a_bundle_without_one(tmp_path: Path) -> None:
    metadata = {
        "airflow_bundle_metadata_version": "1.0",
        "sdk": {"language": "go", "version": "1", "supervisor_schema_version": "2026-10-30"},
        "dags": {},
    }
    path = write_bundle(tmp_path / "b", [b"#!/bin/sh\n"], [("a.go", b"")], metadata, {}).path
    done = CliRunner().invoke(afbundle, ["inspect", str(path), "--sbom"])
    assert (done.exit_code, done.stderr) == (1, f"Error: {path} carries no bill of materials\n")
