import math
import pickle
import statistics

import pytest
import torch
from tiny_reward_models import make_model

from rl_rewards.scorers.reward_model import RewardModel, RewardModelEnsemble, Shaping
from rl_rewards.scorers.reward_model.shaping import RunningMoments
from rl_rewards.types import Outcome, Sample

TEXTS = ["yes", "no, never", "well", "4"]
ROWS = [Sample(f"Question {i // 2}", text, text, {"best": "yes!", "baseline": 0.25}, group=i // 2) for i, text in enumerate(TEXTS)]


def score(scorer, rows=ROWS):
    return scorer.score(rows, [row.response for row in rows])


def shape(values, groups=None, references=None, **options):
    return Shaping(**options).shaped(values, references or [], groups or [None] * len(values), RunningMoments())


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize(
    ("options", "values", "expected"),
    [
        ({}, [1.0, 2.0], [1.0, 2.0]),
        ({"scale": 2, "offset": -1}, [1.0, 2.0], [1.0, 3.0]),
        ({"sigmoid": True}, [0.0, 800.0, -800.0], [0.5, 1.0, 0.0]),
        ({"clip": [-1, 1]}, [-3.0, 0.5, 3.0], [-1.0, 0.5, 1.0]),
        ({"scale": 2, "sigmoid": True, "clip": [0.2, 0.6]}, [-9.0, 0.0, 9.0], [0.2, 0.5, 0.6]),
        ({"normalize": "running"}, [1.0, 2.0, 3.0], [-1.0, 0.0, 1.0]),
        ({"normalize": "running"}, [5.0], [0.0]),
    ],
)
def test_shaping_table(options, values, expected):
    assert shape(values, **options) == pytest.approx(expected)


def test_group_normalising_keeps_to_the_group():
    assert shape([1.0, 3.0, 10.0, 10.0], [0, 0, 1, 1], normalize="group") == pytest.approx([-(0.5**0.5), 0.5**0.5, 0, 0])


def test_a_reference_is_scaled_like_the_score_and_subtracted():
    assert shape([1.0, 2.0], references=[0.5, 3.0], scale=2, offset=7, reference="best") == pytest.approx([1.0, -2.0])


def test_running_moments_are_those_of_all_values_whatever_the_batches():
    values = [math.sin(i) * 10 + 1e6 for i in range(50)]
    moments = RunningMoments()
    for start, stop in ((0, 1), (1, 1), (1, 20), (20, 50)):
        moments.add(values[start:stop])
    assert moments.mean == pytest.approx(statistics.fmean(values))
    assert moments.deviation == pytest.approx(statistics.stdev(values))


def test_a_shaped_score_keeps_its_raw_one_as_component(checkpoint):
    directory = checkpoint()
    for plain, shaped in zip(score(RewardModel(directory)), score(RewardModel(directory, shape={"scale": 3.0})), strict=True):
        assert shaped.metrics["raw"].score == pytest.approx(plain.score)
        assert shaped.score == pytest.approx(3 * plain.score)


@pytest.mark.parametrize("reference", ["best", "{{references.best}}", "baseline", 0.25])
def test_a_sigmoid_is_centred_on_a_reference_response_its_score_or_a_number(checkpoint, reference):
    directory = checkpoint()
    scorer = RewardModel(directory, shape={"reference": reference, "sigmoid": True})
    plain = [result.score for result in score(RewardModel(directory))]
    if isinstance(reference, str) and "best" in reference:
        centre = [r.score for r in score(RewardModel(directory), [Sample(row.prompt, "yes!", "yes!") for row in ROWS])]
        assert scorer.traits.columns == {"best"}
    else:
        centre = [0.25] * len(ROWS)
    expected = [sigmoid(one - other) for one, other in zip(plain, centre, strict=True)]
    assert [result.score for result in score(scorer)] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("best", "message"), [(None, "is empty"), ([1, 2], "got list"), (True, "got bool")])
def test_an_unusable_reference_is_an_error(checkpoint, best, message):
    [result] = score(RewardModel(checkpoint(), shape={"reference": "best"}), [Sample("Hi", "yes", "yes", {"best": best})])
    assert result.outcome is Outcome.ERROR and message in result.error


def test_group_normalising_says_that_it_needs_groups(checkpoint):
    assert RewardModel("x", shape={"normalize": "group"}).traits.needs_groups
    assert not RewardModel("x").traits.needs_groups


def test_the_running_state_survives_a_checkpoint_and_a_pickle(checkpoint, tmp_path):
    scorer = RewardModel(checkpoint(), shape={"normalize": "running"})
    score(scorer)
    torch.save(scorer.state_dict(), tmp_path / "state.pt")
    twin, copy = RewardModel(scorer.model, shape={"normalize": "running"}), pickle.loads(pickle.dumps(scorer))
    twin.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    expected = [result.score for result in score(scorer)]
    for other in (twin, copy):
        assert [result.score for result in score(other)] == pytest.approx(expected)
    assert [result.score for result in score(RewardModel(scorer.model, shape={"normalize": "running"}))] != pytest.approx(expected)


def test_a_scorer_without_running_moments_has_no_state():
    assert RewardModel("x").state_dict() == {}
    RewardModel("x").load_state_dict({})
    with pytest.raises(ValueError, match="has no state"):
        RewardModel("x").load_state_dict({"count": 1})
    with pytest.raises(ValueError, match="count, mean and squares"):
        RewardModel("x", shape={"normalize": "running"}).load_state_dict({"cunt": 1})


@pytest.fixture
def members(checkpoint):
    return [checkpoint(make_model(seed=seed), name=f"rm{seed}") for seed in range(3)]


@pytest.mark.parametrize(
    ("options", "combined"),
    [
        ({}, statistics.fmean),
        ({"combine": "worst"}, min),
        ({"combine": "mean_minus_spread", "k": 0.5}, lambda scores: statistics.fmean(scores) - 0.5 * statistics.pstdev(scores)),
    ],
)
def test_an_ensemble_combines_its_members_and_logs_their_spread(members, options, combined):
    singles = list(zip(*([result.score for result in score(RewardModel(member))] for member in members), strict=True))
    for result, single in zip(score(RewardModelEnsemble(members, **options)), singles, strict=True):
        assert result.score == pytest.approx(combined(single), abs=1e-5)
        assert result.metrics["spread"].score == pytest.approx(statistics.pstdev(single), abs=1e-5)
        assert [result.metrics[f"member_{i}"].score for i in (1, 2, 3)] == pytest.approx(single, abs=1e-5)


def test_a_member_that_fails_takes_the_sample_with_it(members):
    rows = [Sample("Hi", text, text) for text in ("yes", "long " * 60)]
    ensemble = RewardModelEnsemble([members[0], {"model": members[1], "max_length": 100}])
    fine, failed = score(ensemble, rows)
    assert fine.score is not None
    assert failed.outcome is Outcome.ERROR and failed.error.startswith("member 2: ")
    skipping = RewardModelEnsemble([members[0], {"model": members[1], "max_length": 100, "overflow": "skip"}])
    assert score(skipping, rows)[1].outcome is Outcome.SKIPPED


def test_an_ensembles_state_is_its_own_and_its_members(members):
    spec = [{"model": member, "shape": {"normalize": "running"}} for member in members]
    ensemble = RewardModelEnsemble(spec, shape={"normalize": "running"})
    score(ensemble)
    twin = RewardModelEnsemble(spec, shape={"normalize": "running"})
    twin.load_state_dict(ensemble.state_dict())
    assert twin.state_dict() == ensemble.state_dict()
    assert ensemble.state_dict()["own"]["count"] == len(ROWS)


def test_an_ensemble_has_members():
    with pytest.raises(ValueError, match="at least 2"):
        RewardModelEnsemble(["only one"])
