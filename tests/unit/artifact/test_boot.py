"""A packed bundle's first steps: what the author's code sees of the place that it runs in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.unit.artifact.small import PYTHON, run, small_bundle

FACTS = """
import sys, json
print(json.dumps({
    "name": __name__, "file": __file__, "package": __package__, "spec": __spec__.name, "argv": sys.argv,
    "globals": sorted(globals()),
}))
"""


def test_the_entry_is_the_main_module(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "b", {"tasks": FACTS})
    facts = json.loads(run(bundle, "--comm=x", "y z").stdout)
    assert facts["name"] == "__main__"
    assert facts["file"] == f"{bundle}/tasks.py"
    assert facts["package"] == ""
    assert facts["argv"] == [str(bundle), "--comm=x", "y z"]
    # Nothing of the launcher leaks into the author's names.
    assert set(facts["globals"]) <= {
        *(f"__{name}__" for name in facts["globals"] if name.startswith("__")),
        "sys",
        "json",
    } | {name for name in facts["globals"] if name.startswith("__")}


def test_a_package_runs_as_with_dash_m(tmp_path: Path) -> None:
    modules = {
        "pkg.": "here = __path__",
        "pkg.__main__": "from . import a, here\nfrom .sub import b\nprint(__package__, a.x, b.y, here[0], b.__file__)",
        "pkg.a": "x = 1",
        "pkg.sub.": "",
        "pkg.sub.b": "from ..a import x\ny = x + 1",
    }
    bundle = small_bundle(tmp_path / "b", modules, entry="pkg.__main__")
    done = run(bundle)
    assert done.stderr == ""
    assert done.stdout.split() == ["pkg", "1", "2", f"{bundle}/pkg", f"{bundle}/pkg/sub/b.py"]


def test_tracebacks_show_the_lines_of_the_source(tmp_path: Path) -> None:
    modules = {
        "tasks": (
            "import traceback, helper\ntry:\n    helper.fail()  # called here\n"
            "except ValueError:\n    traceback.print_exc()\n"
        ),
        "helper": "def fail():\n    raise ValueError('é')  # raised here\n",
    }
    bundle = small_bundle(tmp_path / "b", modules)
    said = run(bundle).stderr
    assert f'File "{bundle}/tasks.py", line 3, in <module>\n    helper.fail()  # called here' in said
    assert f"File \"{bundle}/helper.py\", line 2, in fail\n    raise ValueError('é')  # raised here" in said


def test_tracebacks_are_free_of_the_import_machinery(tmp_path: Path) -> None:
    modules = {
        "tasks": "import traceback\ntry:\n    import helper\nexcept ValueError:\n    traceback.print_exc()\n",
        "helper": "import deeper\n",
        "deeper": "raise ValueError\n",
    }
    bundle = small_bundle(tmp_path / "b", modules)
    files = [line.split('"')[1] for line in run(bundle).stderr.splitlines() if "File" in line]
    assert files == [f"{bundle}/tasks.py", f"{bundle}/helper.py", f"{bundle}/deeper.py"]


def test_inspect_and_pkgutil_find_what_the_bundle_holds(tmp_path: Path) -> None:
    modules = {
        "pkg.": "",
        "pkg.__main__": (
            "import inspect, pkgutil, pkg, pkg.dags, importlib\n"
            "print(sorted(m.name for m in pkgutil.iter_modules(pkg.dags.__path__, 'pkg.dags.')))\n"
            "print(sorted((m.name, m.ispkg) for m in pkgutil.walk_packages(pkg.__path__, 'pkg.')))\n"
            "print(inspect.getsource(importlib.import_module('pkg.dags.one').f))\n"
            "print(pkgutil.get_data('pkg.dags', 'two.py'))\n"
            "print(importlib.util.find_spec('pkg.dags.none'))\n"
        ),
        "pkg.dags.": "",
        "pkg.dags.one": "def f():\n    return 1\n",
        "pkg.dags.two": "x = 2\n",
    }
    done = run(small_bundle(tmp_path / "b", modules, entry="pkg.__main__"))
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "['pkg.dags.one', 'pkg.dags.two']",
        "[('pkg.__main__', False), ('pkg.dags', True), ('pkg.dags.one', False), ('pkg.dags.two', False)]",
        "def f():",
        "    return 1",
        "",
        "b'x = 2\\n'",
        "None",
    ]


def test_a_late_import_comes_from_the_file_that_was_started(tmp_path: Path) -> None:
    new = small_bundle(tmp_path / "new", {"tasks": "", "late": "print('new')"})
    code = f"import os\nos.replace({str(new)!r}, {str(tmp_path / 'b')!r})\nimport late"
    bundle = small_bundle(tmp_path / "b", {"tasks": code, "late": "print('old')"})
    assert run(bundle).stdout == "old\n"
    assert run(bundle).stderr == ""


def test_a_late_import_after_all_descriptors_were_closed(tmp_path: Path) -> None:
    code = "import os\nos.closerange(3, 100)\nwith open('/dev/null') as other:\n    import late"
    bundle = small_bundle(tmp_path / "b", {"tasks": code, "late": "print('found')"})
    assert run(bundle).stdout == "found\n"


def test_a_late_import_from_a_file_that_is_gone_is_an_import_error(tmp_path: Path) -> None:
    new = small_bundle(tmp_path / "new", {"tasks": "", "late": "print('new')"})
    code = f"import os\nos.replace({str(new)!r}, {str(tmp_path / 'b')!r})\nos.closerange(3, 100)\nimport late"
    done = run(small_bundle(tmp_path / "b", {"tasks": code, "late": ""}))
    assert done.returncode == 1
    assert "was replaced while its old version runs" in done.stderr


def test_source_with_the_end_record_of_a_zip_file_does_no_harm(tmp_path: Path) -> None:
    """Zipimport searches the last 64 KiB of a file for this record; a bundle's source may hold it."""
    appendix = b"PK\x05\x06" * 75_000
    code = (
        "import pkg.late, zipimport\ntry:\n    import pkg.missing\nexcept ModuleNotFoundError:\n    pass\n"
        "print(list(zipimport._zip_directory_cache))\n"
    )
    modules = {"tasks": code, "pkg.": "", "pkg.late": "print('runs')"}
    assert run(small_bundle(tmp_path / "b", modules, appendix=appendix)).stdout == "runs\n[]\n"


