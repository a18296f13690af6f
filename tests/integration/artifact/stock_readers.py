"""Runs inside a real Airflow's interpreter: what its own readers say of bundle files. Prints one JSON object.

    python stock_readers.py DAG_ID FILE

Uses private names of `apache-airflow-task-sdk`, because these are the readers that bundles meet in production.
"""

from __future__ import annotations

import json
import pathlib
import sys

from airflow.sdk.coordinators.executable import coordinator


def main() -> None:
    """Ask every reader that this Airflow has."""
    dag_id, path = sys.argv[1], pathlib.Path(sys.argv[2])
    said: dict[str, object] = {}
    try:
        bundle = coordinator._Bundle.find([path.parent], dag_id)
        said["found"] = [str(bundle.path), bundle.schema_version]
    except FileNotFoundError as error:
        said["found"] = None
        said["why"] = str(error)
    if hasattr(coordinator, "_open_checked_bundle"):
        said.update(_readers_of_3_4(path, dag_id))
    print(json.dumps(said))


def _readers_of_3_4(path: pathlib.Path, dag_id: str) -> dict[str, object]:
    from airflow.sdk.coordinators.executable import _bundle_reader
    from airflow.sdk.coordinators.executable._dag_importer import ExecutableDagImporter
    from airflow.sdk.importers.base import FilesystemDagDefinition

    said: dict[str, object] = {}
    try:
        with coordinator._open_checked_bundle(path) as bundle:
            said["metadata"] = bundle.metadata
        said["dag_source"] = _bundle_reader.read_bundle_source(path, dag_id)
        said["entry_source"] = _bundle_reader.read_bundle_entrypoint_source(path)
        said["language"] = _bundle_reader.read_bundle_language(path)
    except ValueError as error:
        said["refused"] = str(error)
    importer = ExecutableDagImporter(bundle_name="any")
    definition = FilesystemDagDefinition(path=path)
    said["claimed"] = importer.can_handle(definition) and importer.might_contain_dag(definition, True)
    return said


main()
