"""The same 1,000 rows in TRL and in every bridge: the same totals and components, bit for bit, and no failure of ours that comes out as a number."""

import bridge_rows
import pytest
from bridge_calls import ONE_ROW, WHOLE_GROUPS, is_absent
from bridge_compare import close_to_mean, compare, compare_scored
from loopback.processes import chat_server  # noqa: F401
from loopback.services import service  # noqa: F401

ROWS = bridge_rows.rows()
QUICK = ("rules", "similar")
FAMILIES = (*QUICK, "code", "servers", "models")
# For families that take milliseconds a row: a completion to each prompt, whole groups; and for those that take more, three groups, one row of which fails.
THIN, GROUPS = ROWS[::9], ROWS[: 8 * 13]
FEW = ROWS[:24]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A tiny reward model with random weights, one token a byte."""
    torch, hf = pytest.importorskip("torch"), pytest.importorskip("transformers")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    place = tmp_path_factory.mktemp("reward_model")
    special = ["<|pad|>", "<|end|>", "<|start|>"]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate([*special, *sorted(pre_tokenizers.ByteLevel.alphabet())])}, []))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    wrapped = hf.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|end|>")
    wrapped.chat_template = "{% for m in messages %}<|start|>{{ m['role'] + ' ' + m['content'] }}<|end|>{% endfor %}"
    torch.manual_seed(0)
    config = hf.LlamaConfig(
        vocab_size=300, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2,
        num_labels=1, pad_token_id=0, eos_token_id=1, max_position_embeddings=1024,
    )  # fmt: skip
    hf.AutoModelForSequenceClassification.from_config(config).save_pretrained(place)
    wrapped.save_pretrained(place)
    return str(place)


@pytest.fixture(scope="module")
def known():
    """(family, rows) -> TRL's numbers, computed once."""
    return {}


@pytest.fixture
def rubric_of(request, tmp_path, chat_server, service):  # noqa: F811
    def made(family):
        if family == "servers":
            rewards = bridge_rows.servers(chat_server.url("ok"), service(lambda body, number: {"reward": len(str(body["response"])) / 100}).url)
        elif family == "models":
            rewards = bridge_rows.models(request.getfixturevalue("checkpoint"))
        else:
            rewards = {"rules": bridge_rows.RULES, "similar": bridge_rows.SIMILAR, "code": bridge_rows.CODE}[family]
        return bridge_rows.write_rubric(tmp_path, rewards)

    return made


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("trainer", ONE_ROW)
def test_a_trainer_that_scores_one_row_at_a_time_gets_what_trl_gets(trainer, family, rubric_of, known):
    path, rows = rubric_of(family), ROWS if family in QUICK else THIN if family == "code" else FEW
    if trainer == "openrlhf" and family == "models":  # a model reads the prompt, which is a text there
        rows = [{**row, "prompt": row["prompt"][0]["content"]} for row in rows]
    key = family, type(rows[0]["prompt"])
    expected = known.get(key) or known.setdefault(key, bridge_rows.trl_numbers(path, rows, 1 if family == "models" else None))
    assert None in expected[0], "a row without a score must be among them"
    said = ONE_ROW[trainer](path, rows)
    assert len(said) == len(rows)
    compare(said, expected)


@pytest.mark.parametrize("family", [*FAMILIES, "grouped"])
@pytest.mark.parametrize("trainer", WHOLE_GROUPS)
def test_a_trainer_that_scores_whole_groups_gets_what_trl_gets(trainer, family, rubric_of, known, tmp_path):
    rows = ROWS if family in (*QUICK, "grouped") else GROUPS if family == "code" else FEW
    path = bridge_rows.write_rubric(tmp_path, bridge_rows.GROUPED) if family == "grouped" else rubric_of(family)
    batch = 8 if trainer == "tinker" and family == "models" else None
    key = family, len(rows), batch
    expected = known.get(key) or known.setdefault(key, bridge_rows.trl_numbers(path, rows, batch))
    said = WHOLE_GROUPS[trainer](path, rows)
    compare_scored(said, expected)
    if trainer == "axolotl":
        compare(said, expected)
    else:
        assert all(not is_absent(total) for total, _, _ in said)
        close_to_mean(said, expected, rows)
