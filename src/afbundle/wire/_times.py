"""Dates and durations as ISO 8601 text, for the few places where the wire has them.

The schemas call every date ``date-time`` text, but Airflow's supervisor sends MessagePack timestamps; text is what
other producers of the schema may send. Durations do travel as text both ways: ``PT5S``, ``P1DT61.5S`` (observed in
task-sdk 1.3.2 and 1.4.0b2, supervisor schemas 2026-06-16 and 2026-10-30).
"""

from __future__ import annotations

from afbundle.wire.msgpack import datetime_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime, timedelta

__all__ = ["format_duration", "parse_datetime", "parse_duration"]

_SECONDS = {"W": 604_800, "D": 86_400, "H": 3600, "M": 60, "S": 1}


def parse_datetime(text: str) -> datetime:
    """Return the aware datetime that ``text`` names; raises ValueError when it is none or has no time zone."""
    if text[-1:] in "Zz":  # understood by fromisoformat only from Python 3.11 on
        text = f"{text[:-1]}+00:00"
    moment: datetime = datetime_module().datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a date without a time zone")
    return moment


def format_duration(duration: timedelta) -> str:
    """Return ``duration`` in days and seconds, the form that Airflow's supervisor writes."""
    sign, duration = ("-", -duration) if duration.days < 0 else ("", duration)
    seconds = f"{duration.seconds}.{duration.microseconds:06}".rstrip("0").rstrip(".")
    days = f"{duration.days}D" if duration.days else ""
    time = f"T{seconds}S" if duration.seconds or duration.microseconds or not days else ""
    return f"{sign}P{days}{time}"


def parse_duration(text: str) -> timedelta:
    """Return the duration that ``text`` names, from weeks to seconds; raises ValueError when it is none."""
    unsigned = text.lstrip("+-")
    date, designator, time = unsigned.removeprefix("P").partition("T")
    if unsigned[:1] != "P" or not (date or time) or bool(designator) != bool(time):
        raise ValueError("not an ISO 8601 duration")
    total = datetime_module().timedelta()
    for part, designators in ((date, "WD"), (time, "HMS")):
        number = ""
        units = designators  # what may still follow: each once, in this order
        for character in part:
            if character in units:
                total += datetime_module().timedelta(seconds=float(number) * _SECONDS[character])
                number = ""
                units = units[units.index(character) + 1 :]
            elif character in "0123456789.":
                number += character
            else:
                raise ValueError("not an ISO 8601 duration")
        if number:
            raise ValueError("not an ISO 8601 duration")
    duration: timedelta = -total if text[0] == "-" else total
    return duration