def test_any_way_to_name_the_file(tmp_path: Path) -> None:
    code = "import sys\nprint(sys.argv[0])\nimport late"
    folder = tmp_path / "a päth with $spaces"
    folder.mkdir()
    bundle = small_bundle(folder / "b 'ü'", {"tasks": code, "late": ""})
    link = tmp_path / "link"
    link.symlink_to(bundle)
    hard = tmp_path / "hard"
    os.link(bundle, hard)
    for path in (bundle, link, hard):
        assert run(path).stdout == f"{path}\n"
    assert run("./link", cwd=tmp_path).stdout == f"{link}\n"
    assert run("/bin/sh", "-c", "hard", env={"PATH": f"{tmp_path}:/bin"}).stdout == f"{hard}\n"


def test_the_environment_of_python_has_no_effect(tmp_path: Path) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for name in ("socket", "sitecustomize", "usercustomize", "posix", "json"):
        (hostile / f"{name}.py").write_text("raise SystemExit('hostile')")
    env = {
        "PATH": "/bin",
        "PYTHONPATH": str(hostile),
        "PYTHONHOME": str(hostile),
        "PYTHONSTARTUP": str(hostile / "json.py"),
    }
    bundle = small_bundle(tmp_path / "b", {"tasks": "import socket, json, sys\nprint(sys.flags.utf8_mode)"})
    done = run(bundle, env={**env, "LC_ALL": "C", "PYTHONUTF8": "0"}, cwd=hostile)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_little_is_imported_before_the_front_door(tmp_path: Path) -> None:
    names_of = "import sys\nnames = sorted(sys.modules)\n"
    door = names_of + "def main(boot):\n    import gc, json\n    print(json.dumps([names, gc.isenabled()]))"
    names, collecting = json.loads(run(small_bundle(tmp_path / "b", {"tasks": ""}, door=door)).stdout)
    bare_program = names_of + "import json\nprint(json.dumps(names))"
    bare = json.loads(subprocess.check_output([PYTHON, "-I", "-S", "-c", bare_program]))
    assert set(names) - set(bare) == {"afbundle", "afbundle.runtime", "afbundle.runtime.door", "gc"}
    assert collecting is False


