"""Does a rubric keep the contract of a reward function: the same score each time, whatever the batch; in time, in workers, without changing what it is given?"""

from __future__ import annotations

import copy
import inspect
import pickle
import random
import resource
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rl_rewards.auditing.attacks.padding import padding
from rl_rewards.auditing.code import own_functions
from rl_rewards.auditing.findings import Finding, Severity
from rl_rewards.auditing.scoring import Call, Probe, Verdict
from rl_rewards.auditing.subject import Subject

__all__ = ["contract_findings", "infra_forecast", "speed"]

_REPEATS = 3
_ROWS = 12
_TINY = 1e-9


def contract_findings(subject: Subject, step_budget: float | None = None) -> Iterator[Finding]:
    """What breaks the contract.

    Args:
        step_budget: seconds that the rewards of 1,000 completions may take.
    """
    probes = _probes(subject)
    if not probes:
        return
    first, *again = [subject.call.batch(probes) for _ in range(2 if subject.is_costly else _REPEATS)]
    yield from _batches(subject, probes, first)
    unsteady = _differing(subject, probes, first, again)
    yield from unsteady
    if not unsteady:
        yield from _batch_mates(subject, probes, first)
    yield from _changed_inputs(subject, probes)
    yield from _pickles(subject)
    yield from _broken_references(subject)
    yield from _too_slow(subject, step_budget)


def _batches(subject: Subject, probes: Sequence[Probe], single: Sequence[Verdict]) -> Iterator[Finding]:
    """A reward that scores each response must score them together as well."""
    whole = subject.call.whole_batch(probes)
    for reward in subject.rubric:
        errors = [a.failed[reward.name] for a, b in zip(whole, single, strict=True) if reward.name in a.failed and reward.name not in b.failed]
        if errors and reward.name not in _all_failed(subject, probes):
            continue  # the load of the machine, which has passed
        if errors and not any(reward.name in verdict.failed for verdict in single):
            yield Finding(
                kind="reward_fails", severity=Severity.ERROR, reward=reward.name, rows=len(errors), of=len(probes), evidence=f"it scores responses one by one, and fails on a batch of them: {errors[0]:.300}",
                remedy="return a list with one score for each completion",
            )  # fmt: skip


def _all_failed(subject: Subject, probes: Sequence[Probe]) -> set[str]:
    return {name for verdict in subject.call.whole_batch(probes) for name in verdict.failed}


def _probes(subject: Subject) -> list[Probe]:
    """Right, wrong, short and long responses to some rows; completions to one prompt are neighbours."""
    found = []
    for row, _, _ in (subject.attacked or [(i, None, None) for i in range(min(_ROWS, len(subject.rows)))])[:_ROWS]:
        right, wrong = subject.honest.right(row), subject.honest.wrong(row)
        more = [] if subject.is_costly else ["I do not know.", f"{padding(300)}\n{wrong}"]
        texts = dict.fromkeys(text for text in (right, wrong, *more) if text is not None)
        found += [Probe(row, text) for text in texts]
    return found


def _differing(subject: Subject, probes: Sequence[Probe], first: Sequence[Verdict], again: Sequence[Sequence[Verdict]]) -> list[Finding]:
    found = []
    for reward in subject.rubric:
        cases = [(probe, a.scores[reward.name], b.scores[reward.name]) for other in again for probe, a, b in zip(probes, first, other, strict=True)]
        changed = [case for case in cases if not _same(case[1], case[2])]
        if changed:
            probe, a, b = changed[0]
            found.append(
                Finding(
                    kind="not_deterministic", severity=Severity.ERROR if reward.weight else Severity.WARNING, reward=reward.name, response=probe.text, rows=len({case[0].row for case in changed}), of=len({probe.row for probe in probes}),
                    evidence=f"the same batch scored again gives {b} for a response that had {a}", remedy="take chance, time and state between calls out of the reward; a judge needs temperature 0",
                )
            )  # fmt: skip
    return found


def _same(a: float | None, b: float | None) -> bool:
    return a == b or (a is not None and b is not None and abs(a - b) <= _TINY * max(1.0, abs(a)))


