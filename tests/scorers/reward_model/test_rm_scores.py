import json
import pickle
import random

import pytest
import torch
import transformers as hf
from tiny_reward_models import make_model, make_tokenizer

from rl_rewards import Reward, Rubric
from rl_rewards.scorers.reward_model import RewardModel
from rl_rewards.types import Outcome, Sample, response_of


def sample(prompt, completion, **columns):
    return Sample(prompt, completion, response_of(completion), columns)


def scores(scorer, samples):
    return [result.score for result in scorer.score(samples, [each.response for each in samples])]


def alone(model, tokenizer, messages):
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    return model(torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])).logits[0].tolist()


def turns(*contents):
    return [{"role": role, "content": content} for role, content in zip(["user", "assistant"] * len(contents), contents, strict=False)]


QUESTION = "How much is 2+2?"


@pytest.mark.parametrize(
    ("prompt", "completion"),
    [
        (QUESTION, "The output of 2+2 is 4"),
        (QUESTION, "4"),
        (turns(QUESTION), turns(QUESTION, "4")[1:]),
        (turns(QUESTION, "4", "Sure?"), [{"role": "assistant", "content": "Yes"}]),
        ([{"role": "system", "content": "Be brief."}, *turns(QUESTION)], "4"),
        (QUESTION, "e"),
        (QUESTION, "user"),
        (QUESTION, "  4\n"),
        (QUESTION, "naïve 🙂 文"),
        (QUESTION, ""),
    ],
)
def test_a_score_is_the_models_logit_for_the_conversation_in_its_own_template(checkpoint, prompt, completion):
    model, tokenizer = make_model(), make_tokenizer()
    one = sample(prompt, completion)
    [expected] = alone(model, tokenizer, [message.model_dump() for message in one.messages])
    assert scores(RewardModel(checkpoint(model, tokenizer)), [one]) == [pytest.approx(expected, abs=1e-5)]


@pytest.mark.parametrize(
    ("make", "config"),
    [(None, hf.LlamaConfig), (None, hf.Qwen3Config), (None, hf.GPT2Config), (None, hf.BertConfig), (None, hf.DebertaV2Config)],
)
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_scores_as_single_rows_whatever_its_order_and_the_tokenizers_padding_side(checkpoint, make, config, side):
    model, rng = make_model(config=config), random.Random(1)
    scorer = RewardModel(checkpoint(model, make_tokenizer(padding_side=side)), token_budget=400)
    rows = [sample(f"Question {group}: " + "x" * rng.randrange(40), "y" * rng.randrange(60)) for group in range(4) for _ in range(4)]
    single = [scores(scorer, [row])[0] for row in rows]
    for _ in range(3):
        order = rng.sample(range(len(rows)), len(rows))
        assert scores(scorer, [rows[i] for i in order]) == pytest.approx([single[i] for i in order], abs=1e-4)


@pytest.mark.parametrize(
    ("config_pad", "tokenizer_pad", "pooling", "read"),
    [
        (2, "<|im_end|>", None, -2),  # TRL's RewardTrainer makes such checkpoints: pad is eos
        (2, "<|im_end|>", "last_non_pad", -2),
        (2, "<|im_end|>", "last", -1),
        (2, "<|pad|>", None, -2),  # the checkpoint decides, not its tokenizer
        (None, "<|im_end|>", None, -1),  # without a pad token transformers reads the last
        (None, "<|im_end|>", "last_non_pad", -2),
        (0, "<|pad|>", None, -1),
        (-1, "<|pad|>", None, -1),
    ],
)
@pytest.mark.parametrize("config", [hf.LlamaConfig, hf.Gemma2Config])
def test_a_decoder_is_read_where_transformers_reads_the_checkpoint(checkpoint, caplog, config, config_pad, tokenizer_pad, pooling, read):
    model, tokenizer = make_model(config=config, pad_token_id=config_pad), make_tokenizer(pad_token=tokenizer_pad)
    directory = checkpoint(model, tokenizer)
    rows = [sample(QUESTION, text) for text in ("4", "four, I think", "no idea")]
    texts = [tokenizer.apply_chat_template([m.model_dump() for m in row.messages], tokenize=False) for row in rows]
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    with torch.no_grad():
        at_each = [model.score(model.model(torch.tensor([row])).last_hidden_state)[0, :, 0].tolist() for row in ids]
        transformers = [model(torch.tensor([row])).logits.item() for row in ids]
    scorer = RewardModel(directory, pooling=pooling)
    found = scores(scorer, rows)
    assert found == pytest.approx([values[read] for values in at_each], abs=1e-4)
    assert pooling is not None or found == pytest.approx(transformers, abs=1e-4)
    scores(scorer, rows)
    said = [record for record in caplog.records if "needs `pooling: last`" in record.getMessage()]
    assert len(said) == (pooling is None and read == -2)


