"""Writes planted rubrics to files, each with its rows, and varies them: other tags and columns, other rows, chats, weights, rewards beside."""

from __future__ import annotations

import copy
import io
import random
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from planted import rows
from planted.cases import FLAWED, SOUND, Case

__all__ = ["Planted", "planted", "shipped"]

HERE = Path(__file__).parent
TAGS = ("answer", "final", "solution", "result_is", "ans")
COLUMNS = ("answer", "ground_truth", "solution", "target", "label", "my_gold")


@dataclass(frozen=True)
class Planted:
    """A rubric on disk, and rows.

    Attributes:
        name: of the case and of the variation.
        case: what it is made from; None for a shipped one.
        rubric: the file.
        rows: to audit on.
        is_flawed: whether it has a flaw.
    """

    name: str
    case: Case | None
    rubric: Path
    rows: Sequence[dict[str, Any]]
    is_flawed: bool


def planted(folder: Path, flawed: bool, variants: int, seed: int = 0) -> Iterator[Planted]:
    """The planted rubrics of one sort, each as it is and in `variants` - 1 variations."""
    for case in FLAWED if flawed else SOUND:
        for number in range(variants):
            yield _written(folder, case, flawed, number, seed)


def _written(folder: Path, case: Case, flawed: bool, number: int, seed: int) -> Planted:
    chance = random.Random(f"{seed} {case.name} {number}")
    tag, column = ("answer", "answer") if number == 0 else (chance.choice(TAGS), chance.choice(COLUMNS))
    place = folder / f"{'flawed' if flawed else 'sound'}_{case.name}_{number}"
    place.mkdir(parents=True, exist_ok=True)
    source = (HERE / ("flawed.py" if flawed else "sound.py")).read_text()
    (place / "rewards.py").write_text(_renamed(source, tag, column))
    rewards = [_reward(copy.deepcopy(reward), tag, column, place) for reward in case.rewards]
    if number > 0:
        rewards = _scaled(rewards, chance)
    if number > 1 and not any("format" in reward["name"] for reward in rewards) and flawed is False and _tagged(case):
        rewards.append({"name": "length", "weight": 0.1, "score": {"soft_overlong": {"max_tokens": 2048, "buffer_tokens": 512}}})
    kind = case.rows[number % len(case.rows)]
    data = rows.make(
        kind,
        seed=chance.randint(0, 10_000) if number else seed,
        chat=bool(number % 2),
        hint=case.hint,
        size=chance.choice((12, 16, 20)) if number else 16,
    )
    data = [{column if name == "answer" else name: value for name, value in row.items()} for row in data]
    file = place / "rubric.yaml"
    file.write_text(yaml.safe_dump({"rewards": rewards}, sort_keys=False))
    return Planted(f"{case.name}/{number}", case, file, data, flawed)


def _tagged(case: Case) -> bool:
    return any(reward.get("parse") == {"tag": "answer"} for reward in case.rewards)


def _renamed(source: str, tag: str, column: str) -> str:
    """The source with other names: of the tag, which texts hold, and of the column, which is a parameter."""
    tokens = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = token.string
        if token.type == tokenize.NAME and text == "answer":
            text = column
        elif token.type == tokenize.STRING:
            text = re.sub(r"\banswer>|(?<=\?)answer\b(?=\))", lambda match: match[0].replace("answer", tag), text)
        tokens.append((token.type, text))
    return tokenize.untokenize(tokens)


def _reward(reward: dict[str, Any], tag: str, column: str, place: Path) -> dict[str, Any]:
    def renamed(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: renamed(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [renamed(item, key) for item in value]
        if not isinstance(value, str):
            return value
        if value.startswith("FILE:"):
            return f"rewards.py:{value[5:]}"
        if value == "answer":
            return tag if key in ("tag", "name", "names") else column
        for text, other in (("references.answer", f"references.{column}"), ("item.answer", f"item.{column}"), ('["answer"]', f'["{column}"]')):
            value = value.replace(text, other)
        return value.replace("answer>", f"{tag}>")

    score = reward["score"]
    if score == "think_answer_format":
        reward["score"] = {"think_answer_format": {"answer": tag}}
        return reward | {"parse": renamed(reward["parse"])} if "parse" in reward else reward
    return {name: value if name in ("name", "weight") else renamed(value, name) for name, value in reward.items()}


def _scaled(rewards: list[dict[str, Any]], chance: random.Random) -> list[dict[str, Any]]:
    factor = chance.choice((0.5, 1.0, 1.0, 2.0))
    return [{**reward, "weight": reward.get("weight", 1.0) * factor} for reward in rewards]


def shipped(folder: Path) -> Iterator[Planted]:
    """The rubrics of the recipes, with the recipes' own rows or some of their form."""
    root = HERE.parents[2]
    sums = rows.make("sums", chat=True, size=24)
    for number, row in enumerate(sums):
        row["task"] = "addition" if number % 2 else "subtraction"
    yield Planted("recipes/arithmetic", None, root / "recipes/rubrics/arithmetic.yaml", sums, False)
    yield Planted("recipes/gsm8k", None, root / "recipes/rubrics/gsm8k.yaml", rows.make("stories", chat=True, size=16), False)
