"""The embedded policy completes prompts: greedily, sampled with a seed, in batches that change nothing."""

from pathlib import Path

import pytest

pytest.importorskip("transformers")

from rl_rewards.generation import GenerationError, Request, Sampling, complete_all, load_model
from rl_rewards.user_errors import UserError

ROOT = Path(__file__).parents[2]
POLICY = str(ROOT / "recipes/policies/arithmetic")
QUESTIONS = ["What is 3 + 4?", "Add 2 and 7.", "Ann has 9 apples and eats 5. How many apples does she have?"]


@pytest.fixture(scope="module")
def model():
    return load_model(POLICY, batch_size=2)


def greedy(model, prompts, **options):
    return complete_all(model, [Request(prompt) for prompt in prompts], Sampling(max_tokens=32, temperature=0, **options))


def test_text_is_the_user_turn_of_the_chat_template(model):
    assert (
        model.render("Add 2 and 7.")
        == model.render([{"role": "user", "content": "Add 2 and 7."}])
        == "<|im_start|>user\nAdd 2 and 7.<|im_end|><|im_start|>assistant\n"
    )


def test_with_plain_text_no_template_is_used():
    model = load_model(POLICY, plain=True)
    assert model.render("2 + 2 =") == "2 + 2 ="
    assert model.render([{"role": "system", "content": "Add."}, {"role": "user", "content": "2 + 2 ="}]) == "Add.\n\n2 + 2 ="


def test_a_batch_gives_each_prompt_what_it_has_alone(model):
    together = greedy(model, QUESTIONS)
    assert [completion.text for completion in together] == [greedy(model, [question])[0].text for question in QUESTIONS]
    assert together[0].finish_reason == "stop" and "7" in together[0].text
    assert together[0].message == {"role": "assistant", "content": together[0].text}


def test_token_ids_are_those_that_the_policy_wrote_with_the_end_of_its_turn(model):
    (completion,) = greedy(model, QUESTIONS[:1])
    assert completion.token_ids[-1] == model.tokenizer.eos_token_id
    assert model.tokenizer.decode(completion.token_ids, skip_special_tokens=True) == completion.text
    (cut,) = complete_all(model, [Request(QUESTIONS[0])], Sampling(max_tokens=2, temperature=0))
    assert (cut.finish_reason, len(cut.token_ids)) == ("length", 2)


def test_a_stop_text_ends_the_completion_and_is_left_out(model):
    (completion,) = greedy(model, QUESTIONS[:1], stop=("</think>",))
    assert "</think>" not in completion.text and "<think>" in completion.text and completion.finish_reason == "stop"


def test_the_same_seed_draws_the_same_and_each_request_its_own(model):
    requests = [Request(QUESTIONS[0], number) for number in range(8)]
    drawn = [[c.text for c in complete_all(model, requests, Sampling(max_tokens=32, seed=seed))] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) > 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_tokens": 0}, "at least 1, got 0"),
        ({"temperature": -1}, "0 or more, got -1"),
        ({"top_p": 0}, "above 0 and up to 1, got 0"),
        ({"top_k": 0}, "at least 1, got 0"),
        ({"stop": ("",)}, "must not be empty"),
        ({"temprature": 1}, "temprature"),
    ],
)
def test_sampling_out_of_its_range_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Sampling(**options)


def test_a_prompt_that_does_not_fit_says_how_long_it_is(model):
    with pytest.raises(GenerationError, match=r"must fit the model's \d+ tokens, got a prompt of \d+ tokens and max_tokens 32"):
        greedy(model, ["What is 3 + 4? " * 2000])


def test_a_model_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere.*must be a directory with a model"):
        load_model(str(tmp_path / "nowhere"))


def test_a_directory_that_changes_is_another_model(tmp_path, model):
    assert load_model(POLICY).identity == model.identity
    for file in Path(POLICY).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    before = load_model(str(tmp_path)).identity
    (tmp_path / "config.json").write_text((tmp_path / "config.json").read_text() + " ")
    assert load_model(str(tmp_path)).identity != before
