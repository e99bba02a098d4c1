import logging
import random

import pytest
import torch
import transformers as hf
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rl_rewards.models import ForwardEngine

VOCABULARY = 211
COMMON = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "max_position_embeddings": 256,
}  # fmt: skip
GROUPED = {**COMMON, "num_key_value_heads": 2}
GEMMA = {**GROUPED, "head_dim": 8, "query_pre_attn_scalar": 8}

# name -> (configuration, how prefixes are expected to be treated)
DECODERS = {
    "llama": (hf.LlamaConfig(**GROUPED), "tree"),
    "qwen2": (hf.Qwen2Config(**GROUPED), "tree"),
    "qwen3": (hf.Qwen3Config(**GROUPED, head_dim=8), "tree"),
    "mistral, window shorter than most rows": (hf.MistralConfig(**GROUPED, sliding_window=24), "tree"),
    "gemma 3, layers with and without a window": (hf.Gemma3TextConfig(**GEMMA, sliding_window=24), "tree"),
    "gpt2, learned positions": (hf.GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=3, n_head=4, eos_token_id=2), "tree"),
    "gpt neox": (hf.GPTNeoXConfig(**COMMON), "tree"),
    "gemma 2, soft caps": (hf.Gemma2Config(**GEMMA), "right"),
    "bloom, biases for positions": (hf.BloomConfig(vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4), "right"),
}
ENCODERS = {
    "bert": hf.BertConfig(**COMMON, num_labels=1),
    "deberta": hf.DebertaV2Config(**COMMON, num_labels=1, relative_attention=True, pos_att_type=["p2c", "c2p"], max_relative_positions=64),
    "modernbert": hf.ModernBertConfig(**COMMON, num_labels=1, cls_token_id=3, sep_token_id=4),
}


def made(make, config):
    torch.manual_seed(0)
    model = make(config).eval().float()
    with torch.no_grad():  # default initialisation is so small that all tokens look alike
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)
    return model


def conversations(rng, groups=4, longest=70):
    system = [rng.randrange(5, VOCABULARY) for _ in range(rng.randrange(0, 40))]
    rows = []
    for _ in range(groups):
        prompt = system + [rng.randrange(5, VOCABULARY) for _ in range(rng.randrange(1, longest))]
        rows += [prompt + [rng.randrange(5, VOCABULARY) for _ in range(rng.randrange(0, longest))] for _ in range(rng.randrange(1, 5))]
    rows += rng.sample(rows, min(2, len(rows)))
    rng.shuffle(rows)
    return rows


@pytest.fixture(scope="module")
def decoders():
    return {name: made(hf.AutoModel.from_config, config) for name, (config, _) in DECODERS.items()}


@pytest.mark.parametrize("name", DECODERS)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), budget=st.sampled_from([1, 100, 500, 5000]))
def test_values_are_those_of_single_sequences_whatever_the_batch(name, decoders, seed, budget):
    model, rng = decoders[name], random.Random(seed)
    torch.manual_seed(1)
    head = nn.Linear(32, 3)
    rows = conversations(rng)
    positions = [sorted(rng.sample(range(len(row)), min(len(row), rng.randrange(1, 4)))) for row in rows]
    with torch.no_grad():
        alone = [head(model(torch.tensor([row])).last_hidden_state[0, places]) for row, places in zip(rows, positions, strict=True)]
        engine = ForwardEngine(model, token_budget=budget)
        together = engine.at(rows, positions, head)
    assert engine.way("at") in (DECODERS[name][1], None)
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", [name for name, (_, way) in DECODERS.items() if way == "tree"])
def test_a_decoder_computes_a_shared_prefix_once(name, decoders):
    model = decoders[name]
    seen = []
    hook = model.get_input_embeddings().register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].numel()))
    prompt = list(range(5, 105))
    rows = [prompt + [tail] * 5 for tail in range(110, 118)]
    engine = ForwardEngine(model)
    engine.at(rows[:2], [[104], [104]], nn.Identity())
    seen.clear()
    engine.at(rows, [[104]] * 8, nn.Identity())
    hook.remove()
    assert engine.way("at") == "tree"
    assert seen == [100 + 8 * 5]


@pytest.mark.parametrize("name", ENCODERS)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10**6), budget=st.sampled_from([1, 300, 5000]))
def test_encoders_score_as_alone_in_padded_batches(name, encoders, seed, budget):
    model, rows = encoders[name], conversations(random.Random(seed))
    with torch.no_grad():
        alone = torch.stack([model(torch.tensor([row])).logits[0] for row in rows])
    together = torch.stack(ForwardEngine(model, token_budget=budget).run(rows, lambda output, batch: output.logits))
    torch.testing.assert_close(alone, together, atol=1e-4, rtol=0)


@pytest.fixture(scope="module")
def encoders():
    return {name: made(hf.AutoModelForSequenceClassification.from_config, config) for name, config in ENCODERS.items()}


