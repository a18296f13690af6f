"""Secrets stay out of log records, stdout and stderr, however they are written."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import textwrap
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afbundle.runtime.masking import Masker, is_sensitive

# A small alphabet makes secrets overlap, repeat and begin inside each other. Stars are left out: masking itself writes them.
LETTERS = "abA\n "
secrets_lists = st.lists(st.text(LETTERS, min_size=5, max_size=9), min_size=1, max_size=4)


@st.composite
def secrets_and_pieces(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Some secrets, and a text that is likely to hold them, cut into pieces anywhere."""
    secrets = draw(secrets_lists)
    text = "".join(
        draw(st.lists(st.one_of(st.text(LETTERS, max_size=6), st.sampled_from(secrets)), max_size=8))
    )
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return secrets, [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def masker_of(*secrets: object) -> Masker:
    masker = Masker()
    for secret in secrets:
        masker.add(secret)
    return masker


@given(secrets_and_pieces())
def test_no_secret_survives_masking_of_a_text(case: tuple[list[str], list[str]]) -> None:
    secrets, pieces = case
    text = "".join(pieces)
    hidden = [False] * len(text)
    for secret in secrets:
        for at in range(len(text) - len(secret) + 1):
            if text.startswith(secret, at):
                hidden[at : at + len(secret)] = [True] * len(secret)

    masked = masker_of(*secrets).mask(text)

    assert not any(secret in masked for secret in secrets)
    # What belongs to no secret stays, in order.
    visible = "".join(char for char, gone in zip(text, hidden, strict=True) if not gone)
    assert masked.replace("***", "") == visible


@given(secrets_and_pieces(), st.booleans())
def test_a_stream_writes_the_same_for_any_split_even_when_flushed(
    case: tuple[list[str], list[str]], flushes: bool
) -> None:
    secrets, pieces = case
    masker = masker_of(*secrets)
    target = io.StringIO()
    stream = masker.wrap_stream(target)
    for piece in pieces:
        assert stream.write(piece) == len(piece)
        if flushes:
            stream.flush()
        assert not any(secret in target.getvalue() for secret in secrets)
    masker.release()
    assert target.getvalue() == masker.mask("".join(pieces))


@given(secrets_and_pieces())
def test_the_bytes_under_a_stream_are_masked_too(case: tuple[list[str], list[str]]) -> None:
    secrets, pieces = case
    masker = masker_of(*secrets)
    raw = io.BytesIO()
    stream = masker.wrap_stream(io.TextIOWrapper(raw, "utf-8", newline="", write_through=True))
    for piece in pieces:
        assert stream.buffer.write(memoryview(piece.encode())) == len(piece)
    masker.release()
    assert raw.getvalue().decode() == masker.mask("".join(pieces))


@pytest.mark.parametrize(
    "secret",
    ["pass word/with:odd@signs?", 'quo"te\\back', "ümläut-€", "two\nlines", 'it\'s "both"', "emoji🔑key"],
)
def test_a_secret_is_masked_in_every_usual_spelling(secret: str) -> None:
    masker = masker_of(secret)
    for spelling in (
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    ):
        assert masker.mask(f"<{spelling}>") == "<***>", spelling


def test_secrets_that_overlap_leave_no_rest_of_either() -> None:
    assert masker_of("abcdef", "defghi").mask("-abcdefghi-") == "-***-"


def test_a_longer_secret_is_hidden_whole_when_a_shorter_one_comes_first() -> None:
    target = io.StringIO()
    stream = masker_of("token", "token-of-love").wrap_stream(target)
    stream.write("the token")
    stream.write("-of-love!\n")
    assert target.getvalue() == "the ***!\n"


def test_short_secrets_and_the_word_airflow_are_not_masked() -> None:
    assert masker_of("1234", "airflow", "Airflow", "").mask("1234 airflow Airflow") == "1234 airflow Airflow"


def test_a_name_decides_whether_a_value_is_secret() -> None:
    masker = Masker()
    masker.add("visible-value", "region")
    masker.add("hidden-value", "MyApiKey")
    assert masker.mask("visible-value hidden-value") == "visible-value ***"


def test_a_dict_is_searched_by_its_keys_and_everything_below_a_sensitive_one_is_secret() -> None:
    masker = Masker()
    masker.add(
        {"region": "eu-central", "keyfile_dict": {"id": "inner-secret", "list": ["deep-secret"]}, "token": 5}
    )
    assert masker.mask("eu-central inner-secret deep-secret") == "eu-central *** ***"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("password", True),
        ("DB_PASSWORD", True),
        ("privateKey", True),
        ("APIKey", True),
        ("my-api-key", True),
        ("my api..key", True),
        ("webhookUrl", True),
        ("dsn", True),
        ("host", False),
        ("keyring", False),
        ("pass word", False),
        (7, False),
        (None, False),
    ],
)
def test_sensitive_names(name: object, expected: bool) -> None:
    assert is_sensitive(name) is expected


