"""What is secret, and that it does not get out."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afbundle.supervise import LogEvent, SecretMasker, parse_connection
from afbundle.supervise.masking import is_sensitive_name


@pytest.mark.parametrize(
    "name",
    ["password", "DB_PASSWORD", "apiKey", "x-api-key", "accessToken", "my secret", "AWS_SECRET_ACCESS_KEY", "gcp_keyfile_dict"],
)  # fmt: skip
def test_sensitive_names(name: str) -> None:
    assert is_sensitive_name(name)


@pytest.mark.parametrize("name", ["user", "region", "monkey", "host"])
def test_other_names(name: str) -> None:
    assert not is_sensitive_name(name)


@given(st.text(min_size=3), st.text(), st.text())
def test_no_secret_is_left_in_a_text(secret: str, before: str, after: str) -> None:
    if secret.lower() in ("true", "false", "none", "null", "airflow") or secret in "***":
        return
    masker = SecretMasker()
    masker.add(secret)
    assert secret not in masker.text(f"{before}{secret}{after}").replace("***", "\0")


def test_a_secret_is_found_in_every_form_it_is_written_in() -> None:
    masker = SecretMasker()
    masker.add('p/w "1"\n')
    for text in (
        'p/w "1"\n',
        "p%2Fw%20%221%22%0A",
        "p%2Fw+%221%22%0A",
        '"p/w \\"1\\"\\n"',
        repr('p/w "1"\n'),
    ):
        assert "w" not in masker.text(text)


def test_a_secret_may_be_any_text() -> None:
    masker = SecretMasker()
    masker.add_connection(
        parse_connection("a", '{"conn_type": "x", "extra": {"token": "lone \\ud800 half"}}')
    )
    assert masker.text("a lone \ud800 half") == "a ***"
    masker.add('größe "1"')
    assert (
        masker.text(json.dumps('größe "1"'))
        == masker.text(json.dumps('größe "1"', ensure_ascii=False))
        == '"***"'
    )


def test_the_lines_of_a_key_are_secrets_one_by_one() -> None:
    masker = SecretMasker()
    masker.add("-----BEGIN KEY-----\nMIIEpAIBAA\nKCAQEA7\n")
    assert masker.text("MIIEpAIBAA") == masker.text("KCAQEA7") == "***"


def test_a_secret_inside_another_one_does_not_uncover_it() -> None:
    masker = SecretMasker()
    masker.add("word")
    masker.add("password1")
    assert masker.text("password1 word") == "*** ***"


def test_secrets_that_overlap_leave_nothing_of_each_other() -> None:
    masker = SecretMasker()
    masker.add("abcdef")
    masker.add("defghi")
    masker.add("xyxyx")
    assert masker.text("1 abcdefghi 2 xyxyxyx 3") == "1 *** 2 *** 3"


def test_only_values_of_sensitive_names_are_secret_in_a_mapping() -> None:
    masker = SecretMasker()
    masker.add(
        {"region": "lisbon", "auth": {"token": ["first-token", {"v": "second-token"}]}, "password": 123456}
    )
    assert masker.text("lisbon first-token second-token 123456") == "lisbon *** *** ***"


def test_a_name_decides_over_a_value() -> None:
    masker = SecretMasker()
    masker.add("not-secret", "place")
    masker.add("is-secret", "api_token")
    assert masker.text("not-secret is-secret") == "not-secret ***"


def test_variables_are_secret_by_their_key_or_by_the_keys_in_their_json() -> None:
    masker = SecretMasker()
    masker.add_variable("api_key", "key-1234")
    masker.add_variable("config", '[{"password": "pw-1234", "host": "host-1234"}]')
    masker.add_variable("place", "lisbon")
    masker.add_variable("broken", "{not json")
    masker.add_variable("empty_token", None)
    assert masker.text("key-1234 pw-1234 host-1234 lisbon {not json") == "*** *** host-1234 lisbon {not json"


def test_connections_are_secret_in_their_password_and_sensitive_extras() -> None:
    masker = SecretMasker()
    masker.add_connection(parse_connection("a", "http://me:pw-1234@host/?region=lisbon&token=tk-1234"))
    masker.add_connection(parse_connection("b", '{"conn_type": "x", "extra": "free text-1234"}'))
    assert masker.text("me host lisbon pw-1234 tk-1234") == "me host lisbon *** ***"
    assert masker.text("free text-1234") == "***"


def test_events_are_masked_in_text_and_fields() -> None:
    masker = SecretMasker()
    masker.add("secret-1")
    masker.add({"pin_secret": 271828})
    stamp = datetime.now(timezone.utc)
    event = LogEvent(
        "a secret-1", "info", stamp, "log", {"k secret-1": ["x", {"y": "secret-1"}], "n": 271828, "m": 3}
    )
    assert masker.event(event) == LogEvent(
        "a ***", "info", stamp, "log", {"k ***": ["x", {"y": "***"}], "n": "***", "m": 3}
    )


@pytest.mark.parametrize("secret", ["", "x", "ab", "true", "None"])
def test_what_is_too_short_or_too_common_is_no_secret(secret: str) -> None:
    masker = SecretMasker()
    masker.add(secret)
    assert masker.text("x ab true None") == "x ab true None"
