"""The author's code: which files a bundle gets from a file or a folder, and under which names.

=========================== ============================== ==========================================
PATH                        entry                          modules
=========================== ============================== ==========================================
``tasks.py``                ``tasks.py``                   ``tasks`` alone
folder with ``__init__.py`` ``folder/__main__.py``         ``folder``, ``folder.…``: as ``python -m folder``
folder without it           ``folder/__main__.py``         its files, by their own names: as ``python folder``
=========================== ============================== ==========================================
"""

from __future__ import annotations

import os
import tokenize
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from afbundle.pack.errors import PackError

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a folder holds for its author's tools, and not for its tasks.
_SKIPPED_NAMES = frozenset({"__pycache__", "py.typed"})
_SKIPPED_SUFFIXES = (".pyc", ".pyi")


@dataclass(frozen=True)
class TreeModule:
    """One module of the author.

    Attributes:
        name: dotted name.
        shown: its path as tracebacks and the source view show it, relative.
        path: the file; None for a package without ``__init__.py``.
        is_package: whether it is a package.
    """

    name: str
    shown: str
    path: Path | None
    is_package: bool


@dataclass
class Tree:
    """The author's code.

    Attributes:
        root: the file or folder that was named.
        entry: the module that runs as ``__main__``.
        modules: all modules, sorted by name.
        data: path as shown -> file, for every other file; empty for a single file.
    """

    root: Path
    entry: TreeModule
    modules: list[TreeModule] = field(default_factory=list)
    data: dict[str, Path] = field(default_factory=dict)


def read_tree(path: Path) -> Tree:
    """Return what a bundle of `path` holds of the author's code.

    Hidden files, virtual environments, bytecode and type stubs stay out.

    Arguments:
        path: a Python file, or a folder with ``__main__.py``.

    Raises:
        PackError: `path` is neither, or a name in it cannot be a module's.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100  (without following links: the name is what counts)
    if not path.exists():
        raise PackError(f"{path} does not exist; name a Python file, or a folder with __main__.py")
    tree = _read_folder(path) if path.is_dir() else _read_file(path)
    for module in tree.modules:
        if module.name.partition(".")[0] == "afbundle":
            raise PackError(f"{module.path} would hide afbundle itself; give the module another name")
    return tree


def _read_file(path: Path) -> Tree:
    if path.suffix != ".py":
        raise PackError(
            f"{path} is not a Python file (its name does not end with .py); "
            "an executable of another kind is packed with --executable"
        )
    entry = TreeModule(path.stem, path.name, path, is_package=False)
    return Tree(path, entry, [entry])


def _read_folder(root: Path) -> Tree:
    if not (root / "__main__.py").is_file():
        raise PackError(
            f"{root} has no __main__.py; put the line that calls serve() there, or name the file that has it"
        )
    prefix: tuple[str, ...] = ()
    if (root / "__init__.py").is_file():
        prefix = (root.name,)
        if not root.name.isidentifier():
            raise PackError(
                f"{root} is a package (it has __init__.py), and its name is not one that Python can import"
            )
    modules: dict[str, TreeModule] = {}
    data: dict[str, Path] = {}
    for file in _walk(root, ()):
        parts = (*prefix, *file.relative_to(root).parts)
        shown = "/".join(parts)
        if file.suffix == ".py" and "." not in file.stem:
            module = _module(parts, shown, file)
            modules[module.name] = module
        else:
            data[shown] = file
    for name in list(modules):
        _add_parents(name, modules)
    entry = modules[".".join((*prefix, "__main__"))]
    return Tree(root, entry, [modules[name] for name in sorted(modules)], data)


def _module(parts: tuple[str, ...], shown: str, file: Path) -> TreeModule:
    if parts[-1] == "__init__.py":
        return TreeModule(".".join(parts[:-1]), shown, file, is_package=True)
    return TreeModule(".".join((*parts[:-1], file.stem)), shown, file, is_package=False)


def _add_parents(name: str, modules: dict[str, TreeModule]) -> None:
    """Add the packages above a module that have no ``__init__.py``."""
    parent = name.rpartition(".")[0]
    while parent and parent not in modules:
        shown = parent.replace(".", "/") + "/__init__.py"
        modules[parent] = TreeModule(parent, shown, None, is_package=True)
        parent = parent.rpartition(".")[0]


def _walk(folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    status = folder.stat()
    identity = (status.st_dev, status.st_ino)
    # A symbolic link to a folder above would never end.
    if identity in above or (above and (folder / "pyvenv.cfg").exists()):
        return
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208  (names are sorted as text, not as paths)
    except OSError as error:
        raise PackError(f"cannot read {folder}: {error.strerror}") from None
    for name in names:
        path = folder / name
        if name.startswith(".") or name in _SKIPPED_NAMES or name.endswith(_SKIPPED_SUFFIXES):
            continue
        if path.is_dir():
            yield from _walk(path, (*above, identity))
        elif path.is_file():
            yield path


def text_of(path: Path) -> bytes:
    """Return a Python file's text as UTF-8, whatever encoding its first lines declare.

    Raises:
        PackError: it cannot be read, or is not text in that encoding.
    """
    try:
        data = path.read_bytes()
        data.decode()
    except OSError as error:
        raise PackError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        try:
            with tokenize.open(path) as file:
                return file.read().encode()
        except (SyntaxError, UnicodeDecodeError) as error:
            raise PackError(f"{path} is not valid Python text: {error}") from None
    return data