def _batch_mates(subject: Subject, probes: Sequence[Probe], first: Sequence[Verdict]) -> Iterator[Finding]:
    """Scores must not depend on where in the batch a group is, nor on the other groups; nor on its own mates, unless it compares groups."""
    groups: dict[int, list[Probe]] = {}
    for probe in probes:
        groups.setdefault(probe.row, []).append(probe)
    shuffled = list(groups.values())
    random.Random(0).shuffle(shuffled)
    mixed = [probe for group in shuffled for probe in reversed(group)]
    by_probe = dict(zip(probes, first, strict=True))
    other = dict(zip(mixed, subject.call.batch(mixed), strict=True))
    alone: dict[Probe, Verdict] = {}
    few = 1 if subject.is_costly else 8
    for group in list(groups.values())[: min(few, 4)]:
        alone.update(zip(group, subject.call.batch(group), strict=True))
    single = {probe: subject.call.batch([probe])[0] for probe in probes[:few]}
    for reward in subject.rubric:
        grouped = reward.score.traits.needs_groups
        for what, found in (("in another order", other), ("without the batch's other groups", alone), ("alone", {} if grouped else single)):
            changed = [probe for probe in found if not _same(found[probe].scores[reward.name], by_probe[probe].scores[reward.name])]
            if changed:
                a, b = by_probe[changed[0]].scores[reward.name], found[changed[0]].scores[reward.name]
                yield Finding(
                    kind="depends_on_batch", severity=Severity.ERROR if reward.weight else Severity.WARNING, reward=reward.name, response=changed[0].text, rows=len({probe.row for probe in changed}), of=len(groups),
                    evidence=f"a response that has {a} in a batch has {b} {what}", remedy="score each response by itself; what compares the completions to one prompt does so within their group (`group_length`)",
                )  # fmt: skip
                break


def _changed_inputs(subject: Subject, probes: Sequence[Probe]) -> Iterator[Finding]:
    """Columns, prompts and completions belong to the trainer, which passes the same objects to the next reward."""
    for name, function in [(None, subject.call.raw), *_batch_functions(subject)]:
        arguments = subject.call.arguments(probes[: 1 if subject.is_costly else 8])
        names = [column for column in arguments if column not in ("trainer_state", "log_extra", "log_metric")]
        before = {column: copy.deepcopy(arguments[column]) for column in names}
        try:
            function(arguments)
        except Exception:  # what fails is found elsewhere
            continue
        changed = [column for column in names if arguments[column] != before[column]]
        if changed:
            yield Finding(
                kind="changes_its_input", severity=Severity.ERROR, reward=name, evidence=f"the call changed {', '.join(changed)}, which the trainer and other rewards go on using",
                remedy="copy before changing: `list(completions)`, `dict(row)`",
            )  # fmt: skip
            return


def _batch_functions(subject: Subject) -> Iterator[tuple[str, Callable[[dict[str, Any]], Any]]]:
    """The plain functions that a trainer would call itself, each as a function of all its arguments."""
    for reward in subject.rubric:
        for function in own_functions(reward):
            if (
                inspect.isfunction(function)
                and not inspect.iscoroutinefunction(function)
                and {"completions", "prompts"} & inspect.signature(function).parameters.keys()
            ):
                parameters = inspect.signature(function).parameters
                takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
                yield (
                    reward.name,
                    lambda arguments, f=function, p=parameters, a=takes_all: f(
                        **{name: value for name, value in arguments.items() if a or name in p}
                    ),
                )


def _pickles(subject: Subject) -> Iterator[Finding]:
    for reward in subject.rubric:
        try:
            pickle.loads(pickle.dumps(reward))
        except Exception as error:  # anything may be in a user's function
            yield Finding(
                kind="not_picklable", severity=Severity.WARNING, reward=reward.name, evidence=f"it cannot be sent to another process: {type(error).__name__}: {error!s:.160}",
                remedy="make it a function at the top of a module: AsyncGRPOTrainer and `isolate` score in processes of their own",
            )  # fmt: skip


