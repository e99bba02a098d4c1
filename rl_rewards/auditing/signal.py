"""What a policy's own responses say of the signal: groups without spread, what drives the advantage, ceilings, floors, correlations, length."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev, pvariance
from typing import Any

from rl_rewards.auditing.findings import Finding, Severity
from rl_rewards.auditing.measures import correlation, wilson
from rl_rewards.auditing.rows import AuditError, Row
from rl_rewards.auditing.scoring import Call, Probe, Verdict
from rl_rewards.auditing.subject import Subject
from rl_rewards.types.rows import RowError, sample_of

__all__ = ["Response", "responses_in", "signal_findings", "useful_groups"]

_TINY = 1e-9
_SIZES = (4, 8, 16)
_ADDED = frozenset({"score", "scores", "outcomes", "reasons", "components"})


@dataclass(frozen=True)
class Response:
    """What a policy said to a prompt.

    Attributes:
        row: prompt and columns.
        text: the response.
        right: whether the data says that it is right, where it does.
    """

    row: Row
    text: str


def responses_in(rows: Iterable[Mapping[str, Any]], known: Sequence[Row]) -> list[Response]:
    """The responses in rows with a prompt and a completion, scored ones included; columns that they lack come from the row of the same prompt.

    Raises:
        AuditError: when a row has no completion, or there are none.
    """
    by_prompt = {_key(row.prompt): row for row in known}
    found = []
    for number, values in enumerate(rows, 1):
        values = {name: value for name, value in values.items() if name not in _ADDED}
        try:
            sample = sample_of(values)
        except RowError as error:
            raise AuditError(f"responses, row {number}: {error}") from None
        columns = {**(by_prompt[_key(sample.prompt)].columns if _key(sample.prompt) in by_prompt else {}), **sample.references}
        found.append(Response(Row(sample.prompt, columns, number), sample.response))
    if not found:
        raise AuditError("responses must have rows, got none")
    return found


def _key(prompt: Any) -> str:
    return prompt if isinstance(prompt, str) else json.dumps(prompt, sort_keys=True, default=str)


def signal_findings(subject: Subject, responses: Iterable[Mapping[str, Any]], facts: dict[str, Any]) -> Iterator[Finding]:
    """Findings about a policy's responses; the numbers go into `facts["signal"]`."""
    said = responses_in(responses, subject.rows)
    groups = _groups(said)
    verdicts = _scored(subject, said)
    signal: dict[str, Any] = {"responses": len(said), "groups": len(groups)}
    facts["signal"] = signal
    totals = [[verdicts[i].total for i in members] for members in groups]
    scored = [[total for total in group if total is not None] for group in totals]
    scored = [group for group in scored if len(group) > 1]
    if not scored:
        yield Finding(
            kind="no_groups",
            severity=Severity.WARNING,
            evidence=f"no prompt has two responses with a score, of {len(groups)} prompts",
            remedy="give several responses for each prompt",
        )
        return
    top, bottom = max(map(max, scored)), min(map(min, scored))
    flat = [group for group in scored if max(group) - min(group) <= _TINY]
    middle = (top + bottom) / 2
    right = [group for group in flat if group[0] > middle]
    signal["flat_groups"] = {
        "share": len(flat) / len(scored),
        "all_right": len(right) / len(scored),
        "all_wrong": (len(flat) - len(right)) / len(scored),
    }
    if top - bottom <= _TINY:
        yield Finding(
            kind="no_signal",
            severity=Severity.ERROR,
            evidence=f"all {len(said)} responses earn {top:.3g}: there is no advantage to learn from",
            remedy="a reward that some responses earn and others do not: partial credit, easier prompts, a warm start",
            rows=len(said),
            of=len(said),
        )
    elif len(flat) * 2 > len(scored):
        low, high = wilson(len(flat), len(scored))
        yield Finding(
            kind="flat_groups", severity=Severity.WARNING, rows=len(flat), of=len(scored), evidence=f"{len(flat)} of {len(scored)} groups have no spread ({low:.0%} to {high:.0%}): {len(right)} all right, {len(flat) - len(right)} all wrong",
            remedy="drop prompts that are too easy or too hard, or give partial credit",
        )  # fmt: skip
    signal["useful_groups"] = {str(size): useful_groups(scored, size) for size in _SIZES}
    yield from _rewards(subject, groups, verdicts, signal)
    yield from _lengths(said, verdicts, signal)
    signal["lines"] = _lines(signal)


def _scored(subject: Subject, said: Sequence[Response]) -> list[Verdict]:
    """Every response scored in batches of whole groups."""
    names = list(dict.fromkeys(name for response in said for name in response.row.columns))
    rows = [Row(response.row.prompt, {name: response.row.columns.get(name) for name in names}, response.row.number) for response in said]
    call = Call(subject.rubric, rows)
    verdicts: dict[int, Verdict] = {}
    order = [i for members in _groups(said) for i in members]
    for start in range(0, len(order), 512):
        part = order[start : start + 512]
        verdicts.update(zip(part, call.batch([Probe(i, said[i].text) for i in part]), strict=True))
    return [verdicts[i] for i in range(len(said))]


