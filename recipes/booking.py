"""Requests for a train journey, and the booking that each asks for: data made here, from which a small language model learns to fill in a JSON object.

As datasets: `--dataset recipes.booking:train` and `--eval_dataset recipes.booking:test`, with the columns

    prompt    conversational: an instruction, one solved example, and a request such as "I need two seats to Lima on Friday. We start in Oslo."
    booking   what is to be written, as JSON text: {"from": "Oslo", "to": "Lima", "seats": 2, "day": "Friday"}
    held_out  what the row has that no train row has: "", "wording", "cities" or "both"

No field is the first word of its kind: the cities come in either order, some requests name a third one, and seats are words or digits.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Dataset

CITIES = (
    "Athens",
    "Berlin",
    "Cairo",
    "Dublin",
    "Kyoto",
    "Lagos",
    "Lima",
    "Lisbon",
    "Madrid",
    "Oslo",
    "Perth",
    "Porto",
    "Quito",
    "Riga",
    "Tunis",
    "Turin",
)
HELD_OUT_CITIES = ("Boston", "Delhi", "Geneva", "Munich", "Paris", "Prague", "Rome", "Vienna")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SEATS = (("a seat", "1 seat"), ("two seats", "2 seats"), ("three seats", "3 seats"), ("four seats", "4 seats"), ("five seats", "5 seats"))
WORDINGS = (
    "Book {seats} from {origin} to {target} on {day}.",
    "I need {seats} to {target} on {day}, from {origin}.",
    "On {day} we leave {origin} for {target}: {seats}.",
    "{seats} to {target}? It is for {day}, and I start in {origin}.",
    "We live in {other}, but go from {origin} to {target} on {day}: {seats}.",
    "{day}, {origin} to {target}, {seats}.",
    "{origin} is where we are, {target} where we go on {day}: {seats}.",
    "My boss in {other} wants me in {target} on {day}. I am in {origin}: {seats}.",
)
HELD_OUT_WORDINGS = (
    "{seats} for {day}? From {origin}, and the destination is {target}.",
    "We must be in {target} on {day} and set off in {origin}: {seats}.",
    "Not {other}: {target} is where I go on {day}, from {origin}. {seats}.",
    "Departure {origin}, arrival {target}, {day}, {seats}.",
)
EXAMPLE = ("On Friday we leave Bern for Cork: two seats.", '{"from": "Bern", "to": "Cork", "seats": 2, "day": "Friday"}')


def train(size: int = 512) -> Dataset:
    """`size` requests of the train wordings and cities."""
    return _dataset(_rows(random.Random(0), size, ""))


def test(size: int = 96) -> Dataset:
    """`size` requests, a third each with a held-out wording, with held-out cities, and with both."""
    rng = random.Random(1)
    return _dataset([row for held_out in ("wording", "cities", "both") for row in _rows(rng, size // 3, held_out)])


def _rows(rng: random.Random, size: int, held_out: str) -> list[dict[str, str]]:
    """`size` different requests."""
    wordings = HELD_OUT_WORDINGS if held_out in ("wording", "both") else WORDINGS
    cities = HELD_OUT_CITIES if held_out in ("cities", "both") else CITIES
    found = dict[str, dict[str, str]]()
    while len(found) < size:
        origin, target, other = rng.sample(cities, 3)
        seats, day = rng.randint(1, len(SEATS)), rng.choice(DAYS)
        text = rng.choice(wordings).format(origin=origin, target=target, other=other, seats=rng.choice(SEATS[seats - 1]), day=day)
        booking = json.dumps({"from": origin, "to": target, "seats": seats, "day": day})
        text = text[0].upper() + text[1:]
        found[text] = {"request": text, "booking": booking, "held_out": held_out}
    return list(found.values())


def _dataset(rows: list[dict[str, str]]) -> Dataset:
    from datasets import Dataset

    asked, answered = EXAMPLE
    before = [
        {"role": "system", "content": "Write JSON."},
        {"role": "user", "content": asked},
        {"role": "assistant", "content": answered},
    ]
    return Dataset.from_list([{"prompt": [*before, {"role": "user", "content": row.pop("request")}], **row} for row in rows])
