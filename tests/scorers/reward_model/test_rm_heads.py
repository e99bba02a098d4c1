import math

import pytest
import torch
import transformers as hf
from tiny_reward_models import make_model, make_tokenizer

from rl_rewards.models.checkpoint import NoScoreHeadError
from rl_rewards.scorers.reward_model import AmbiguousHeadsError, RewardModel, TemplateError
from rl_rewards.scorers.reward_model.heads import Heads
from rl_rewards.types import Sample

ROWS = [Sample("Hi", text, text) for text in ("yes", "no, never", "well")]
LABELS = {"id2label": {0: "helpful", 1: "verbose"}, "label2id": {"helpful": 0, "verbose": 1}}


def results(scorer):
    return scorer.score(ROWS, [row.response for row in ROWS])


def logits(model, tokenizer=None):
    tokenizer = tokenizer or make_tokenizer()
    texts = [tokenizer.apply_chat_template(row.conversation, tokenize=False) for row in ROWS]
    with torch.no_grad():
        return [model(torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])).logits[0].tolist() for text in texts]


@pytest.mark.parametrize("config", [hf.LlamaConfig, hf.BertConfig])
@pytest.mark.parametrize("heads", [{"helpful": 0.7, "verbose": -0.2}, {"first": 0.7, "second": -0.2}])
def test_several_heads_are_weighed_and_each_is_a_component(checkpoint, config, heads):
    model = make_model(config=config, num_labels=2, **LABELS)
    for result, row in zip(results(RewardModel(checkpoint(model), heads=heads)), logits(model), strict=True):
        assert [metric.score for metric in result.metrics.values()] == pytest.approx(row, abs=1e-4)
        assert list(result.metrics) == list(heads)
        assert result.score == pytest.approx(0.7 * row[0] - 0.2 * row[1], abs=1e-4)


def test_one_head_may_be_the_score_alone(checkpoint):
    model = make_model(num_labels=2, **LABELS)
    for result, row in zip(results(RewardModel(checkpoint(model), heads={"verbose": 1.0})), logits(model), strict=True):
        assert result.score == pytest.approx(row[1], abs=1e-4)
        assert set(result.metrics) == {"helpful", "verbose"}


def test_a_cost_models_sign_is_turned(checkpoint):
    directory = checkpoint()
    assert [r.score for r in results(RewardModel(directory, sign=-1))] == [-r.score for r in results(RewardModel(directory))]


def test_a_distribution_gives_its_mean_and_its_spread(checkpoint):
    model = make_model(num_labels=3)
    for result, row in zip(results(RewardModel(checkpoint(model), distribution=[1, 2, 3])), logits(model), strict=True):
        probabilities = torch.tensor(row).softmax(0).tolist()
        mean = sum(p * v for p, v in zip(probabilities, (1, 2, 3), strict=True))
        assert result.score == pytest.approx(mean, abs=1e-4)
        assert result.metrics["spread"].score == pytest.approx(
            math.sqrt(sum(p * (v - mean) ** 2 for p, v in zip(probabilities, (1, 2, 3), strict=True))), abs=1e-4
        )


def test_several_heads_without_a_word_which_counts_are_refused(checkpoint):
    with pytest.raises(AmbiguousHeadsError, match=r"2 heads, \['helpful', 'verbose'\].*give `heads`"):
        RewardModel(checkpoint(make_model(num_labels=2, **LABELS))).load()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": {"helpfull": 1.0}}, r"\['helpfull'\] not among the model's 2 heads \['helpful', 'verbose'\]"),
        ({"heads": ["helpful", "verbose"]}, "nothing says which is the score"),
        ({"distribution": [1, 2, 3]}, "3 values for a model with 2 heads"),
    ],
)
def test_heads_that_do_not_fit_the_model_are_refused(checkpoint, options, message):
    with pytest.raises(ValueError, match=message):
        RewardModel(checkpoint(make_model(num_labels=2, **LABELS)), **options).load()


def test_a_checkpoint_without_a_score_head_is_refused_and_the_missing_weights_named(checkpoint):
    with pytest.raises(NoScoreHeadError, match=r"LlamaForCausalLM\) has no weights for \['score.weight'\]"):
        RewardModel(checkpoint(make_model(hf.AutoModelForCausalLM.from_config))).load()


def test_a_tokenizer_without_a_chat_template_is_refused_for_conversations(checkpoint):
    directory = checkpoint(tokenizer=make_tokenizer(chat_template=None))
    with pytest.raises(TemplateError, match="no chat template"):
        RewardModel(directory).load()
    assert all(result.score is not None for result in results(RewardModel(directory, format="text")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"truncation": True, "overflow": "right"}, "truncation is overflow 'left'"),
        ({"offload": True, "device_map": "auto"}, "offload moves a whole model"),
        ({"device": "cuda:1", "device_map": "auto"}, "give one"),
        ({"heads": ["a"], "distribution": [1.0]}, "give one"),
        ({"steps": {"token": "x"}, "heads": ["a"]}, "read by `steps` alone"),
        ({"steps": {"token": ""}}, "at least one character"),
        ({"steps": {"token": "x", "words": ["+", "+"]}}, "two different words"),
        ({"sign": 2}, "sign"),
        ({"max_length": 0}, "max_length"),
        ({"dtype": "float8"}, "dtype"),
        ({"shape": {"scale": 0}}, "scale of 0"),
        ({"shape": {"clip": [1, 0]}}, r"\[1.0, 0.0\]"),
        ({"maxlength": 3}, "maxlength"),
    ],
)
def test_options_that_contradict_each_other_or_are_none_fail_when_the_scorer_is_made(options, message):
    with pytest.raises(ValueError, match=message):
        RewardModel("some/model", **options)


