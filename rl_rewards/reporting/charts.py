"""The charts over steps: scores, outcomes, gates, distribution, advantage, groups, length, correlation, time, trainer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from rl_rewards.reporting.curves import curve_of, histogram_of, quantiles_by
from rl_rewards.reporting.figures import MOST_POINTS, Figure, columns, hue, step_bins
from rl_rewards.reporting.groups import Groups, groups_of, predicted_useful, right_of, variance_shares
from rl_rewards.reporting.run import Run

__all__ = [
    "advantage_figures",
    "component_figures",
    "correlation_figures",
    "distribution_figures",
    "gate_figures",
    "group_figures",
    "length_figures",
    "outcome_figures",
    "rewards_of",
    "score_figures",
    "time_figures",
    "trainer_figures",
]

_KINDS = {"scored": "--calm", "unparsed": "--unparsed", "skipped": "--skipped", "left_out": "--left-out", "failed": "--failed"}
_BINS, _HEAT_STEPS, _STACK_STEPS = 24, 60, 60


def rewards_of(runs: Sequence[Run]) -> list[str]:
    """The rewards of all runs, in the first one's order."""
    return list(dict.fromkeys(name for run in runs for name in run.rewards))


def score_figures(runs: Sequence[Run], names: Sequence[str]) -> list[Figure]:
    """The total, and each reward, over the steps."""
    figures = []
    for place, reward in enumerate(["total", *rewards_of(runs)]):
        here = [(i, run) for i, run in enumerate(runs) if reward in ("total", *run.rewards)]
        values = [run.total if place == 0 else run.column(reward) for _, run in here]
        figures.append(
            _curve(
                f"score-{place}",
                reward,
                here,
                names,
                values,
                "--ink" if place == 0 else hue(place - 1),
                _weight(here, reward) if place else "weighted sum",
            )
        )
    return figures


def component_figures(runs: Sequence[Run], names: Sequence[str]) -> list[Figure]:
    """Each component over the steps."""
    figures, rewards = [], rewards_of(runs)
    for place, key in enumerate(dict.fromkeys(key for run in runs for key in run.components)):
        here = [(i, run) for i, run in enumerate(runs) if key in run.components]
        colour = hue(rewards.index(key[0]))
        figures.append(_curve(f"component-{place}", key[1], here, names, [run.components[key] for _, run in here], colour, f"component of {key[0]}"))
    return figures


def _weight(here: Sequence[tuple[int, Run]], reward: str) -> str:
    weights = list(dict.fromkeys(float(run.weights[run.rewards.index(reward)]) for _, run in here))
    if any(np.isnan(weights)):
        return "weight unknown"
    return "metric" if weights == [0.0] else "weight " + ", ".join(f"{weight:.3g}" for weight in weights)


def _curve(
    id: str, title: str, here: Sequence[tuple[int, Run]], names: Sequence[str], values: Sequence[np.ndarray], colour: str, subtitle: str
) -> Figure:
    curves, together = [], 1
    for (_, run), found in zip(here, values, strict=True):
        steps, joined = step_bins(run.step)
        together = max(together, joined)
        curves.append(curve_of(found, steps, run.trained))
    alone = len(names) == 1
    points = columns(
        series=[np.repeat(names[i], len(curve.steps)) for (i, _), curve in zip(here, curves, strict=True)],
        step=[curve.steps for curve in curves],
        mean=[curve.mean for curve in curves],
        low=[curve.low for curve in curves],
        high=[curve.high for curve in curves],
        count=[curve.count for curve in curves],
    )
    says = "; ".join(_course(names[i], curve.mean, alone) for (i, _), curve in zip(here, curves, strict=True))
    note = f"Each point is {together} steps." if together > 1 else None
    colours = [colour] if alone else [hue(i) for i, _ in here]
    return Figure(id, title, "curve", points, [names[i] for i, _ in here], colours, says, None, note, subtitle, legend=False)


