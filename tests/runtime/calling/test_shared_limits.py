"""Rates, costs and caches, in one process and over several."""

from __future__ import annotations

import subprocess
import sys

import pytest
from test_chat import ask, model

from rl_rewards.runtime.calling.chat import ChatModel
from rl_rewards.runtime.calling.numbers import OwnNumbers, SharedFile, SharedFileError
from rl_rewards.runtime.calling.rates import Rates
from rl_rewards.runtime.calling.spending import OverBudgetError, Spending

PRICE = {"prompt": 1000.0, "completion": 1000.0}  # 0.11 a call of the server's 110 tokens


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def starts(rates, clock, requests, tokens=0.0):
    """When each of some requests begins that are made one after the other, each once the one before began."""
    found = []
    for _ in range(requests):
        clock.now += rates.reserve(tokens)
        found.append(clock.now - 1000.0)
    return found


@pytest.mark.parametrize("numbers", ["own", "file"])
@pytest.mark.parametrize(
    ("limits", "tokens", "expected"),
    [
        ({"requests": 60}, 0, [0, 1, 2, 3]),
        ({"requests": 240}, 0, [0, 0, 0, 0, 0.25, 0.5]),
        ({"requests": 30}, 0, [0, 2, 4]),
        ({"tokens": 6000}, 50, [0, 0, 0, 0.5, 1.0]),
        ({"tokens": 6000}, 1000, [0, 9, 19, 29]),  # larger than the bucket: the next one waits for it
        ({"requests": 60, "tokens": 60_000}, 10, [0, 1, 2]),
    ],
)
def test_requests_begin_when_their_buckets_allow(tmp_path, numbers, limits, tokens, expected):
    clock = Clock()
    rates = Rates(OwnNumbers() if numbers == "own" else SharedFile(tmp_path / "ledger"), "m", clock=clock, **limits)
    assert starts(rates, clock, len(expected), tokens) == pytest.approx(expected, abs=1e-4)


def test_an_hour_of_requests_keeps_the_rate_in_every_minute():
    clock = Clock()
    begun = starts(Rates(OwnNumbers(), "m", requests=100, clock=clock), clock, 1000)
    assert max(sum(start <= other < start + 60 for other in begun) for start in begun) <= 102  # and a second's worth


def test_tokens_that_were_not_used_are_given_back():
    clock = Clock()
    rates = Rates(OwnNumbers(), "m", tokens=6000, clock=clock)
    rates.reserve(1000)
    rates.correct(-900)
    assert rates.reserve(1) == 0


def test_a_budget_is_never_passed_by_calls_side_by_side():
    spending = Spending(OwnNumbers(), most=1.0)
    spending.reserve(0.6)
    with pytest.raises(OverBudgetError, match=r"0\.6000 of max_cost 1 is spent or reserved, and this call may cost up to 0\.5000"):
        spending.reserve(0.5)
    spending.settle(0.6, 0.2, prompt_tokens=7, completion_tokens=3)
    spending.reserve(0.8)
    assert spending.sums() == {"calls": 1, "prompt_tokens": 7, "completion_tokens": 3, "cost": pytest.approx(0.2)}
    with pytest.raises(OverBudgetError):
        spending.reserve(0.01)


def test_a_model_stops_when_its_money_is_spent(chat_server):
    url = chat_server.url()
    replies = ask(model(url, price=PRICE, max_cost=1.0, max_tokens=80, concurrency=1), *[f"SAY:{number}:YAS" for number in range(30)])
    refused = [reply for reply in replies if isinstance(reply, Exception)]
    assert 7 <= chat_server.seen(url)["requests"] == 30 - len(refused) <= 9
    assert all("max_cost 1" in str(error) for error in refused)


