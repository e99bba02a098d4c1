"""How many of a prompt's verifiable instructions a response follows (IFEval, 2311.07911)."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from difflib import get_close_matches
from typing import Any, Literal

from rl_rewards.configured import configured
from rl_rewards.json_text import load_json
from rl_rewards.references import MissingReferenceError, column_template
from rl_rewards.scorers.base import ReferenceScorer, Traits
from rl_rewards.scorers.instruction_following.language import require_langdetect
from rl_rewards.scorers.instruction_following.rules import RULES
from rl_rewards.scorers.reference import Reference, path_of
from rl_rewards.scorers.texts import answer_text
from rl_rewards.types import EvaluateResult, Sample

__all__ = ["InstructionFollowing"]

Instruction = tuple[str, dict[str, Any]]  # an id and its arguments


@configured
class InstructionFollowing(ReferenceScorer):
    """Scores whether a response follows the verifiable instructions of its prompt (IFEval, 2311.07911): all 25 kinds, strict and loose.

    The public prompt file's columns work as they are: `instruction_id_list` ("keywords:existence") and `kwargs`, one object of arguments for each.
    Loose takes the best of the response and of seven variants of it: without its first line, last line or both, each with and without
    asterisks. Components: each instruction by its id, strict, and the four scores. An empty response follows nothing.

    Raises:
        ImportError: when langdetect is missing; `pip install 'rl_rewards[ifeval]'` brings it.
    """

    reference: str | Reference = "instruction_id_list"
    """The dataset column with the ids of the row's instructions."""
    arguments: str = field(default="kwargs", kw_only=True)
    """The dataset column with a list of the instructions' arguments; None in them means absent."""
    level: Literal["prompt", "instruction"] = field(default="prompt", kw_only=True)
    """Whether the score is `correct` only if all instructions are followed (prompt), or in proportion to how many are (instruction)."""
    loose: bool = field(default=False, kw_only=True)
    """Whether an instruction counts as followed when a variant of the response follows it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        column_template(self.arguments)
        require_langdetect()

    @property
    def traits(self) -> Traits:
        return replace(super().traits, pure=True, columns=super().traits.columns | column_template(self.arguments).columns)

    def target(self, sample: Sample) -> list[Instruction]:
        """The row's instructions."""
        return _instructions(super().target(sample), column_template(self.arguments).value(sample), path_of(self.arguments))

    def score_answer(self, answer: Any, target: list[Instruction], sample: Sample) -> EvaluateResult:
        text = answer_text(answer)
        strict, loose = [], []
        variants = _variants(text)
        for name, arguments in target:
            check = RULES[name].check
            strict.append(bool(text.strip()) and check(text, **arguments))
            loose.append(strict[-1] or any(check(variant, **arguments) for variant in variants))
        chosen = loose if self.loose else strict
        share = sum(chosen) / len(chosen) if self.level == "instruction" else float(all(chosen))
        missed = [name for (name, _), followed in zip(target, chosen) if not followed]
        reason = f"not followed: {', '.join(missed)}" if missed else None
        return EvaluateResult(self.wrong + share * (self.correct - self.wrong), reason, _components(target, strict, loose))


def _components(instructions: Sequence[Instruction], strict: Sequence[bool], loose: Sequence[bool]) -> dict[str, Any]:
    components: dict[str, Any] = {}
    for (name, _), followed in zip(instructions, strict):
        count = sum(known.partition(" ")[0] == name for known in components)
        components[f"{name} {count + 1}" if count else name] = float(followed)
    for way, followed in (("strict", strict), ("loose", loose)):
        components[f"prompt_{way}"] = float(all(followed))
        components[f"instruction_{way}"] = sum(followed) / len(followed)
    return components


def _instructions(ids: Any, arguments: Any, path: Sequence[str]) -> list[Instruction]:
    """Each instruction's id and arguments.

    Args:
        path: where the arguments are.

    Raises:
        MissingReferenceError: when an id is unknown, an argument missing or wrong, or the two columns do not fit together.
    """
    if isinstance(ids, str) or not isinstance(ids, Sequence):
        raise MissingReferenceError(f"the instructions must be a list of ids, got {ids!r:.80}")
    if isinstance(arguments, str):
        with contextlib.suppress(ValueError):
            arguments = load_json(arguments)
    if isinstance(arguments, str) or not isinstance(arguments, Sequence) or len(arguments) != len(ids):
        raise MissingReferenceError(f"the arguments must be a list of {len(ids)} objects, one for each instruction, got {arguments!r:.80}", path)
    read = []
    for name, given in zip(ids, arguments):
        if name not in RULES:
            near = get_close_matches(str(name), RULES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise MissingReferenceError(f"an instruction must be one of IFEval's {len(RULES)} kinds, got {name!r}{hint}")
        if given is not None and not isinstance(given, Mapping):
            raise MissingReferenceError(f"the arguments of {name!r} must be an object, got {given!r:.80}", path)
        try:
            read.append((name, RULES[name].read(given or {})))
        except ValueError as error:
            raise MissingReferenceError(f"{name}: {error}", path) from None
    return read


def _variants(text: str) -> list[str]:
    """The variants of a response that loose scoring tries besides the response itself."""
    lines = text.split("\n")
    shortened = ["\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])]
    return [
        variant for variant in dict.fromkeys([text.replace("*", ""), *shortened, *(part.replace("*", "") for part in shortened)]) if variant.strip()
    ]