def test_pooling_is_refused_for_a_model_that_pools_for_itself(checkpoint):
    with pytest.raises(ValueError, match="pooling must be unset for a BertForSequenceClassification, which pools for itself; got 'last'"):
        RewardModel(checkpoint(make_model(config=hf.BertConfig)), pooling="last").load()


def test_a_parsed_answer_stands_in_for_the_response(checkpoint):
    scorer = RewardModel(checkpoint())
    tagged, plain, none = sample(QUESTION, "so <answer>4</answer>"), sample(QUESTION, "4"), sample(QUESTION, "no idea")
    result, missing = scorer.score([tagged, none], ["4", None])
    assert result.score == pytest.approx(scores(scorer, [plain])[0], abs=1e-5)
    assert missing.outcome is Outcome.UNPARSED
    assert missing.score == pytest.approx(scores(scorer, [sample(QUESTION, "")])[0], abs=1e-5)


def test_an_answer_that_is_not_text_is_an_error(checkpoint):
    [result] = RewardModel(checkpoint()).score([sample(QUESTION, "{}")], [{}])
    assert result.score is None and "the parser gave dict" in result.error


def test_it_works_in_a_rubric_as_a_trainer_calls_it(checkpoint):
    rubric = Rubric(rewards=[Reward(name="liked", score={"reward_model": checkpoint()})])
    [reward_func] = rubric.reward_funcs
    values = reward_func(prompts=[turns(QUESTION)] * 2, completions=[turns(QUESTION, "4")[1:], turns(QUESTION, "5")[1:]])
    assert len(values) == 2 and values[0] != values[1]


def test_a_scorer_is_small_and_picklable_after_its_model_is_loaded(checkpoint):
    scorer = RewardModel(checkpoint())
    before = scores(scorer, [sample(QUESTION, "4")])
    data = pickle.dumps(scorer)
    assert len(data) < 5000
    assert scores(pickle.loads(data), [sample(QUESTION, "4")]) == before


def test_scorers_that_differ_in_shaping_alone_share_one_model(checkpoint):
    directory = checkpoint()
    assert RewardModel(directory).load() is RewardModel(directory, sign=-1, shape={"scale": 2.0}).load()
    assert RewardModel(directory).load() is not RewardModel(directory, strip_thinking=True).load()


def test_verify_prints_the_largest_difference_between_batch_and_single_scores(checkpoint, capsys):
    scorer = RewardModel(checkpoint())
    difference = scorer.verify([sample(QUESTION, "4" * length) for length in range(1, 9)])
    printed = capsys.readouterr().out
    assert difference < 1e-4
    assert "8 rows, largest difference" in printed and "within 0.0001" in printed and "read at '<|im_end|>'" in printed


def test_verify_needs_rows(checkpoint):
    with pytest.raises(ValueError, match="at least one sample"):
        RewardModel(checkpoint()).verify([])


def test_a_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no directory .*gone"):
        RewardModel(str(tmp_path / "gone")).load()


@pytest.mark.parametrize(("dtype", "expected"), [("auto", torch.float32), ("bfloat16", torch.bfloat16)])
def test_weights_have_the_type_asked_for_by_either_name(checkpoint, dtype, expected):
    directory = checkpoint()
    assert RewardModel(directory, torch_dtype=dtype).load().readout.engine.model.dtype is expected
    assert RewardModel(directory, dtype=dtype).load().readout.engine.model.dtype is expected


def test_offloading_changes_no_score(checkpoint):
    directory = checkpoint()
    rows = [sample(QUESTION, "4"), sample(QUESTION, "five")]
    assert scores(RewardModel(directory, offload=True, device="cpu"), rows) == scores(RewardModel(directory), rows)


