"""Keys among a rubric's options: they are in no file, no representation and no error."""

import logging

import pytest

from rl_rewards import Reward, Rubric, load_rubric
from rl_rewards.scorers import scorer
from rl_rewards.types import describe

TOKEN = "hub-token-1234"


def test_a_rubric_with_a_token_is_saved_without_it_and_says_so(tmp_path, caplog):
    rubric = Rubric((Reward("liked", {"reward_model": {"model": "org/model", "token": TOKEN}}),))
    with caplog.at_level(logging.WARNING):
        rubric.save(tmp_path / "rubric.yaml")
    written = (tmp_path / "rubric.yaml").read_text()
    assert TOKEN not in written + repr(rubric) + caplog.text
    assert "token of RewardModel is a secret and is not written" in caplog.text
    assert load_rubric(tmp_path / "rubric.yaml") == Rubric((Reward("liked", {"reward_model": "org/model"}),))


@pytest.mark.parametrize("wrong", [{"truncation": True, "overflow": "skip"}, {"max_length": -1}, {"no_such_option": 1}, {"token": [TOKEN]}])
def test_an_error_about_other_options_does_not_show_a_token(wrong):
    for make in (lambda spec: Reward("liked", spec), scorer):
        with pytest.raises(ValueError) as refusal:
            make({"reward_model": {"model": "m", "token": TOKEN, **wrong}})
        assert TOKEN not in str(refusal.value)


@pytest.mark.parametrize("spec", ["reward_model", "cosine_similarity"])
def test_a_token_among_the_options_is_hidden_in_what_a_hub_says_of_it(spec):
    options = {"model": "m", "token": "hub-token-5678", **({"reference": "answer"} if spec == "cosine_similarity" else {})}
    scorer({spec: options})
    assert describe(OSError("401: hub-token-5678 is not valid")) == "OSError: 401: *** is not valid"
