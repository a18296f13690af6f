"""Compiles Python files to bytes that are always the same; runs on the target interpreter, in a process of its own.

The order of a set constant inside code depends on the hash seed, and the back references of marshal depend on which
strings the process holds. So `afbundle.pack.compiler` starts a fresh interpreter with a fixed seed for this script, and
nothing here depends on where the files lie.

Reads one JSON object from stdin, ``{"jobs": [[source, shown name, target, kind, optimize], …]}``; kind is ``code`` (bare
marshalled code), ``lean`` (the same, without what only readers and type checkers of the source need) or ``pyc`` (a file that
the import system reads without looking at the source's date). Writes a JSON list
of failures to stdout, ``[[source, line or null, message], …]``.
"""

import sys

# The script's folder would come first, and its neighbours have names of the standard library.
del sys.path[0]

import __future__  # noqa: E402

import ast  # noqa: E402
import importlib.util  # noqa: E402
import json  # noqa: E402
import marshal  # noqa: E402
import os  # noqa: E402
import warnings  # noqa: E402

UNCHECKED_HASH = (1).to_bytes(4, "little")


def _without_future_import(tree: ast.Module) -> tuple[ast.Module, int]:
    """Turn ``from __future__ import annotations`` into the compiler's flag.

    The statement would import a module from disk in every task process, for nothing: 0.3 ms, 3 % of a start.
    """
    flags = 0
    for statement in list(tree.body):
        if (
            isinstance(statement, ast.ImportFrom)
            and statement.module == "__future__"
            and [(alias.name, alias.asname) for alias in statement.names] == [("annotations", None)]
        ):
            tree.body.remove(statement)
            flags = __future__.annotations.compiler_flag
    return tree, flags


class _Lean(ast.NodeTransformer):
    """Drops annotations and ``if TYPE_CHECKING:`` blocks: a tenth of the runtime's bytes, read by every task."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        arguments = node.args
        for argument in (
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            arguments.vararg,
            arguments.kwarg,
        ):
            if argument is not None:
                argument.annotation = None
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]  # noqa: N815  (likewise)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt] | None:
        self.generic_visit(node)
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node.orelse or None
        return node


def _compile_one(source: str, shown: str, target: str, kind: str, optimize: int) -> None:
    with open(source, "rb") as file:  # noqa: PTH123
        data = file.read()
    tree: ast.Module | bytes = data
    flags = 0
    if kind != "pyc":
        tree, flags = _without_future_import(ast.parse(data, shown))
        if kind == "lean":
            tree = ast.fix_missing_locations(_Lean().visit(tree))
    code = marshal.dumps(compile(tree, shown, "exec", flags=flags, dont_inherit=True, optimize=optimize))
    if kind == "pyc":
        code = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(data) + code
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
    with open(target, "wb") as file:  # noqa: PTH123
        file.write(code)


def _main() -> None:
    warnings.simplefilter("ignore")
    failures = []
    for job in json.load(sys.stdin.buffer)["jobs"]:
        try:
            _compile_one(*job)
        except SyntaxError as error:
            failures.append([job[0], error.lineno, error.msg])
        except (ValueError, RecursionError, MemoryError) as error:
            failures.append([job[0], None, str(error) or type(error).__name__])
    json.dump(failures, sys.stdout)


_main()
