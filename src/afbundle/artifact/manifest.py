"""The manifest: what a bundle says about itself, as YAML between its source and its trailer.

Facts from the executable bundle spec 1.0: ``airflow_bundle_metadata_version``, ``sdk``, ``source`` and ``dags``. The
source view of Airflow 3.4 reads ``sources`` (offsets count from the start of the source region), ``entrypoint_path``
and ``dag_source_paths``; later versions read ``digests``. Readers ignore keys that they do not know; ours have the
prefix ``x_afbundle``.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import TYPE_CHECKING, Any

from afbundle.artifact.errors import ArtifactError, ManifestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

METADATA_VERSION = "1.0"
MARK = "x_afbundle"
"""Key of our own additions, at the top and inside ``digests``. Where it is found, ``digests.cache`` is our definition."""

_CACHE_DOMAIN = b"afbundle cache digest 1\0"

# Text that YAML 1.1 reads as a string without quotes: begins with a letter, and is no boolean or null.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_NOT_PLAIN = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def render(manifest: Mapping[str, Any]) -> bytes:
    """Return a manifest as YAML: sorted keys, block style, one way to write each value.

    Raises:
        ManifestError: a value is not a mapping with text keys, a list, text, a number, a boolean or None.
    """
    lines: list[str] = []
    _render(manifest, "", "", lines)
    return "".join(line + "\n" for line in lines).encode()


def _render(value: Any, lead: str, indent: str, lines: list[str]) -> None:
    """Append `value`; `lead` stands before its first line, `indent` before the others."""
    if isinstance(value, dict) and value:
        for key in sorted(value, key=_text_key):
            _render_item(f"{lead}{_scalar(key)}:", value[key], indent, lines)
            lead = indent
    elif isinstance(value, list) and value:
        for item in value:
            if isinstance(item, (dict, list)) and item:
                _render(item, f"{lead}- ", indent + "  ", lines)
            else:
                lines.append(f"{lead}- {_scalar(item)}")
            lead = indent
    else:
        lines.append(lead + _scalar(value))


def _render_item(head: str, value: Any, indent: str, lines: list[str]) -> None:
    if isinstance(value, (dict, list)) and value:
        lines.append(head)
        _render(value, indent + "  ", indent + "  ", lines)
    else:
        lines.append(f"{head} {_scalar(value)}")


def _text_key(key: Any) -> str:
    if not isinstance(key, str):
        raise ManifestError(f"keys of a manifest are text, not {type(key).__name__}: {key!r}")
    return key


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, (bool, int)):
        return json.dumps(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, (dict, list)):
        return "{}" if isinstance(value, dict) else "[]"
    if not isinstance(value, str):
        raise ManifestError(f"a manifest cannot hold a {type(value).__name__}: {value!r}")
    if _PLAIN.fullmatch(value) and value.lower() not in _NOT_PLAIN:
        return value
    return '"' + "".join(map(_escape, value)) + '"'


def _float(value: float) -> str:
    if not math.isfinite(value):
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}[repr(value)]
    # YAML 1.1 knows an exponent only after a decimal point.
    mantissa, exponent, power = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{exponent}{power}"


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"


def parse(data: bytes) -> dict[str, Any]:
    """Return the manifest that `data` holds, of whatever language and with whatever further keys.

    Raises:
        ManifestError: it is not YAML, or not a mapping.
        ArtifactError: PyYAML is missing.
    """
    try:
        import yaml
    except ImportError:
        raise ArtifactError("reading a manifest needs PyYAML: pip install 'afbundle[pack]'") from None
    try:
        manifest = yaml.safe_load(data.decode())
    except (UnicodeDecodeError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ManifestError(f"not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(manifest, dict):
        raise ManifestError(f"the manifest is a {type(manifest).__name__}, not a mapping")
    return manifest


def check(metadata: Mapping[str, Any]) -> None:
    """Check the keys that executable bundle spec 1.0 requires.

    Arguments:
        metadata: a manifest, or what an executable prints about itself (``source`` may be left out).

    Raises:
        ManifestError: names the key, what is expected and what is there.
    """
    version = metadata.get("airflow_bundle_metadata_version")
    if version != METADATA_VERSION:
        raise ManifestError(
            f"airflow_bundle_metadata_version: expected {METADATA_VERSION!r}, got {version!r}"
        )
    sdk = _mapping(metadata.get("sdk"), "sdk")
    for key in ("language", "version", "supervisor_schema_version"):
        _text(sdk.get(key), f"sdk.{key}")
    if "source" in metadata:
        _text(metadata["source"], "source")
    for dag_id, dag in _mapping(metadata.get("dags"), "dags").items():
        _text(dag_id, "a Dag id in dags")
        tasks = _mapping(dag, f"dags.{dag_id}").get("tasks")
        if not isinstance(tasks, list):
            raise ManifestError(f"dags.{dag_id}.tasks: expected a list of task ids, got {_kind(tasks)}")
        for place, task_id in enumerate(tasks):
            _text(task_id, f"dags.{dag_id}.tasks[{place}]")


def _mapping(value: Any, where: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise ManifestError(f"{where}: expected a mapping, got {_kind(value)}")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        hint = "" if value is None else "; put it in quotes"
        raise ManifestError(f"{where}: expected text, got {_kind(value)}{hint}")
    if not value:
        raise ManifestError(f"{where}: is empty")
    return value


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"{type(value).__name__} ({value!r})"


def sbom_entry(offset: int, bill: bytes) -> dict[str, Any]:
    """Return where the manifest says that the bill of materials lies (``sbom`` of our own additions).

    Arguments:
        offset: of its first byte, from the start of the file.
        bill: the document, CycloneDX in JSON.
    """
    return {"offset": offset, "length": len(bill), "sha256": hashlib.sha256(bill).hexdigest()}


def with_sources(
    manifest: Mapping[str, Any], sources: Sequence[tuple[str, bytes]], dag_source_paths: Mapping[str, str]
) -> dict[str, Any]:
    """Return `manifest` with what the source view of Airflow 3.4 reads.

    Arguments:
        manifest: the rest of the manifest.
        sources: path and UTF-8 text of each file, in the order of the source region; the first is the entry.
        dag_source_paths: dag_id -> path of the file that defines it.
    """
    entries = []
    offset = 0
    for path, text in sources:
        digest = hashlib.sha256(text).hexdigest()
        entries.append({"path": path, "offset": offset, "length": len(text), "sha256": digest})
        offset += len(text)
    return {
        **manifest,
        "source": sources[0][0].rpartition("/")[2],
        "sources": entries,
        "entrypoint_path": sources[0][0],
        "dag_source_paths": dict(dag_source_paths),
    }


def with_digests(
    manifest: Mapping[str, Any], executable_sha256: bytes, source_sha256: bytes
) -> dict[str, Any]:
    """Return `manifest` with ``digests``.

    ``integrity`` repeats the trailer's digest of the executable region. ``cache`` identifies the whole bundle: the same
    for packs of the same inputs, another one when any region differs.

    Arguments:
        manifest: the manifest; its ``digests``, if any, are replaced.
        executable_sha256: digest of the executable region, 32 bytes.
        source_sha256: digest of the source region, 32 bytes.
    """
    rest = {key: value for key, value in manifest.items() if key != "digests"}
    manifest_sha256 = hashlib.sha256(render(rest)).digest()
    cache = hashlib.sha256(_CACHE_DOMAIN + executable_sha256 + source_sha256 + manifest_sha256)
    digests = {"integrity": executable_sha256.hex(), "cache": cache.hexdigest(), MARK: 1}
    return {**rest, "digests": digests}


def has_our_digests(manifest: Mapping[str, Any]) -> bool:
    """Return whether ``digests.cache`` was computed as `with_digests` does.

    The mark stands in two places, so that no single damaged byte turns our bundle into one of unknown origin.
    """
    digests = manifest.get("digests")
    return MARK in manifest or (isinstance(digests, dict) and MARK in digests)
