"""What a bundle says about itself: asked of a packed Python bundle, of a foreign executable, or read from a file."""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from afbundle.artifact import manifest as manifests
from afbundle.artifact.errors import ArtifactError, ManifestError
from afbundle.artifact.launcher import LAUNCHER_FLAGS
from afbundle.pack.errors import PackError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from afbundle.artifact.image import Image, Target

PROBE_SECONDS = 120.0
"""How long the author's module may take to register its Dags."""
FOREIGN_SECONDS = 30.0
"""How long a pre-built executable may take to print its metadata, per spelling of the flag."""

_OLDER_FLAG = "--bundle-metadata"
_OUTPUT_SHOWN = 8000

# The frames above the author's own in a traceback.
_OWN_FRAMES = re.compile(
    r'^  File "(?:<string>|<frozen .*>|afbundle/(?:artifact/_boot|runtime/door)\.py)", line .*\n(?:    .*\n)*',
    re.MULTILINE,
)


@dataclass(frozen=True)
class PythonMetadata:
    """What the runtime prints for ``--airflow-metadata --format json``.

    Attributes:
        bundle: the bundle's name.
        version: its version.
        dags: dag_id -> task ids in the order of registration.
        data_parameters: ``dag_id.task_id`` -> names of parameters that the supervisor's bindings must fill.
        modules: dag_id -> module that registers it.
        schema_version: the supervisor schema version to declare, where a file says so; else None, to choose one.
    """

    bundle: str
    version: str
    dags: dict[str, list[str]]
    data_parameters: dict[str, list[str]] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    schema_version: str | None = None


def ask_python(
    image: Image, target: Target, probe: Path, cache: Path, foreign: str | None = None
) -> PythonMetadata:
    """Run a bundle's entry once, exactly as on a worker, and return what it registered.

    Arguments:
        image: the executable region, without its payload.
        target: the interpreter.
        probe: where to write it.
        cache: a cache folder in which the payload is already unpacked.
        foreign: the platform that the bundle is for, where it is not this one: its extensions cannot be imported here.

    Raises:
        PackError: the entry failed, took too long, or never reached ``serve()``.
    """
    probe.write_bytes(image.head)
    command = [target.executable, *LAUNCHER_FLAGS, image.stage0, str(probe), target.executable]
    flags = ["--airflow-metadata", "--format", "json"]
    environment = {**os.environ, "AFBUNDLE_CACHE": str(cache)}
    try:
        done = subprocess.run(
            [*command, *flags],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PackError(
            f"the entry did not finish registering its Dags within {PROBE_SECONDS:g} s; "
            "move slow work from the module's top level into its tasks"
        ) from None
    said = done.stderr.decode(errors="replace").replace(f"{probe}/", "")
    # Unpacked dependencies lie in a folder that is gone when this is read.
    said = re.sub(rf"{re.escape(str(cache))}/[^/\s]+/(?:site|app)/", "", _OWN_FRAMES.sub("", said))
    printed = _last_object(done.stdout.decode(errors="replace"))
    if done.returncode != 0:
        if foreign is not None and _needs_foreign_code(said, cache):
            raise PackError(
                f"the entry cannot be asked for its Dags: it imports what is built for {foreign} and does not run here; "
                "move that import into the task, or give the metadata with --airflow-metadata FILE",
                said,
            )
        raise PackError(_failure(said, done.returncode), said)
    if printed is None:
        raise PackError(
            "the entry printed no metadata: it must end with `bundle.serve()`, reached without a condition",
            said,
        )
    try:
        manifests.check(printed)
    except ManifestError as error:
        raise PackError(f"the entry printed metadata that is not right: {error}") from None
    return _python_metadata(printed)


def read_python_metadata(path: Path) -> PythonMetadata:
    """Return what a file says of a Python bundle that cannot be asked here.

    Arguments:
        path: what the bundle prints for ``--airflow-metadata``, as YAML or JSON; written by hand it may leave out
            ``bundle`` and ``x_afbundle``.

    Raises:
        PackError: names the file and the key that is wrong.
    """
    metadata = read_metadata(path)
    if metadata["sdk"]["language"] != "python":
        raise PackError(f"{path}: sdk.language is {metadata['sdk']['language']!r}, expected 'python'")
    if metadata["sdk"]["supervisor_schema_version"] not in SCHEMA_VERSIONS:
        raise PackError(
            f"{path}: sdk.supervisor_schema_version: expected one of {', '.join(SCHEMA_VERSIONS)}"
        )
    return replace(_python_metadata(metadata), schema_version=metadata["sdk"]["supervisor_schema_version"])


def _python_metadata(printed: dict[str, Any]) -> PythonMetadata:
    bundle, ours = printed.get("bundle") or {}, printed.get("x_afbundle") or {}
    return PythonMetadata(
        bundle=str(bundle.get("name") or ""),
        version=str(bundle.get("version") or ""),
        dags={dag_id: dag["tasks"] for dag_id, dag in printed["dags"].items()},
        data_parameters=ours.get("data_parameters") or {},
        modules=ours.get("modules") or {},
    )


def _needs_foreign_code(said: str, cache: Path) -> bool:
    """Whether the entry failed to import something that was installed: an extension for another machine."""
    missing = re.findall(r"No module named '([^'.]+)", said)
    if missing:
        return any(found for name in missing for found in cache.glob(f"*/site/{name}*"))
    return "ImportError" in said


def _failure(said: str, code: int) -> str:
    if "without calling serve()" in said:
        return "the entry ended without calling serve(); end it with `bundle.serve()`, reached without a condition"
    last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "")
    if last.startswith("ModuleNotFoundError"):
        return (
            f"the entry failed: {last}; add it with --with or --requirement, or pack the folder that holds it"
        )
    if "attempted relative import" in last:
        return f"the entry failed: {last}; put an empty __init__.py into the folder to make it a package"
    return f"the entry failed while registering its Dags: {last or f'exit code {code}'}"


