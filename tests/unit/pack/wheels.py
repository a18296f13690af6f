"""Wheels made by hand, so that no test of the packer needs an index; the same bytes for the same arguments."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path


def make_wheel(
    folder: Path,
    name: str,
    files: Mapping[str, str],
    *,
    requires: str = "",
    scripts: str = "",
    metadata: str = "",
    tag: str = "py3-none-any",
    version: str = "1.0",
) -> Path:
    """Write ``<name>-<version>`` with `files` (path -> text) and return its path.

    Arguments:
        folder: where to.
        name: of the distribution.
        files: path in site-packages -> text.
        requires: one requirement.
        scripts: console scripts.
        metadata: further lines of METADATA.
        tag: python, abi and platform that it is for.
        version: of the distribution.
    """
    info = f"{name}-{version}.dist-info"
    head = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{metadata}"
    if requires:
        head += f"Requires-Dist: {requires}\n"
    pure = "true" if tag.endswith("-any") else "false"
    content = {
        **files,
        f"{info}/METADATA": head,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: {pure}\nTag: {tag}\n",
    }
    if scripts:
        content[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}\n"
    rows = [f"{path},sha256={_record_hash(text)},{len(text.encode())}\n" for path, text in content.items()]
    content[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"])
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in content.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return wheel


def _record_hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
