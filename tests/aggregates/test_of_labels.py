"""Accuracy, precision, recall, F-beta, AUC, Spearman and kappa are scikit-learn's and scipy's on the whole table."""

import json

import numpy as np
import pytest

metrics = pytest.importorskip("sklearn.metrics")
stats = pytest.importorskip("scipy.stats")

from tests.aggregates.tables import numbers, row, summary

RANDOM = np.random.default_rng(1)
LABELS = ["cat", "dog", "bird", "fish"]
ALL = [{kind: {"reward": "r", "label": "gold"}} for kind in ("accuracy", "precision", "recall")]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("labels", [(), ("cat", "dog")])
@pytest.mark.parametrize("beta", [1.0, 0.5, 2.0])
def test_categories(labels, beta):
    true, found = RANDOM.choice(LABELS, 200), RANDOM.choice([*LABELS, "whale"], 200)
    rows = [row(i, 1, answer, gold=gold) for i, (gold, answer) in enumerate(zip(true, found))]
    options = {"reward": "r", "label": "gold", "labels": labels, "per_label": True}
    ours = numbers(
        rows,
        {"accuracy": {"reward": "r", "label": "gold"}},
        {"precision": options},
        {"recall": options},
        {"f_beta": {**options, "beta": beta}},
        batch=9,
    )
    assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(true, found), abs=1e-12)
    for average in ("micro", "macro", "weighted", None):
        theirs = metrics.precision_recall_fscore_support(true, found, beta=beta, average=average, labels=list(labels) or None, zero_division=0)[:3]
        for name, values in zip(("precision", "recall", f"f{beta:g}"), theirs):
            for label, value in zip(labels or sorted({*true, *found}), np.atleast_1d(values)):
                assert ours[f"{name}_{average}" if average else f"{name}_label/{label}"] == pytest.approx(value, abs=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_lists_and_sets_of_labels():
    true = [sorted(RANDOM.choice(LABELS, RANDOM.integers(1, 4), replace=False)) for _ in range(100)]
    found = [list(RANDOM.choice(LABELS, RANDOM.integers(1, 4), replace=False)) for _ in range(100)]
    rows = [{"prompt": str(i), "completion": json.dumps({"tags": [str(label) for label in f]}), "score": 1, "gold": {"tags": [str(label) for label in t]}}
            for i, (t, f) in enumerate(zip(true, found))]  # fmt: skip
    options = {"reward": "r", "label": "gold", "field_name": "tags"}
    ours = numbers(rows, {"accuracy": options}, {"precision": options}, {"f_beta": options}, parse="json")
    matrices = [np.array([[label in labels for label in LABELS] for labels in side], int) for side in (true, found)]
    assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(*matrices), abs=1e-12)
    for average in ("micro", "macro", "weighted"):
        precision, _, f1, _ = metrics.precision_recall_fscore_support(*matrices, average=average)
        assert (ours[f"precision_{average}"], ours[f"f1_{average}"]) == pytest.approx((precision, f1), abs=1e-12)


@pytest.mark.parametrize("spell", [bool, int, lambda positive: "yes" if positive else "No", float])
def test_scores_against_a_threshold(spell):
    true, scores = RANDOM.random(150) < 0.4, RANDOM.random(150).round(2)
    rows = [row(i, score, "x", gold=spell(label)) for i, (label, score) in enumerate(zip(true.tolist(), scores.tolist()))]
    options = {"reward": "r", "label": "gold", "threshold": 0.5}
    ours = numbers(rows, {"accuracy": options}, {"precision": options}, {"recall": options}, {"f_beta": options})
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(true, scores >= 0.5, average="binary")
    assert [ours[name] for name in ("accuracy", "precision", "recall", "f1")] == pytest.approx(
        [metrics.accuracy_score(true, scores >= 0.5), precision, recall, f1], abs=1e-12
    )


def test_one_label_alone_is_no_binary_problem():
    rows = [row(i, 1, answer, gold="cat") for i, answer in enumerate(["cat", "cat", None])]
    found = numbers(rows, *ALL)
    assert found["precision_macro"] == 1.0 and found["recall_macro"] == found["accuracy"] == pytest.approx(2 / 3)


def test_a_response_without_an_answer_is_wrong_and_gives_no_label():
    rows = [row(0, 1, "cat", gold="cat"), row(1, 0, None, gold="cat"), row(2, 1, "dog", gold="dog")]
    found = summary(rows, *ALL)
    values = found.values()
    assert values["rewards/r/accuracy"] == pytest.approx(2 / 3)
    assert values["rewards/r/precision_micro"] == 1.0 and values["rewards/r/recall_micro"] == pytest.approx(2 / 3)
    assert all(result.coverage.no_answer == 1 for result in found.results() if result.reward == "r")


