"""Metadata of foreign executables, and the choice of the supervisor schema version."""

from __future__ import annotations

from pathlib import Path

import pytest

from afbundle.pack import metadata
from afbundle.pack.errors import PackError

GOOD = """
airflow_bundle_metadata_version: "1.0"
sdk: {language: go, version: v1, supervisor_schema_version: 2026-06-16}
dags: {d: {tasks: [a]}}
"""


def _program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_executable_is_asked(tmp_path: Path) -> None:
    program = _program(tmp_path / "p", f"[ \"$1\" = --airflow-metadata ] && cat <<'EOF'\n{GOOD}\nEOF")
    found = metadata.ask_executable(program)
    assert found["dags"] == {"d": {"tasks": ["a"]}}
    # YAML takes a version without quotes for a date; Airflow wants text.
    assert found["sdk"]["supervisor_schema_version"] == "2026-06-16"


def test_older_executables_know_the_older_flag(tmp_path: Path) -> None:
    text = (
        '{"airflow_bundle_metadata_version": "1.0",\t"dags": {},\n'
        '"sdk": {"language": "go", "version": "1", "supervisor_schema_version": "x"}}'
    )
    program = _program(
        tmp_path / "p",
        f"[ \"$1\" = --bundle-metadata ] || {{ echo unknown flag >&2; exit 2; }}\ncat <<'EOF'\n{text}\nEOF",
    )
    assert metadata.ask_executable(program)["sdk"]["language"] == "go"


def test_an_executable_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "FOREIGN_SECONDS", 0.3)
    script = 'case $1 in --airflow-metadata) exec sleep 60 ;; *) echo "dags: {1: {}}" ;; esac'
    with pytest.raises(
        PackError, match="does not tell its metadata; give it with --airflow-metadata FILE"
    ) as caught:
        metadata.ask_executable(_program(tmp_path / "p", script))
    assert caught.value.output.splitlines() == [
        "--airflow-metadata: no answer within 0.3 s",
        "--bundle-metadata: airflow_bundle_metadata_version: expected '1.0', got None",
    ]


def test_a_program_for_another_machine(tmp_path: Path) -> None:
    program = tmp_path / "p"
    program.write_bytes(b"\x7fELF garbage")
    program.chmod(0o755)
    with pytest.raises(PackError, match=r"cannot start .*: Exec format error"):
        metadata.ask_executable(program)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dags: [", "m.yaml: not YAML"),
        ("[]", "m.yaml: expected a mapping, got list"),
        (GOOD.replace("d:", "7:"), "m.yaml: a Dag id in dags: expected text, got int"),
        (GOOD.replace("[a]", "[1.5]"), r"m.yaml: dags.d.tasks\[0\]: expected text, got float"),
        (GOOD.replace("v1", "1.0"), "m.yaml: sdk.version: expected text, got float .*put it in quotes"),
        (GOOD + "extra: !!binary aGk=\n", "m.yaml: a manifest cannot hold a bytes"),
    ],
)
def test_a_metadata_file_is_checked(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(PackError, match=says):
        metadata.read_metadata(tmp_path / "m.yaml")


def test_a_metadata_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"cannot read .*m.yaml: No such file"):
        metadata.read_metadata(tmp_path / "m.yaml")


def test_the_earliest_schema_unless_a_task_takes_arguments() -> None:
    assert metadata.choose_schema(None, {}).version == "2026-06-16"
    chosen = metadata.choose_schema(None, {"d.t": ["x", "y"], "d.a": ["z"]})
    assert chosen.version == "2026-10-30"
    assert "d.a (z), d.t (x, y)" in chosen.reason
    assert chosen.warnings == ()


def test_the_author_decides_and_is_warned() -> None:
    assert metadata.choose_schema("2026-10-30", {}).warnings == ()
    assert metadata.choose_schema("2026-10-30", {"d.t": ["x"]}).warnings == ()
    forced = metadata.choose_schema("2026-06-16", {"d.t": ["x"]})
    assert forced.version == "2026-06-16"
    assert "these will fail: d.t (x)" in forced.warnings[0]