def _course(name: str, mean: np.ndarray, alone: bool) -> str:
    found = mean[np.isfinite(mean)]
    who = "" if alone else f"{name}: "
    return (
        f"{who}no scores" if not len(found) else f"{who}from {found[0]:.3g} to {found[-1]:.3g}, lowest {found.min():.3g}, highest {found.max():.3g}"
    )


def outcome_figures(run: Run, prefix: str) -> list[Figure]:
    """What became of each reward's rows over the steps; not of a reward all of whose rows are scored."""
    figures = []
    bins = _bins(run, _STACK_STEPS)
    for i, name in enumerate(run.rewards):
        masks = run.ledger_masks(i)
        here = run.trained & masks["rows"]
        kinds = [kind for kind in _KINDS if kind == "scored" or (masks[kind] & here).any()]
        if len(kinds) > 1:
            counts = [np.bincount(bins.of[masks[kind] & here], minlength=len(bins.first)) for kind in kinds]
            labels = [kind.replace("_", " ") for kind in kinds]
            figures.append(_stack(f"{prefix}outcome-{i}", name, bins, counts, labels, [_KINDS[kind] for kind in kinds]))
    return figures


def gate_figures(runs: Sequence[Run], names: Sequence[str]) -> list[Figure]:
    """How open each gate was."""
    figures = []
    for place, reward in enumerate(rewards_of(runs)):
        here = [(i, run) for i, run in enumerate(runs) if reward in run.rewards and (run.gate[:, run.rewards.index(reward)] >= 0).any()]
        if here:
            values = [np.where((gate := run.gate[:, run.rewards.index(reward)]) < 0, np.nan, gate) for _, run in here]
            figure = _lines(f"gate-{place}", f"Gate of {reward}", here, names, values, [hue(place)])
            figure.defined, figure.y = "gate open", (0, 1)
            figures.append(figure)
    return figures


def _lines(
    id: str, title: str, here: Sequence[tuple[int, Run]], names: Sequence[str], values: Sequence[np.ndarray], colours: Sequence[str]
) -> Figure:
    """Means over the steps, one line for each run."""
    curves = [curve_of(found, step_bins(run.step)[0], run.trained) for (_, run), found in zip(here, values, strict=True)]
    points = columns(
        series=[np.repeat(names[i], len(curve.steps)) for (i, _), curve in zip(here, curves, strict=True)],
        step=[curve.steps for curve in curves],
        value=[curve.mean for curve in curves],
        count=[curve.count for curve in curves],
    )
    alone = len(names) == 1
    says = "; ".join(_course(names[i], curve.mean, alone) for (i, _), curve in zip(here, curves, strict=True))
    return Figure(id, title, "lines", points, [names[i] for i, _ in here], colours if alone else [hue(i) for i, _ in here], says, legend=False)


class _Bins:
    """Neighbouring steps taken together: `first` and `until` of each bin, shape (B,), and for each completion its bin, shape (N,)."""

    def __init__(self, steps: np.ndarray, most: int) -> None:
        binned, _ = step_bins(steps, most)
        self.first, self.of = np.unique(binned, return_inverse=True)
        kept = np.unique(steps)
        width = float(np.median(np.diff(self.first))) if len(self.first) > 1 else 1.0
        self.until = np.append(self.first[1:], self.first[-1] + width if len(kept) else 1).astype(float)


def _bins(run: Run, most: int) -> _Bins:
    return _Bins(run.step, most)


def _stack(id: str, title: str, bins: _Bins, counts: Sequence[np.ndarray], labels: Sequence[str], colours: Sequence[str]) -> Figure:
    """Shares of a whole over the steps, from counts for each kind, shape (B,)."""
    whole = np.sum(counts, axis=0)
    shares = [np.divide(count, whole, out=np.full(len(whole), np.nan), where=whole > 0) for count in counts]
    says = ", ".join(f"{label} {sum(count) / max(whole.sum(), 1):.1%}" for label, count in zip(labels, counts, strict=True))
    return Figure(id, title, "stack", _stacked(bins, shares, counts, labels), labels, colours, f"Over the whole run: {says}.", y=(0, 1))


