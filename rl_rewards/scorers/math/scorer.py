"""`math_verify`: whether the final answer is mathematically equal to the reference."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import field, replace
from functools import cached_property, lru_cache
from typing import Any, Literal

from rl_rewards.configured import configured
from rl_rewards.references import MissingReferenceError
from rl_rewards.scorers.base import ReferenceScorer, Traits
from rl_rewards.scorers.math.comparison import Comparison
from rl_rewards.scorers.math.final_answer import LONGEST, Extract, final_answer, reference_answer
from rl_rewards.scorers.math.final_form import has_operation, is_copied
from rl_rewards.scorers.math.judging import Judging, Open, Verdict, best
from rl_rewards.scorers.math.notation import canonical
from rl_rewards.scorers.math.number import Percent, same_number
from rl_rewards.scorers.math.reader import is_prose, read
from rl_rewards.scorers.math.rules import Lists, Rules
from rl_rewards.scorers.math.values import Number
from rl_rewards.scorers.math.words import normalized
from rl_rewards.scorers.texts import reference_texts
from rl_rewards.scorers.timing import each_timed
from rl_rewards.types import EvaluateResult, Outcome, Sample, text_of

_QUESTION = 20_000  # characters, from its end, in which a copied answer is looked for
_OUTCOMES = {"wrong": Outcome.SCORED, "unreadable_answer": Outcome.UNPARSED, "timeout": Outcome.TIMEOUT, "crashed": Outcome.CRASHED}


@configured
class MathVerify(ReferenceScorer):
    """Scores whether the final answer is mathematically equal to the reference (any one of them, where the reference is a list).

    The answer is the last box of the response, or of its last <answer>...</answer>, else what it states ("The answer is ...", `#### ...`,
    bold), else all of it when it is short. A box that the text breaks off in is no answer: `\\boxed{7` may be the beginning of 75. It is read into a value, as is the reference (a number, list, set, tuple, interval, matrix, assignment, relation, choice, words), and
    the values are compared; what only algebra can compare goes to math-verify in worker processes. An answer that takes them too long or too much memory is the policy's: outcome `timeout` or `crashed`, with the wrong-answer score. A reference that cannot
    be read is ours: `error`, no score.

    The options that allow something are off because each lets a policy be right without having solved the problem. What they cost in
    recall: right answers that only count with the option on.

    Raises:
        ImportError: when math-verify is not installed.
        ValueError: when a limit is not positive.
    """

    extract: Extract = field(default="stated", kw_only=True)
    """Where the answer may be: "boxed" (in a box only), "stated", or "anywhere" (failing these, the last formula or number of the text:
    more recall for models that state no answer, and a reward for ending on a likely number)."""
    allow_think: bool = field(default=False, kw_only=True)
    """Count an answer before `</think>`. Off costs the responses that were cut off while thinking, right as their last line may be."""
    allow_denied: bool = field(default=False, kw_only=True)
    """Count an answer that the words around it deny ("the answer is not 42"). Off costs rhetoric such as "Why not 42?"."""
    allow_unevaluated: bool = field(default=False, kw_only=True)
    """Count 40+2 for 42, and sums, integrals, factorials, binomials ... that the reference does not have. Off costs right answers that
    stop short of the last step, such as 2^{10} for 1024; fractions and powers of ten stay right, and so do roots, powers and arithmetic
    where the reference is no plain number."""
    allow_copied: bool = field(default=False, kw_only=True)
    """Count an expression that is in the question as it is and differs from the reference's text. Off costs problems whose answer is
    one of the expressions of the question, written otherwise than the reference."""
    one_box: bool = field(default=False, kw_only=True)
    """Refuse a response with different boxes. The last box is the answer in any case, so a second guess gains nothing; on costs responses
    that correct themselves."""
    percent: Percent = field(default="either", kw_only=True)
    """Whether 42% is 42 as well as 0.42 ("either"), or 0.42 alone ("exact"), which costs answers to "how many percent"."""
    units: Literal["ignore", "compare"] = field(default="ignore", kw_only=True)
    """Whether 42 m is right for 42 cm ("ignore"), or different units are wrong ("compare"), which costs other spellings of the same unit.
    An answer or a reference without a unit fits any."""
    lists: Lists = field(default="unordered", kw_only=True)
    """Whether a list's items may come in any order ("unordered"), must come in the reference's ("ordered"), or count once each ("sets", where
    2, 2, 3 is 2, 3). Tuples are always ordered, sets in braces never; values with names are compared by name."""
    allow_set_relation: bool = field(default=False, kw_only=True)
    """Count an inequality for a reference that is its set of solutions, m >= 2 for [2, oo), which costs a question that asks for an interval
    its meaning. The set for a reference that is an inequality counts in any case."""
    domain: Literal["real", "positive"] = field(default="real", kw_only=True)
    """What variables stand for where expressions are compared: with "positive", |x| is x, and \\ln(x^2) is 2\\ln x. With "real", they are
    compared where either is real."""
    decimals: int = field(default=6, kw_only=True)
    """Decimals at which a decimal number is compared: 0.333333 is 1/3, 0.333 is not; with 3 it is."""
    timeout: float = field(default=5.0, kw_only=True)
    """Seconds that a worker may take for one answer; on Linux those in which the machine has no processor for it do not count."""
    memory_mb: int = field(default=1024, kw_only=True)
    """What a worker may allocate, in MiB."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.timeout <= 0 or self.decimals < 1 or self.memory_mb < 256:
            raise ValueError(
                "math_verify needs timeout > 0 (seconds), decimals >= 1 and memory_mb >= 256, "
                f"got timeout={self.timeout}, decimals={self.decimals}, memory_mb={self.memory_mb}"
            )
        if importlib.util.find_spec("math_verify") is None:
            raise ImportError("the math_verify scorer needs the math-verify library: pip install 'rl_rewards[math]'")

    @property
    def traits(self) -> Traits:
        return replace(super().traits, runs_in_workers=True)

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return list(self.submit(samples, answers).result())

    def submit(self, samples: Sequence[Sample], answers: Sequence[Any]) -> Future[list[EvaluateResult]]:
        """Settle what needs no algebra and start the rest in the workers; equal pairs of answer and reference are judged once."""
        rows: list[EvaluateResult | Open] = each_timed(self.score_row, samples, answers)
        return Judging(rows, self._rules, self.result, self.timeout, self.memory_mb).start()

    @cached_property
    def _rules(self) -> Rules:
        return Rules(self.decimals, self.percent, self.units, self.lists, self.allow_set_relation, self.allow_unevaluated, self.domain == "positive")

    def target(self, sample: Sample) -> tuple[str, ...]:
        """The canonical references of a row."""
        texts = reference_texts(super().target(sample))
        references = _read_references(texts)
        if not references:
            raise MissingReferenceError(f"the reference has no answer in it that can be read: {texts[0]:.200}")
        return references

    def score_answer(self, answer: Any, target: tuple[str, ...], sample: Sample) -> Any:
        """The result where no algebra is needed, else the pairs that need it."""
        written = answer if isinstance(answer, str) else str(answer)
        found = final_answer(written, self.extract, self.allow_think, self.allow_denied, self.one_box)
        if found is None:
            return self.unparsed()
        if len(found) > LONGEST or not (text := canonical(found)):
            return EvaluateResult(self.wrong, f"the answer is empty or longer than {LONGEST} characters", outcome=Outcome.UNPARSED)
        pairs, verdicts, rules = [], [], self._rules
        for reference in target:
            verdict = self._decide(reference, text, sample, rules)
            if verdict is None:
                pairs.append((reference, text))
            elif verdict.kind == "right":
                return self.result(verdict)
            else:
                verdicts.append(verdict)
        return Open(pairs, verdicts) if pairs else self.result(verdicts[0] if len(verdicts) == 1 else best(verdicts))

    def _decide(self, reference: str, answer: str, sample: Sample, rules: Rules) -> Verdict | None:
        """The verdict on two canonical texts, where it needs no algebra."""
        if reference == answer:
            return Verdict("right", f"equal to the reference: {answer:.80}")
        if (verdict := _numbers(reference, answer, rules.decimals, rules.percent)) is not None:  # most answers are, so at once
            return verdict
        expected, given = read(reference), read(answer)
        if is_prose(reference):
            if normalized(reference) == normalized(answer):
                return Verdict("right", f"the reference's words: {answer:.80}")
            return Verdict("unreadable_reference", f"the reference cannot be read: {reference:.200}")
        if not self.allow_copied and has_operation(answer) and is_copied(answer, _question(sample)):
            return Verdict("wrong", f"copied from the question: {answer:.80}")
        comparison = Comparison(rules, _needs_algebra)
        right = comparison.equal(expected, given)
        if right is None:
            return None
        if right:
            return Verdict("right", f"equal: {answer:.80}")
        return Verdict("wrong", f"{comparison.reason}: {answer:.80}" if comparison.reason else f"{answer:.80} is not {reference:.80}")

    def result(self, verdict: Verdict) -> EvaluateResult:
        """The result of a verdict: right and wrong answers, the policy's faults with the wrong-answer score, ours without a score."""
        if verdict.kind == "right":
            return EvaluateResult(self.correct, verdict.reason)
        if verdict.kind in ("unreadable_reference", "error"):
            return EvaluateResult.failure(Outcome.ERROR, verdict.reason)
        return EvaluateResult(self.wrong, verdict.reason, outcome=_OUTCOMES[verdict.kind])


@lru_cache(maxsize=8192)
def read_reference(text: str) -> str:
    """The canonical answer in a reference, which may be a whole solution; "" when there is none."""
    found = reference_answer(text)
    return canonical(found) if len(found) <= LONGEST else ""


@lru_cache(maxsize=8192)
def _read_references(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(reference for text in texts if (reference := read_reference(text)))


@lru_cache(maxsize=8192)
def _numbers(reference: str, answer: str, decimals: int, percent: Percent) -> Verdict | None:
    """The verdict on two canonical texts that are numbers without units; None for all others."""
    expected, given = read(reference), read(answer)
    if not (isinstance(expected, Number) and isinstance(given, Number)) or expected.unit or given.unit:
        return None
    right = same_number(expected, given, decimals, percent)
    return Verdict("right", f"equal: {answer:.80}") if right else Verdict("wrong", f"{answer:.80} is not {reference:.80}")


def _needs_algebra(*_: object) -> None:
    """What is left to the workers."""


def _question(sample: Sample) -> str:
    prompt = sample.prompt
    if not isinstance(prompt, str):
        prompt = " ".join(text_of(turn.get("content") if isinstance(turn, dict) else turn.content) for turn in prompt or ())
    return canonical(prompt[-_QUESTION:])
