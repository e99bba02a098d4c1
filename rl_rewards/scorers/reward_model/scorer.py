"""The `reward_model` scorer."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import AliasChoices, Field, PositiveInt

from rl_rewards.configured import SecretOption, configured
from rl_rewards.scorers.base import Traits
from rl_rewards.scorers.reward_model.heads import Heads
from rl_rewards.scorers.reward_model.reading import Pooling, check_pooling, pooled_position, read_rows
from rl_rewards.scorers.reward_model.shaped import ShapedScorer
from rl_rewards.scorers.reward_model.steps import Steps
from rl_rewards.types import EvaluateResult, MetricResult, Outcome, Sample, StepOutput
from rl_rewards.user_errors import require

if TYPE_CHECKING:
    import torch

    from rl_rewards.scorers.reward_model.loaded import Loaded

logger = logging.getLogger(__name__)

# Options that do not change what is loaded; scorers that differ in nothing else share one model.
_AFTER_LOADING = ("shape", "overflow", "truncation", "heads", "distribution", "sign", "pooling", "offload")


@configured
class RewardModel(ShapedScorer):
    """Scores conversations with a reward model, as fast as the model allows and each as it would be scored alone.

    A conversation is the sample's prompt and completion, rendered by the reward model's own chat template and tokenizer. With a parser, the
    parsed answer (text) replaces the response; a response without an answer, like an empty one, is scored as the empty response:
    what the reward model thinks of silence is its own to say. The model is loaded at the first batch or by `load()`, once a process, on
    this process's accelerator by default; the scorer itself stays small and picklable.

    Components: every head by its name; `step_1`, `step_2`, ... of a process reward model; `overflow`, 1 where a conversation was cut, when
    there is an overflow policy; `raw` when the score is shaped.

    Raises:
        ValueError: when options contradict each other.
    """

    model: str
    """Hub id, or directory with weights, configuration and tokenizer; also that of a peft adapter."""
    revision: str = "main"
    """Branch, tag or commit of a hub id."""
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(default="auto", validation_alias=AliasChoices("dtype", "torch_dtype"))
    """Type of the weights; auto is the checkpoint's own. Also called torch_dtype. The head computes in float32 where it can."""
    trust_remote_code: bool = False
    """Run modelling code that comes with the checkpoint."""
    device_map: str | dict[str, int | str] | None = None
    """Accelerate's map of layers to devices, such as auto; without one the whole model goes to `device`."""
    token: SecretOption | None = field(default=None, repr=False)
    """Hub token; by default the environment's."""
    truncation: bool = False
    """Cut conversations longer than max_length: the same as `overflow: left`."""
    max_length: PositiveInt | None = None
    """Longest conversation in tokens; by default what tokenizer and model declare."""
    overflow: Literal["error", "left", "right", "middle", "skip"] | None = field(default=None, kw_only=True)
    """Longer conversations: an error, cut (the oldest, newest or middle tokens of the prompt; the response only after them), or skipped."""
    attn_implementation: str | None = field(default=None, kw_only=True)
    """Attention of padded batches, as transformers names it."""
    quantization: dict[str, Any] | None = field(default=None, kw_only=True)
    """Quantisation, as transformers' quantization_config has it: {load_in_4bit: true, ...}, or with a quant_method."""
    adapter: str | None = field(default=None, kw_only=True)
    """Peft adapter on top of `model`, by hub id or directory."""
    device: str | None = field(default=None, kw_only=True)
    """Where the model lives, such as cuda:1 or cpu; by default this process's accelerator."""
    offload: bool = field(default=False, kw_only=True)
    """Keep the model in the CPU's memory between batches."""
    token_budget: PositiveInt | None = field(default=None, kw_only=True)
    """Tokens per forward pass: 4096 on a CPU and 32768 elsewhere by default, halved when memory runs out."""
    share_prefixes: bool = field(default=True, kw_only=True)
    """Compute common prefixes once, where the model can."""
    format: Literal["chat", "text", "pair"] = field(default="chat", kw_only=True)
    """chat: the chat template. text: prompt and response as they are. pair: two segments, as encoders take them."""
    chat_template: str | None = field(default=None, kw_only=True)
    """Jinja template instead of the tokenizer's own."""
    system: str | None = field(default=None, kw_only=True)
    """System message for conversations that have none."""
    append: str | None = field(default=None, kw_only=True)
    """Text put behind each conversation, such as a reward token."""
    strip_thinking: bool = field(default=False, kw_only=True)
    """Take <think>...</think> and reasoning fields out of the assistant's messages."""
    read_at: Literal["template_end", "end_of_turn"] | None = field(default=None, kw_only=True)
    """Where a template that goes on after the end of the turn is read; unset is its end, with a warning."""
    pooling: Pooling | None = field(default=None, kw_only=True)
    """The token that a decoder is read at: the last, or the last that is not the pad token. Unset is what transformers does with the checkpoint:
    the last that is not the configuration's pad token. Where conversations end in it (pad = eos), a warning says so."""
    heads: dict[str, float] | list[str] | None = field(default=None, kw_only=True)
    """Names of several heads, with the weights that make the score; without weights for a model that returns a total."""
    distribution: list[float] | None = field(default=None, kw_only=True)
    """Values whose probabilities the heads are, as logits: the score is their mean, with component `spread`, their standard deviation."""
    output: str | None = field(default=None, kw_only=True)
    """Member of a custom model's output that is the score; by default score, scores, end_scores or logits."""
    sign: Literal[1, -1] = field(default=1, kw_only=True)
    """-1 for a cost model, where less is better."""
    steps: Steps | None = field(default=None, kw_only=True)
    """How a process reward model reads the steps of a response."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require("the reward_model scorer", "torch", "transformers")
        if self.truncation and self.overflow not in (None, "left"):
            raise ValueError(f"truncation is overflow 'left'; overflow says {self.overflow!r}")
        if self.offload and (self.device_map is not None or self.quantization is not None):
            raise ValueError("offload moves a whole model; it goes with `device`, not with device_map or quantization")
        if self.device is not None and self.device_map is not None:
            raise ValueError(f"device {self.device!r} and device_map {self.device_map!r} both say where the model lives; give one")
        if self.heads is not None and self.distribution is not None:
            raise ValueError("heads and distribution are two readings of the same numbers; give one")
        if self.steps is not None and (self.heads is not None or self.distribution is not None):
            raise ValueError("a process reward model is read by `steps` alone, without heads or distribution")
        if self.steps is not None and self.pooling is not None:
            raise ValueError(f"pooling {self.pooling!r} is of models with one score a conversation; a process reward model is read by `steps` alone")
        if self.steps is not None and self.format == "pair":
            raise ValueError("steps: format 'pair' has no place for step tokens; use 'chat' or 'text'")

    @property
    def traits(self) -> Traits:
        return replace(super().traits, holds_model=True)

    def load(self) -> Loaded:
        """The model, loaded on first use in this process.

        Raises:
            ValueError: when the checkpoint cannot score (no head, several and no weights, no chat template); says what is missing.
        """
        from rl_rewards.models.versions import files_of
        from rl_rewards.scorers.reward_model.loaded import loaded

        ready = loaded(self._key, files_of(self.model, self.adapter), self._load)
        self._heads(ready)
        if self.steps is None:
            check_pooling(self.model, ready, self.pooling)
        return ready

    def raw(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        ready = self.load()
        heads = self._heads(ready)
        rows = [self._row(ready, sample, answer) for sample, answer in zip(samples, answers, strict=True)]
        readable = [row for row in rows if isinstance(row, _Row) and row.positions]
        with ready.in_place(self.offload) as readout:
            values = iter(read_rows(readout, [row.ids for row in readable], [row.positions for row in readable]))
        results = []
        for row, answer in zip(rows, answers, strict=True):
            result = row if isinstance(row, EvaluateResult) else self._result(heads, row, next(values) if row.positions else None)
            if answer is None and result.score is not None:
                result.outcome, result.reason = Outcome.UNPARSED, "no answer in the response: scored as empty"
            results.append(result)
        return results

    def verify(self, samples: Sequence[Sample], tolerance: float = 1e-4) -> float:
        """Compare the scores of these samples in one batch with those of each alone, print the largest difference, and return it.

        Args:
            samples: rows of the user's own; a few dozen tell.
            tolerance: in units of the score; rounding in float32 stays below 1e-4, in bfloat16 it does not.

        Raises:
            ValueError: when no sample can be scored.
        """
        ready = self.load()
        rows = [row for row in (self._row(ready, sample, sample.whole) for sample in samples) if isinstance(row, _Row) and row.positions]
        if not rows:
            raise ValueError("verify needs at least one sample that can be scored")
        ids, positions = [row.ids for row in rows], [row.positions for row in rows]
        with ready.in_place(self.offload) as readout:
            together, alone = readout(ids, positions), readout.alone(ids, positions)
        heads = self._heads(ready)
        scores = [[self._result(heads, row, values).score for row, values in zip(rows, each, strict=True)] for each in (together, alone)]
        differences = [abs(one - other) for one, other in zip(*scores, strict=True)]
        largest = max(differences)
        ends = sorted({ready.renderer.tokenizer.decode([row.ids[row.positions[-1]]]) for row in rows})
        print(
            f"{self.model}: {len(rows)} rows, largest difference between batch and single scores {largest:.2g} "
            f"({'within' if largest <= tolerance else 'BEYOND'} {tolerance:g}; scores from {min(scores[1]):.4g} to {max(scores[1]):.4g}); "
            f"read at {', '.join(map(repr, ends[:5]))}"
        )
        return largest

    def _row(self, ready: Loaded, sample: Sample, answer: Any) -> _Row | EvaluateResult:
        """What the model will read for one sample, or why it won't."""
        from rl_rewards.scorers.reward_model.rendering import TemplateError
        from rl_rewards.scorers.reward_model.steps import render_steps

        if answer is not None and not isinstance(answer, str):
            found = f"{type(answer).__name__}: {answer!r:.80}"
            return EvaluateResult.failure(Outcome.ERROR, f"a reward model scores text; the parser gave {found}")
        conversation = _with_response(sample.conversation, sample.whole, answer or "")
        try:
            if self.steps is not None:
                ids, positions = render_steps(ready.renderer, conversation, self.steps)
                if ready.limit is not None and len(ids) > ready.limit:
                    return self._too_long(len(ids), ready.limit)
                return _Row(ids, positions, 0)
            rendered = ready.renderer.render(conversation)
            excess = len(rendered.ids) - ready.limit if ready.limit is not None else 0
            if excess > 0:
                policy = "left" if self.truncation else self.overflow
                if policy in (None, "error", "skip"):
                    return self._too_long(len(rendered.ids), ready.limit)
                from rl_rewards.scorers.reward_model.overflow import shorten

                bos = ready.renderer.tokenizer.bos_token_id
                rendered = shorten(rendered, ready.limit, policy, keep_first=bos is not None and rendered.ids[0] == bos)
        except (TemplateError, ValueError) as error:
            return EvaluateResult.failure(Outcome.ERROR, str(error))
        ids = rendered.ids
        return _Row(ids, (pooled_position(ids, ready, self.pooling),) if ids else (), max(0, excess))

    def _result(self, heads: Heads | None, row: _Row, values: torch.Tensor | EvaluateResult | None) -> EvaluateResult:
        """The result of one row, from the numbers (positions, heads) read at it."""
        if isinstance(values, EvaluateResult):
            return values
        if self.steps is not None:
            return self._step_result(values)
        if values is None:
            return EvaluateResult.failure(Outcome.ERROR, "the conversation rendered to no tokens at all")
        score, components = heads.score(values[-1].tolist())
        if not math.isfinite(score):
            return EvaluateResult.failure(Outcome.ERROR, f"the reward model returned {score}")
        metrics: dict[str, Any] = {name: MetricResult(value) for name, value in components.items()}
        if self.truncation or self.overflow is not None:
            metrics["overflow"] = MetricResult(float(row.cut > 0), f"{row.cut} tokens cut" if row.cut else "")
        return EvaluateResult(score, metrics=metrics)

    def _step_result(self, values: torch.Tensor | None) -> EvaluateResult:
        if values is None:
            return EvaluateResult(0.0, "no steps in the response", outcome=Outcome.UNPARSED)
        if values.shape[1] == 1:
            probabilities = values.sigmoid()[:, 0].tolist()
        else:
            good = 0 if self.steps.words is not None else self.steps.good
            if good >= values.shape[1]:
                return EvaluateResult.failure(Outcome.ERROR, f"steps: class {good} is none of the model's {values.shape[1]}")
            probabilities = values.softmax(1)[:, good].tolist()
        if not all(map(math.isfinite, probabilities)):
            return EvaluateResult.failure(Outcome.ERROR, f"the reward model returned {probabilities}")
        metrics = {f"step_{number}": MetricResult(probability) for number, probability in enumerate(probabilities, 1)}
        steps = [StepOutput(index, probability) for index, probability in enumerate(probabilities)]
        return EvaluateResult(self.sign * self.steps.combined(probabilities), f"{len(steps)} steps", metrics, step_outputs=steps)

    def _too_long(self, length: int, limit: int) -> EvaluateResult:
        text = f"{length} tokens are more than the reward model's {limit}"
        if self.overflow == "skip":
            return EvaluateResult.skip(text)
        if self.steps is not None:
            return EvaluateResult.failure(Outcome.ERROR, f"{text}; steps are not cut, only `overflow: skip` passes over them")
        return EvaluateResult.failure(Outcome.ERROR, f"{text}; `overflow` says what to do then: left, right, middle or skip")

    def _heads(self, ready: Loaded) -> Heads | None:
        return None if self.steps is not None else Heads(ready.readout.columns, self.heads, self.distribution, self.sign)

    @property
    def _key(self) -> str:
        options = {option.name: getattr(self, option.name) for option in fields(self) if option.name not in _AFTER_LOADING}
        return repr({**options, "token": self.token and self.token.get_secret_value()})

    def _load(self) -> Loaded:
        from rl_rewards.models.checkpoint import Source
        from rl_rewards.scorers.reward_model.loaded import load

        source = Source(
            self.model, self.revision, self.dtype, self.trust_remote_code, self.device_map, self.token and self.token.get_secret_value(),
            self.attn_implementation, self.quantization, self.adapter,
        )  # fmt: skip
        rendering = ("format", "chat_template", "system", "append", "strip_thinking", "read_at")
        words = None if self.steps is None else self.steps.words
        return load(
            source,
            "sequence" if self.steps is None else "token" if words is None else "next_token",
            device=self.device,
            max_length=self.max_length,
            words=words,
            output=self.output,
            token_budget=self.token_budget,
            share_prefixes=self.share_prefixes,
            rendering={name: getattr(self, name) for name in rendering},
        )


@dataclass(frozen=True)
class _Row:
    """Token ids, the positions to read, and how many tokens were cut."""

    ids: tuple[int, ...]
    positions: tuple[int, ...]
    cut: int


def _with_response(conversation: list[Any], response: str, answer: str) -> list[Any]:
    """The conversation, its last message the answer; as it is when the answer is the response."""
    if conversation and answer == response:
        return conversation
    return [*conversation[:-1], {"role": "assistant", "content": answer}]