def _stacked(bins: _Bins, shares: Sequence[np.ndarray], counts: Sequence[np.ndarray], labels: Sequence[str]) -> dict[str, np.ndarray]:
    """The points of a stack: positive shares above zero, one on another, negative ones below it."""
    size = len(bins.first)
    top, bottom = np.zeros(size), np.zeros(size)
    starts, ends = [], []
    for share in shares:
        own = np.nan_to_num(share)
        start = np.where(own >= 0, top, bottom)
        starts.append(start)
        ends.append(start + own)
        top, bottom = np.where(own >= 0, top + own, top), np.where(own < 0, bottom + own, bottom)
    return columns(
        series=[np.repeat(label, size) for label in labels],
        step=[bins.first] * len(labels),
        until=[bins.until] * len(labels),
        share=list(shares),
        count=list(counts),
        **{"from": starts, "to": ends},
    )


def distribution_figures(run: Run, prefix: str) -> list[Figure]:
    """Where the scores of the total and of each reward lie, over the steps."""
    bins, figures = _bins(run, _HEAT_STEPS), []
    for i, name in enumerate(["total", *run.rewards]):
        values = np.where(run.trained, run.total if i == 0 else run.scores[:, i - 1], np.nan)
        if not np.isfinite(values).any():
            continue
        counts, edges = histogram_of(values, bins.of, len(bins.first), _BINS)
        whole = counts.sum(axis=1, keepdims=True)
        step, place = np.nonzero(counts)
        points = {
            "step": bins.first[step],
            "until": bins.until[step],
            "from": edges[place],
            "to": edges[place + 1],
            "share": counts[step, place] / whole[step, 0],
            "count": counts[step, place],
        }
        says = f"Scores from {np.nanmin(values):.3g} to {np.nanmax(values):.3g}; darker cells hold more of a step's rows."
        figures.append(Figure(f"{prefix}heat-{i}", name, "heat", points, says=says, defined="share of rows"))
    return figures


def advantage_figures(run: Run, groups: Groups, prefix: str) -> list[Figure]:
    """What drives the advantage over the steps."""
    weighted = [i for i, weight in enumerate(run.weights) if weight != 0 and np.isfinite(weight)]
    if not len(groups.size) or not weighted:
        return []
    bins = _Bins(groups.step, _STACK_STEPS)
    shares = variance_shares(run, groups, bins.of, len(bins.first))[:, weighted]
    labels = [run.rewards[i] for i in weighted]
    counts = [np.bincount(bins.of, minlength=len(bins.first))] * len(weighted)
    points = _stacked(bins, list(shares.T), counts, labels)
    whole = variance_shares(run, groups, np.zeros(len(groups.size), int), 1)[0]
    says = "Over the whole run: " + ", ".join(f"{run.rewards[i]} {whole[i]:.1%}" for i in weighted if np.isfinite(whole[i]))
    figure = Figure(f"{prefix}advantage", "Variance shares", "stack", points, labels, [hue(i) for i in weighted], says)
    figure.defined, figure.subtitle = "variance share", "of the total within groups"
    return [figure]


def group_figures(run: Run, groups: Groups, prefix: str) -> list[Figure]:
    """Groups with and without spread, all right against all wrong, predicted against seen, and the effective reward."""
    if not len(groups.size):
        return []
    figures = []
    bins = _Bins(groups.step, _STACK_STEPS)
    useful = np.bincount(bins.of[groups.useful], minlength=len(bins.first))
    flat = np.bincount(bins.of[~groups.useful], minlength=len(bins.first))
    labels, colours = ["totals differ", "totals all equal"], ["--hue-0", "--calm"]
    spread = _stack(f"{prefix}flat", "Groups that carry a gradient", bins, [useful, flat], labels, colours)
    spread.defined = "useful groups"
    figures.append(spread)
    figures.append(_effective(run, groups, prefix))
    for i, reward in enumerate(run.rewards):
        right = right_of(run, reward)
        if right is not None and run.weights[i] != 0:
            figures += _right_figures(run, groups, bins, right, reward, f"{prefix}right-{i}")
    return figures


