"""Secrets in texts: whole, encoded, quoted, cut out of every error, log line and representation."""

from __future__ import annotations

import base64
import io
import json
import logging
import traceback
from urllib.parse import quote, quote_plus

import pytest

from rl_rewards import Reward, Rubric, Sample, reward_function
from rl_rewards.redaction import Secret, logger_for, redact, redact_known, secret_from_environment, without_secrets
from rl_rewards.reward import RewardError
from rl_rewards.types import EvaluateResult, Outcome, describe

KEY = 'p4ss+w/rd="x&y'  # characters that every encoding writes in another way
Secret(KEY)

FORMS = {
    "as it is": KEY,
    "in a header": f"Bearer {KEY}",
    "in a URL": quote(KEY, safe=""),
    "in a path": quote(KEY),
    "in a query": quote_plus(KEY),
    "in lower case hexadecimal": quote(KEY, safe="").lower(),
    "every byte escaped": "".join(f"%{byte:02X}" for byte in KEY.encode()),
    "in JSON": json.dumps({"key": KEY}),
    "in a JSON text of JSON": json.dumps(KEY),
    "in repr": repr(KEY),
    "in repr of bytes": repr(f"Bearer {KEY}\r".encode()),
    "in base64": base64.b64encode(KEY.encode()).decode(),
    "in base64 of user and password": base64.b64encode(f"me:{KEY}".encode()).decode(),
    "in base64 of a longer user": base64.b64encode(f"user:{KEY}:".encode()).decode(),
    "in base64 of one byte more": base64.b64encode(f"user1:{KEY}".encode()).decode(),
    "in base64 for URLs": base64.urlsafe_b64encode(KEY.encode()).decode(),
    "in hexadecimal": KEY.encode().hex(),
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("show", [redact, redact_known])
def test_a_known_secret_is_found_in_every_spelling(text: str, show: object) -> None:
    shown = show(f"before {text} after")
    assert shown.startswith("before ") and shown.endswith(" after") and "***" in shown
    assert not any(part in shown for part in (KEY, "p4ss", base64.b64encode(KEY.encode()).decode()[4:12], KEY.encode().hex()[:12]))


SHAPES = [
    ("Authorization: Bearer abcdefgh", "Authorization: Bearer ***"),
    ("'authorization': 'Basic dXNlcjpwYXNz'", "'authorization': 'Basic ***'"),
    ("http://me:hunter2@host/path", "http://me:***@host/path"),
    ("http://host/?token=abcd1234&page=2", "http://host/?token=***&page=2"),
    ("http://host/?api_key=abcd1234#top", "http://host/?api_key=***#top"),
    ("http://host/?x=1&access_token=abcd1234", "http://host/?x=1&access_token=***"),
    ("Incorrect API key provided: sk-proj-abcdefghijklmnop1234", "Incorrect API key provided: ***"),
    ("hf_abcdefghijklmnopqrstuvwxyz012345 is not valid", "*** is not valid"),
    ("expected a list of 2 tokens, got 'monkey'", "expected a list of 2 tokens, got 'monkey'"),
    ("the key of the answer is missing", "the key of the answer is missing"),
    ("task-sk-1 timed out: no result within 5 s", "task-sk-1 timed out: no result within 5 s"),
]


@pytest.mark.parametrize(("text", "shown"), SHAPES)
def test_what_looks_like_a_key_is_hidden_and_other_words_are_not(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_a_reason_holds_no_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_API_KEY", "correct horse")

    @reward_function
    def judged(response: str) -> EvaluateResult:
        return EvaluateResult(1.0, f"{response}: the server got 'correct horse'")

    result = Rubric((Reward("judged", judged),)).evaluate([Sample("q", "a", "a", {})]).columns["judged"].results[0]
    assert (result.score, result.reason) == (1.0, "a: the server got '***'")


def test_values_of_variables_named_like_secrets_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVICE_PASSWORD", "correct horse")
    monkeypatch.setenv("WORD_OF_THE_DAY", "battery staple")
    assert redact("got 'correct horse', 'battery staple'") == "got '***', 'battery staple'"


ADDED = ["{}", "{}\n", "{}\r\n", " {} ", "\t{}", "\ufeff{}", '"{}"', "'{}'", '"{}"\r\n', "\ufeff'{}' \n", '" {} "', "\ufeff {}", "\u200b{}"]


@pytest.mark.parametrize("added", ADDED)
def test_what_an_env_file_adds_is_removed(added: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", added.format("sekret-'1234"))
    assert secret_from_environment("MY_KEY", "api_key_env").reveal() == "sekret-'1234"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "is not set"),
        ("", "nothing but white space"),
        (" \r\n", "nothing but white space"),
        ('""', "nothing but white space"),
        ("sekret\n1234", r"U\+000A as character 7"),
        ("sekret 1234", r"U\+0020 as character 7"),
        ("sekret\r1234", r"U\+000D as character 7"),
        ("sekret\u200b1234", r"U\+200B as character 7"),
        ("sekrét-1234", r"U\+00E9 as character 5"),
    ],
)
def test_a_key_that_no_header_takes_is_refused_without_showing_it(value: str | None, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(ValueError, match=message) as refusal:
        secret_from_environment("MY_KEY", "api_key_env")
    assert "1234" not in str(refusal.value) and "MY_KEY" in str(refusal.value)


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret("very-secret-1")
    assert secret.reveal() == "very-secret-1"
    for text in (repr(secret), str(secret), f"{secret}", repr([secret]), "%s" % secret):  # noqa: UP031
        assert "very-secret-1" not in text
    assert secret == Secret("very-secret-1") != Secret("very-secret-2")


def test_results_and_descriptions_hide_secrets() -> None:
    failure = EvaluateResult.failure(Outcome.ERROR, f"sent {KEY}")
    assert (failure.error, failure.reason) == ("sent ***", "sent ***")
    assert EvaluateResult(None, error=f"sent {KEY}").error == "sent ***"
    assert describe(ValueError(f"sent {KEY}")) == "ValueError: sent ***"


@reward_function
def leaking(response: str):
    try:
        raise KeyError(KEY)
    except KeyError as cause:
        raise ValueError("the call failed") from cause


def test_the_exception_behind_a_failure_hides_secrets_and_keeps_its_place(caplog: pytest.LogCaptureFixture) -> None:
    reward = Reward("leaking", leaking, on_error="raise")
    with pytest.raises(RewardError) as stopped:
        Rubric((reward,)).evaluate([Sample("q", "a", "a")])
    with caplog.at_level(logging.WARNING):
        Rubric((Reward("leaking", leaking),)).evaluate([Sample("q", "a", "a")])
    for text in ("".join(traceback.format_exception(stopped.value)), caplog.text):
        assert "p4ss" not in text and "the call failed" in text
    assert "in leaking" in "".join(traceback.format_exception(stopped.value))


def test_an_exception_without_secrets_stays_itself() -> None:
    error = ExceptionGroup("several", [ValueError("one")])
    assert without_secrets(error) is error
    assert "p4ss" not in repr(without_secrets(ExceptionGroup("several", [ValueError(KEY)])))


def test_log_lines_and_tracebacks_hide_secrets() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logger_for("rl_rewards.test_redaction")
    assert logger_for("rl_rewards.test_redaction").filters == logger.filters
    logger.addHandler(handler)
    try:
        logger.warning("sent %s", KEY)
        try:
            try:
                raise KeyError(KEY)
            except KeyError as cause:
                raise ValueError(f"Illegal header value b'Bearer {KEY}'") from cause
        except ValueError:
            logger.exception("a call failed")
    finally:
        logger.removeHandler(handler)
    text = stream.getvalue()
    assert "p4ss" not in text and "sent ***" in text and "ValueError: Illegal header value b'Bearer ***'" in text and "test_redaction.py" in text


def test_half_a_surrogate_pair_in_a_message_or_an_error_reaches_a_log_file(tmp_path):
    logger, handler = logger_for("rl_rewards.test_surrogates"), logging.FileHandler(tmp_path / "log.txt", encoding="utf-8")
    logger.addHandler(handler)
    try:
        raise ValueError("bad \ud800")
    except ValueError:
        logger.warning("the answer %s failed", "\udfff", exc_info=True)
    finally:
        logger.removeHandler(handler)
        handler.close()
    written = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert r"the answer \udfff failed" in written and r"ValueError: bad \ud800" in written
