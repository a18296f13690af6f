"""What an author may choose when packing, and what comes out."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from afbundle.artifact.trailer import SIZE
from afbundle.pack.errors import PackError
from afbundle.pack.interpreter import Choice
from afbundle.pack.resolve import Requirements
from afbundle.pack.tree import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from afbundle.artifact.writer import Written
    from afbundle.pack.distributions import Distribution
    from afbundle.pack.metadata import SchemaChoice
    from afbundle.pack.platforms import Platform

DEFAULT_FOLDER = "dist"
"""Where a bundle goes without ``-o``, under the bundle's name. That name gets no suffix: only such files are looked at by
the native-Dag importer of Airflow 3.4."""


@dataclass(frozen=True)
class Options:
    """What the author may choose.

    Attributes:
        output: the file to write, or None for the bundle's name under `DEFAULT_FOLDER`.
        source: the one file to show as source, instead of the author's modules.
        name: the bundle's name, instead of the one in the code.
        version: its version, likewise.
        schema_version: the supervisor schema version, or None to choose.
        requirements: dependencies.
        python: (major, minor) of the interpreter to pack for, or None for the one that runs afbundle.
        platform: the machine to pack for, or None for one like this.
        metadata_file: what the entry would say about itself, where it cannot be run here.
        interpreter: whether the interpreter travels along, and which it is.
        strip: leave the sources of dependencies out.
    """

    output: Path | None = None
    source: Path | None = None
    name: str | None = None
    version: str | None = None
    schema_version: str | None = None
    requirements: Requirements = field(default_factory=Requirements)
    python: tuple[int, int] | None = None
    platform: Platform | None = None
    metadata_file: Path | None = None
    interpreter: Choice = field(default_factory=Choice)
    strip: bool = False


@dataclass(frozen=True)
class Packed:
    """A bundle that was packed.

    Attributes:
        written: the file and its regions.
        executable_parts: part of the executable region -> bytes.
        dags: dag_id -> task ids.
        schema: supervisor schema version and why.
        bundle: name and version, empty for a foreign executable that has none.
        warnings: what the author should know before deploying.
        modules: name of each module of the author -> bytes of its code.
        distributions: the dependencies.
    """

    written: Written
    executable_parts: Mapping[str, int]
    dags: Mapping[str, list[str]]
    schema: SchemaChoice
    bundle: tuple[str, str]
    warnings: tuple[str, ...] = ()
    modules: Mapping[str, int] = field(default_factory=dict)
    distributions: tuple[Distribution, ...] = ()

    @property
    def parts(self) -> dict[str, int]:
        """Part of the file -> bytes; together they are the file."""
        return {
            **self.executable_parts,
            "source": self.written.source_length,
            "manifest and trailer": self.written.manifest_length + SIZE,
        }


def default_output(name: str) -> Path:
    """Return where a bundle goes whose author did not say so; makes the folder.

    Raises:
        PackError: the folder cannot be made.
    """
    output = Path(DEFAULT_FOLDER, "".join(char if char.isalnum() or char in "-_" else "-" for char in name))
    try:
        output.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise PackError(
            f"cannot make the folder {output.parent}: {error.strerror}; say where with -o FILE"
        ) from None
    return output


def check_output(output: Path, packed: Path) -> None:
    """Check that a bundle of `packed` can be written to `output`.

    Raises:
        PackError: it cannot, or it would overwrite or enter its own input.
    """
    output = output.absolute()
    if output.is_dir():
        raise PackError(f"the output {output} is a folder; name the file to write")
    if not output.parent.is_dir():
        raise PackError(f"the folder {output.parent} of the output does not exist")
    if not os.access(output.parent, os.W_OK):
        raise PackError(f"cannot write in {output.parent}: permission denied")
    real, root = output.resolve(), packed.resolve()
    if real == root or (root.is_dir() and root in real.parents):
        raise PackError(f"the output {output} lies inside what is packed; write it elsewhere with -o FILE")


def read_source(path: Path) -> tuple[str, bytes]:
    """Return name and text of the file that Airflow is to show as source.

    Raises:
        PackError: it cannot be read, or is not UTF-8 text.
    """
    if path.suffix == ".py" and path.is_file():
        return path.name, text_of(path)
    try:
        data = path.read_bytes()
        data.decode()
    except OSError as error:
        raise PackError(f"cannot read the source file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PackError(
            f"the source file {path} is not UTF-8 text, which Airflow's source view needs"
        ) from None
    return path.name, data