def test_names_from_airflows_configuration_are_sensitive_too() -> None:
    code = "from afbundle.runtime.masking import is_sensitive as s; print(s('MyColour'), s('my_shape'), s('other'), s('token'))"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES": "Colour, shape"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown == "True True False True\n"


class Broken:
    """An object that cannot be shown."""

    def __str__(self) -> str:
        raise ValueError("hunter-22")


class Shown:
    """An object that shows a secret."""

    def __str__(self) -> str:
        return "I know hunter-22"


def test_a_records_fields_are_masked_by_key_and_by_content() -> None:
    masker = masker_of("hunter-22")
    record = {
        "event": "login with hunter-22",
        "password": "anything",
        "retries": 3,
        "nested": [{"token": {"deep": ["x", 1]}}, ("hunter-22", None)],
        "hunter-22": "as a key",
        "who": Shown(),
        "broken": Broken(),
    }
    assert masker.mask_value(record) == {
        "event": "login with ***",
        "password": "***",
        "retries": 3,
        "nested": [{"token": {"deep": ["***", 1]}}, ["***", None]],
        "***": "as a key",
        "who": "I know ***",
        "broken": "<Broken that cannot be shown: ValueError>",
    }


def test_a_value_that_contains_itself_is_cut() -> None:
    value: list[object] = ["hunter-22"]
    value.append(value)
    masked = masker_of("hunter-22").mask_value(value)
    assert masked[0] == "***"
    assert "hunter" not in repr(masked)


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, timeout=30
    )


def test_stdout_and_stderr_are_guarded_from_the_first_secret_on() -> None:
    done = run_python(
        """
        import logging, sys, traceback
        from afbundle.runtime.masking import Masker
        early = sys.stdout
        handler = logging.StreamHandler()  # holds sys.stderr itself
        logging.getLogger().addHandler(handler)
        masker = Masker()
        masker.guard_stdio()
        assert sys.stdout is early  # costs nothing yet
        print("before hunter-22")
        masker.add("hunter-22")
        print("after hunter-22")
        print("through an old reference hunter-22", file=early)
        sys.stdout.flush()
        sys.stdout.buffer.write(b"bytes hunter-22\\n")
        sys.stdout.writelines(["lines hun", "ter-22\\n"])
        logging.warning("logged hunter-22")
        try:
            raise ValueError("raised hunter-22")
        except ValueError:
            traceback.print_exc()
        print("tail hunter", end="", flush=True)
        """
    )
    assert done.stdout.splitlines() == [
        "before hunter-22",
        "after ***",
        "through an old reference ***",
        "bytes ***",
        "lines ***",
        "tail hunter",
    ]
    assert "logged ***" in done.stderr
    assert "ValueError: raised ***" in done.stderr
    assert "hunter-22" not in done.stderr


def test_a_secret_fetched_before_the_guard_is_masked_as_well() -> None:
    done = run_python(
        """
        from afbundle.runtime.masking import Masker
        masker = Masker()
        masker.add("hunter-22")
        masker.guard_stdio()
        print("hunter-22")
        """
    )
    assert done.stdout == "***\n"


def test_a_wrapped_stream_is_still_a_stream() -> None:
    target = io.TextIOWrapper(io.BytesIO(), "utf-8")
    stream = masker_of("hunter-22").wrap_stream(target)
    assert stream.encoding == "utf-8"
    assert stream.writable()
    with pytest.raises(TypeError, match="must be str, not bytes"):
        stream.write(b"x")  # type: ignore[arg-type]
    with stream:
        stream.write("hunter")
    assert target.closed
    stream.close()  # closing twice is harmless, as for any stream
