"""`math_verify`: whether the final answer is mathematically equal to the reference."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import field
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple

from rl_rewards.configured import configured
from rl_rewards.references import MissingReferenceError, column_template
from rl_rewards.runtime.workers.jobs import ItemResult
from rl_rewards.runtime.workers.pool import WorkerPool
from rl_rewards.runtime.workers.serialization import serialize_call
from rl_rewards.runtime.workers.shared_pool import shared_pool
from rl_rewards.scorers.base import ReferenceScorer
from rl_rewards.scorers.math.final_answer import LONGEST, Extract, final_answer
from rl_rewards.scorers.math.final_form import calculation_left, has_operation, is_copied
from rl_rewards.scorers.math.literal import Number, Percent, plain_number, same_number, split_unit
from rl_rewards.scorers.math.notation import canonical
from rl_rewards.scorers.templated import reference_texts
from rl_rewards.types import EvaluateResult, Outcome, Sample, describe, text_of

_QUESTION = 20_000  # characters, from its end, in which a copied answer is looked for
_WORDS = re.compile(r"(?:\\text\{[^{}\\]*\}|[a-zA-Z .,'’-])+")
_CHOICE = re.compile(r"(?:\\text\{)?\(?([A-J])\)?\}?(?:[.:)]\}?(?:[a-zA-Z\\]{2}|-?\d).*)?", re.DOTALL)  # A, (A), \text{A}, A.Paris
# What can take long: these answers are started first, so that the deadline of one does not begin when all others are done.
_SUSPICIOUS = re.compile(r"[\^!]|\\(?:binom|sum|int|prod|lim|frac)")


class Verdict(NamedTuple):
    """What was found about one answer and one reference; a later kind is the better news where a row has several references."""

    kind: Literal["reference", "error", "wrong", "answer", "timeout", "crashed", "right"]
    reason: str


_RANK = ("reference", "error", "wrong", "answer", "timeout", "crashed", "right")


class _Algebra:
    """A function of `algebra`, by name: sympy is loaded where this is unpickled, which is never the trainer's process."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __reduce__(self) -> Any:
        return (_load_algebra, (self._name,))


def _load_algebra(name: str) -> Any:
    from rl_rewards.scorers.math import algebra

    return getattr(algebra, name)


