"""The first Python code of a packed bundle: makes its modules importable and hands over to the runtime's front door.

The launcher (see `afbundle.artifact.launcher`) execs this file's code with four globals of its own: ``_argv`` (the
bundle's path and its arguments), ``_fd`` (the bundle, open for reading), ``_base`` (file offset that every offset in
the index counts from) and ``_index``. Imported as an ordinary module it starts nothing.

Only modules that every interpreter has built in or frozen are imported here: this is the time between `exec` and the
supervisor's sockets.
"""

from __future__ import annotations

import _imp
import gc
import marshal
import posix
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import ExtensionFileLoader, _LoaderBasics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import CodeType, ModuleType
    from typing import Any

    # name -> (offset, length, is package, source offset, source length), see `afbundle.artifact.image`
    Modules = dict[str, tuple[int, int, bool, int, int]]

# C modules that the runtime uses, where the interpreter does not have them built in.
_EXTENSIONS = frozenset(("_datetime", "_json", "_socket", "_struct", "fcntl", "select"))


class BundleFile:
    """The open bundle, read by position.

    The descriptor stays open for as long as the process runs, so that a module which is imported late comes from the
    file that was started, also after a new version was moved into its place.
    """

    def __init__(self, path: str, fd: int, base: int) -> None:
        self.path = path
        self.base = base
        self._fd = fd
        self._identity = self._identify(fd)

    @staticmethod
    def _identify(fd: int) -> tuple[int, int]:
        status = posix.fstat(fd)
        return status.st_dev, status.st_ino

    def descriptor(self) -> int:
        """Return a descriptor of the bundle that was started.

        Raises:
            ImportError: user code closed it, and the file at the bundle's path is another one by now.
        """
        try:
            if self._identify(self._fd) == self._identity:
                return self._fd
        except OSError:
            pass
        try:
            fd = posix.open(self.path, posix.O_RDONLY | posix.O_CLOEXEC)
        except OSError as error:
            raise ImportError(f"cannot open the running bundle {self.path} again: {error}") from None
        if self._identify(fd) != self._identity:
            posix.close(fd)
            raise ImportError(
                f"{self.path} was replaced while its old version runs, and its descriptor was closed"
            )
        self._fd = fd
        return fd

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, counted from the end of the index.

        Raises:
            ImportError: the file ends before.
        """
        data = posix.pread(self.descriptor(), length, self.base + offset)
        if len(data) != length:
            raise ImportError(f"the bundle {self.path} is truncated")
        return data


class BundleFinder(_LoaderBasics):
    """Finds and loads the modules that the bundle carries; the one entry of `sys.meta_path` that it adds.

    The base class runs a module's code in a frame that Python leaves out of tracebacks, as for any other import.

    Arguments:
        file: the open bundle.
        modules: the index of modules.
        entry: name of the module that runs as ``__main__``.
    """

    def __init__(self, file: BundleFile, modules: Modules, entry: str) -> None:
        self.file = file
        self.modules = modules
        self.entry = entry
        # Folder that the author's modules seem to lie in. No such folder exists unless their tree is unpacked
        # (then it is the real one); tracebacks and `__file__` show it all the same.
        self.root = file.path
        # Without `site`, the folder of the interpreter's extension modules is the last one of the path. A module that is
        # known to be there is taken from there: looking for it would list every folder before, the whole library's too.
        self._extensions = sys.path[-1] if sys.path else ""
        self._suffix = (_imp.extension_suffixes() or [""])[0]

    def filename(self, name: str) -> str:
        """Return the path that `__file__` and tracebacks show for a module of the bundle."""
        root = self.file.path if name.startswith("afbundle.") or name == "afbundle" else self.root
        return f"{root}/{name.replace('.', '/')}{'/__init__' if self.modules[name][2] else ''}.py"

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of this bundle, else None."""
        entry = self.modules.get(fullname)
        if entry is None:
            return self._extension(fullname) if fullname in _EXTENSIONS else None
        return self._spec(fullname, entry[2])

    def _spec(self, fullname: str, is_package: bool) -> ModuleSpec:
        loader: Any = self
        spec = ModuleSpec(fullname, loader, origin=self.filename(fullname), is_package=is_package)
        if is_package:
            spec.submodule_search_locations = [self.filename(fullname)[: -len("/__init__.py")]]
        return spec

    def _extension(self, name: str) -> ModuleSpec | None:
        path = f"{self._extensions}/{name}{self._suffix}"
        try:
            posix.stat(path)
        except OSError:
            return None  # built in, or elsewhere: the interpreter's own finders know
        spec = ModuleSpec(name, ExtensionFileLoader(name, path), origin=path)
        spec.has_location = True
        return spec

    def load(self, names: Sequence[str]) -> None:
        """Import modules of the bundle from one read, without the import system's way of finding each.

        Arguments:
            names: in the order of their dependencies. A wrong order costs time and does no other harm.
        """
        entries = [self.modules[name] for name in names]
        begin = min(entry[0] for entry in entries)
        data = memoryview(self.file.read(begin, max(entry[0] + entry[1] for entry in entries) - begin))
        for name, (offset, _, is_package, _, _) in zip(names, entries):  # noqa: B905  (of one length)
            if name in sys.modules:
                continue
            spec = self._spec(name, is_package)
            parent, _, child = name.rpartition(".")
            module = type(sys)(name)
            namespace = module.__dict__
            namespace["__spec__"] = spec
            namespace["__loader__"] = self
            namespace["__file__"] = spec.origin
            namespace["__package__"] = name if is_package else parent
            if is_package:
                namespace["__path__"] = spec.submodule_search_locations
            code = marshal.loads(data[offset - begin :])  # noqa: S302  (the bundle's own code)
            _imp._fix_co_filename(code, spec.origin)  # type: ignore[attr-defined]  # as importlib does
            sys.modules[name] = module
            exec(code, namespace)  # noqa: S102  (this is how a module is loaded)
            if parent:
                setattr(sys.modules[parent], child, module)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make a module that knows its path; where it would be cached is nobody's question."""
        module = type(sys)(spec.name)
        module.__file__ = spec.origin
        return module

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of a module, its paths made those of this run."""
        fullname = self._real_name(fullname)
        offset, length = self.modules[fullname][:2]
        code: CodeType = marshal.loads(self.file.read(offset, length))  # noqa: S302  (the bundle's own code)
        _imp._fix_co_filename(code, self.filename(fullname))  # type: ignore[attr-defined]  # as importlib does
        return code

    def get_source(self, fullname: str) -> str | None:
        """Return the source of a module for tracebacks, or None where the bundle does not carry it."""
        offset, length = self.modules[self._real_name(fullname)][3:]
        return self.file.read(offset, length).decode() if length else None

    def get_filename(self, fullname: str) -> str:
        """Return the module's path, as `inspect` and `runpy` ask for it."""
        return self.filename(self._real_name(fullname))

    def is_package(self, fullname: str) -> bool:
        """Return whether the module is a package."""
        return self.modules[self._real_name(fullname)][2]

    def get_data(self, path: str) -> bytes:
        """Return the content of a file next to the author's modules (`pkgutil.get_data`).

        Raises:
            OSError: no such file; files that are not Python are there once the payload is unpacked.
        """
        for name in self.modules:
            if self.filename(name) == path:
                return (self.get_source(name) or "").encode()
        with open(path, "rb") as file:  # noqa: PTH123  (pathlib costs two whole interpreter starts)
            return file.read()

    def get_resource_reader(self, fullname: str) -> Any:
        """Return the reader that `importlib.resources` uses."""
        from importlib.readers import FileReader

        class Location:
            path = self.get_filename(fullname)

        return FileReader(Location())  # type: ignore[arg-type]  # it reads nothing but `path`

    def path_hook(self, path: str) -> Folder:
        """Serve `pkgutil.iter_modules` for the packages of the bundle (an entry of `sys.path_hooks`).

        Raises:
            ImportError: `path` is not a package of this bundle.
        """
        root = self.file.path + "/"
        if not path.startswith(root):
            raise ImportError(f"{path!r} is not in the bundle")
        return Folder(self, path[len(root) :].replace("/", ".") + ".")

    def _real_name(self, fullname: str) -> str:
        # linecache asks for the source of the entry module by the name that it runs under.
        return self.entry if fullname == "__main__" else fullname