def test_other_versions_of_python_are_never_given_our_bytecode(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path / "b", {"tasks": "print('ran')"}, magic=b"\x01\x02\r\n")
    done = run(bundle, env={"PATH": "/nowhere"})
    assert done.returncode == 127
    assert f"found:  {PYTHON} is cpython {sys.version_info[0]}.{sys.version_info[1]};" in done.stderr


IMPORTED_BY_THE_SYSTEM = """
import sys
def facts(name):
    module = sys.modules[name]
    spec = module.__spec__
    parent, _, child = name.rpartition(".")
    return [
        module.__name__, module.__file__, module.__package__, list(getattr(module, "__path__", ())),
        module.__loader__ is spec.loader is sys.meta_path[0], spec.name, spec.origin, spec.parent,
        spec.submodule_search_locations, not parent or getattr(sys.modules[parent], child) is module,
        module.f.__code__.co_filename,
    ]
"""


def test_modules_loaded_at_once_are_as_if_imported(tmp_path: Path) -> None:
    """The same bundle twice, with and without: nobody can tell the difference afterwards."""
    show = (
        IMPORTED_BY_THE_SYSTEM
        + "import json, pkg.a\nprint(json.dumps([facts('pkg'), facts('pkg.a'), pkg.a.log]))"
    )
    modules = {
        "tasks": show,
        "pkg.": "def f(): pass",
        "pkg.a": "import pkg.b\nlog = pkg.b.log\nlog.append(1)\ndef f(): pass",
        "pkg.b": "log = []",
    }
    door = "def main(boot):\n    boot.load_runtime()\n    boot.run_entry()"
    said = []
    # The last order is wrong, which is harmless: each module is run once.
    for hot in ([], ["pkg", "pkg.b", "pkg.a"], ["pkg", "pkg.a", "pkg.b"]):
        bundle = small_bundle(tmp_path / "b", modules, door=door, hot=hot)
        done = run(bundle)
        assert done.stderr == ""
        said.append(done.stdout)
    assert said[0] == said[1] == said[2]


def test_what_is_needed_to_connect_is_loaded_before_the_door_opens(tmp_path: Path) -> None:
    door = (
        "import sys\n"
        "def main(boot):\n"
        "    before = 'other' in sys.modules\n    boot.load_runtime()\n    print(before, 'other' in sys.modules)\n"
    )
    front = ["afbundle", "afbundle.runtime", "afbundle.runtime.door"]
    bundle = small_bundle(tmp_path / "b", {"tasks": "", "other": ""}, door=door, front=front, hot=["other"])
    assert run(bundle).stdout == "False True\n"


def test_an_extension_module_is_the_interpreters_own(tmp_path: Path) -> None:
    """Taken by its path where it is a file; it looks as if it had been searched for."""
    show = (
        "import _struct, _socket, json\n"
        "facts = [getattr(m, '__file__', None) or m.__spec__.origin for m in (_struct, _socket)]\nprint(json.dumps(facts))"
    )
    told = run(small_bundle(tmp_path / "b", {"tasks": show})).stdout
    assert told == subprocess.check_output([PYTHON, "-I", "-S", "-c", show], text=True)
