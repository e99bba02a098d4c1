"""Likeness in meaning: the cosine between the embeddings of the answer and the reference."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydantic import AliasChoices, Field, PositiveInt

from rl_rewards.configured import SecretOption, configured
from rl_rewards.parsers.fields import FieldMask
from rl_rewards.references import MissingReferenceError
from rl_rewards.scorers.base import RowScorer, Traits
from rl_rewards.scorers.objects import answer_object, reference_object
from rl_rewards.scorers.reference import Reference, columns_of, value_of
from rl_rewards.scorers.texts import reference_texts
from rl_rewards.types import EvaluateResult, MetricResult, Outcome, Sample
from rl_rewards.user_errors import require

if TYPE_CHECKING:
    from rl_rewards.models.embedder import Embedder


@configured
class CosineSimilarity(RowScorer):
    """Scores how close in meaning the answer is to the reference: the cosine between their embeddings, as (cos + 1) / 2.

    Text is compared with text, the nearest one when the reference is a list. An answer that is an object (parser `json`) is compared with
    the reference's object leaf by leaf: each leaf of the reference with the answer's leaf of the same key, each a component, the score
    their mean; a leaf that the answer lacks scores like no answer, one that only the answer has does not count. Blank text is no answer. A
    text longer than the model takes loses its end, and component `overflow` is 1. References are embedded once and kept.

    The cosine of two texts with nothing in common is about 0 and scores 0.5; paraphrases score above 0.9. It is Synalinks' reward
    CosineSimilarity, with leaves matched by key instead of by position.

    Raises:
        ValueError: when `wrong` is above what texts with nothing in common score, or a field's name is empty or given twice.
    """

    reference: str | Reference
    """The dataset column that holds the reference, or a template such as "{{references.answer}}", or {column: ..., parse: ...}."""
    model: str
    """Hub id, or directory of a transformers or sentence-transformers model."""
    scale: Literal["half", "cosine"] = field(default="half", kw_only=True)
    """half: (cos + 1) / 2, from 0 to 1. cosine: the cosine itself, from -1 to 1."""
    wrong: float | None = field(default=None, kw_only=True)
    """Score of a response without an answer, and of a leaf that it lacks; by default the lowest of the scale."""
    keep: tuple[str, ...] = field(default=(), kw_only=True)
    """Fields to compare, by exact name, with all that is in them; a dot leads into an object (`meta.unit`). Empty: all."""
    drop: tuple[str, ...] = field(default=(), kw_only=True)
    """Fields not to compare, written like `keep` and applied after it."""
    pooling: Literal["mean", "cls", "last"] | None = field(default=None, kw_only=True)
    """How token states become one embedding; by default as the sentence-transformers model says, else their mean."""
    prefix: str = field(default="", kw_only=True)
    """Put before every text, for models that were trained with an instruction, such as "query: "."""
    max_length: PositiveInt | None = field(default=None, kw_only=True)
    """Longest text in tokens; by default what the model declares."""
    revision: str = field(default="main", kw_only=True)
    """Branch, tag or commit of a hub id."""
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        default="auto", validation_alias=AliasChoices("dtype", "torch_dtype"), kw_only=True
    )
    """Type of the weights; auto is the checkpoint's own. Also called torch_dtype."""
    trust_remote_code: bool = field(default=False, kw_only=True)
    """Run modelling code that comes with the checkpoint."""
    token: SecretOption | None = field(default=None, kw_only=True, repr=False)
    """Hub token; by default the environment's."""
    device: str | None = field(default=None, kw_only=True)
    """Where the model lives, such as cuda:1 or cpu; by default this process's accelerator."""
    token_budget: PositiveInt | None = field(default=None, kw_only=True)
    """Tokens per forward pass: 4096 on a CPU and 32768 elsewhere by default, halved when memory runs out."""

    def __post_init__(self) -> None:
        value_of(self.reference)
        require("the cosine_similarity scorer", "torch", "transformers")
        self._mask  # noqa: B018 - a wrong mask fails here
        unlike = self._scaled(0.0)
        if self.wrong is not None and self.wrong > unlike:
            raise ValueError(f"wrong is {self.wrong}: no answer would score more than an answer about something else, {unlike}")

    @cached_property
    def _mask(self) -> FieldMask:
        return FieldMask(self.keep, self.drop)

    @property
    def traits(self) -> Traits:
        return Traits(columns=columns_of(self.reference), per_sample=True, holds_model=True)

    def load(self) -> Embedder:
        """The model, loaded on first use in this process and shared by scorers that run it the same way.

        Raises:
            EmbeddingModelError: when the checkpoint is not an embedding model that can be run as it was trained.
        """
        from rl_rewards.models.checkpoint import Source
        from rl_rewards.models.embedder import Embedder
        from rl_rewards.models.versions import files_of

        token = None if self.token is None else self.token.get_secret_value()
        source = Source(self.model, self.revision, self.dtype, self.trust_remote_code, token=token)
        key = (*vars(source).values(), self.device, self.pooling, self.max_length, self.token_budget)
        version = files_of(self.model)
        with _loading:
            kept = _loaded.get(key)
            if kept is None or version not in (None, kept[0]):  # its files have been written again
                embedder = Embedder(source, device=self.device, pooling=self.pooling, max_length=self.max_length, token_budget=self.token_budget)
                kept = _loaded[key] = version, embedder
            return kept[1]

    def score(self, samples: Sequence[Sample], answers: Sequence[Any]) -> list[EvaluateResult]:
        rows = [self.score_row(sample, answer) for sample, answer in zip(samples, answers, strict=True)]
        texts, keep = [], []
        for row in rows:
            for leaf in row.leaves if isinstance(row, _Row) else ():
                texts += [leaf.answer, *leaf.references]
                keep += [False, *(True for _ in leaf.references)]
        embeddings, cut = self.load()([self.prefix + text for text in texts], keep) if texts else ((), ())
        indices = iter(range(len(texts)))
        return [self._result(row, embeddings, cut, indices) if isinstance(row, _Row) else row for row in rows]

    def target(self, sample: Sample) -> Any:
        return value_of(self.reference)(sample)

    def unparsed(self) -> EvaluateResult:
        return EvaluateResult(self._lowest, "no answer in the response", outcome=Outcome.UNPARSED)

    def score_answer(self, answer: Any, target: Any, sample: Sample) -> _Row | EvaluateResult:
        """What is to be embedded for one sample, or its result where nothing is."""
        if isinstance(answer, str) and not answer.strip():
            return self.unparsed()
        if isinstance(answer, str) and not isinstance(target, Mapping):
            return _Row((_Leaf(None, answer, reference_texts(target)),), ())
        return self._object_row(answer, target)

    def _object_row(self, answer: Any, reference: Any) -> _Row | EvaluateResult:
        gold = _reference_leaves(reference, self._mask)
        given = answer_object(answer)
        if given is None:
            return EvaluateResult(self._lowest, "the answer is not a JSON object", outcome=Outcome.UNPARSED)
        kept = self._mask.apply(given) or {}
        found = {path: _at(kept, path) for path in gold}
        leaves = tuple(_Leaf(".".join(path), text, (gold[path],)) for path, text in found.items() if text.strip())
        return _Row(leaves, tuple(".".join(path) for path, text in found.items() if not text.strip()))

    def _result(self, row: _Row, embeddings: Any, cut: Sequence[bool], indices: Iterator[int]) -> EvaluateResult:
        """The result of one row; takes its texts' indices."""
        scores: dict[str | None, float] = {}
        overflow = 0
        for leaf in row.leaves:
            answer, *references = (next(indices) for _ in range(1 + len(leaf.references)))
            scores[leaf.name] = self._scaled(max(float(embeddings[answer] @ embeddings[place]) for place in references))
            overflow += sum(cut[place] for place in (answer, *references))
        if not all(map(math.isfinite, scores.values())):
            return EvaluateResult.failure(Outcome.ERROR, f"the embedding model returned numbers that are not finite for {scores}")
        scores |= dict.fromkeys(row.lacking, self._lowest)
        components = {name: MetricResult(score) for name, score in scores.items() if name is not None}
        components["overflow"] = MetricResult(float(overflow > 0), f"{overflow} texts cut" if overflow else "")
        reason = f"lacking: {', '.join(row.lacking[:10])}" if row.lacking else None
        return EvaluateResult(math.fsum(scores.values()) / len(scores), reason, components)

    def _scaled(self, cosine: float) -> float:
        cosine = cosine if math.isnan(cosine) else max(-1.0, min(1.0, cosine))  # rounding may lead beyond
        return cosine if self.scale == "cosine" else (cosine + 1) / 2

    @property
    def _lowest(self) -> float:
        return self._scaled(-1.0) if self.wrong is None else self.wrong


