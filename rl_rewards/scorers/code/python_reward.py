"""A response scored by a snippet of the user's own, in a sandbox."""

from __future__ import annotations

from typing import Any, ClassVar

from rl_rewards.configured import configured
from rl_rewards.scorers.code.snippet import SnippetScorer, plain_columns
from rl_rewards.types import Sample
from rl_rewards.types.contents import example_of

__all__ = ["PythonReward"]


@configured
class PythonReward(SnippetScorer):
    """Calls `evaluate(example: dict, response: dict) -> float` of a Python snippet, each time in a fresh interpreter.

    The dicts are those of Vertex AI's code execution reward: `example` is {contents, systemInstruction, references} with the prompt's turns
    as {role, parts: [{text}]} and the row's columns as references; `response` is {role: "model", parts: [{text: the answer}]}.

    The snippet is the user's, so whatever goes wrong in it is ours: `error`, `timeout`, `crashed` or `unsupported`, never a zero. A bool is
    taken as 1 or 0; None, text, NaN and infinities are errors.

    Raises:
        ValueError: when the snippet does not compile or defines no `evaluate` with two parameters; for a limit that is not positive.
        ImportError: for the engine `monty` without pydantic-monty.
    """

    function: ClassVar[str] = "evaluate"
    parameters: ClassVar[tuple[str, str]] = ("example", "response")
    hands_over_thinking: ClassVar[bool] = True  # the service hands a snippet all that the model wrote

    snippet: str
    """Python text that defines `evaluate(example, response)`."""

    @property
    def program(self) -> str:
        return self.snippet

    def arguments(self, answer: Any, sample: Sample) -> list[Any]:
        return [example_of(sample, plain_columns(sample.references)), {"role": "model", "parts": [{"text": str(answer)}]}]
