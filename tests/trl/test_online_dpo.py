"""OnlineDPOTrainer passes no log hooks and its completions as p1 p2 p1 p2: weights are checked all the same, and groups found."""

from __future__ import annotations

import pytest

pytest.importorskip("trl")

from datasets import Dataset
from trl.experimental.online_dpo import OnlineDPOConfig, OnlineDPOTrainer

from rl_rewards import Reward, RewardError, Rubric, reward_function
from rl_rewards.trl import reward_functions, total_reward_function
from tests.trainers import tiny


@reward_function
def length(response: str) -> float:
    return len(response) / 10


@reward_function(mode="batch")
def longest(response: list[str], group: list[int]) -> list[float]:
    most = {}
    for text, number in zip(response, group, strict=True):
        most[number] = max(most.get(number, 0), len(text))
    return [float(len(text) == most[number]) for text, number in zip(response, group, strict=True)]


RUBRIC = Rubric((Reward("length", length, weight=0.5), Reward("longest", longest, weight=2.0)))


def train(folder, functions, **options):
    args = OnlineDPOConfig(
        str(folder), per_device_train_batch_size=2, max_steps=1, max_new_tokens=4, use_cpu=True, bf16=False, report_to="none", save_strategy="no",
        disable_tqdm=True, **options,
    )  # fmt: skip
    data = Dataset.from_dict({"prompt": ["1+1=?", "2+1=?"]})
    trainer = OnlineDPOTrainer(
        model=tiny.policy(), ref_model=tiny.policy(1), reward_funcs=functions, args=args, train_dataset=data, processing_class=tiny.tokenizer()
    )
    trainer.train()


@pytest.mark.slow
@pytest.mark.parametrize("whole", [False, True], ids=["functions and their weights", "the total as one function"])
def test_a_rubric_trains_there_with_its_weights(tmp_path, whole, caplog):
    seen = []
    record = lambda batch, evaluation: seen.append(evaluation)  # noqa: E731
    if whole:
        train(tmp_path, [total_reward_function(RUBRIC, record)])
    else:
        train(tmp_path, reward_functions(RUBRIC, record), reward_weights=RUBRIC.reward_weights)
    (evaluation,) = seen
    assert [sample.group for sample in evaluation.samples] == [0, 1, 0, 1]
    assert 1.0 in evaluation.columns["longest"].scores
    assert "takes a row without a score for one with a score of 0" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("weights", [None, [2.0, 0.5]])
def test_lost_weights_are_refused_there_at_the_first_call(tmp_path, weights):
    with pytest.raises(RewardError, match="'length' . instead of 0.5|'length' 1 instead of 0.5.*as_reward_func"):
        train(tmp_path, RUBRIC.reward_funcs, reward_weights=weights)