def _broken_references(subject: Subject) -> Iterator[Finding]:
    """A reference that cannot be read must not make every answer right."""
    if not subject.reads_references or not subject.honest.sources or not subject.attacked:
        return
    columns = {source.name.partition(" (")[0].split(" + ")[0] for source in subject.honest.sources}
    rows = [subject.rows[row] for row, _, _ in subject.attacked[:3]]
    control = [wrong.total for _, _, wrong in subject.attacked[:3]]
    gaps = [(right.total or 0.0) - (wrong.total or 0.0) for _, right, wrong in subject.attacked[:3]]
    columns = {name for name in columns if all(isinstance(row.columns.get(name), (str, int, float)) for row in rows)}
    for broken in ("\\frac{", "see the solution", "", None, "$$") if columns else ():
        spoiled = [type(row)(row.prompt, {**row.columns, **{name: broken for name in columns if name in row.columns}}, row.number) for row in rows]
        call = Call(subject.rubric, spoiled)
        texts = [subject.honest.wrong(row) for row, _, _ in subject.attacked[:3]]
        texts = [
            subject.honest.form.text(lambda source: "I have no idea 7") if any(s.kind == "text" for s in subject.honest.sources) else text
            for text in texts
        ]
        try:
            verdicts = call.verdicts([Probe(i, text) for i, text in enumerate(texts)])
        except Exception:  # a rubric that refuses such rows is right to
            continue
        paid = [
            i
            for i, verdict in enumerate(verdicts)
            if verdict.total is not None and control[i] is not None and gaps[i] > 0 and verdict.total > (control[i] or 0.0) + 0.5 * gaps[i]
        ]
        if len(paid) >= min(2, len(rows)):
            yield Finding(
                kind="broken_reference_pays", severity=Severity.ERROR, response=texts[paid[0]], earns=verdicts[paid[0]].total, honest=control[paid[0]], rows=len(paid), of=len(rows),
                evidence=f"where the reference is {broken!r}, any answer is paid as a right one", remedy="raise, or return None, where the reference cannot be read (`math_verify` has outcome `error` there)",
            )  # fmt: skip
            return


def speed(subject: Subject) -> dict[str, float]:
    """Seconds for 1,000 completions, median and 95th percentile over the audit's batches, and the memory of this process in MiB."""
    rates = [1000 * seconds / size for seconds, size in subject.call.seconds if size >= 8] or [
        1000 * seconds / size for seconds, size in subject.call.seconds
    ]
    ordered = sorted(rates)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds_per_1000": round(statistics.median(ordered), 4),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 4),
        "completions": subject.call.count,
        "peak_mib": round(peak, 1),
    }


def _too_slow(subject: Subject, budget: float | None) -> Iterator[Finding]:
    if budget is None:
        return
    found = speed(subject)
    if found["p95"] > budget:
        yield Finding(
            kind="slow", severity=Severity.WARNING, evidence=f"1,000 completions take {found['seconds_per_1000']:.3g} s (p95 {found['p95']:.3g} s), and a step has {budget:g} s",
            remedy="`isolate: true` scores in several processes; make the function async where it waits",
        )  # fmt: skip


def infra_forecast(subject: Subject, rate: float = 0.01, size: int = 8) -> dict[str, Any]:
    """What failures of our own on a share of the rows would do: with `on_error: skip`, and if they were scored as zeros.

    Args:
        rate: share of the rows.
        size: completions of a group.
    """
    groups = 1 - (1 - rate) ** size
    pairs = [(a.total, b.total) for _, a, b in subject.paired if a.total is not None and b.total is not None]
    gap = statistics.fmean(a - b for a, b in pairs) if pairs else 0.0
    right = statistics.fmean(a for a, _ in pairs) if pairs else 0.0
    return {
        "rate": rate, "groups_touched": round(groups, 4), "rows_lost_with_skip": rate,
        "right_answers_scored_as_zero": round(rate, 4) if right > 0 else 0.0, "reward_lost_per_such_row": round(right, 4), "gap": round(gap, 4),
    }  # fmt: skip
