"""Reward models in the shapes that people publish them in: their own config.json, as written by the transformers of their day, and their own code.

Each is built tiny, with random weights; the reference is what the model's class makes of one conversation, built anew.
"""

import copy
import json

import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file
from tiny_reward_models import CHATML, make_tokenizer

from rl_rewards.scorers.reward_model import RewardModel
from rl_rewards.types import Sample

BODY = {
    "vocab_size": 262, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48,
    "initializer_range": 0.2, "use_cache": True, "transformers_version": "4.44.0", "torch_dtype": "bfloat16", "rms_norm_eps": 1e-5,
    "attention_dropout": 0.0, "tie_word_embeddings": False,
}  # fmt: skip
ONE_LABEL = {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
LLAMA = {
    **BODY, "model_type": "llama", "attention_bias": False, "hidden_act": "silu", "mlp_bias": False, "pretraining_tp": 1, "bos_token_id": 1,
    "eos_token_id": [2, 5], "max_position_embeddings": 2048, "pad_token_id": 0, "rope_theta": 500000.0,
    "rope_scaling": {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 64, "rope_type": "llama3"},
}  # fmt: skip
QWEN2 = {
    **BODY, "model_type": "qwen2", "hidden_act": "silu", "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 0, "max_position_embeddings": 2048,
    "max_window_layers": 2, "sliding_window": 2048, "use_sliding_window": False, "rope_theta": 10000.0, "rope_scaling": None,
}  # fmt: skip
LABELS = 19

PREAMBLE = """
from dataclasses import dataclass
import torch
from torch import nn
from transformers import LlamaModel, LlamaPreTrainedModel, Qwen2Model, Qwen2PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutputWithPast, TokenClassifierOutput
from transformers.utils import ModelOutput
"""

# Objectives from the last token, their weights from the prompt's end, found by the tokens of the response's header.
GATED = (
    PREAMBLE
    + """
HEADER = {header}

@dataclass
class Gated(ModelOutput):
    rewards: torch.FloatTensor = None
    hidden_state: torch.FloatTensor = None
    prompt_embedding: torch.FloatTensor = None
    gating_output: torch.FloatTensor = None
    reward_quantiles: torch.FloatTensor = None
    score: torch.FloatTensor = None
    logits: torch.FloatTensor = None

def prompt_end(ids):
    ids = ids.tolist()
    return next(i for i in range(len(ids) - len(HEADER), -1, -1) if ids[i:i + len(HEADER)] == HEADER)

class LlamaForRewardModelWithGating(LlamaPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.model = LlamaModel(config)
        self.regression_layer = nn.Linear(config.hidden_size, config.num_labels * config.num_quantiles, bias=False)
        self.reward_transform_matrix = nn.Parameter(torch.eye(config.num_labels), requires_grad=False)
        sizes = [config.hidden_size] + [config.gating_hidden_dim] * config.gating_n_hidden + [config.num_labels]
        self.gating = nn.Sequential(*[layer for pair in zip(sizes, sizes[1:]) for layer in (nn.ReLU(), nn.Linear(*pair))])
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, **kwargs):
        states = self.model(input_ids, attention_mask=attention_mask, position_ids=position_ids).last_hidden_state
        if self.config.pad_token_id is None and len(input_ids) != 1:
            raise ValueError("Cannot handle batch sizes > 1 if no padding token is defined.")
        rows = torch.arange(len(input_ids))
        lengths = torch.eq(input_ids, self.config.pad_token_id).int().argmax(-1) - 1
        hidden = states[rows, lengths % input_ids.shape[-1]]
        quantiles = self.regression_layer(hidden).view(len(input_ids), self.num_labels, -1)
        rewards = quantiles.mean(-1)
        prompts = states[rows, [prompt_end(each) for each in input_ids]]
        gates = torch.softmax(self.gating(prompts) / self.config.gating_temperature, -1)
        score = (gates @ self.reward_transform_matrix.T * rewards).sum(-1, keepdim={keepdim})
        return Gated(rewards=rewards, hidden_state=hidden, prompt_embedding=prompts, gating_output=gates, score=score, logits=score,
                     reward_quantiles=quantiles if self.config.num_quantiles > 1 else None)
"""
)

# Qwen2.5-Math-PRM and -RM: a head of two layers over every token, and pooled at the last that is not padding.
CONFIGURATION = """
from transformers import Qwen2Config

class Qwen2RMConfig(Qwen2Config):
    model_type = "qwen2"
"""
PROCESS = (
    PREAMBLE
    + """
from .configuration_qwen2_rm import Qwen2RMConfig

class Base(Qwen2PreTrainedModel):
    config_class = Qwen2RMConfig

    def __init__(self, config):
        super().__init__(config)
        self.model = Qwen2Model(config)
        size = config.hidden_size
        self.score = nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, self.classes))
        self.post_init()

class Qwen2ForProcessRewardModel(Base):
    classes = 2

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, **kwargs):
        states = self.model(input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids)[0]
        return TokenClassifierOutput(logits=self.score(states))

class Qwen2ForRewardModel(Base):
    classes = 1

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, **kwargs):
        states = self.model(input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids)[0]
        logits = self.score(states)
        last = (torch.eq(input_ids, self.config.pad_token_id).int().argmax(-1) - 1) % input_ids.shape[-1]
        return SequenceClassifierOutputWithPast(logits=logits[torch.arange(len(input_ids)), last])
"""
)

# InternLM2-Reward: a model type of its own, read at the end of the mask, rotary tables that grow and are never made smaller.
INTERNLM_CONFIGURATION = """
from transformers import PretrainedConfig

class InternLM2Config(PretrainedConfig):
    model_type = "internlm2"

    def __init__(self, vocab_size=262, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=2048,
                 rope_theta=10000, rope_scaling=None, reward_token_id=4, pad_token_id=0, **kwargs):
        self.vocab_size, self.hidden_size, self.num_hidden_layers = vocab_size, hidden_size, num_hidden_layers
        self.num_attention_heads, self.max_position_embeddings, self.rope_theta = num_attention_heads, max_position_embeddings, rope_theta
        self.rope_scaling, self.reward_token_id = rope_scaling, reward_token_id
        super().__init__(pad_token_id=pad_token_id, **kwargs)
"""
INTERNLM = """
import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutputWithPast
from .configuration_internlm2 import InternLM2Config

class Rotary(nn.Module):
    def __init__(self, size, longest, base, factor):
        super().__init__()
        self.size, self.longest, self.base, self.factor, self.cached = size, longest, base, factor, 0
        self.grow(longest)

    def grow(self, length):
        self.cached = length
        base = self.base
        if length > self.longest:
            base = base * ((self.factor * length / self.longest) - (self.factor - 1)) ** (self.size / (self.size - 2))
        frequencies = 1.0 / base ** (torch.arange(0, self.size, 2).float() / self.size)
        angles = torch.outer(torch.arange(length).float(), frequencies).repeat(1, 2)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, states, length):
        if length > self.cached:
            self.grow(length)
        turned = torch.cat((-states[..., self.size // 2:], states[..., : self.size // 2]), -1)
        return states * self.cos[:length] + turned * self.sin[:length]

class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config.num_attention_heads
        self.wqkv = nn.Linear(config.hidden_size, 3 * config.hidden_size, bias=False)
        self.wo = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.rotary_emb = Rotary(config.hidden_size // self.heads, config.max_position_embeddings, config.rope_theta, config.rope_scaling["factor"])

    def forward(self, states, mask):
        rows, length, size = states.shape
        q, k, v = (part.view(rows, length, self.heads, -1).transpose(1, 2) for part in self.wqkv(F.layer_norm(states, (size,))).chunk(3, -1))
        q, k = self.rotary_emb(q, length), self.rotary_emb(k, length)
        seen = torch.ones(length, length, dtype=torch.bool).tril() & mask.bool()[:, None, None]
        return states + self.wo(F.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).reshape(rows, length, size))

class InternLM2ForRewardModel(PreTrainedModel):
    config_class = InternLM2Config

    def __init__(self, config):
        super().__init__(config)
        self.tok_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.v_head = nn.Linear(config.hidden_size, 1, bias=False)
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, **kwargs):
        ends = attention_mask.cumsum(1).argmax(1)  # as the original: without a mask it fails
        states = self.tok_embeddings(input_ids)
        for layer in self.layers:
            states = layer(states, attention_mask)
        rewards = self.v_head(states)[:, :, 0]
        return SequenceClassifierOutputWithPast(logits=rewards.gather(1, ends[:, None]))
"""


def gated(header, quantiles, keepdim):
    own = {"gating_temperature": 10, "gating_hidden_dim": 16, "gating_n_hidden": 2, "num_quantiles": quantiles}
    config = {
        **LLAMA, **own, "architectures": ["LlamaForRewardModelWithGating"],
        "auto_map": {"AutoModelForSequenceClassification": "modeling_custom.LlamaForRewardModelWithGating"},
        "id2label": {str(label): f"LABEL_{label}" for label in range(LABELS)}, "label2id": {f"LABEL_{label}": label for label in range(LABELS)},
    }  # fmt: skip
    return config, {"modeling_custom.py": GATED.replace("{header}", str(header)).replace("{keepdim}", str(keepdim))}


def qwen(architecture):
    names = {"AutoConfig": "configuration_qwen2_rm.Qwen2RMConfig", "AutoModel": f"modeling_qwen2_rm.{architecture}"}
    config = {**QWEN2, "architectures": [architecture], "auto_map": names}
    return config, {"configuration_qwen2_rm.py": CONFIGURATION, "modeling_qwen2_rm.py": PROCESS}


def plain(base, architecture, **more):
    return {**base, "architectures": [architecture], **ONE_LABEL, **more}, {}


HEADER = make_tokenizer()("<|im_start|>assistant\n", add_special_tokens=False)["input_ids"]
GEMMA2 = {
    "model_type": "gemma2", "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "cache_implementation": "hybrid", "head_dim": 8,
    "query_pre_attn_scalar": 8, "sliding_window": 32, "hidden_activation": "gelu_pytorch_tanh", "rope_scaling": None, "rope_theta": 10000.0,
    "max_position_embeddings": 2048,
}  # fmt: skip
QWEN3 = {
    "model_type": "qwen3", "head_dim": 8, "max_window_layers": 2, "sliding_window": None, "rope_theta": 1000000, "transformers_version": "4.52.4",
    "attention_bias": False,
}  # fmt: skip
DYNAMIC = {
    "architectures": ["InternLM2ForRewardModel"], "model_type": "internlm2", "vocab_size": 262, "hidden_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 4, "max_position_embeddings": 64, "rope_scaling": {"type": "dynamic", "factor": 8.0}, "rope_theta": 10000,
    "reward_token_id": 4, "pad_token_id": 0, "torch_dtype": "float16",
    "auto_map": {"AutoConfig": "configuration_internlm2.InternLM2Config", "AutoModel": "modeling_internlm2.InternLM2ForRewardModel"},
}  # fmt: skip

# name -> (config.json, code files, options of the scorer, class that transformers loads it with)
SHAPES = {
    "Skywork-Reward-Llama-3.1-8B-v0.2": (*plain(LLAMA, "LlamaForSequenceClassification"), {}, hf.AutoModelForSequenceClassification),
    "Skywork-Reward-Gemma-2-27B": (*plain({**LLAMA, **GEMMA2}, "Gemma2ForSequenceClassification"), {}, hf.AutoModelForSequenceClassification),
    "Skywork-Reward-V2-Qwen3-8B": (*plain({**QWEN2, **QWEN3}, "Qwen3ForSequenceClassification"), {}, hf.AutoModelForSequenceClassification),
    "ArmoRM-Llama3-8B-v0.1": (*gated(HEADER, 1, False), {}, hf.AutoModelForSequenceClassification),
    "QRM-Llama3.1-8B": (*gated(HEADER, 5, True), {}, hf.AutoModelForSequenceClassification),
    "Qwen2.5-Math-RM-72B": (*qwen("Qwen2ForRewardModel"), {"system": "Think."}, hf.AutoModel),
    "internlm2-7b-reward": (DYNAMIC, {"configuration_internlm2.py": INTERNLM_CONFIGURATION, "modeling_internlm2.py": INTERNLM},
                            {"append": "<extra_0>"}, hf.AutoModel),
    "Qwen2.5-Math-PRM-7B": (*qwen("Qwen2ForProcessRewardModel"), {"steps": {"token": "<extra_0>"}}, hf.AutoModel),
    "a token classifier of TRL's PRMTrainer": (*plain(QWEN2, "Qwen2ForTokenClassification", id2label={"0": "LABEL_0", "1": "LABEL_1"}),
                                               {"steps": {"token": "\n", "separator": "\n\n"}}, hf.AutoModelForTokenClassification),
    "a token classifier with one logit": (*plain(QWEN2, "Qwen2ForTokenClassification"), {"steps": {"token": "<extra_0>"}},
                                          hf.AutoModelForTokenClassification),
    "math-shepherd-mistral-7b-prm": (*plain({**QWEN2, "model_type": "mistral", "sliding_window": 32}, "MistralForCausalLM"),
                                     {"steps": {"token": "?", "words": ["+", "-"]}}, hf.AutoModelForCausalLM),
    "a soft-capped language model as process reward model": (*plain({**LLAMA, **GEMMA2}, "Gemma2ForCausalLM"),
                                                             {"steps": {"token": "?", "words": ["+", "-"]}}, hf.AutoModelForCausalLM),
}  # fmt: skip
TEXTS = ["4", "Two and two\n\nis four.", "First, " + "so " * 20 + "\n\nthen " * 2 + "\n\n4", "a\n\nb", "No.", "long " * 40 + "\n\nend"]
ROWS = [Sample(prompt, text, text) for prompt in ("2+2?", "And " + "more " * 9) for text in TEXTS]


@pytest.fixture
def directory(tmp_path, request):
    """A directory as a user downloads it: config.json and code as published, bfloat16 weights, a tokenizer."""
    config, code, _, make = SHAPES[request.param]
    make_tokenizer(chat_template=CHATML).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    for name, text in code.items():
        (tmp_path / name).write_text(text)
    torch.manual_seed(0)
    model = make.from_config(hf.AutoConfig.from_pretrained(tmp_path, trust_remote_code=bool(code)), trust_remote_code=bool(code))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and "reward_transform" not in name:
                parameter.normal_(0, 0.3)
    save_file({name: weight.bfloat16().contiguous() for name, weight in model.state_dict().items()}, tmp_path / "model.safetensors", {"format": "pt"})
    return tmp_path


def expected(directory, name):
    """(score, components) of every row, by the model's class alone."""
    _, code, options, make = SHAPES[name]
    config, tokenizer = hf.AutoConfig.from_pretrained(directory, trust_remote_code=bool(code)), make_tokenizer()
    # Not from_pretrained, which leaves buffers of a checkpoint's own code undefined.
    model = make.from_config(config, dtype=torch.float32, trust_remote_code=bool(code)).eval()
    model.load_state_dict({key: weight.float() for key, weight in load_file(directory / "model.safetensors").items()})
    results = []
    for row in ROWS:
        fresh = copy.deepcopy(model)
        conversation = [{"role": "user", "content": row.prompt[0].text if not isinstance(row.prompt, str) else row.prompt}]
        conversation = [{"role": "system", "content": options[key]} for key in options if key == "system"] + conversation
        steps, places = options.get("steps"), []
        if steps is None:
            text = tokenizer.apply_chat_template([*conversation, {"role": "assistant", "content": row.response.strip()}], tokenize=False)
            ids = tokenizer(text + options.get("append", ""), add_special_tokens=False)["input_ids"]
        else:
            ids = tokenizer(tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True), add_special_tokens=False)[
                "input_ids"
            ]
            for step in row.response.split("\n\n"):
                if step.strip():
                    ids += tokenizer(step.strip() + steps["token"], add_special_tokens=False)["input_ids"]
                    places.append(len(ids) - 1)
            ids += tokenizer("<|im_end|>", add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            output = fresh(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long))
        if steps is None:
            results.append((output.logits.item(), [] if "rewards" not in output else output.rewards[0].tolist()))
            continue
        logits = output.logits[0, places]
        if "words" in steps:
            good = logits[:, [tokenizer(word)["input_ids"][0] for word in steps["words"]]].softmax(1)[:, 0]
        else:
            good = logits.sigmoid()[:, 0] if logits.shape[1] == 1 else logits.softmax(1)[:, 1]
        results.append((good.prod().item(), good.tolist()))
    return results