@dataclass(frozen=True)
class _Leaf:
    """Text of the answer and the references that it may be near to; the name of the field, or None for an answer that is text."""

    name: str | None
    answer: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class _Row:
    leaves: tuple[_Leaf, ...]
    lacking: tuple[str, ...]


_Path = tuple[str, ...]

_loaded: dict[tuple[Any, ...], tuple[object, Any]] = {}
_loading = threading.Lock()


def _reference_leaves(reference: Any, mask: FieldMask) -> dict[_Path, str]:
    """The texts in a reference's object that count, by their path of keys.

    Raises:
        MissingReferenceError: when it is no object, or nothing of it counts.
    """
    found = reference_object(reference)
    if found is None:
        raise MissingReferenceError(f"the answer is an object and the reference is none: {reference!r:.80}")
    leaves = {path: text for path, text in _leaves(mask.apply(dict(found)) or {}, ()) if text.strip()}
    if not leaves:
        raise MissingReferenceError(f"no field with text in it is left of the reference {reference!r:.80}")
    return leaves


def _leaves(value: Any, path: _Path) -> Iterator[tuple[_Path, str]]:
    """The leaves of a JSON value; items of a list by their number."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _leaves(inner, (*path, str(number)))
    else:
        yield path, _text(value)


def _at(value: Any, path: _Path) -> str:
    """The text at a path of an answer; blank where there is none."""
    for key in path:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list):
            value = value[int(key)] if key.isdecimal() and int(key) < len(value) else None
        else:
            return ""
    return "" if isinstance(value, (dict, list)) else _text(value)


def _text(leaf: Any) -> str:
    if leaf is None:
        return ""
    return leaf if isinstance(leaf, str) else json.dumps(leaf, default=str)
