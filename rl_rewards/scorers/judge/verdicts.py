"""Reads a judge's verdict from its reply, as judges write them: JSON alone, fenced, within prose, broken off; tags; labelled lines; one word.

A verdict counts only where it can be read in one way. What contradicts itself, lies outside what was asked for, is hedged, or may be a quote
of the judged response is malformed: the caller asks again or fails, and nothing is ever guessed.

Sources are read from the most explicit one down; what a source says of a criterion is final, and the next one is asked for the rest.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rl_rewards.scorers.judge.criteria import label_key
from rl_rewards.scorers.judge.fields import Field, names_of
from rl_rewards.scorers.judge.labels import Said, final_labels, in_sections, labelled, lone_value, plain
from rl_rewards.thinking import answer_span

__all__ = ["MalformedVerdictError", "read_verdict"]

_LONGEST = 1 << 16  # characters of a reply that are searched; what is longer is no verdict
_DEEPEST = 5
_MOST_OBJECTS = 64
_OWN = ("criterion", "name", "id", "title", "metric", "candidate", "response", "index")
_ALIASES = ("verdict", "score", "rating", "grade", "judgment", "judgement", "decision", "value", "answer", "label", "choice", "result", "evaluation")
_BLOCK = re.compile(r"```[a-zA-Z]{0,12}\s*\n?(.*?)```", re.DOTALL)
_OPEN = re.compile(r"<verdict\b([^<>]{0,80})>", re.IGNORECASE)
_MARKED = re.compile(r"<(\w{1,64})>[^<>]{0,200}</\1>|\[\[[^\[\]\n]{1,60}\]\]|\\boxed\{[^{}\n]{1,60}\}")
_CLOSE = re.compile(r"</verdict\b[^<>]{0,80}>", re.IGNORECASE)


class MalformedVerdictError(ValueError):
    """A reply holds no verdict that can be read in one way; the text says why, for the judge to correct it."""


def read_verdict(reply: str, fields: Sequence[Field], mark: str = "", judged: str = "", cut_off: bool = False) -> dict[str, float]:
    """The value from 0 to 1 of every field.

    Args:
        reply: what the judge said.
        fields: what it was asked.
        mark: the mark that its verdict should bear.
        judged: the text that it judged: a verdict that is found there word for word, and bears no mark, is taken for a quote.
        cut_off: whether the reply ran into its limit of tokens.

    Raises:
        MalformedVerdictError: when one of them is missing, contradicted or no allowed answer.
    """
    start, open_end = answer_span(reply)
    if open_end is not None:
        raise MalformedVerdictError("the reasoning does not end, and no verdict follows it")
    text = reply[start:].strip()
    if len(text) > _LONGEST:
        raise MalformedVerdictError(f"the reply is longer than {_LONGEST} characters")
    found: dict[str, float] = {}
    for source in _sources(text, mark, judged, cut_off or text.count("{") > text.count("}")):
        _take(source([field for field in fields if field.name not in found]), fields, found)
        if len(found) == len(fields):
            return found
    missing = ", ".join(repr(field.name) for field in fields if field.name not in found)
    raise MalformedVerdictError(f"no verdict on {missing} is found in the reply")


def _sources(text: str, mark: str, judged: str, cut: bool) -> Iterator[Callable[[Sequence[Field]], Said]]:
    """Ways to find what the reply says, the most explicit first."""
    whole = _BLOCK.fullmatch(text)
    yield lambda fields: _of_json(whole[1].strip() if whole else text, fields)
    blocks = [(attributes, inner.strip()) for attributes, inner in _verdicts(text)]
    own = [inner for attributes, inner in blocks if mark and mark in attributes][-1:]  # a judge that corrects itself means its last one
    quoted = _quotes(judged)
    for inner in own or [inner for _, inner in blocks if inner not in quoted]:
        yield from _within(inner, "", cut)
    if not own:
        yield from _within(_without(text, quoted), judged, cut)


def _within(text: str, judged: str, cut: bool) -> Iterator[Callable[[Sequence[Field]], Said]]:
    yield lambda fields: (each for inner in _objects(text) for each in _of_json(inner, fields))
    yield lambda fields: _of_tags(text, fields)
    prose = plain(text, judged)
    for source in (final_labels, in_sections, labelled, lone_value):
        yield lambda fields, source=source: source(prose, fields, cut)


def _take(said: Said, fields: Sequence[Field], found: dict[str, float]) -> None:
    """Add what a source says, unless it contradicts itself or says what is not allowed."""
    values: dict[str, dict[float, str]] = {}
    for name, words, value in said:
        shown = f"{name!r} must be answered with one of what was asked for, got {words!s:.60}"
        if value is None:
            if not _placeholder(words):
                raise MalformedVerdictError(shown)
            continue
        values.setdefault(name, {})[round(value, 9)] = str(words)
    for name, of_name in values.items():
        if len(of_name) > 1:
            raise MalformedVerdictError(f"{name!r} has several verdicts: {', '.join(f'{words:.30}' for words in of_name.values())}")
        found[name] = next(iter(of_name))


def _placeholder(words: Any) -> bool:
    """Whether words are a form to be filled in, such as `yes/no`, `<1-5>` or `...`, and no answer."""
    if not isinstance(words, str):
        return False
    return bool(
        re.search(r"[|<>]|\.\.\.|\b(?:yes\s*(?:/|or)\s*no|no\s*(?:/|or)\s*yes)\b|^\s*\W*\d+\s*(?:-|–|to)\s*\d+\W*$|^\W*$", words, re.IGNORECASE)
    )


def _of_json(text: str, fields: Sequence[Field]) -> Said:
    """What a text says that is JSON and nothing else."""
    if text[:2] in ('"{', '"['):  # JSON within a JSON string
        with contextlib.suppress(ValueError):
            text = json.loads(text)
    if text[:1] in ("{", "["):
        try:
            value = json.loads(text, object_pairs_hook=_once)
        except (ValueError, RecursionError):
            return
        yield from _in_value(value, {label_key(name): field for field in fields for name in names_of(field)}, _DEEPEST)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; one that says two things of one key is no JSON to us."""
    found = dict(pairs)
    if any(found[key] != value for key, value in pairs):
        raise ValueError("a key twice")
    return found