CUSTOM = """
import torch
from dataclasses import dataclass
from torch import nn
from transformers import LlamaConfig, LlamaModel, LlamaPreTrainedModel
from transformers.utils import ModelOutput

@dataclass
class CustomOutput(ModelOutput):
    rewards: torch.Tensor = None
    score: torch.Tensor = None
    logits: torch.Tensor = None
    reward_quantiles: torch.Tensor = None

class LlamaForRewardModelWithGating(LlamaPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.model = LlamaModel(config)
        self.regression_layer = nn.Linear(config.hidden_size, config.num_labels, bias=False)
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, **kwargs):
        hidden = self.model(input_ids, attention_mask=attention_mask, position_ids=position_ids).last_hidden_state
        real = (input_ids != self.config.pad_token_id).int()
        last = (real * torch.arange(input_ids.shape[1])).argmax(-1)
        rewards = self.regression_layer(hidden[torch.arange(len(input_ids)), last])
        score = rewards.mean(-1)
        QUANTILES
        return CustomOutput(rewards=rewards, score=score, logits=score)
"""


def custom(checkpoint, heads, code):
    """A checkpoint whose weights are a Llama's under custom code that returns `.score` (B,) and `.rewards` (B, heads)."""
    model = make_model(num_labels=heads)
    state = {key.replace("score.", "regression_layer."): value for key, value in model.state_dict().items()}
    auto_map = {"AutoModelForSequenceClassification": "modeling_custom.LlamaForRewardModelWithGating"}
    directory = checkpoint(model, code=code, auto_map=auto_map)
    from safetensors.torch import save_file

    save_file(state, f"{directory}/model.safetensors", metadata={"format": "pt"})
    return model, directory


def test_custom_code_gives_its_score_and_its_rewards_as_components(checkpoint):
    model, directory = custom(checkpoint, 19, CUSTOM.replace("QUANTILES", ""))
    scorer = RewardModel(directory, trust_remote_code=True)
    for result, row in zip(results(scorer), logits(model), strict=True):
        assert result.score == pytest.approx(sum(row) / 19, abs=1e-4)
        assert [metric.score for metric in result.metrics.values()] == pytest.approx(row, abs=1e-4)
        assert next(iter(result.metrics)) == "helpsteer-helpfulness" and "code-readability" in result.metrics
    assert scorer.load().readout.engine.way("run") == "right"


def test_a_custom_models_heads_can_be_named_and_weighed_anew(checkpoint):
    model, directory = custom(checkpoint, 2, CUSTOM.replace("QUANTILES", ""))
    named = results(RewardModel(directory, trust_remote_code=True, heads=["a", "b"]))
    weighed = results(RewardModel(directory, trust_remote_code=True, heads={"a": 0.0, "b": 2.0}))
    for one, other, row in zip(named, weighed, logits(model), strict=True):
        assert set(one.metrics) == set(other.metrics) == {"a", "b"}
        assert one.score == pytest.approx(sum(row) / 2, abs=1e-4)
        assert other.score == pytest.approx(2 * row[1], abs=1e-4)


def test_quantiles_of_a_distributional_model_give_a_spread(checkpoint):
    quantiles = "return CustomOutput(rewards=rewards, score=score, reward_quantiles=torch.stack([rewards - 1, rewards + 1], -1))"
    _, directory = custom(checkpoint, 2, CUSTOM.replace("QUANTILES", quantiles))
    for result in results(RewardModel(directory, trust_remote_code=True)):
        assert result.metrics["quantile_spread"].score == pytest.approx(math.sqrt(2), abs=1e-4)


def test_another_member_of_the_output_can_be_the_score(checkpoint):
    model, directory = custom(checkpoint, 1, CUSTOM.replace("QUANTILES", ""))
    got = [result.score for result in results(RewardModel(directory, trust_remote_code=True, output="rewards"))]
    assert got == pytest.approx([row[0] for row in logits(model)], abs=1e-4)
    with pytest.raises(ValueError, match="no 'cost', but"):
        RewardModel(directory, trust_remote_code=True, output="cost").load()


@pytest.mark.parametrize(
    ("columns", "heads", "numbers", "score", "components"),
    [
        (["head_0"], None, [2.5], 2.5, {}),
        (["score", "head_0"], None, [2.5, 1.0], 2.5, {"head_0": 1.0}),
        (["score", "head_0", "head_1"], {"head_1": 1.0}, [2.5, 1.0, 3.0], 3.0, {"head_0": 1.0, "head_1": 3.0}),
        (["a", "b", "c"], {"c": 1.0, "a": 2.0}, [1.0, 5.0, 3.0], 5.0, {"a": 1.0, "b": 5.0, "c": 3.0}),
        (["score", "head_0", "quantile_spread"], ["only"], [2.5, 1.0, 0.1], 2.5, {"only": 1.0, "quantile_spread": 0.1}),
    ],
)
def test_how_numbers_become_a_score(columns, heads, numbers, score, components):
    assert Heads(columns, heads).score(numbers) == (score, components)