@configured
class MathVerify(ReferenceScorer):
    """Scores whether the final answer is mathematically equal to the reference (any one of them, where the reference is a list).

    The answer is the last box of the response, else what it states ("The answer is ...", `#### ...`, bold), else all of it when it is
    short. Equal texts and plain numbers are settled at once; everything else goes to math-verify in worker processes. An answer that takes
    them too long or too much memory is the policy's: outcome `timeout` or `crashed`, with the wrong-answer score. A reference that cannot
    be read is ours: `error`, no score.

    The options that allow something are off because each lets a policy be right without having solved the problem. What they cost in
    recall: right answers that only count with the option on.

    Raises:
        ImportError: when math-verify is not installed.
        ValueError: when a limit is not positive.
    """

    extract: Extract = field(default="stated", kw_only=True)
    """Where the answer may stand: "boxed" (in a box only), "stated", or "anywhere" (failing these, the last formula or number of the text:
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
    """Count an expression that stands in the question as it is and differs from the reference's text. Off costs problems whose answer is
    one of the expressions of the question, written otherwise than the reference."""
    one_box: bool = field(default=False, kw_only=True)
    """Refuse a response with different boxes. The last box is the answer in any case, so a second guess gains nothing; on costs responses
    that correct themselves."""
    percent: Percent = field(default="either", kw_only=True)
    """Whether 42% is 42 as well as 0.42 ("either"), or 0.42 alone ("exact"), which costs answers to "how many percent"."""
    units: Literal["ignore", "compare"] = field(default="ignore", kw_only=True)
    """Whether 42 m is right for 42 cm ("ignore"), or different units are wrong ("compare"), which costs other spellings of the same unit.
    An answer or a reference without a unit fits any."""
    decimals: int = field(default=6, kw_only=True)
    """Decimals at which a decimal number is compared: 0.333333 is 1/3, 0.333 is not; with 3 it is."""
    timeout: float = field(default=5.0, kw_only=True)
    """Seconds that a worker may take for one answer."""
    memory_mb: int = field(default=1024, kw_only=True)
    """What a worker may allocate, in MiB."""

    runs_in_workers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.timeout <= 0 or self.decimals < 1 or self.memory_mb < 256:
            raise ValueError(
                "math_verify needs timeout > 0 (seconds), decimals >= 1 and memory_mb >= 256, "
                f"got timeout={self.timeout}, decimals={self.decimals}, memory_mb={self.memory_mb}"
            )
        if importlib.util.find_spec("math_verify") is None:
            raise ImportError("the math_verify scorer needs the math-verify library: pip install 'rl_rewards[math]'")

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        return self.submit(samples, answers).result()

    def compare(self, answer: Any, reference: Any, sample: Sample) -> EvaluateResult:
        return self.score([sample], [answer])[0]

    def submit(self, samples: Sequence[Sample], answers: Sequence[Any]) -> Future[list[EvaluateResult]]:
        """Settle what needs no algebra and start the rest in the workers; equal pairs of answer and reference are judged once."""
        rows = [self._look_at(sample, answer) for sample, answer in zip(samples, answers, strict=True)]
        pairs = {pair: None for row in rows if isinstance(row, _Open) for pair in row.pairs}
        return _Judging(self, rows, sorted(pairs, key=_suspicion, reverse=True)).start()

    def _look_at(self, sample: Sample, answer: Any) -> EvaluateResult | _Open:
        try:
            return self._settled(sample, answer)
        except MissingReferenceError as missing:
            return EvaluateResult.failure(Outcome.ERROR, str(missing))
        except Exception as error:  # one bad row costs one row, not the batch
            return EvaluateResult.failure(Outcome.ERROR, describe(error))

    def _settled(self, sample: Sample, answer: Any) -> EvaluateResult | _Open:
        texts = reference_texts(column_template(self.reference).value(sample))
        references = [reference for text in texts if (reference := read_reference(text))]
        if not references:
            return EvaluateResult.failure(Outcome.ERROR, f"the reference has no answer in it that can be read: {texts[0]:.200}")
        if answer is None:
            return self.unparsed()
        written = answer if isinstance(answer, str) else str(answer)
        found = final_answer(written, self.extract, self.allow_think, self.allow_denied, self.one_box)
        if found is None:
            return self.unparsed()
        if len(found) > LONGEST or not (text := canonical(found)):
            return EvaluateResult(self.wrong, f"the answer is empty or longer than {LONGEST} characters", outcome=Outcome.UNPARSED)
        row = _Open([], [])
        for reference in references:
            verdict = self._settle(reference, text, sample)
            if verdict is None:
                row.pairs.append((reference, text))
            elif verdict.kind == "right":
                return self.result(verdict)
            else:
                row.verdicts.append(verdict)
        return row if row.pairs else self.result(best(row.verdicts))

    def _settle(self, reference: str, answer: str, sample: Sample) -> Verdict | None:
        """The verdict on two canonical texts, where it needs no algebra."""
        if reference == answer:
            return Verdict("right", f"equal to the reference: {answer:.80}")
        expected, number = plain_number(reference), plain_number(answer)
        if self.units == "compare" and _other_unit(reference, answer, expected, number):
            return Verdict("wrong", f"other units: {answer:.80} is not {reference:.80}")
        if expected is not None and number is not None:
            return _verdict(same_number(expected, number, self.decimals, self.percent), reference, answer)
        if (choice := _CHOICE.fullmatch(reference)) is not None:
            given = _CHOICE.fullmatch(answer)
            return _verdict(given is not None and given[1] == choice[1], reference, answer)
        if _are_words(reference):
            return _verdict(_WORDS.fullmatch(answer) is not None and _letters(reference) == _letters(answer), reference, answer)
        if not self.allow_unevaluated:
            if expected is not None and has_operation(answer):
                return Verdict("wrong", f"unevaluated: the reference is a number, the answer still has to be worked out: {answer:.80}")
            if (left := calculation_left(answer, reference)) is not None:
                return Verdict("wrong", f"unevaluated: {left} is left in the answer: {answer:.80}")
        if not self.allow_copied and has_operation(answer) and is_copied(answer, _question(sample)):
            return Verdict("wrong", f"copied from the question: {answer:.80}")
        return None

    def result(self, verdict: Verdict) -> EvaluateResult:
        """The result of a verdict: right and wrong answers, the policy's faults with the wrong-answer score, ours without a score."""
        if verdict.kind == "right":
            return EvaluateResult(self.correct, verdict.reason)
        if verdict.kind in ("reference", "error"):
            return EvaluateResult.failure(Outcome.ERROR, verdict.reason)
        return EvaluateResult(self.wrong, verdict.reason, outcome=_OUTCOMES[verdict.kind])


_OUTCOMES = {"wrong": Outcome.SCORED, "answer": Outcome.UNPARSED, "timeout": Outcome.TIMEOUT, "crashed": Outcome.CRASHED}
_Pair = tuple[str, str]


class _Open(NamedTuple):
    """A row that needs algebra: the pairs to be judged, and what is known of its other references."""

    pairs: list[_Pair]
    verdicts: list[Verdict]


