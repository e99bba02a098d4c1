"""Retries within a deadline, and the circuit breaker."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from rl_rewards.runtime.calling.breaker import CircuitBreaker
from rl_rewards.runtime.calling.errors import CallError, RetryableError
from rl_rewards.runtime.calling.http import retry_after
from rl_rewards.runtime.calling.limits import CallLimits
from rl_rewards.runtime.calling.retries import with_retries
from rl_rewards.types import Outcome


def call(*attempts: Any, timeout: float = 30.0, retries: int = 4, breaker: CircuitBreaker | None = None) -> Any:
    """The outcome of attempts that return or raise one thing after the other, and how many were made."""
    left, made = list(attempts), []

    async def attempt() -> Any:
        made.append(1)
        result = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(result, Exception):
            raise result
        return await result if asyncio.iscoroutine(result) else result

    limits = CallLimits(timeout, retries, backoff=0.0)
    try:
        return asyncio.run(with_retries(attempt, limits, "http://server", breaker)), len(made)
    except CallError as error:
        return error, len(made)


def test_an_attempt_that_fails_is_repeated_until_one_succeeds() -> None:
    assert call(RetryableError("one"), RetryableError("two"), "reply") == ("reply", 3)


def test_the_last_failure_is_told_with_the_number_of_attempts() -> None:
    error, made = call(RetryableError("HTTP 503"), retries=2)
    assert (str(error), error.outcome, made) == ("http://server failed 3 times, last with HTTP 503", Outcome.ERROR, 3)


def test_a_refusal_is_not_repeated() -> None:
    error, made = call(CallError(Outcome.ERROR, "no"))
    assert (str(error), made) == ("no", 1)


def test_an_attempt_that_runs_out_of_time_is_not_repeated() -> None:
    error, made = call(asyncio.sleep(60), timeout=0.5)
    assert (error.outcome, made) == (Outcome.TIMEOUT, 1) and "within 0.5 s" in str(error)


@pytest.mark.parametrize("seconds", [6.0, 30.0, 999999999.0, 1e18])
def test_a_server_that_asks_to_wait_past_the_deadline_is_given_up_at_once(seconds: float) -> None:
    error, made = call(RetryableError("HTTP 429", seconds), "reply", timeout=5.0)
    assert made == 1 and f"asks to wait {seconds:g} s; no time is left of 5 s" in str(error)


def test_all_attempts_share_one_deadline() -> None:
    async def slow() -> None:
        await asyncio.sleep(0.04)
        raise RetryableError("slow")

    made = []

    async def attempt() -> None:
        made.append(1)
        await slow()

    with pytest.raises(CallError) as caught:
        asyncio.run(with_retries(attempt, CallLimits(0.1, 1000, 0.0), "http://server"))
    assert len(made) <= 3 and "0.1 s" in str(caught.value)


def test_waits_double_up_to_a_bound_and_are_shortened_at_random() -> None:
    limits = CallLimits(timeout=100.0, retries=99, backoff=0.5)
    for attempt, longest in [(1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0), (9, 30.0), (5000, 30.0)]:
        waits = [limits.wait(attempt) for _ in range(50)]
        assert longest / 2 <= min(waits) and max(waits) <= longest and len(set(waits)) > 1


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("7", 7, 7),
        (" 7 ", 7, 7),
        ("0", 0, 0),
        ("9" * 5000, 1e17, 1e18),
        (timedelta(seconds=3600), 3500, 3600),
        (timedelta(days=-3), 0, 0),
    ],
    ids=["seconds", "spaces", "zero", "ages", "in an hour", "three days ago"],
)
def test_retry_after_is_seconds_or_a_date(value: str | timedelta, low: float, high: float) -> None:
    seconds = retry_after(value if isinstance(value, str) else format_datetime(datetime.now(UTC) + value, usegmt=True))
    assert seconds is not None and low <= seconds <= high


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "nan", "inf", "1e9", "\u0667", "Wed, 99 Foo 2026"])
def test_a_retry_after_of_another_form_is_none(value: str) -> None:
    assert retry_after(value) is None


def test_a_breaker_opens_after_failures_and_lets_one_call_try_later() -> None:
    now = [0.0]
    breaker = CircuitBreaker(failures=2, seconds=10.0, clock=lambda: now[0])
    down = RetryableError("down")
    assert call(down, retries=0, breaker=breaker)[1] == 1
    assert call("reply", breaker=breaker) == ("reply", 1)
    assert [call(down, retries=0, breaker=breaker)[1] for _ in range(4)] == [1, 1, 0, 0]
    error, _ = call("reply", breaker=breaker)
    assert "the last 2 calls of this server failed; tried again in 10 s" in str(error)
    now[0] = 11.0
    breaker.check()
    assert call("reply", breaker=breaker)[1] == 0  # while the first one tries
    breaker.record(works=True)
    assert call("reply", breaker=breaker) == ("reply", 1)


@pytest.mark.parametrize(
    "failure",
    [CallError(Outcome.ERROR, "too long", of_the_input=True), CallError(Outcome.ERROR, "who are you?"), RetryableError("HTTP 429", busy=True)],
)
def test_a_server_that_works_and_refuses_does_not_open_a_breaker(failure: Exception) -> None:
    breaker = CircuitBreaker(failures=1)
    call(failure, retries=0, breaker=breaker)
    assert call("reply", breaker=breaker) == ("reply", 1)


def test_a_call_that_runs_out_of_time_does_not_open_a_breaker() -> None:
    breaker = CircuitBreaker(failures=1)
    call(asyncio.sleep(60), timeout=0.2, breaker=breaker)
    assert call("reply", breaker=breaker) == ("reply", 1)


def test_a_breaker_of_no_failures_is_refused() -> None:
    with pytest.raises(ValueError, match="failures must be at least 1, got 0"):
        CircuitBreaker(failures=0)
