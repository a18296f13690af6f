"""Which of the author's files enter a bundle, and under which names."""

from __future__ import annotations

from pathlib import Path

import pytest

from afbundle.pack.errors import PackError
from afbundle.pack.tree import read_tree, text_of


def _files(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_a_file_is_one_module(tmp_path: Path) -> None:
    tree = read_tree(_files(tmp_path, "my-tasks.py", "neighbour.py", "data.csv") / "my-tasks.py")
    assert [(module.name, module.shown) for module in tree.modules] == [("my-tasks", "my-tasks.py")]
    assert tree.entry is tree.modules[0]
    assert tree.data == {}


def test_a_package_keeps_its_name(tmp_path: Path) -> None:
    root = _files(
        tmp_path / "pkg", "__init__.py", "__main__.py", "a.py", "sub/__init__.py", "sub/b.py", "sub/q.sql"
    )
    tree = read_tree(root)
    assert [(module.name, module.shown, module.is_package) for module in tree.modules] == [
        ("pkg", "pkg/__init__.py", True),
        ("pkg.__main__", "pkg/__main__.py", False),
        ("pkg.a", "pkg/a.py", False),
        ("pkg.sub", "pkg/sub/__init__.py", True),
        ("pkg.sub.b", "pkg/sub/b.py", False),
    ]
    assert tree.entry.name == "pkg.__main__"
    assert tree.data == {"pkg/sub/q.sql": root / "sub" / "q.sql"}


def test_a_plain_folder_is_where_its_modules_are_found(tmp_path: Path) -> None:
    tree = read_tree(_files(tmp_path / "my-tasks", "__main__.py", "a.py", "sub/deep/b.py"))
    assert [(module.name, module.path is None) for module in tree.modules] == [
        ("__main__", False),
        ("a", False),
        ("sub", True),
        ("sub.deep", True),
        ("sub.deep.b", False),
    ]


def test_tools_leave_nothing_behind(tmp_path: Path) -> None:
    root = _files(
        tmp_path / "pkg",
        "__init__.py",
        "__main__.py",
        ".git/config",
        ".env",
        "__pycache__/a.cpython-311.pyc",
        "old.pyc",
        "a.pyi",
        "py.typed",
        "venv/pyvenv.cfg",
        "venv/lib/x.py",
    )
    tree = read_tree(root)
    assert [module.name for module in tree.modules] == ["pkg", "pkg.__main__"]
    assert tree.data == {}


def test_symbolic_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    shared = _files(tmp_path / "shared", "c.py")
    root = _files(tmp_path / "pkg", "__init__.py", "__main__.py")
    (root / "shared").symlink_to(shared)
    (root / "loop").symlink_to(root)
    assert [module.name for module in read_tree(root).modules] == [
        "pkg",
        "pkg.__main__",
        "pkg.shared",
        "pkg.shared.c",
    ]


@pytest.mark.parametrize(
    ("files", "path", "says"),
    [
        ([], "x.py", "does not exist; name a Python file, or a folder"),
        (["x.txt"], "x.txt", "not a Python file .* --executable"),
        (["pkg/__init__.py"], "pkg", "has no __main__.py; put the line that calls serve"),
        (
            ["my-pkg/__init__.py", "my-pkg/__main__.py"],
            "my-pkg",
            "its name is not one that Python can import",
        ),
        (["afbundle.py"], "afbundle.py", "would hide afbundle itself"),
        (["app/__main__.py", "app/afbundle/x.py"], "app", "would hide afbundle itself"),
    ],
)
def test_what_cannot_be_packed(tmp_path: Path, files: list[str], path: str, says: str) -> None:
    _files(tmp_path, *files)
    with pytest.raises(PackError, match=says):
        read_tree(tmp_path / path)


def test_text_in_other_encodings_becomes_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"# coding: latin-1\nx = '\xe9'\n")
    assert text_of(path).decode() == "# coding: latin-1\nx = 'é'\n"
    path.write_bytes(b"x = '\xe9'\n")
    with pytest.raises(PackError, match="not valid Python text"):
        text_of(path)
