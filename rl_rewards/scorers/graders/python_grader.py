"""OpenAI's python grader."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Any, ClassVar

from pydantic import Field

from rl_rewards.configured import configured
from rl_rewards.scorers.code.snippet import SnippetScorer, plain_columns
from rl_rewards.scorers.graders.fields import GraderFields
from rl_rewards.types import EvaluateResult, Sample

__all__ = ["PythonGrader"]

_LONGEST = 256 << 10  # bytes, of the service


@configured
class PythonGrader(SnippetScorer):
    """Calls `grade(sample: dict, item: dict) -> float` of a Python text, as OpenAI's python grader does, each time in a fresh interpreter.

    `sample` is {output_text, output_json, output_tools, choices}, without what the completion has not; `item` is the row's columns, with
    `messages` for its prompt. There is no network. Libraries are those that are installed here.

    The text is the user's, so whatever goes wrong in it is ours: `error`, `timeout`, `crashed` or `unsupported`, never a zero as the
    service has it. A bool is taken as 1 or 0; None, text, NaN and infinities are errors.

    Raises:
        ValueError: when the text is longer than 256 kB, does not compile or defines no `grade` with two parameters; for a limit that is
            not positive.
        ImportError: for the engine `monty` without pydantic-monty.
    """

    function: ClassVar[str] = "grade"
    parameters: ClassVar[tuple[str, str]] = ("sample", "item")

    source: str
    """Python text that defines `grade(sample, item)`."""
    timeout: Annotated[float, Field(gt=0)] = field(default=120.0, kw_only=True)
    """Seconds of wall time for a call, the service's two minutes by default; in `process`, those in which the machine has no processor for it do not count, up to
    three times as many."""
    memory_mb: Annotated[int, Field(gt=0)] = field(default=2048, kw_only=True)
    """Memory of a call, in MiB; the service's two gigabytes by default."""
    pass_threshold: float | None = field(default=None, kw_only=True)
    """Component `passed` is 1 from this score on; the score is not changed by it."""
    image_tag: str | None = field(default=None, kw_only=True)
    """The service's name of an environment; kept for export, it changes nothing here."""

    def __post_init__(self) -> None:
        if (size := len(self.source.encode(errors="surrogatepass"))) > _LONGEST:
            raise ValueError(f"source must be at most {_LONGEST} bytes, got {size}")
        super().__post_init__()

    def score_answer(self, answer: Any, target: Any, sample: Sample) -> EvaluateResult:
        result = super().score_answer(answer, target, sample)
        if self.pass_threshold is not None and result.score is not None:
            result.metrics["passed"] = float(result.score >= self.pass_threshold)
        return result

    @property
    def program(self) -> str:
        return self.source

    def arguments(self, answer: Any, sample: Sample) -> list[Any]:
        fields = GraderFields(sample, answer)
        item = plain_columns(sample.references)
        return [plain_columns(fields.sample), item if "messages" in item or sample.prompt is None else {**item, "messages": fields.messages}]