class ReadsTheLastColumn(nn.Module):
    """As some custom reward models do: whatever stands in the last column is the last token."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone

    def forward(self, input_ids, attention_mask=None, position_ids=None):
        return self.backbone(input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids).last_hidden_state[:, -1]


class IgnoresTheMask(nn.Module):
    """Worse: padding is text."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone

    def forward(self, input_ids, attention_mask=None):
        return self.backbone(input_ids=input_ids).last_hidden_state.mean(1)


@pytest.mark.parametrize(("model", "way"), [(ReadsTheLastColumn, "left"), (IgnoresTheMask, "equal")])
def test_a_model_that_batches_badly_is_found_out_and_given_the_way_that_is_right(model, way, decoders, caplog):
    model = model(decoders["llama"])
    rows = conversations(random.Random(3))
    engine = ForwardEngine(model)
    with caplog.at_level(logging.WARNING):
        together = engine.run(rows, lambda output, batch: output)
    assert engine.way("run") == way
    assert "padded on the right" in caplog.text
    with torch.no_grad():
        for row, values in zip(rows, together, strict=True):
            torch.testing.assert_close(model(torch.tensor([row]))[0], values, atol=1e-4, rtol=0)


class SmallMemory(nn.Module):
    def __init__(self, tokens):
        super().__init__()
        self.tokens, self.weight, self.calls = tokens, nn.Parameter(torch.zeros(1)), []

    def forward(self, input_ids, attention_mask):
        self.calls.append(input_ids.numel())
        if input_ids.numel() > self.tokens:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return (input_ids * attention_mask).sum(1).float()


def test_out_of_memory_halves_the_budget_and_goes_on(caplog):
    rows = [[index + 1] * (index % 7 + 1) for index in range(60)]
    model = SmallMemory(60)
    engine = ForwardEngine(model, token_budget=400)
    with caplog.at_level(logging.WARNING):
        results = engine.run(rows, lambda output, batch: output)
    assert [result.item() for result in results] == [sum(row) for row in rows]
    assert engine.budget.tokens == 50
    assert "at most 50 tokens" in caplog.text


def test_a_single_row_that_does_not_fit_is_an_error():
    with pytest.raises(torch.OutOfMemoryError):
        ForwardEngine(SmallMemory(5), token_budget=100).run([[1] * 10, [2]], lambda output, batch: output)


def test_equal_rows_are_computed_once(decoders):
    model = SmallMemory(1000)
    engine = ForwardEngine(model)
    engine.run([[1, 2], [3]], lambda output, batch: output)
    model.calls.clear()
    assert [value.item() for value in engine.run([[4, 5]] * 9, lambda output, batch: output)] == [9] * 9
    assert model.calls == [2]


def test_the_models_own_attention_is_put_back(decoders):
    model = decoders["llama"]
    before = model.config._attn_implementation
    ForwardEngine(model).at(conversations(random.Random(0)), [[0]] * len(conversations(random.Random(0))), nn.Identity())
    assert model.config._attn_implementation == before
    assert not model.layers[-1]._forward_hooks and not model.layers[-1]._forward_pre_hooks


def test_no_rows_give_no_results(decoders):
    assert ForwardEngine(decoders["llama"]).at([], [], nn.Identity()) == []
    assert ForwardEngine(decoders["llama"]).run([], lambda output, batch: output) == []


def test_a_budget_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="at least 1 token, got -4"):
        ForwardEngine(SmallMemory(5), token_budget=-4)


def test_bfloat16_shares_prefixes_too_and_the_head_computes_in_float32(decoders):
    model = made(hf.AutoModel.from_config, DECODERS["llama"][0]).bfloat16()
    dtypes = []
    engine = ForwardEngine(model)
    rows = conversations(random.Random(5))
    engine.at(rows, [[len(row) - 1] for row in rows], lambda hidden: dtypes.append(hidden.dtype) or hidden[:, :1])
    assert engine.way("at") == "tree"
    assert set(dtypes) == {torch.float32}


def test_a_tree_that_fails_on_a_later_batch_gives_way_to_the_models_own_pass(decoders, monkeypatch, caplog):
    model, rows = decoders["llama"], conversations(random.Random(9))
    places = [[len(row) - 1] for row in rows]
    engine = ForwardEngine(model)
    expected = engine.at(rows, places, nn.Identity())
    assert engine.way("at") == "tree"

    def fails(*_args):
        raise RuntimeError("shape '[1, 2]' is invalid")

    monkeypatch.setattr("rl_rewards.models.engine.hidden_states_at", fails)
    with caplog.at_level(logging.WARNING):
        for one, other in zip(expected, engine.at(rows, places, nn.Identity()), strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=0)
    assert "one sequence at a time for a batch of" in caplog.text and "shape" not in caplog.text