def _last_object(text: str) -> dict[str, Any] | None:
    """Return the last JSON object in `text`; the author's code may print before it."""
    decoder = json.JSONDecoder()
    starts = [0, *(place + 1 for place, char in enumerate(text) if char == "\n")]
    for start in reversed(starts):
        if not text.startswith("{", start):
            continue
        try:
            value, end = decoder.raw_decode(text, start)
        except ValueError:
            continue
        if isinstance(value, dict) and "airflow_bundle_metadata_version" in value and not text[end:].strip():
            return value
    return None


def ask_executable(executable: Path) -> dict[str, Any]:
    """Run a pre-built executable of any language and return the metadata that it prints.

    ``--airflow-metadata`` is tried first, then the spelling of older SDKs, ``--bundle-metadata``.

    Raises:
        PackError: it prints none, or none that executable bundle spec 1.0 allows.
    """
    problems = []
    for flag in ("--airflow-metadata", _OLDER_FLAG):
        try:
            done = subprocess.run(
                [executable, flag],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=FOREIGN_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            problems.append(f"{flag}: no answer within {FOREIGN_SECONDS:g} s")
            continue
        except OSError as error:
            raise PackError(f"cannot start {executable}: {error.strerror or error}") from None
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            problems.append(
                f"{flag}: exit code {done.returncode}{': ' if said else ''}{said[-_OUTPUT_SHOWN:]}"
            )
            continue
        try:
            return check_metadata(done.stdout)
        except ArtifactError as error:
            problems.append(f"{flag}: {error}")
    raise PackError(
        f"{executable} does not tell its metadata; give it with --airflow-metadata FILE", "\n".join(problems)
    )


def read_metadata(path: Path) -> dict[str, Any]:
    """Return the metadata that a YAML or JSON file holds.

    Raises:
        PackError: names the file and the key that is wrong.
    """
    try:
        return check_metadata(path.read_bytes())
    except OSError as error:
        raise PackError(f"cannot read {path}: {error.strerror}") from None
    except ArtifactError as error:
        raise PackError(f"{path}: {error}") from None


def check_metadata(data: bytes) -> dict[str, Any]:
    """Return the metadata in `data`, fit for a manifest.

    Raises:
        ManifestError: names the key that is wrong.
    """
    try:
        metadata = json.loads(data)
    except ValueError:
        metadata = manifests.parse(data)
    if not isinstance(metadata, dict):
        raise ManifestError(f"expected a mapping, got {type(metadata).__name__}")
    # 2026-06-16 without quotes is a date to YAML, and what its author meant is clear.
    dated: dict[str, Any] = _dates_as_text(metadata)
    manifests.check(dated)
    manifests.render(dated)
    return dated


def _dates_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _dates_as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_dates_as_text(item) for item in value]
    return value.isoformat() if isinstance(value, datetime.date) else value


@dataclass(frozen=True)
class SchemaChoice:
    """The supervisor schema version of a bundle.

    Attributes:
        version: the version.
        reason: why, for the user.
        warnings: what will not work.
    """

    version: str
    reason: str
    warnings: tuple[str, ...] = ()


EARLIEST_SCHEMA = "2026-06-16"
"""Airflow 3.3; 3.4 accepts it too."""
BINDINGS_SCHEMA = "2026-10-30"
"""Airflow 3.4: the first that sends ``arg_bindings``; 3.3 refuses it."""
SCHEMA_VERSIONS = (EARLIEST_SCHEMA, BINDINGS_SCHEMA)


def choose_schema(asked: str | None, data_parameters: Mapping[str, Sequence[str]]) -> SchemaChoice:
    """Choose the supervisor schema version that a bundle declares.

    Arguments:
        asked: what the author asked for, or None.
        data_parameters: ``dag_id.task_id`` -> parameters that the supervisor must fill.
    """
    tasks = ", ".join(f"{task} ({', '.join(names)})" for task, names in sorted(data_parameters.items()))
    if asked is not None:
        warnings: tuple[str, ...] = ()
        if asked < BINDINGS_SCHEMA and data_parameters:
            warnings = (
                f"supervisor schema {asked} sends no arguments to tasks, so these will fail: {tasks}. "
                f"Pack for {BINDINGS_SCHEMA} (Airflow 3.4), or read the values with client.get_xcom",
            )
        return SchemaChoice(asked, "as asked for", warnings)
    if data_parameters:
        return SchemaChoice(
            BINDINGS_SCHEMA, f"Airflow 3.4 and later only, because of the arguments of {tasks}"
        )
    return SchemaChoice(
        EARLIEST_SCHEMA, "Airflow 3.3 and 3.4 accept it, and no task takes arguments from its stub"
    )