def _effective(run: Run, groups: Groups, prefix: str) -> Figure:
    steps, _ = step_bins(groups.step)
    every = curve_of(groups.mean, steps)
    useful = curve_of(np.where(groups.useful, groups.mean, np.nan), steps)
    names = ["all groups", "groups with a gradient (effective reward)"]
    points = columns(
        series=[np.repeat(names[0], len(every.steps)), np.repeat(names[1], len(useful.steps))],
        step=[every.steps, useful.steps],
        value=[every.mean, useful.mean],
        count=[every.count, useful.count],
    )
    says = f"Effective reward over the whole run: {groups.effective_reward:.3g}."
    return Figure(f"{prefix}effective", "Effective reward", "lines", points, names, ["--muted", "--hue-0"], says, "effective reward")


def _right_figures(run: Run, groups: Groups, bins: _Bins, right: np.ndarray, reward: str, id: str) -> Iterator[Figure]:
    """Of one reward with two values: all right, mixed, all wrong; and the mixed share against what is predicted."""
    rows = np.flatnonzero((groups.of >= 0) & np.isfinite(right))
    of = groups.of[rows]
    size = np.bincount(of, minlength=len(groups.size))
    count = np.bincount(of, right[rows], len(groups.size))
    several = size > 1
    kinds = {"all right": several & (count == size), "mixed": several & (count > 0) & (count < size), "all wrong": several & (count == 0)}
    counts = [np.bincount(bins.of[mask], minlength=len(bins.first)) for mask in kinds.values()]
    stack = _stack(f"{id}-kinds", f"All right, mixed, all wrong: {reward}", bins, counts, list(kinds), ["--hue-2", "--hue-0", "--hue-1"])
    stack.defined = "mixed"
    yield stack
    steps, _ = step_bins(groups.step)
    first, place = np.unique(steps[several], return_inverse=True)
    share = np.bincount(place, count[several], len(first)) / np.bincount(place, size[several], len(first))
    predicted = curve_of(predicted_useful(share[place], size[several]), steps[several])
    seen = curve_of(kinds["mixed"][several], steps[several])
    names = ["seen", "predicted"]
    points = columns(
        series=[np.repeat(name, len(first)) for name in names],
        step=[first, first],
        value=[seen.mean, predicted.mean],
        count=[seen.count, predicted.count],
    )
    whole = float(kinds["mixed"][several].mean()) if several.any() else float("nan")
    figure = Figure(f"{id}-predicted", f"Mixed groups, seen and predicted: {reward}", "lines", points, names, ["--hue-0", "--muted"], y=(0, 1))
    figure.says, figure.defined = f"Seen over the whole run: {whole:.1%}.", "predicted"
    yield figure


def length_figures(runs: Sequence[Run], names: Sequence[str]) -> list[Figure]:
    """Length over the steps, of right and wrong completions, and the total by length."""
    units = {run.lengths[1] for run in runs}
    unit = "tokens" if units == {"tokens"} else "characters"
    lengths = [run.lengths[0] if unit == "tokens" else run.characters for run in runs]
    every = list(enumerate(runs))
    figures = [_curve("length", "Length", every, names, lengths, hue(5), unit)]
    figures[0].defined = "length"
    if len(runs) == 1:
        figures += _length_of_right(runs[0], lengths[0], unit)
    figures.append(_by_length(every, names, lengths, unit))
    return figures