def _in_value(value: Any, fields: Mapping[str, Field], depth: int) -> Said:
    if depth == 0:
        return
    if isinstance(value, list):
        for item in value:
            yield from _in_value(item, fields, depth - 1)
    if not isinstance(value, dict):
        return
    keys = {label_key(str(key)): item for key, item in value.items()}
    named = [(fields[name], item) for key, item in keys.items() if (name := _bare(key, fields)) in fields]
    owner = next((fields[key] for name in _OWN if (key := label_key(str(keys.get(name)))) in fields), None)
    if owner is not None and (item := _by_alias(keys)) is not None:
        yield from _answer(owner, item)
    elif named:
        for field, item in named:
            yield from _answer(field, item)
    elif len({field.name for field in fields.values()}) == 1 and (item := _by_alias(keys)) is not None and not isinstance(item, (dict, list)):
        yield from _answer(next(iter(fields.values())), item)
    else:
        for item in value.values():
            yield from _in_value(item, fields, depth - 1)


def _bare(key: str, fields: Mapping[str, Field]) -> str:
    """A key without what is put around a name: `final helpfulness score`, `is correct`."""
    if key in fields:
        return key
    return re.sub(r"^(?:final|overall|is) | (?:score|rating|verdict|grade)$", "", key)


def _answer(field: Field, said: Any) -> Said:
    if isinstance(said, dict):
        keys = {label_key(str(key)): item for key, item in said.items()}
        inner = _by_alias(keys)
        said = keys.get(label_key(field.name)) if inner is None else inner
    if isinstance(said, list) and len(said) == 1:
        said = said[0]
    yield field.name, said if said is not None else "null", field.value_of(said)


def _by_alias(keys: Mapping[str, Any]) -> Any:
    return next((keys[key] for alias in _ALIASES for key in (f"final {alias}", alias) if key in keys), None)


def _objects(text: str) -> Iterator[str]:
    """The JSON objects and lists of objects in a text, the outermost ones."""
    decoder, place = json.JSONDecoder(), 0
    for _ in range(_MOST_OBJECTS):
        opening = re.compile(r"\{|\[\s*\{").search(text, place)
        if opening is None:
            return
        try:
            _, place = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            place = opening.start() + 1
            continue
        yield text[opening.start() : place]


def _of_tags(text: str, fields: Sequence[Field]) -> Said:
    """What elements such as <clarity>4</clarity> say."""
    for field in fields:
        names = [*names_of(field), *(_ALIASES if len(fields) == 1 else ())]
        for said in re.findall(rf"<({'|'.join(map(re.escape, names))})>([^<>]{{0,200}})</\1>", text, re.IGNORECASE):
            yield field.name, said[1], field.value_of(said[1])


def _verdicts(text: str) -> Iterator[tuple[str, str]]:
    """Attributes and content of the verdict elements in a text."""
    place = 0
    while (close := _CLOSE.search(text, place)) is not None:
        opening = None
        for opening in _OPEN.finditer(text, place, close.start()):
            pass
        if opening is not None:
            yield opening[1], text[opening.end() : close.start()]
        place = close.end()


def _quotes(judged: str) -> frozenset[str]:
    """Objects, elements and marked values that the judged text holds itself."""
    text = judged[:_LONGEST]
    found = {inner.strip() for _, inner in _verdicts(text)} | set(_objects(text))
    return frozenset(found | {each[0] for each in _MARKED.finditer(text)})


def _without(text: str, quoted: frozenset[str]) -> str:
    for each in sorted(quoted, key=len, reverse=True):
        text = text.replace(each, " ")
    return text
