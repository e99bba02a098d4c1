"""recipes/booking.py: requests, and the booking that each asks for."""

import json
from pathlib import Path

import pytest

from recipes import booking
from rl_rewards import Sample, load_rubric

RUBRIC = load_rubric(Path(__file__).parents[2] / "recipes/rubrics/booking.yaml")
RIGHT = {"from": "Oslo", "to": "Lima", "seats": 2, "day": "Friday"}


@pytest.fixture(scope="module")
def train():
    return booking.train().to_list()


@pytest.fixture(scope="module")
def test():
    return booking.test().to_list()


def request(row):
    return row["prompt"][-1]["content"]


def totals(*completions, held_out="both"):
    row = {"prompt": "Two seats from Oslo to Lima on Friday.", "booking": json.dumps(RIGHT), "held_out": held_out}
    return RUBRIC.evaluate([Sample.from_row({**row, "completion": text}) for text in completions])


def test_requests_differ_are_the_same_each_time_and_name_what_their_booking_holds(train, test):
    rows = train + test
    assert len({request(row) for row in rows}) == len(rows) == 512 + 96 and train == booking.train().to_list()
    for row in rows:
        fields = json.loads(row["booking"])
        assert list(fields) == list(RIGHT) and fields["from"] != fields["to"]
        assert all(fields[key] in request(row) for key in ("from", "to", "day"))
        assert any(said.lower() in request(row).lower() for said in booking.SEATS[fields["seats"] - 1])


def test_a_test_request_has_a_city_or_a_wording_that_no_train_request_has(train, test):
    def cities(row):
        return {json.loads(row["booking"])[key] for key in ("from", "to")}

    known = set().union(*map(cities, train))
    assert {row["held_out"] for row in train} == {""} and not known & set(booking.HELD_OUT_CITIES)
    assert not set(booking.WORDINGS) & set(booking.HELD_OUT_WORDINGS)
    for row in test:
        assert bool(cities(row) & known) == (row["held_out"] == "wording")
    assert [[row["held_out"] for row in test].count(kind) for kind in ("wording", "cities", "both")] == [32, 32, 32]


def test_neither_city_is_always_named_first(train):
    first = [request(row).index(json.loads(row["booking"])["from"]) < request(row).index(json.loads(row["booking"])["to"]) for row in train]
    assert 0.25 < sum(first) / len(first) < 0.75


@pytest.mark.parametrize(
    ("completion", "total"),
    [
        (json.dumps(RIGHT), 1.0),
        (json.dumps(RIGHT, separators=(",", ":")), 1.0),
        (f"Here: {json.dumps(RIGHT)}", 0.8),
        (json.dumps({**RIGHT, "class": "first"}), 0.8),
        (json.dumps({**RIGHT, "from": "Lima", "to": "Oslo"}), 0.6),
        (json.dumps({**RIGHT, "seats": "2"}), 0.6),
        (json.dumps({"from": "Oslo", "to": "Lima"}), 0.4),
        (json.dumps({"from": "x", "to": "x", "seats": 0, "day": "x"}), 0.2),
        (json.dumps([RIGHT]), 0.8),
        (json.dumps(RIGHT)[:-1], 0.0),
        ("Oslo to Lima, 2 seats, Friday", 0.0),
        ("", 0.0),
    ],
)
def test_each_field_is_paid_for_itself_and_the_form_alone_a_fifth(completion, total):
    assert totals(completion).totals() == [pytest.approx(total)]


def test_exact_is_a_booking_that_could_be_made_and_counts_for_nothing_in_training():
    evaluation = totals(json.dumps(RIGHT), f"Here: {json.dumps(RIGHT)}", json.dumps({**RIGHT, "class": "first"}))
    assert evaluation.scores("exact") == evaluation.scores("exact_both_held_out") == [1.0, 0.0, 0.0]
    assert totals(json.dumps(RIGHT), held_out="wording").scores("exact_both_held_out") == [None]
    assert not RUBRIC["exact"].weight and not RUBRIC["exact_both_held_out"].weight
