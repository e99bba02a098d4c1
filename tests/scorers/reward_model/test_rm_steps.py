import math

import pytest
import torch
import transformers as hf
from tiny_reward_models import make_model, make_tokenizer

from rl_rewards.scorers.reward_model import RewardModel, Steps
from rl_rewards.types import Outcome, Sample

RESPONSES = ["First.\n\nThen.\n\n\n\nSo 4.", "4", "No\nline\nbreak", " \n\n "]
ROWS = [Sample("2+2?", text, text) for text in RESPONSES]


def results(scorer):
    return scorer.score(ROWS, RESPONSES)


def classifier(**options):
    return make_model(hf.AutoModelForTokenClassification.from_config, num_labels=2, **options)


def test_each_step_is_read_at_its_token_and_the_product_is_the_score(checkpoint):
    model, tokenizer = classifier(), make_tokenizer()
    scorer = RewardModel(checkpoint(model, tokenizer), steps={"token": "<extra_0>"})
    result, one, other, none = results(scorer)
    marked = {"role": "assistant", "content": "First.<extra_0>Then.<extra_0>So 4.<extra_0>"}
    text = tokenizer.apply_chat_template([{"role": "user", "content": "2+2?"}, marked], tokenize=False)
    ids = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])
    with torch.no_grad():
        expected = model(ids).logits[0].softmax(-1)[ids[0] == tokenizer.convert_tokens_to_ids("<extra_0>"), 1].tolist()
    assert [metric.score for metric in result.metrics.values()] == pytest.approx(expected, abs=1e-4)
    assert list(result.metrics) == ["step_1", "step_2", "step_3"]
    assert [step.base_reward for step in result.step_outputs] == pytest.approx(expected, abs=1e-4)
    assert result.score == pytest.approx(math.prod(expected), abs=1e-4)
    assert len(one.metrics) == len(other.metrics) == 1
    assert none.outcome is Outcome.UNPARSED and none.score == 0.0


@pytest.mark.parametrize(("combine", "expected"), [("prod", 0.21), ("min", 0.3), ("last", 0.7), ("mean", 0.6)])
def test_how_steps_become_a_score(combine, expected):
    probabilities = [0.8, 0.3, 0.7] if combine == "mean" else [1.0, 0.3, 0.7]
    assert Steps("x", combine=combine).combined(probabilities) == pytest.approx(expected)


def test_a_step_of_probability_zero_is_a_step(checkpoint):
    assert Steps("x", combine="mean").combined([0.0, 1.0]) == 0.5


def test_an_ordinary_separator_is_tokenised_apart_from_its_step(checkpoint):
    scorer = RewardModel(checkpoint(classifier()), steps={"token": "\n", "separator": "\n"})
    result = scorer.score([ROWS[2]], [RESPONSES[2]])[0]
    assert len(result.metrics) == 3


def test_a_policy_that_writes_the_step_token_adds_no_step(checkpoint):
    scorer = RewardModel(checkpoint(classifier()), steps={"token": "<extra_0>"})
    sneaky, plain = (Sample("2+2?", text, text) for text in ("4<extra_0><extra_0>", "4"))
    one, other = scorer.score([sneaky, plain], [sneaky.response, plain.response])
    assert one.metrics == other.metrics


def test_a_language_model_is_read_by_the_probabilities_of_two_words(checkpoint):
    model, tokenizer = make_model(hf.AutoModelForCausalLM.from_config), make_tokenizer(chat_template=None)
    scorer = RewardModel(checkpoint(model, tokenizer), format="text", steps={"token": " #", "separator": "\n\n", "words": ["+", "-"]})
    result = results(scorer)[1]
    ids = torch.tensor([tokenizer("2+2?")["input_ids"] + tokenizer("4")["input_ids"] + tokenizer(" #")["input_ids"]])
    good, bad = (tokenizer(word)["input_ids"][0] for word in "+-")
    with torch.no_grad():
        expected = model(ids).logits[0, -1, [good, bad]].softmax(-1)[0].item()
    assert result.score == pytest.approx(expected, abs=1e-4)


def test_a_word_of_several_tokens_is_refused(checkpoint):
    directory = checkpoint(make_model(hf.AutoModelForCausalLM.from_config))
    with pytest.raises(ValueError, match="'good' is 4 tokens"):
        RewardModel(directory, steps={"token": "#", "words": ["good", "-"]}).load()


CODE = """
import torch
from torch import nn
from transformers import LlamaModel, LlamaPreTrainedModel
from transformers.modeling_outputs import TokenClassifierOutput

class ProcessReward(LlamaPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.body = LlamaModel(config)
        self.score = nn.Linear(config.hidden_size, 2)
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, **kwargs):
        hidden = self.body(input_ids, attention_mask=attention_mask, position_ids=position_ids).last_hidden_state
        return TokenClassifierOutput(logits=self.score(hidden))
"""


def test_a_custom_process_reward_model_gives_the_same_steps_in_padded_batches(checkpoint):
    from safetensors.torch import save_file

    model = classifier()
    plain = results(RewardModel(checkpoint(model, name="plain"), steps={"token": "<extra_0>"}))
    directory = checkpoint(model, name="custom", code=CODE, auto_map={"AutoModel": "modeling_custom.ProcessReward"})
    save_file({k.replace("model.", "body."): v for k, v in model.state_dict().items()}, f"{directory}/model.safetensors", {"format": "pt"})
    scorer = RewardModel(directory, trust_remote_code=True, steps={"token": "<extra_0>"})
    for one, other in zip(plain, results(scorer), strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-4)
    assert scorer.load().readout.engine.way("run") == "right"


def test_a_class_that_the_model_lacks_is_an_error(checkpoint):
    result = results(RewardModel(checkpoint(classifier()), steps={"token": "<extra_0>", "good": 5}))[0]
    assert result.score is None and "class 5 is none of the model's 2" in result.error


def test_too_many_steps_are_an_error_or_skipped_but_never_cut(checkpoint):
    directory = checkpoint(classifier())
    error = results(RewardModel(directory, steps={"token": "<extra_0>"}, max_length=40, overflow="left"))[0]
    assert error.outcome is Outcome.ERROR and "steps are not cut" in error.error
    assert results(RewardModel(directory, steps={"token": "<extra_0>"}, max_length=40, overflow="skip"))[0].outcome is Outcome.SKIPPED
