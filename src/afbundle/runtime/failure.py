"""An exception as Airflow's log shows it, and as one line. Imported only when something failed."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

# Frames of a RecursionError repeat; the first and last ones tell the story.
_MOST_FRAMES = 50
_MOST_CAUSES = 20

# The runtime's own frames around a task say nothing to its author.
_OWN_MODULES = ("afbundle.runtime.", "afbundle.artifact.")


def one_line(error: BaseException) -> str:
    """Return ``Type: message`` of an exception, on one line."""
    name = type(error).__name__
    try:
        text = " ".join(str(error).split())
    except Exception as inner:  # noqa: BLE001  (a broken __str__ must not hide the failure)
        text = f"(its message cannot be shown: {type(inner).__name__})"
    return f"{name}: {text}" if text else name


def describe_exception(error: BaseException) -> list[dict[str, Any]]:
    """Return an exception and what led to it, in the form in which Airflow's log viewer shows tracebacks.

    Returns:
        A list of maps, outermost exception first, each with ``exc_type``, ``exc_value``, ``exc_notes``,
        ``syntax_error``, ``is_cause``,
        ``is_group``, ``exceptions`` and ``frames`` (``filename``, ``lineno``, ``name``); the shape that Airflow 3's own task logs
        have under ``error_detail``.
    """
    described: list[dict[str, Any]] = []
    seen: set[int] = set()
    current: BaseException | None = error
    is_cause = False
    while current is not None and id(current) not in seen and len(described) < _MOST_CAUSES:
        seen.add(id(current))
        members = getattr(current, "exceptions", None)
        is_group = isinstance(members, tuple) and all(isinstance(each, BaseException) for each in members)
        described.append(
            {
                "exc_type": type(current).__name__,
                "exc_value": _text_of(current),
                "exc_notes": [str(note) for note in getattr(current, "__notes__", ())],
                "syntax_error": _syntax_error(current),
                "is_cause": is_cause,
                "frames": _frames(current.__traceback__),
                "is_group": is_group,
                "exceptions": [describe_exception(each) for each in members] if is_group and members else [],
            }
        )
        if current.__cause__ is not None:
            current, is_cause = current.__cause__, True
        else:
            current, is_cause = (None if current.__suppress_context__ else current.__context__), False
    return described


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as inner:  # noqa: BLE001  (as in one_line)
        return f"(its message cannot be shown: {type(inner).__name__})"


def _syntax_error(error: BaseException) -> dict[str, Any] | None:
    if not isinstance(error, SyntaxError):
        return None
    return {
        "filename": error.filename or "?",
        "line": (error.text or "").rstrip("\n"),
        "lineno": error.lineno or 0,
        "offset": error.offset or 0,
        "msg": error.msg,
    }


def _frames(traceback: TracebackType | None) -> list[dict[str, Any]]:
    frames = []
    at_the_edge = True
    while traceback is not None:
        code = traceback.tb_frame.f_code
        module = traceback.tb_frame.f_globals.get("__name__", "")
        at_the_edge = at_the_edge and module.startswith(_OWN_MODULES)
        if not at_the_edge:
            frames.append({"filename": code.co_filename, "lineno": traceback.tb_lineno, "name": code.co_name})
        traceback = traceback.tb_next
    if len(frames) > _MOST_FRAMES:
        half = _MOST_FRAMES // 2
        frames = frames[:half] + frames[-half:]
    return frames
