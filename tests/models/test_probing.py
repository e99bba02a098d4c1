import logging

import pytest
import torch
from torch import nn

from rl_rewards.models import ForwardEngine
from rl_rewards.models.probing import difference, probe_rows, reason, turned

SHORT = [[1, 2, 3, 4, 5], [2, 3, 4, 5, 6, 7], [3, 4, 5, 6]]
LONG = [[4 + place % 7 for place in range(length)] for length in (40, 55, 61)]


class Scores(nn.Module):
    """A weighted sum of the tokens; what is wrong with it is up to the subclass."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.passes = []

    def forward(self, input_ids, attention_mask):
        self.passes.append(tuple(input_ids.shape))
        self.check(input_ids, attention_mask)
        places = torch.arange(1, input_ids.shape[1] + 1)
        return (input_ids * attention_mask * places).sum(1, keepdim=True) * self.weight + self.extra(input_ids, attention_mask)

    def check(self, input_ids, attention_mask): ...

    def extra(self, input_ids, attention_mask):
        return 0.0


class LongBatchesDiffer(Scores):
    """Padding counts as soon as a batch is longer than 32 tokens."""

    def extra(self, input_ids, attention_mask):
        return 1000.0 * (1 - attention_mask).sum(1, keepdim=True) * (input_ids.shape[1] > 32)


class NoBatchesOfLong(Scores):
    def check(self, input_ids, attention_mask):
        if input_ids.shape[1] > 32 and len(input_ids) > 1:
            raise RuntimeError("The size of tensor a (4)\nmust match")


class NeedsAnEnd(Scores):
    """As BART: one 9 at the end, and every row of a batch with as many."""

    def check(self, input_ids, attention_mask):
        ends = (input_ids * attention_mask == 9).sum(1)
        if not (ends > 0).all() or len(set(ends.tolist())) > 1:
            raise ValueError("All examples must have the same number of <eos> tokens.")


class LeastLength(Scores):
    def check(self, input_ids, attention_mask):
        if input_ids.shape[1] < 4:
            raise RuntimeError("Kernel size can't be greater than actual input size")


class AtRandom(Scores):
    def extra(self, input_ids, attention_mask):
        return 100.0 * torch.rand(len(input_ids), 1)


class Remembers(Scores):
    """As dynamic NTK: the longest row so far counts; as BigBird: a submodule is replaced for good."""

    def __init__(self):
        super().__init__()
        self.longest, self.kind = 0, nn.Identity()
        self.register_buffer("scale", torch.ones(1))

    def extra(self, input_ids, attention_mask):
        if input_ids.shape[1] > self.longest:
            self.longest, self.kind, self.since = input_ids.shape[1], nn.ReLU(), True
            self.register_buffer("scale", torch.full((1,), float(self.longest)))
        return 10.0 * self.scale * isinstance(self.kind, nn.ReLU)


def scored(engine, rows):
    return [value.item() for value in engine.run(rows, lambda output, batch: output)]


def alone(make, rows):
    with torch.no_grad():
        return [make()(torch.tensor([row]), torch.ones(1, len(row), dtype=torch.long)).item() for row in rows]


@pytest.mark.parametrize(
    ("make", "short_way", "long_way"),
    [
        (Scores, "right", "right"),
        (LongBatchesDiffer, "right", "equal"),
        (NoBatchesOfLong, "right", "alone"),
        (LeastLength, "right", "right"),
    ],
)
def test_a_way_is_tried_again_when_rows_have_grown_to_more_than_twice_the_longest_tried(make, short_way, long_way):
    engine = ForwardEngine(make())
    assert scored(engine, SHORT) == pytest.approx(alone(make, SHORT))
    assert engine.way("run") == short_way
    rows = SHORT + LONG
    assert scored(engine, rows) == pytest.approx(alone(make, rows))
    assert engine.way("run") == long_way
    count = len(engine.model.passes)
    scored(engine, rows)
    assert len(engine.model.passes) - count <= len(rows), "no further trial"


def test_a_row_that_the_model_refuses_alone_is_left_out_of_the_trial(caplog):
    rows = [[1, 9], [2, 3, 9], [4, 5, 6, 7, 9]]
    with caplog.at_level(logging.WARNING):
        assert scored(ForwardEngine(NeedsAnEnd()), rows) == pytest.approx(alone(NeedsAnEnd, rows))
    assert not caplog.text


def test_a_batch_that_the_model_refuses_as_a_whole_is_computed_row_by_row(caplog):
    rows = [[1, 9, 5, 9], [2, 3, 9, 9], [4, 5, 6, 9]]
    engine = ForwardEngine(NeedsAnEnd())
    scored(engine, [[1, 9], [2, 3, 9], [4, 5, 6, 7, 9]])
    with caplog.at_level(logging.WARNING):
        assert scored(engine, rows) == pytest.approx(alone(NeedsAnEnd, rows))
    assert "one sequence at a time for a batch of 3 rows: All examples must have the same number" in caplog.text


def test_a_row_that_the_model_refuses_is_an_error():
    with pytest.raises(ValueError, match="same number of <eos>"):
        scored(ForwardEngine(NeedsAnEnd()), [[1, 9], [2, 3]])


def test_a_model_that_is_random_by_itself_is_computed_one_by_one_and_named(caplog):
    engine = ForwardEngine(AtRandom())
    with caplog.at_level(logging.WARNING):
        scored(engine, SHORT)
    assert engine.way("run") == "alone"
    assert "as its results are random" in caplog.text


def test_nothing_that_a_model_remembers_reaches_another_row():
    engine = ForwardEngine(Remembers())
    for rows in (LONG, SHORT, SHORT + LONG):
        with engine.one_at_a_time():
            assert scored(engine, rows) == pytest.approx(alone(Remembers, rows))
    assert engine.model.longest == 0 and engine.model.scale.item() == 1 and not hasattr(engine.model, "since")
    assert isinstance(engine.model.kind, nn.Identity)


def test_the_log_names_the_reason_and_keeps_tensors_to_the_debug_level(caplog):
    engine = ForwardEngine(NoBatchesOfLong())
    with caplog.at_level(logging.DEBUG):
        scored(engine, LONG)
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert said and not any("size of tensor" in line for line in said)
    assert any("RuntimeError in NoBatchesOfLong.check; the log at level DEBUG has the traceback" in line for line in said)
    assert "The size of tensor a (4)" in caplog.text


def test_rows_to_try_are_short_ones_long_ones_and_parts_of_them_with_their_ends():
    rows = [tuple(row) for row in [*SHORT, *LONG]]
    probe = probe_rows(rows)
    assert max(map(len, probe)) == 61 and min(map(len, probe)) < 4
    assert any(row[:30] == rows[-1][:30] and len(row) < 61 and row[-1] == rows[-1][-1] for row in probe)
    assert turned((1, 2, 3, 4)) == (1, 3, 2, 4) and turned((1,)) == (1,) and turned((1, 2)) == (1, 2)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([[0.0], [2.0]], [[0.0], [2.0]], 0.0),
        ([[0.0], [2.0]], [[0.0], [2.5]], 0.5),
        ([[0.0], [2.0]], [[0.0], [float("nan")]], float("inf")),
        ([[0.0], [2.0]], [[0.0], [2.0, 2.0]], float("inf")),
    ],
)
def test_how_far_results_are_apart(one, other, expected):
    assert difference(*([torch.tensor(row) for row in rows] for rows in (one, other))) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no mask"), "no mask"),
        (RuntimeError("shape [3, 4]"), "the model cannot be computed so (RuntimeError; the log"),
        (ValueError("a\nb"), "the model cannot be computed so (ValueError"),
    ],
)
def test_how_the_log_says_why_a_way_is_not_taken(error, text):
    assert reason(error).startswith(text)
