"""The bundle's description of itself, for the packer and for people (executable bundle spec 1.0)."""

from __future__ import annotations

import sys

from afbundle._version import __version__
from afbundle.runtime.injection import signature_of
from afbundle.runtime.registry import registry_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from afbundle.runtime.registry import Bundle, BundleProvider

# Airflow 3.3 and 3.4 both know the first; argument bindings exist from the second on, which only 3.4 knows.
SCHEMA_FOR_ALL = "2026-06-16"
SCHEMA_WITH_BINDINGS = "2026-10-30"

# YAML 1.1 reads these as something other than text.
_YAML_WORDS = frozenset(("true", "false", "yes", "no", "on", "off", "y", "n", "null"))


def describe(provider: Bundle | BundleProvider) -> dict[str, Any]:
    """Return the manifest's facts about a bundle, and what only afbundle's packer reads.

    Returns:
        The keys of the executable bundle spec (``airflow_bundle_metadata_version``, ``sdk``, ``source``, ``dags``), ``bundle``
        (name and version), and under ``x_afbundle`` the data parameters of each task and the module of each Dag.

    Raises:
        RegistrationError: the registrations are wrong.
        ArgumentError: a task's signature cannot be read.
    """
    info, registry = registry_of(provider)
    data_parameters = {
        f"{task.dag_id}.{task.task_id}": names
        for dag in registry.dags.values()
        for task in dag.tasks.values()
        if (names := [each.name for each in signature_of(task.function).data])
    }
    entry = getattr(sys.modules.get("__main__"), "__file__", None) or sys.argv[0]
    return {
        "airflow_bundle_metadata_version": "1.0",
        "sdk": {
            "language": "python",
            "version": __version__,
            "supervisor_schema_version": SCHEMA_WITH_BINDINGS if data_parameters else SCHEMA_FOR_ALL,
        },
        "source": entry.rpartition("/")[2],
        "dags": {dag.dag_id: {"tasks": list(dag.tasks)} for dag in registry.dags.values()},
        "bundle": {"name": info.name, "version": info.version},
        "x_afbundle": {
            "data_parameters": data_parameters,
            "modules": {dag.dag_id: dag.module for dag in registry.dags.values()},
        },
    }


def print_metadata(provider: Bundle | BundleProvider, form: str) -> None:
    """Write the description to stdout.

    Arguments:
        provider: the bundle.
        form: ``yaml`` or ``json``.
    """
    import json

    facts = describe(provider)
    if form == "json":
        sys.stdout.write(json.dumps(facts, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(_yaml(facts, "")) + "\n")


def _yaml(value: dict[str, Any], indent: str) -> list[str]:
    # A bundle carries no YAML library; JSON's strings and empty containers are YAML as they are.
    import json

    lines = []
    for key, item in value.items():
        plain = key.isidentifier() and key.lower() not in _YAML_WORDS
        name = f"{indent}{key if plain else json.dumps(key)}:"
        if isinstance(item, dict) and item:
            lines.append(name)
            lines.extend(_yaml(item, indent + "  "))
        elif isinstance(item, list) and item:
            lines.append(name)
            lines.extend(f"{indent}  - {json.dumps(each)}" for each in item)
        else:
            lines.append(f"{name} {json.dumps(item)}")
    return lines