class Folder:
    """A package's folder inside the bundle, for those who list modules; importing is the finder's business."""

    def __init__(self, finder: BundleFinder, prefix: str) -> None:
        self._finder = finder
        self._prefix = prefix

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> None:
        """Find nothing: what the bundle has, the finder found before."""

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        """Yield name and kind (is it a package) of each module directly in this folder."""
        for name in sorted(self._finder.modules):
            if name.startswith(self._prefix) and "." not in name[len(self._prefix) :]:
                yield prefix + name[len(self._prefix) :], self._finder.modules[name][2]


class Boot:
    """What the front door gets: the bundle, and the two steps that may take long.

    Attributes:
        path: absolute path of the bundle file.
        index: the bundle's index; see `afbundle.artifact.image`.
    """

    def __init__(self, path: str, fd: int, base: int, index: dict[str, Any]) -> None:
        self.path = path
        self.index = index
        self.file = BundleFile(path, fd, base)
        self.finder = BundleFinder(self.file, index["modules"], index["entry"]["module"])

    def install(self) -> None:
        """Make the modules of the bundle importable."""
        sys.meta_path.insert(0, self.finder)
        # Before zipimport's hook, which would search the end of the bundle for a zip file.
        sys.path_hooks.insert(0, self.finder.path_hook)

    def load_runtime(self) -> None:
        """Import what every task needs of the runtime, as quickly as it goes; for after the sockets are connected."""
        if self.index["hot"]:
            self.finder.load(self.index["hot"])

    def prepare(self, log: Callable[[str, dict[str, Any]], None]) -> None:
        """Make the bundle's dependencies and data files available.

        Slow on the first start of a bundle on a host (unpacks to the cache), quick on the next ones, and nothing at
        all for a bundle without them.

        Arguments:
            log: called with an event and its fields when something takes time.

        Raises:
            CacheError: there is no usable cache folder, or unpacking failed; the message says what to do.
        """
        interpreter = self.index["interpreter"]
        if interpreter is not None:
            from afbundle.artifact import embedded

            embedded.prepare(self.path, self.file.base, interpreter, log)
        for part in self.index["payload"]:
            from afbundle.artifact import cache

            folder = cache.find(part["digest"], native=part["native"])
            if folder is None:
                from afbundle.artifact import unpack

                folder = unpack.unpack(self.file, part, log)
            if part["kind"] == "app":
                self.finder.root = folder + "/app"
            else:
                from afbundle.artifact import site

                site.use(folder)

    def run_entry(self) -> None:
        """Run the entry module as ``__main__``; whatever it raises goes to the caller."""
        name = self.index["entry"]["module"]
        code = self.finder.get_code(name)
        main = type(sys)("__main__")
        main.__spec__ = self.finder.find_spec(name)
        main.__loader__ = self.finder
        main.__package__ = name.rpartition(".")[0]
        main.__file__ = code.co_filename
        main.__builtins__ = sys.modules["builtins"]  # type: ignore[attr-defined]  # as in every script
        sys.modules["__main__"] = main
        exec(code, main.__dict__)  # noqa: S102  (this is how a program runs its main module)


def start(argv: list[str], fd: int, base: int, index: dict[str, Any]) -> None:
    """Start the bundle: the way from the launcher to the front door."""
    # Collections while modules load find nothing and cost a fifth of the start; the door turns them on again.
    gc.disable()
    if posix.environ.pop(b"_AFBUNDLE_TRIED", None) is not None:
        posix.unsetenv(b"_AFBUNDLE_TRIED")
    path = argv[0] if argv[0][0] == "/" else f"{posix.getcwd()}/{argv[0].removeprefix('./')}"
    sys.argv = [path, *argv[1:]]
    boot = Boot(path, fd, base, index)
    boot.install()
    if index["front"]:
        boot.finder.load(index["front"])
    from afbundle.runtime import door

    sys.exit(door.main(boot))


if "_argv" in globals():
    start(_argv, _fd, _base, _index)  # type: ignore[name-defined]  # noqa: F821  (globals set by the launcher)