class _Judging:
    """A batch on its way through the workers."""

    def __init__(self, scorer: MathVerify, rows: Sequence[EvaluateResult | _Open], pairs: Sequence[_Pair]) -> None:
        self._scorer = scorer
        self._rows = rows
        self._pairs = pairs
        self._future: Future[list[EvaluateResult]] = Future()
        self._verdicts: dict[_Pair, Verdict] = {}

    def start(self) -> Future[list[EvaluateResult]]:
        if not self._pairs:
            self._finish()
            return self._future
        items = [(reference, answer, self._scorer.decimals) for reference, answer in self._pairs]
        self._run("judge", items, self._judged)
        return self._future

    def _run(self, function: str, items: Sequence[Any], then: Any) -> None:
        def pass_on(done: Future[list[ItemResult]]) -> None:
            try:
                then(done.result())
            except BaseException as error:  # CancelledError too: who waits must be told
                self._future.set_exception(error)

        call, pool = _algebra(function), _pool(self._scorer.memory_mb)
        pool.submit(call, items, self._scorer.timeout).add_done_callback(pass_on)

    def _judged(self, finished: list[ItemResult]) -> None:
        self._verdicts = {pair: _heard(one) for pair, one in zip(self._pairs, finished, strict=True)}
        doubtful = sorted({reference for (reference, _), verdict in self._verdicts.items() if verdict.kind in ("timeout", "crashed")})
        if not doubtful:
            self._finish()
            return
        # Reading the reference may be what took so long, which would not be the policy's fault.
        self._run("check_reference", doubtful, lambda checked: self._cleared(doubtful, checked))

    def _cleared(self, references: list[str], checked: list[ItemResult]) -> None:
        ours = {reference for reference, one in zip(references, checked, strict=True) if one.value is not True}
        for pair, verdict in self._verdicts.items():
            if pair[0] in ours and verdict.kind in ("timeout", "crashed"):
                self._verdicts[pair] = Verdict("reference", f"the reference cannot be read: {pair[0]:.200}")
        self._finish()

    def _finish(self) -> None:
        self._future.set_result([row if isinstance(row, EvaluateResult) else self._closed(row) for row in self._rows])

    def _closed(self, row: _Open) -> EvaluateResult:
        return self._scorer.result(best([*row.verdicts, *(self._verdicts[pair] for pair in row.pairs)]))


def best(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict that counts where a row has several references: right for one is right."""
    return max(verdicts, key=lambda verdict: _RANK.index(verdict.kind))


def _heard(finished: ItemResult) -> Verdict:
    if finished.outcome is Outcome.SCORED:
        return Verdict(*finished.value)
    kind: Any = finished.outcome.value
    return Verdict(kind, finished.error or kind)


@lru_cache(maxsize=8192)
def read_reference(text: str) -> str:
    """The canonical answer in a reference, which may be a whole solution; "" when there is none."""
    found = final_answer(text, think=True, denied=True)
    return canonical(found) if found is not None and len(found) <= LONGEST else ""


def _verdict(right: bool, reference: str, answer: str) -> Verdict:
    return Verdict("right", f"equal: {answer:.80}") if right else Verdict("wrong", f"{answer:.80} is not {reference:.80}")


def _other_unit(reference: str, answer: str, expected: Number | None, number: Number | None) -> bool:
    wanted = expected.unit if expected is not None else split_unit(reference)[1]
    given = number.unit if number is not None else split_unit(answer)[1]
    return bool(wanted and given and wanted != given)


@lru_cache(maxsize=8192)
def _are_words(text: str) -> bool:
    """Whether a canonical text is words and no product of variables: \\text{...}, or four letters or more."""
    return _WORDS.fullmatch(text) is not None and ("\\text" in text or len(_letters(text)) >= 4)


def _letters(text: str) -> str:
    return "".join(char for char in text.replace("\\text", "").casefold() if char.isalnum())


def _question(sample: Sample) -> str:
    prompt = sample.prompt
    if not isinstance(prompt, str):
        prompt = " ".join(text_of(turn.get("content") if isinstance(turn, dict) else turn.content) for turn in prompt or ())
    return canonical(prompt[-_QUESTION:])


def _suspicion(pair: _Pair) -> int:
    return len(pair[1]) + 100 * len(_SUSPICIOUS.findall(pair[1]))


@lru_cache(maxsize=2)
def _algebra(function: str) -> bytes:
    return serialize_call(_Algebra(function))


def _pool(memory_mb: int) -> WorkerPool:
    pool = shared_pool(memory_mb)
    pool.preload("rl_rewards.scorers.math.algebra")
    return pool