def _groups(said: Sequence[Response]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for i, response in enumerate(said):
        groups.setdefault(_key(response.row.prompt), []).append(i)
    return list(groups.values())


def useful_groups(groups: Sequence[Sequence[float]], size: int) -> float:
    """The expected share of groups of `size` with any spread, from groups of whatever size.

    A group of n totals has spread unless all `size` draws are equal. The chance of c equal totals drawn `size` times is estimated without bias
    by C(c, size) / C(n, size) where n is at least `size`, and by (c / n)^size below that (pass@k's estimator, 2107.03374, for every value).
    """
    chances = []
    for group in groups:
        counts: dict[float, int] = {}
        for total in group:
            counts[round(total, 9)] = counts.get(round(total, 9), 0) + 1
        n = len(group)
        equal = sum(math.comb(c, size) / math.comb(n, size) if n >= size else (c / n) ** size for c in counts.values())
        chances.append(1 - equal)
    return fmean(chances)


def _rewards(subject: Subject, groups: Sequence[Sequence[int]], verdicts: Sequence[Verdict], signal: dict[str, Any]) -> Iterator[Finding]:
    """Each reward: whether it varies, its share of the advantage's variance, ceiling and floor, gates; and pairs that say the same."""
    deviations: dict[str, list[float]] = {}
    columns: dict[str, list[float | None]] = {reward.name: [verdict.scores[reward.name] for verdict in verdicts] for reward in subject.rubric}
    for reward in subject.weighted:
        found = []
        for members in groups:
            scores = [(verdicts[i].scores[reward.name] or 0.0) * reward.weight for i in members]
            mean = fmean(scores)
            found += [score - mean for score in scores]
        deviations[reward.name] = found
    whole = [sum(parts) for parts in zip(*deviations.values(), strict=True)]
    variance = pvariance(whole) if whole else 0.0
    # The share of a part is its covariance with the sum: shares add up to 1, also where parts are correlated.
    shares = {
        name: fmean(a * b for a, b in zip(found, whole, strict=True)) / variance if variance > _TINY else 0.0 for name, found in deviations.items()
    }
    signal["variance_share"] = {name: round(share, 4) for name, share in shares.items()}
    signal["rewards"] = {}
    for reward in subject.rubric:
        scores = [score for score in columns[reward.name] if score is not None]
        if not scores:
            continue
        top, bottom = max(scores), min(scores)
        signal["rewards"][reward.name] = {
            "mean": fmean(scores), "std": pstdev(scores), "at_ceiling": scores.count(top) / len(scores), "at_floor": scores.count(bottom) / len(scores), "scored": len(scores),
        }  # fmt: skip
        if top - bottom <= _TINY and reward.weight:
            yield Finding(
                kind="reward_never_varies",
                severity=Severity.WARNING,
                reward=reward.name,
                evidence=f"all {len(scores)} responses score {top:.3g}",
                remedy="leave it out, or check its pattern with `rl-rewards preview`",
                rows=len(scores),
                of=len(scores),
            )
        gates = [verdict.gates[reward.name] for verdict in verdicts if reward.name in verdict.gates]
        if gates and not any(gates):
            yield Finding(
                kind="gate_never_opens",
                severity=Severity.WARNING,
                reward=reward.name,
                evidence=f"its gate was closed for all {len(gates)} responses",
                remedy="lower `at_least`, or gate by another reward",
                rows=len(gates),
                of=len(gates),
            )
    compared = set(subject.reads_references)
    form = {name: share for name, share in shares.items() if name not in compared}
    if compared and form and sum(form.values()) > 0.5:
        name = max(form, key=lambda name: form[name])
        yield Finding(
            kind="form_drives_advantage", severity=Severity.WARNING, reward=name, evidence=f"{sum(form.values()):.0%} of the advantage's variance comes of rewards that do not read the reference",
            remedy="lower their weights; what counts is a reward's spread within groups, not its weight",
        )  # fmt: skip
    yield from _redundant(subject, columns, signal)


def _redundant(subject: Subject, columns: Mapping[str, Sequence[float | None]], signal: dict[str, Any]) -> Iterator[Finding]:
    names = [reward.name for reward in subject.weighted]
    signal["correlation"] = {}
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            pairs = [(x, y) for x, y in zip(columns[a], columns[b], strict=True) if x is not None and y is not None]
            r = correlation([x for x, _ in pairs], [y for _, y in pairs])
            if r is None:
                continue
            signal["correlation"][f"{a} ~ {b}"] = round(r, 4)
            if r > 0.98:
                yield Finding(
                    kind="rewards_say_the_same",
                    severity=Severity.NOTE,
                    reward=b,
                    evidence=f"{a!r} and {b!r} correlate with {r:.2f} over {len(pairs)} responses",
                    remedy="one of them is enough",
                )


def _lengths(said: Sequence[Response], verdicts: Sequence[Verdict], signal: dict[str, Any]) -> Iterator[Finding]:
    pairs = [(float(len(response.text)), verdict.total) for response, verdict in zip(said, verdicts, strict=True) if verdict.total is not None]
    r = correlation([x for x, _ in pairs], [y for _, y in pairs])
    if r is None:
        return
    signal["length_correlation"] = round(r, 4)
    if abs(r) > 0.6 and len(pairs) >= 16:
        yield Finding(
            kind="length_decides",
            severity=Severity.WARNING,
            evidence=f"the total correlates with the response's length ({r:+.2f} over {len(pairs)} responses)",
            remedy="look at long and short responses of equal worth; `cosine_length` bounds what length can earn",
        )


def _lines(signal: Mapping[str, Any]) -> list[str]:
    """What a reader is shown."""
    flat = signal["flat_groups"]
    lines = [
        f"{signal['responses']} responses in {signal['groups']} groups; without spread {flat['share']:.0%} (all right {flat['all_right']:.0%}, all wrong {flat['all_wrong']:.0%})",
        "useful groups expected: " + ", ".join(f"G = {size}: {share:.0%}" for size, share in signal["useful_groups"].items()),
    ]
    if signal.get("variance_share"):
        lines.append("share of the advantage's variance: " + ", ".join(f"{name} {share:.0%}" for name, share in signal["variance_share"].items()))
    return lines