def test_failed_calls_cost_nothing_and_cached_ones_neither(chat_server):
    url = chat_server.url("down")
    made = model(url, price=PRICE, max_cost=100.0)
    ask(made)
    assert made.spending.sums()["cost"] == 0
    made = model(chat_server.url(), price=PRICE, max_cost=100.0)
    first, second = ask(made)[0], ask(made)[0]
    assert (first.cached, second.cached, second.cost, second.text) == (False, True, 0.0, "yes")
    assert made.spending.sums() == {"calls": 1, "prompt_tokens": 100, "completion_tokens": 10, "cost": pytest.approx(0.11)}


def test_a_reply_that_is_not_kept_is_asked_for_again(chat_server):
    url = chat_server.url()
    made = model(url)
    for _ in range(2):
        ask(made, keep=lambda reply: False)
    assert chat_server.seen(url)["requests"] == 2


@pytest.mark.parametrize("change", [{"temperature": 1.0}, {"seed": 1}, {"max_tokens": 5}, {"extra_body": {"top_k": 1}}, {"name": "other"}])
def test_another_sampling_setting_is_another_reply(chat_server, change):
    url = chat_server.url()
    ask(model(url))
    ask(ChatModel(**{"name": "m", "base_url": url, **change}))
    assert chat_server.seen(url)["requests"] == 2


CALL = """
import asyncio, sys
from rl_rewards.runtime.calling.chat import ChatModel
url, folder, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
model = ChatModel("m", base_url=url, price={"prompt": 1000.0, "completion": 1000.0}, max_tokens=80, requests_per_minute=600.0,
    max_cost=2.0, ledger=folder + "/ledger.sqlite", cache=folder + "/cache.sqlite")
async def main():
    calls = (model.complete([{"role": "user", "content": f"SAY:{n}:YAS"}]) for n in range(first, first + count))
    replies = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(r, Exception) and "max_cost" in str(r) or r.text == str(n) for n, r in enumerate(replies, first)), replies
    print(sum(not isinstance(r, Exception) and not r.cached for r in replies), sum(getattr(r, "cached", False) for r in replies))
asyncio.run(main())
"""


def test_processes_and_later_runs_share_rate_budget_and_cache(chat_server, tmp_path):
    url = chat_server.url()
    ranks = [
        subprocess.Popen([sys.executable, "-c", CALL, url, str(tmp_path), str(100 * rank), "15"], stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    paid = [int(rank.communicate()[0].split()[0]) for rank in ranks]
    resumed = subprocess.run([sys.executable, "-c", CALL, url, str(tmp_path), "0", "15"], capture_output=True, text=True, check=True)
    again, cached = map(int, resumed.stdout.split())
    seen = chat_server.seen(url)
    assert seen["requests"] == sum(paid) + again and cached == paid[0]
    assert sum(paid) + again <= 2.0 / 0.11


def test_two_who_share_a_file_keep_one_rate(tmp_path):
    clock = Clock()
    one, other = (Rates(SharedFile(tmp_path / "ledger"), "m", requests=60, clock=clock) for _ in range(2))
    waits = [rates.reserve(0) for rates in (one, other, one, other)]
    assert waits == pytest.approx([0, 1, 2, 3])


@pytest.mark.parametrize("content", [b"not a database at all, but a text of some length" * 30])
def test_a_file_of_another_kind_is_named(tmp_path, content):
    file = tmp_path / "ledger"
    file.write_bytes(content)
    with pytest.raises(SharedFileError, match=f"{file} must be a file that calls can share"), SharedFile(file).change():
        pass


def test_a_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SharedFileError, match="its directory must be there"), SharedFile(tmp_path / "none" / "ledger").change():
        pass


def test_sums_of_a_budget_go_with_a_checkpoint_where_no_ledger_keeps_them(chat_server):
    made = model(chat_server.url(), price=PRICE, max_cost=9.0)
    ask(made)
    resumed = model(chat_server.url(), price=PRICE, max_cost=9.0)
    resumed.load_state_dict(made.state_dict())
    assert resumed.state_dict()["cost"] == pytest.approx(0.11)
    assert model(chat_server.url()).state_dict() == {}