def _length_of_right(run: Run, lengths: np.ndarray, unit: str) -> Iterator[Figure]:
    for i, reward in enumerate(run.rewards):
        right = right_of(run, reward)
        if right is None or run.weights[i] == 0 or len(np.unique(right[np.isfinite(right)])) < 2:
            continue
        steps, _ = step_bins(run.step)
        labels = [f"{reward}: right", f"{reward}: wrong"]
        curves = [curve_of(np.where(right == value, lengths, np.nan), steps, run.trained) for value in (1, 0)]
        points = columns(
            series=[np.repeat(label, len(curve.steps)) for label, curve in zip(labels, curves, strict=True)],
            step=[curve.steps for curve in curves],
            value=[curve.mean for curve in curves],
            count=[curve.count for curve in curves],
        )
        yield Figure(f"length-right-{i}", f"Mean length, right and wrong: {reward}", "lines", points, labels, ["--hue-2", "--hue-1"], subtitle=unit)


def _by_length(every: Sequence[tuple[int, Run]], names: Sequence[str], lengths: Sequence[np.ndarray], unit: str) -> Figure:
    """Mean total in ten ranges of length with equally many completions each."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("series", "middle", "from", "to", "value", "count")}
    for (i, run), length in zip(every, lengths, strict=True):
        here = run.trained & np.isfinite(length) & np.isfinite(run.total)
        if not here.any():
            continue
        edges = np.unique(np.quantile(length[here], np.linspace(0, 1, 11), method="nearest"))
        place = np.clip(np.searchsorted(edges, length[here], side="right") - 1, 0, max(len(edges) - 2, 0))
        size = max(len(edges) - 1, 1)
        count, sums = np.bincount(place, minlength=size), np.bincount(place, run.total[here], size)
        low, middle, high = quantiles_by(length[here], place, size, (0.0, 0.5, 1.0))
        kept = count > 0
        shown = (np.repeat(names[i], kept.sum()), middle[kept], low[kept], high[kept], (sums / np.maximum(count, 1))[kept], count[kept])
        for name, values in zip(parts, shown, strict=True):
            parts[name].append(values)
    alone = len(names) == 1
    says = "Mean total of completions in ten ranges of length with equally many completions each."
    return Figure(
        "by-length", "Total by length", "bins", columns(**parts), list(names), [hue(5)] if alone else [hue(i) for i, _ in every], says, subtitle=unit
    )


def correlation_figures(run: Run, prefix: str) -> list[Figure]:
    """Correlation of the rewards with each other and with the length, plain and within groups."""
    names = [*run.rewards, run.lengths[1]]
    values = np.column_stack([run.scores, run.lengths[0]])[run.trained]
    numbers = [_matrix(f"{prefix}correlation", "Correlation of rewards", names, values, "correlation")]
    group = run.group[run.trained]
    if (group >= 0).any():
        numbers.append(_matrix(f"{prefix}within", "Within groups", names, _centred(values[group >= 0], group[group >= 0]), "within groups"))
    return [figure for figure in numbers if figure is not None]


def _centred(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    _, place = np.unique(group, return_inverse=True)
    size = int(place.max()) + 1
    centred = np.full_like(values, np.nan)
    for i, column in enumerate(values.T):
        there = np.isfinite(column)
        count = np.bincount(place[there], minlength=size)
        means = np.bincount(place[there], column[there], size) / np.maximum(count, 1)
        centred[there, i] = column[there] - means[place[there]]
    return centred


def _matrix(id: str, title: str, names: Sequence[str], values: np.ndarray, defined: str) -> Figure | None:
    cells: dict[str, list[object]] = {name: [] for name in ("left", "right", "value", "count")}
    for i in range(1, len(names)):
        for j in range(i):
            both = np.isfinite(values[:, i]) & np.isfinite(values[:, j])
            a, b = values[both, i], values[both, j]
            if len(a) < 2 or a.std() < 1e-12 or b.std() < 1e-12:
                continue
            for cell, value in zip(cells.values(), (names[i], names[j], float(np.corrcoef(a, b)[0, 1]), len(a)), strict=True):
                cell.append(value)
    if not cells["value"]:
        return None
    strongest = max(range(len(cells["value"])), key=lambda k: abs(float(str(cells["value"][k]))))
    says = f"Strongest: {cells['left'][strongest]} and {cells['right'][strongest]}, {float(str(cells['value'][strongest])):.2f}."
    return Figure(id, title, "matrix", cells, says=says, defined=defined)


def batch_seconds(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """The first completion of each batch, shape (B,), and each reward's seconds over it, shape (B, R)."""
    first = np.flatnonzero(np.r_[True, np.diff(run.batch) != 0])
    return first, run.seconds[first]


