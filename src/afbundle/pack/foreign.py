"""Packs a pre-built executable of any language."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from afbundle.artifact import manifest as manifests
from afbundle.artifact.image import FORMAT
from afbundle.artifact.reader import is_bundle
from afbundle.artifact.writer import write_bundle
from afbundle.pack import metadata
from afbundle.pack.errors import PackError
from afbundle.pack.metadata import SchemaChoice
from afbundle.pack.options import Options, Packed, check_output, default_output, read_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def pack_executable(
    executable: Path,
    source: Path,
    metadata_file: Path | None,
    options: Options,
    progress: Callable[[str], None] = lambda _: None,
) -> Packed:
    """Make a bundle of a pre-built executable of any language.

    Arguments:
        executable: the program; it speaks the coordinator protocol.
        source: the file that Airflow's source view shows.
        metadata_file: YAML or JSON with its metadata; the executable is asked where this is None.
        options: `output`, `name`, `version` and `schema_version` count.
        progress: called with a line before each step that takes time.

    Raises:
        PackError: a file or the metadata is not right; the message names the fix.
        ArtifactError: the file cannot be written.
    """
    _check_executable(executable)
    text = read_source(source)
    output = options.output or default_output(options.name or executable.stem)
    check_output(output, executable)
    if metadata_file is None:
        progress(f"asking {executable.name} for its metadata")
        found = metadata.ask_executable(executable.absolute())
    else:
        found = metadata.read_metadata(metadata_file)
    if options.schema_version is not None:
        schema = metadata.choose_schema(options.schema_version, {})
        found["sdk"] = {**found["sdk"], "supervisor_schema_version": schema.version}
    else:
        schema = SchemaChoice(found["sdk"]["supervisor_schema_version"], "as its metadata says")
    ours: dict[str, Any] = {"format": FORMAT}
    if options.name or options.version:
        ours["bundle"] = {"name": options.name or "", "version": options.version or ""}
    dags = {dag_id: list(dag["tasks"]) for dag_id, dag in found["dags"].items()}
    progress("writing")
    written = write_bundle(
        output,
        [(executable, executable.stat().st_size)],
        [text],
        {**found, manifests.MARK: ours},
        dict.fromkeys(dags, text[0]),
    )
    bundle = (options.name or "", options.version or "")
    return Packed(
        written, {"executable": written.executable_length}, dags, schema, bundle, _warnings(executable)
    )


def _warnings(executable: Path) -> tuple[str, ...]:
    with executable.open("rb") as file:
        if file.read(2) != b"#!":
            return ()
    return (
        f"{executable.name} is a script: it must exit before its end, or its interpreter reads on into the source",
    )


def _check_executable(executable: Path) -> None:
    if not executable.is_file():
        raise PackError(f"the executable {executable} does not exist")
    try:
        if is_bundle(executable):
            raise PackError(
                f"{executable} is already a bundle; deploy it as it is, or give the program it was made from"
            )
        if not executable.stat().st_size:
            raise PackError(f"the executable {executable} is empty")
    except OSError as error:
        raise PackError(f"cannot read {executable}: {error.strerror}") from None
    if not os.access(executable, os.X_OK):
        raise PackError(f"{executable} is not executable; make it so with: chmod +x {executable}")
