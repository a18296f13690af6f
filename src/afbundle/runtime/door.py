"""The front door of every bundle: reads argv and the environment once, and picks what this process is to do.

In this order: print the metadata; speak the coordinator protocol (``--comm`` with ``--logs``); refuse go-plugin mode; show
the usage. A packed bundle enters through `main`, which connects to the supervisor before anything slow; a plain script
enters through `serve`, at the line where its author wrote it.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn, Protocol

    from afbundle.runtime.registry import Bundle, BundleProvider
    from afbundle.runtime.session import Session

    class Boot(Protocol):
        """What the launcher of a packed bundle hands over."""

        path: str
        index: dict[str, Any]

        def load_runtime(self) -> None:
            """Import what every task needs, quicker than one by one."""

        def prepare(self, log: Callable[[str, dict[str, Any]], None]) -> None:
            """Make the bundle's dependencies importable; slow on a cold start."""

        def run_entry(self) -> None:
            """Run the author's entry module as ``__main__``."""


# Go SDK v1.0.0-beta2, go-plugin handshake.
_PLUGIN_COOKIE = ("AIRFLOW_BUNDLE_MAGIC_COOKIE", "23C6AB18-91F9-4760-B3E8-328EF3C861AB")

_METADATA_FLAGS = ("--airflow-metadata", "--bundle-metadata", "--dump-bundle-spec")

_USAGE = """\
{program} is an Airflow bundle: Airflow starts it to run a task.

usage: {program} --comm=HOST:PORT --logs=HOST:PORT    run what the supervisor at these addresses sends
       {program} --airflow-metadata [--format yaml|json]    print its Dags and tasks

To run its tasks here, without Airflow:    afbundle run {program} DAG_ID
"""

# The connected session of this process, from the moment the door was passed until `serve` takes it.
_session: Session | None = None


class UsageError(Exception):
    """The command line makes no sense; the message says why."""


class Options:
    """The command line of a bundle, parsed.

    Raises:
        UsageError: an unknown or half-given option.
    """

    __slots__ = ("comm", "format", "logs", "metadata")

    def __init__(self, argv: Sequence[str]) -> None:
        self.metadata = False
        self.format: str | None = None
        self.comm: tuple[str, int] | None = None
        self.logs: tuple[str, int] | None = None
        arguments = list(argv)
        while arguments:
            flag, equals, value = arguments.pop(0).partition("=")
            if flag in _METADATA_FLAGS:
                self.metadata = True
                if flag != "--airflow-metadata":
                    self.format = "json"
                continue
            if flag not in ("--comm", "--logs", "--format"):
                raise UsageError(f"unknown argument {flag!r}")
            if not equals:
                if not arguments:
                    raise UsageError(f"{flag} needs a value")
                value = arguments.pop(0)
            if flag == "--comm":
                self.comm = _address(flag, value)
            elif flag == "--logs":
                self.logs = _address(flag, value)
            else:
                if value not in ("yaml", "json"):
                    raise UsageError(f"--format is yaml or json, got {value!r}")
                self.format = self.format or value
        if not self.metadata and (self.comm is None) != (self.logs is None):
            given, missing = ("--comm", "--logs") if self.logs is None else ("--logs", "--comm")
            raise UsageError(f"{given} is given without {missing}; the supervisor passes both")


def _address(flag: str, text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{flag} takes HOST:PORT, got {text!r}")
    return host.strip("[]"), int(port)


def main(boot: Boot) -> NoReturn:
    """Enter a packed bundle: connect first, then unpack, then run the author's entry module.

    Arguments:
        boot: the bundle's launcher.
    """
    global _session  # noqa: PLW0603  (one process, one session)
    from afbundle.runtime.ending import leave

    options = _options_or_exit(sys.argv[1:])
    if options.comm is None:
        _refuse_other_modes(options)
        boot.prepare(_to_stderr)
        boot.run_entry()
        _say("this bundle's entry ended without calling serve(); end it with `bundle.serve()`")
        leave(1)
    _session = _connect(options, boot.load_runtime)
    with _session.reporting_failures():
        boot.prepare(_session.log_progress)
        boot.run_entry()
        from afbundle.exceptions import AuthoringError

        raise AuthoringError("the bundle's entry ended without calling serve(); end it with `bundle.serve()`")
    leave(_session.exit_code)


def serve(provider: Bundle | BundleProvider, argv: Sequence[str] | None = None) -> NoReturn:
    """Do what the command line asks: run a task for Airflow, or print the metadata. Never returns.

    Arguments:
        provider: a `Bundle`, or an object with a `BundleProvider`'s two methods.
        argv: the arguments after the program's name; those of this process when left out.

    Raises:
        RegistrationError: the provider is neither, or its registrations are wrong.
    """
    from afbundle.runtime.ending import leave

    session = _session
    if session is None:
        options = _options_or_exit(sys.argv[1:] if argv is None else argv)
        if options.comm is None:
            _refuse_other_modes(options)
            from afbundle.runtime.metadata import print_metadata

            print_metadata(provider, options.format or "yaml")
            leave(0)
        session = _connect(options)
    with session.reporting_failures():
        from afbundle.runtime.registry import registry_of

        _info, registry = registry_of(provider)
        session.run(registry)
    leave(session.exit_code)


def _options_or_exit(argv: Sequence[str]) -> Options:
    try:
        return Options(argv)
    except UsageError as error:
        _say(str(error))
        sys.stderr.write(_USAGE.format(program=sys.argv[0]))
        raise SystemExit(2) from None


def _refuse_other_modes(options: Options) -> None:
    if options.metadata:
        return
    import posix

    name, cookie = _PLUGIN_COOKIE
    if posix.environ.get(name.encode()) == cookie.encode():
        _say(
            "go-plugin mode is not supported yet; run this bundle through Airflow's ExecutableCoordinator, or with `afbundle run`"
        )
        raise SystemExit(1)
    sys.stderr.write(_USAGE.format(program=sys.argv[0]))
    raise SystemExit(2)


def _connect(options: Options, load_runtime: Callable[[], None] = lambda: None) -> Session:
    """Dial the supervisor's two listeners; everything slow, the import of the runtime too, comes after this."""
    from _socket import AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY, socket

    connected = []
    for address in (options.comm, options.logs):
        assert address is not None  # noqa: S101  (both or none, see Options)
        connection = socket(AF_INET6 if ":" in address[0] else AF_INET, SOCK_STREAM)
        # Small frames that wait for each other's acknowledgement would cost 40 ms each.
        connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        try:
            connection.connect(address)
        except OSError as error:
            _say(
                f"cannot connect to the supervisor at {address[0]}:{address[1]} (--comm and --logs): {error}"
            )
            raise SystemExit(1) from None
        connected.append(connection)
    from afbundle.runtime.ending import start_watcher

    start_watcher()
    load_runtime()
    from afbundle.runtime.session import Session

    return Session.over(*connected)


def _to_stderr(event: str, fields: dict[str, Any]) -> None:
    _say(" ".join([event, *(f"{key}={value}" for key, value in fields.items())]))


def _say(text: str) -> None:
    sys.stderr.write(f"afbundle: {text}\n")