@pytest.mark.parametrize(("directory", "name"), [(name, name) for name in SHAPES], indirect=["directory"])
def test_a_published_shape_scores_as_transformers_does(directory, name):
    _, code, options, _ = SHAPES[name]
    scorer = RewardModel(str(directory), dtype="float32", trust_remote_code=bool(code), **options)
    found = scorer.score(ROWS, [row.response for row in ROWS])
    wanted = expected(directory, name)
    assert [result.score for result in found] == pytest.approx([score for score, _ in wanted], abs=1e-4)
    assert len({round(score, 3) for score, _ in wanted}) > 5, "rows that are alike prove nothing"
    for result, (_, components) in zip(found, wanted, strict=True):
        own = [metric.score for key, metric in result.metrics.items() if key != "quantile_spread"]
        assert own == pytest.approx(components, abs=1e-4)


@pytest.mark.parametrize(("directory", "name"), [(name, name) for name in SHAPES if SHAPES[name][1]], indirect=["directory"])
def test_code_of_a_checkpoint_is_run_only_when_allowed(directory, name):
    with pytest.raises(ValueError, match="trust_remote_code"):
        RewardModel(str(directory), **SHAPES[name][2]).load()


@pytest.mark.parametrize("directory", ["Skywork-Reward-V2-Qwen3-8B", "ArmoRM-Llama3-8B-v0.1"], indirect=True)
def test_weights_have_the_type_that_an_old_config_names(directory):
    scorer = RewardModel(str(directory), trust_remote_code=True)
    assert scorer.load().readout.engine.model.dtype is torch.bfloat16