def time_figures(runs: Sequence[Run], names: Sequence[str]) -> list[Figure]:
    """Seconds of the rewards over the steps: the sum over a step's batches, of the slowest process."""
    series, parts = [], {name: [] for name in ("series", "step", "value")}
    for i, run in enumerate(runs):
        first, seconds = batch_seconds(run)
        kept = run.trained[first] & np.isfinite(seconds).any(axis=1)
        if not kept.any():
            continue
        first, seconds = first[kept], np.nan_to_num(seconds[kept])
        shown = seconds.T if len(runs) == 1 else [seconds.max(axis=1)]
        labels = list(run.rewards) if len(runs) == 1 else [names[i]]
        for label, values in zip(labels, shown, strict=True):
            steps, found = _per_step(values, run.step[first], run.rank[first])
            binned, _ = step_bins(steps)
            curve = curve_of(found, binned)
            series.append(label)
            for name, column in zip(parts, (np.repeat(label, len(curve.steps)), curve.steps, curve.mean), strict=True):
                parts[name].append(column)
    if not series:
        return []
    colours = [hue(i) for i in range(len(series))]
    return [Figure("seconds", "Seconds per step", "lines", columns(**parts), series, colours, "Wall time of each reward.", "seconds", y=None)]


def _per_step(seconds: np.ndarray, step: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps, and the largest over processes of the sums over a step's batches, shape (T,) each."""
    steps, place = np.unique(step, return_inverse=True)
    ranks, process = np.unique(rank, return_inverse=True)
    sums = np.bincount(place * len(ranks) + process, seconds, len(steps) * len(ranks)).reshape(len(steps), len(ranks))
    return steps, sums.max(axis=1)


def trainer_figures(runs: Sequence[Run], names: Sequence[str]) -> list[Figure]:
    """What the trainer logged, first what is looked at first; of rewards, which have their own curves, nothing."""
    wanted = ("loss", "kl", "entropy", "grad_norm", "learning_rate", "clip_ratio/region_mean", "completions/clipped_ratio", "frac_reward_zero_std")
    found = list(dict.fromkeys(name for run in runs for name in run.logged))
    kept = [name for name in found if not name.startswith(("rewards/", "eval_rewards/")) and name != "epoch"]
    figures = []
    for place, name in enumerate(sorted(kept, key=lambda each: (wanted.index(each) if each in wanted else len(wanted), each))):
        here = [(i, *run.logged[name]) for i, run in enumerate(runs) if name in run.logged]
        curves = [(i, curve_of(values, step_bins(steps, MOST_POINTS)[0])) for i, steps, values in here]
        points = columns(
            series=[np.repeat(names[i], len(curve.steps)) for i, curve in curves],
            step=[curve.steps for _, curve in curves],
            value=[curve.mean for _, curve in curves],
        )
        says = "; ".join(_course(names[i], curve.mean, len(runs) == 1) for i, curve in curves)
        colours = ["--hue-0"] if len(runs) == 1 else [hue(i) for i, _ in curves]
        figures.append(Figure(f"trainer-{place}", name, "lines", points, [names[i] for i, _ in curves], colours, says, legend=False))
    return figures


def run_groups(runs: Sequence[Run]) -> list[Groups]:
    """The groups of each run."""
    return [groups_of(run) for run in runs]