def test_capital_letters_count_unless_they_are_not_to():
    rows = [row(0, 1, "YES", gold="yes")]
    assert numbers(rows, {"accuracy": {"reward": "r", "label": "gold"}})["accuracy"] == 0.0
    assert numbers(rows, {"accuracy": {"reward": "r", "label": "gold", "ignore_case": True}})["accuracy"] == 1.0


def test_agreement_with_a_column():
    label, scores = RANDOM.integers(1, 6, 300).astype(float), RANDOM.integers(1, 6, 300).astype(float)
    rows = [row(i, score, "x", label=value) for i, (value, score) in enumerate(zip(label, scores))]
    ours = numbers(rows, {"auc": {"reward": "r", "positive_from": 3}}, {"spearman": "r"}, {"cohen_kappa": {"reward": "r", "weights": "quadratic"}},
                   {"cohen_kappa": {"reward": "r", "threshold": 3, "name": "yes"}}, batch=13)  # fmt: skip
    assert ours["auc"] == pytest.approx(metrics.roc_auc_score(label >= 3, scores), abs=1e-12)
    assert ours["spearman"] == pytest.approx(stats.spearmanr(label, scores)[0], abs=1e-12)
    assert ours["cohen_kappa"] == pytest.approx(metrics.cohen_kappa_score(label.astype(int), scores.astype(int), weights="quadratic"), abs=1e-12)
    assert ours["yes/cohen_kappa"] == pytest.approx(metrics.cohen_kappa_score(label >= 3, scores >= 3), abs=1e-12)


def test_agreement_with_another_reward():
    scores, others = RANDOM.random(100), RANDOM.random(100)
    rows = [row(i, score, "x", other=other) for i, (score, other) in enumerate(zip(scores.tolist(), others.tolist()))]
    ours = numbers(rows, {"spearman": {"reward": "r", "label": "by"}}, {"auc": {"reward": "r", "label": "by"}})
    assert ours["spearman"] == pytest.approx(stats.spearmanr(scores, others)[0], abs=1e-12)
    assert ours["auc"] == pytest.approx(metrics.roc_auc_score(others >= 0.5, scores), abs=1e-12)


def test_kappa_with_ratings_that_do_not_occur():
    label, scores = [1, 1, 5, 5, 2], [1, 2, 5, 1, 2]
    rows = [row(i, score, "x", label=value) for i, (value, score) in enumerate(zip(label, scores))]
    ours = numbers(rows, {"cohen_kappa": {"reward": "r", "weights": "linear", "ratings": [1, 2, 3, 4, 5]}})
    assert ours["cohen_kappa"] == pytest.approx(metrics.cohen_kappa_score(label, scores, labels=[1, 2, 3, 4, 5], weights="linear"), abs=1e-12)


@pytest.mark.parametrize(
    ("rows", "aggregate", "note"),
    [
        ([row(0, 0.5, "x", label=1), row(1, 0.7, "x", label=1)], {"auc": "r"}, "all labels are 1"),
        ([row(0, 0.5, "x", label=1), row(1, 0.5, "x", label=2)], {"spearman": "r"}, "all scores are 0.5"),
        ([row(0, 0.5, "x", label="maybe")], {"auc": "r"}, "the label must be true or false, yes or no, or a number, got 'maybe'"),
        ([row(0, 0.5, "x", label="maybe")], {"spearman": "r"}, "the label must be a number, or yes or no, got 'maybe'"),
        (
            [row(0, 3.5, "x", label=3)],
            {"cohen_kappa": {"reward": "r", "ratings": [1, 2, 3]}},
            "scores must be among ratings [1.0, 2.0, 3.0], got [3.5]",
        ),
        ([row(0, 1, "x")], {"accuracy": {"reward": "r", "label": "gold"}}, "no reference 'gold' in this row"),
        ([row(0, 1, "x", gold={"a": 1})], {"accuracy": {"reward": "r", "label": "gold", "field_name": "b"}}, "the label has no field 'b'"),
    ],
)
def test_where_a_number_cannot_be_there_is_none_and_the_reason(rows, aggregate, note):
    [result] = [each for each in summary(rows, aggregate).results() if each.kind in aggregate]
    assert all(number.value is None and note in number.note for number in result.numbers)


def test_a_row_without_a_label_is_left_out_and_shown():
    rows = [row(0, 1, "cat", gold="cat"), row(1, 1, "cat", gold=None)]
    for result in summary(rows, *ALL).results():
        if result.kind in ("accuracy", "precision", "recall"):
            assert (result.coverage.counted, result.coverage.no_reference) == (1, 1)
