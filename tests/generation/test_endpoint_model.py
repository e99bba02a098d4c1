"""A server with OpenAI's API completes prompts: what is sent, in what order it comes back, and what a failure is."""

import pytest

pytest.importorskip("openai")

from rl_rewards.generation import GenerationError, Request, Sampling, complete_all, load_model


def say(text):
    return [{"role": "system", "content": "Be."}, {"role": "user", "content": f"SAY:{text}:YAS"}]


def test_every_request_gets_its_own_completion(chat_server):
    url = chat_server.url("ok", delay=0.01, meet=4)
    model = load_model("toy", base_url=url, concurrency=4)
    completions = complete_all(model, [Request(say(number)) for number in range(20)], Sampling())
    assert [completion.text for completion in completions] == [str(number) for number in range(20)]
    assert (completions[0].finish_reason, completions[0].token_ids) == ("stop", None)
    assert chat_server.seen(url)["busiest"] == 4


def test_what_is_sent(chat_server, monkeypatch):
    monkeypatch.setenv("TOY_KEY", "key-of-the-toy")
    url = chat_server.url("ok")
    sampling = Sampling(9, 0.5, 0.9, 40, ("\n",), 7, {"enable_thinking": False})
    complete_all(load_model("toy", base_url=url + "/", api_key_env="TOY_KEY"), [Request("SAY:4:YAS", 2)], sampling)
    seen = chat_server.seen(url)
    assert seen["bodies"] == [
        {
            "model": "toy",
            "messages": [{"role": "user", "content": "SAY:4:YAS"}],
            "max_tokens": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "seed": 9,
            "top_k": 40,
            "stop": ["\n"],
            "chat_template_kwargs": {"enable_thinking": False},
        }
    ]
    assert seen["headers"][0]["authorization"] == "Bearer key-of-the-toy"


@pytest.mark.parametrize(("key", "sent"), [("key-of-openai", "Bearer key-of-openai"), ("", None)])
def test_without_a_variable_the_key_is_that_of_openai(chat_server, monkeypatch, key, sent):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    url = chat_server.url("ok")
    complete_all(load_model("toy", base_url=url), [Request("SAY:4:YAS")], Sampling())
    assert chat_server.seen(url)["headers"][0].get("authorization") == sent


def test_calls_that_fail_now_and_then_are_repeated(chat_server):
    model = load_model("toy", base_url=chat_server.url("flaky", every=3))
    completions = complete_all(model, [Request(say(number)) for number in range(15)], Sampling())
    assert [completion.text for completion in completions] == [str(number) for number in range(15)]


def test_a_request_that_failed_has_an_error_and_no_text(chat_server):
    model = load_model("toy", base_url=chat_server.url("down"), retries=0)
    ((_, completion),) = model.complete([Request("q")], Sampling())
    assert completion.text == "" and "503" in completion.error
    with pytest.raises(GenerationError, match="toy failed on a prompt: .*503"):
        complete_all(model, [Request("q")], Sampling())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"base_url": "localhost:8000"}, "base_url must begin with http:// or https://"),
        ({"base_url": "http://user:pass@host/v1"}, "must hold no user or password"),
        ({"base_url": "http://localhost/v1", "api_key_env": "NO_SUCH_KEY"}, "'NO_SUCH_KEY' .api_key_env. is not set"),
        ({"base_url": "http://localhost/v1", "plain": True}, "is for local models"),
    ],
)
def test_a_wrong_address_or_key_is_refused_at_once(options, words):
    with pytest.raises(GenerationError, match=words):
        load_model("toy", **options)
