"""Conversations rendered here: the reward model's own template and ids, with one BOS, and the scores of the same model in this process."""

import json

import pytest

pytest.importorskip("transformers")

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoModelForSequenceClassification, LlamaConfig, LlamaForSequenceClassification, PreTrainedTokenizerFast

from rl_rewards.scorers import scorer
from rl_rewards.types import Sample

SPECIAL = ["<pad>", "<s>", "</s>"]
TEMPLATE = "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% if not loop.last %} {% endif %}{% endfor %}</s>"
TEMPLATE += "{% if add_generation_prompt %}[assistant]{% endif %}"
PROMPT = [{"role": "user", "content": "2 + 2?"}]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A tiny reward model whose template writes a BOS and whose tokenizer adds one too, as Llama's do."""
    path = tmp_path_factory.mktemp("rm")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate([*SPECIAL, *alphabet])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
    fast.chat_template = TEMPLATE
    fast.save_pretrained(path)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_labels=1, pad_token_id=0
    )
    LlamaForSequenceClassification(config).save_pretrained(path)
    return str(path)


def chat(response):
    return Sample(PROMPT, [{"role": "assistant", "content": response}], response)


def score(made, samples):
    return made.score(samples, [sample.response for sample in samples])


def remote(server, api, directory, **options):
    return scorer({"remote_reward_model": {"url": server.url, "api": api, "tokenizer": directory, "retries": 0, **options}})


@pytest.mark.parametrize("api", ["vllm_classify", "vllm_pooling", "sglang"])
def test_served_model_scores_as_the_same_model_in_this_process(serve, directory, api):
    model = AutoModelForSequenceClassification.from_pretrained(directory).eval()

    def respond(path, body):
        sequences = body["input"] if "input" in body else body["input_ids"]
        assert body.get("add_special_tokens", False) is False
        with torch.inference_mode():
            rewards = [model(torch.tensor([ids])).logits[0].tolist() for ids in sequences]
        if api == "sglang":
            return [{"embedding": reward, "meta_info": {}} for reward in rewards]
        return {"data": [{"index": place, "probs" if api == "vllm_classify" else "data": reward} for place, reward in enumerate(rewards)]}

    samples = [chat(response) for response in ("4", "four", "", "It is 4.")]
    here = score(scorer({"reward_model": directory}), samples)
    there = score(remote(serve(respond), api, directory), samples)
    assert [result.score for result in there] == pytest.approx([result.score for result in here], abs=1e-5)
    assert len({round(result.score, 6) for result in there}) == 4


def test_token_ids_have_one_bos(serve, directory):
    server = serve(lambda path, body: {"data": [{"index": 0, "probs": [0.0]}]})
    score(remote(server, "vllm_classify", directory, append="!"), [chat("4")])
    (ids,) = server.bodies[0]["input"]
    text = PreTrainedTokenizerFast.from_pretrained(directory).decode(ids)
    assert text == "<s>[user]2 + 2? [assistant]4</s>!" and ids.count(1) == 1


def test_tei_gets_text_without_the_bos_that_it_will_add_itself(serve, directory):
    server = serve(lambda path, body: [[{"score": 0.0, "label": "LABEL_0"}]])
    score(remote(server, "tei", directory), [chat("4")])
    assert server.bodies[0]["inputs"] == [["[user]2 + 2? [assistant]4</s>"]]


def test_openrlhf_gets_rendered_text_with_its_special_tokens(serve, directory):
    server = serve(lambda path, body: {"rewards": [0.0]})
    score(remote(server, "openrlhf", directory, system="Be brief."), [chat("4")])
    assert server.bodies[0] == {
        "query": ["<s>[system]Be brief. [user]2 + 2? [assistant]4</s>"],
        "prompts": ["<s>[system]Be brief. [user]2 + 2?</s>[assistant]"],
        "labels": [None],
    }


@pytest.mark.parametrize("api", ["vllm_classify", "tei"])
def test_conversation_that_the_template_refuses_is_an_error_of_its_row_alone(serve, directory, api):
    def respond(path, body):
        return [[{"score": 0.5, "label": "a"}]] if api == "tei" else {"data": [{"index": 0, "probs": [0.5]}]}

    strict = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}" + TEMPLATE
    samples = [Sample([{"role": "system", "content": "s"}, *PROMPT], [{"role": "assistant", "content": "4"}], "4"), chat("4")]
    refused, scored = score(remote(serve(respond), api, directory, chat_template=strict), samples)
    assert refused.score is None and "no system here" in refused.error and scored.score == 0.5


def test_lone_surrogates_are_sent_as_valid_json(serve, directory):
    server = serve(lambda path, body: [[{"score": 0.0, "label": "LABEL_0"}]])
    assert score(remote(server, "tei", directory), [chat("\ud800 4")])[0].score == 0.0
    json.dumps(server.bodies[0], ensure_ascii=False).encode()
