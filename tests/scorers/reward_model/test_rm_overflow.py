import pytest
from tiny_reward_models import make_tokenizer

from rl_rewards.scorers.reward_model import RewardModel
from rl_rewards.types import Outcome, Sample

LIMIT = 60
ROWS = [Sample("2+2?", text, text) for text in ("4", "5")] + [Sample("Tell me " + "so " * 30, text, text) for text in ("four", "five")]


def results(scorer):
    return scorer.score(ROWS, [row.response for row in ROWS])


@pytest.mark.parametrize("options", [{"overflow": "left"}, {"overflow": "right"}, {"overflow": "middle"}, {"truncation": True}])
def test_a_long_conversation_is_cut_counted_and_still_told_apart_by_its_response(checkpoint, options):
    short, other, long, longer = results(RewardModel(checkpoint(), max_length=LIMIT, **options))
    assert [result.metrics["overflow"].score for result in (short, other, long, longer)] == [0, 0, 1, 1]
    assert long.score != longer.score
    assert "tokens cut" in long.metrics["overflow"].reason


@pytest.mark.parametrize("options", [{}, {"overflow": "error"}])
def test_without_a_policy_it_is_an_error_and_never_a_silent_cut(checkpoint, options):
    short, _, long, _ = results(RewardModel(checkpoint(), max_length=LIMIT, **options))
    assert short.score is not None
    assert long.outcome is Outcome.ERROR and "more than the reward model's 60" in long.error and "`overflow`" in long.error


def test_it_can_be_skipped(checkpoint):
    short, _, long, _ = results(RewardModel(checkpoint(), max_length=LIMIT, overflow="skip"))
    assert short.score is not None and long.outcome is Outcome.SKIPPED


def test_the_tokenizers_own_limit_counts_where_none_is_given(checkpoint):
    assert RewardModel(checkpoint(tokenizer=make_tokenizer(model_max_length=50))).load().limit == 50


def test_the_models_positions_are_a_limit_whatever_max_length_says(checkpoint):
    assert RewardModel(checkpoint(), max_length=10**6).load().limit == 4096