def test_a_nan_from_the_model_is_an_error_and_not_a_score(checkpoint):
    model = make_model()
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    [result] = RewardModel(checkpoint(model)).score([sample(QUESTION, "4")], ["4"])
    assert result.score is None and "nan" in result.error


def test_both_documented_inputs_are_scored_from_a_file(checkpoint, tmp_path):
    from typer.testing import CliRunner

    from rl_rewards.cli import app

    (tmp_path / "rubric.yaml").write_text(f"rewards:\n  - name: liked\n    score: {{reward_model: {{model: {checkpoint()}}}}}\n")
    pairs = [{"instruction": QUESTION, "response": text} for text in ("The output of 2+2 is 4", "4")]
    conversations = [{"conversation": turns(row["instruction"], row["response"])} for row in pairs]
    found = []
    for rows in (pairs, conversations):
        (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        rubric, data, out = (str(tmp_path / name) for name in ("rubric.yaml", "data.jsonl", "out.jsonl"))
        result = CliRunner().invoke(app, ["score", rubric, data, "--out", out])
        assert result.exit_code == 0, result.output
        found.append([json.loads(line)["score"] for line in (tmp_path / "out.jsonl").read_text().splitlines()])
    assert len(found[0]) == 2 and all(isinstance(score, float) for score in found[0])
    assert found[0] == pytest.approx(found[1], abs=1e-5)


DYNAMIC = {"rope_parameters": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}}
YARN = {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0, "original_max_position_embeddings": 64}}


@pytest.mark.parametrize(
    ("config", "options", "max_length", "limit"),
    [
        (hf.LlamaConfig, {}, None, 256),
        (hf.LlamaConfig, {}, 100, 100),
        (hf.LlamaConfig, {}, 1000, 256),
        (hf.LlamaConfig, YARN, None, 256),
        (hf.LlamaConfig, DYNAMIC, None, 1024),
        (hf.LlamaConfig, DYNAMIC, 700, 700),
        (hf.LlamaConfig, DYNAMIC, 5000, 5000),
        (hf.BertConfig, {}, None, 256),
        (hf.RobertaConfig, {"pad_token_id": 1}, None, 254),
        (hf.RobertaConfig, {"pad_token_id": 0}, 1000, 255),
        (hf.XLMRobertaConfig, {"pad_token_id": 1}, None, 254),
        (hf.MPNetConfig, {"pad_token_id": 1}, None, 254),
        (hf.OPTConfig, {"word_embed_proj_dim": 32, "ffn_dim": 48}, None, 256),
    ],
)
def test_the_longest_conversation_is_what_the_checkpoint_can_compute(checkpoint, config, options, max_length, limit):
    model = make_model(config=config, **{"max_position_embeddings": 256, **options})
    scorer = RewardModel(checkpoint(model), format="text", max_length=max_length)
    assert scorer.load().limit == limit
    fits, beyond = scorer.score([sample("", "x" * length) for length in (limit, limit + 1)], ["x" * limit, "x" * (limit + 1)])
    with torch.no_grad():
        expected = model(torch.tensor([make_tokenizer()("x" * limit)["input_ids"]])).logits.item()
    assert fits.score == pytest.approx(expected, abs=1e-4)
    assert beyond.score is None and f"{limit + 1} tokens are more than the reward model's {limit}" in beyond.error


def test_a_conversation_that_the_model_refuses_costs_no_other_its_score(checkpoint):
    model = make_model(config=hf.LlamaConfig)
    scorer, rows = RewardModel(checkpoint(model), format="text"), [sample("", text) for text in ("abc", "\u00ff", "abcdef")]
    expected = scores(scorer, rows)
    embeddings = scorer.load().readout.engine.model.get_input_embeddings()
    bad = make_tokenizer()("\u00ff")["input_ids"][-1]

    def refuse(_module, inputs):
        if bool((inputs[0] == bad).any()):
            raise IndexError("index out of range in self")

    hook = embeddings.register_forward_pre_hook(refuse)
    first, second, third = scorer.score(rows, [row.response for row in rows])
    hook.remove()
    assert [first.score, third.score] == pytest.approx([expected[0], expected[2]], abs=1e-5)
    assert second.score is None and "LlamaModel refuses this conversation of 2 tokens (IndexError: index out of range" in second.error
