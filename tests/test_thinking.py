"""Where a response's reasoning ends: marks in the text, fields beside it, and what tokenizers leave at its end."""

import pickle
import signal

import pytest

from rl_rewards import Message, Sample
from rl_rewards.policy_tokens import PolicyTokenizer
from rl_rewards.thinking import MARKS, answer_start, names_mark, opening_mark, reasoning_of, without_residue

FENCED = "```python\nre.findall('<think>(.*?)</think>', text)\n```\n"

# text -> its reasoning, and the answer behind it
INLINE = [
    ("42", None, "42"),
    ("", None, ""),
    ("<think>a</think> 42", "a", " 42"),
    ("\n<think>\na\n</think>\n\n42", "a", "\n\n42"),
    ("a</think>42", "a", "42"),
    ("</think>42", "", "42"),
    ("<think></think>42", "", "42"),
    ("<think>a</think>", "a", ""),
    ("Sure. <think>a</think> 42", "Sure. <think>a", " 42"),
    ("<think>a</think>b</think>42", "a</think>b", "42"),
    ("<think>a</think>41<think>b</think>42", "a</think>41<think>b", "42"),
    ("<think>a</think><reasoning>41</reasoning>42", "a</think><reasoning>41", "42"),
    (
        "<think>a</think><thinking><think>b</think><answer>41</answer></thinking>42",
        "a</think><thinking><think>b</think><answer>41</answer>",
        "42",
    ),
    # never closed: no answer
    ("<think>a 42", "a 42", None),
    ("Sure. <think> 42", "Sure. <think> 42", None),
    ("<answer>42</answer><think>or", "<answer>42</answer><think>or", None),
    ("<think>a</think>42<think>or", "a</think>42<think>or", None),
    ("<reasoning>42", "42", None),
    # mentioned, not meant
    ("The `<think>` tag", None, "The `<think>` tag"),
    ("The \"</think>\" tag and '<think>'", None, "The \"</think>\" tag and '<think>'"),
    ('<think>it is "42"</think> 42', 'it is "42"', " 42"),
    ("<think>say `</think>` then</think>42", "say `</think>` then", "42"),
    (FENCED, None, FENCED),
    ("<think>a</think>" + FENCED, "a", FENCED),
    ("<think>```python\nx =\n</think>" + FENCED, "```python\nx =", FENCED),
    ("a < b <b>bold</b> <i>" + "<br>" * 60, None, "a < b <b>bold</b> <i>" + "<br>" * 60),
    ("<br>" * 60 + "</think>42", "<br>" * 60, "42"),
    # plain words as tags are thinking at the beginning, and XML elsewhere
    ("<reasoning>a</reasoning><answer>42</answer>", "a", "<answer>42</answer>"),
    ("<score>4</score><reasoning>a</reasoning>", None, "<score>4</score><reasoning>a</reasoning>"),
    ("<r><thought>a</thought><score>4</score></r>", None, "<r><thought>a</thought><score>4</score></r>"),
    ("<score>4</score><reasoning>a", None, "<score>4</score><reasoning>a"),
    # other models
    ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>42", "a", "42"),
    ("<|channel|>analysis<|message|>a 42", "a 42", None),
    ("<|channel>thought\na<channel|>42", "a", "42"),
    ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>42", "a", "42"),
    (
        "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary<|message|>b<|end|><|start|>assistant<|channel|>final<|message|>42",
        "a<|end|><|start|>assistant<|channel|>commentary<|message|>b",
        "42",
    ),
    # without its special tokens, as TRL decodes it where no response template is set
    ("analysisWe add. 41?assistantfinal42", "We add. 41?", "42"),
    ("analysis41assistantfinal42", "41", "42"),
    ("analysisWe add. 42", "We add. 42", None),
    ("analysis of 42", None, "analysis of 42"),
    ("analysis", None, "analysis"),
    ("An analysisWe assistantfinal 42", None, "An analysisWe assistantfinal 42"),
    ("<|inner_prefix|>a<|inner_suffix|>42", "a", "42"),
    ("<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>42", "a", "42"),
    ("<|begin_of_thought|>a<|end_of_thought|>\n\n<|begin_of_solution|>42", "a", "42"),
    ("<think>a</think>\n <|x|>42", "a", "\n <|x|>42"),
    ("[THINK]a[/THINK]42", "a", "42"),
    ("◁think▷a◁/think▷42", "a", "42"),
]


@pytest.mark.parametrize(("text", "reasoning", "answer"), INLINE)
def test_a_responses_answer_is_what_follows_its_last_reasoning(text, reasoning, answer):
    sample = Sample("q", text, text)
    assert (sample.reasoning, sample.answer_part, sample.whole) == (reasoning, answer, text)


@pytest.mark.parametrize("mark", MARKS)
def test_every_models_marks_are_known_opened_by_the_response_or_the_prompt(mark):
    for text in (f"{mark.open}\nhm{mark.close}42", f"hm{mark.close}42"):
        assert (reasoning_of(text), text[answer_start(text) :]) == ("hm", "42")
    assert answer_start(f"{mark.open}\nhm 42") is None
    assert answer_start("hm 42", opened=True) is None
    assert mark.open == opening_mark(f"<|assistant|>{mark.open}\n")


@pytest.mark.parametrize(
    ("prompt", "opened"),
    [
        ("2+2?\n<think>\n", True),
        ("2+2? Think in <think> tags.", False),
        ("<think>hm</think>", False),
        ([{"role": "user", "content": "Think: <think>"}], False),
        ([{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "<think>\n"}], True),
        (None, False),
    ],
)
def test_a_prompt_that_ends_with_the_mark_has_opened_the_thinking(prompt, opened):
    sample = Sample(prompt, "so 42", "so 42")
    assert (sample.thinking_opened, sample.answer_part) == (opened, None if opened else "so 42")
    closed = Sample(prompt, "so</think>42", "so</think>42")
    assert (closed.reasoning, closed.answer_part) == ("so", "42")


# Fields and content parts beside the text, as TRL's parsers, vLLM, OpenRouter, Anthropic and Mistral have them.
APART = [
    {"reasoning_content": "a", "content": "42"},
    {"reasoning": "a", "content": "42"},
    {"thinking": "a", "content": "42"},
    {"reasoning_content": None, "reasoning": "a", "content": [{"type": "text", "text": "42"}]},
    {"content": [{"type": "thinking", "thinking": "a"}, {"type": "text", "text": "42"}]},
    {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}, {"type": "text", "text": "42"}]},
    {"content": [{"type": "reasoning", "text": "a"}, {"type": "text", "text": "42"}]},
]


@pytest.mark.parametrize("fields", APART)
@pytest.mark.parametrize("make", [dict, Message], ids=["dict", "Message"])
def test_reasoning_that_the_caller_split_off_is_found_beside_the_text(fields, make):
    from rl_rewards.types import response_of

    completion = [make(role="assistant", **fields)]
    sample = Sample("q", completion, response_of(completion))
    assert (sample.response, sample.reasoning, sample.answer_part) == ("42", "a", "42")
    assert (sample.whole, sample.policy_text, sample.reasoning_apart) == ("<think>a</think>42", "<think>a</think>42", True)


@pytest.mark.parametrize(("content", "whole"), [("", "<think>a"), (None, "<think>a")])
def test_reasoning_with_nothing_behind_it_has_no_answer(content, whole):
    sample = Sample("q", [{"role": "assistant", "reasoning_content": "a", "content": content}], "")
    assert (sample.answer_part, sample.reasoning, sample.whole) == (None, "a", whole)


def test_a_field_that_is_no_reasoning_splits_nothing():
    sample = Sample("q", [{"role": "assistant", "thinking": True, "reasoning_content": " ", "content": "<think>a</think>42"}], "<think>a</think>42")
    assert (sample.reasoning, sample.answer_part, sample.reasoning_apart) == ("a", "42", False)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("42<|im_end|>", "42"),
        ("42 <|im_end|>\n<|endoftext|>\n", "42"),
        ("42</s></s></s>", "42"),
        ("42<|eot_id|>", "42"),
        ("42<end_of_turn>\n<eos><pad><pad>", "42"),
        ("42<turn|>", "42"),
        ("42[|endofturn|]", "42"),
        ("42[e~[", "42"),
        ("42</longcat_s>", "42"),
        ("42<|END_RESPONSE|>", "42"),
        ("42<｜end▁of▁sentence｜>", "42"),
        ("42<|END_OF_TURN_TOKEN|>", "42"),
        ("42[PAD][PAD]", "42"),
        ("42\n", "42\n"),
        ("a <|> b <|>", "a <|> b <|>"),
        ("x |> f <| y |>", "x |> f <| y |>"),
        ("<s>struck</s>", "<s>struck"),
        ("so <s>struck</s>", "so <s>struck</s>"),
        ("<b>42</b>", "<b>42</b>"),
        ("a[/THINK]", "a[/THINK]"),
        ("<|im_end|>", ""),
    ],
)
def test_special_tokens_at_the_end_of_a_response_are_no_part_of_it(text, clean):
    assert without_residue(text) == clean
    assert Sample("q", text, text).whole == clean


def test_the_trainers_own_special_tokens_are_no_part_of_a_response_either():
    class Tokenizer:
        all_special_tokens = ["<<END>>", "[STOP]", "</think>", "a"]

    text = "</think>Answera[STOP] <<END>>"
    sample = Sample("q", text, text, tokenizer=PolicyTokenizer(Tokenizer()))
    assert (sample.whole, sample.answer_part) == ("</think>Answera", "Answera")


def test_a_sample_goes_to_another_process_without_the_tokenizer():
    class Tokenizer:
        all_special_tokens = ("[STOP]",)
        unpicklable = lambda: None  # noqa: E731

        def encode(self, text, add_special_tokens):
            return [ord(char) for char in text]

    turns = [{"role": "assistant", "content": "ab"}, {"role": "tool", "content": "xyz"}, {"role": "assistant", "content": "c[STOP]"}]
    sample = Sample("q", turns, "c[STOP]", None, [0] * 9, tokenizer=PolicyTokenizer(Tokenizer()))
    copy = pickle.loads(pickle.dumps(sample))
    assert copy.policy_ids == [97, 98, 99] and copy.answer_part == "c"


def test_options_that_name_a_mark_are_about_thinking():
    assert names_mark("</think>") and names_mark(r"^<think>.*?<\/think>") and names_mark(r"\[/THINK\]")
    assert not names_mark("<answer>") and not names_mark("think")


HOSTILE = {
    "a megabyte of opening marks": "<think>" * 150_000,
    "a megabyte of closing marks": "</think>" * 125_000,
    "a megabyte of quoted marks": "`</think>`" * 100_000 + "`<think>`" * 10_000,
    "a megabyte of fences": "```\n" * 200_000 + "</think>" + "```\n</think>\n" * 50_000,
    "a megabyte of every mark": "".join(mark.close + mark.open for mark in MARKS) * 3_000,
    "a megabyte of ends": "42" + "<pad>" * 200_000,
    "a megabyte of ends in lines": "42" + "</s>\n" * 200_000,
    "a megabyte of bars": "<|" * 250_000 + "|>" * 250_000,
    "a megabyte of spaces": "42" + " " * 1_000_000 + "<pad>",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_megabyte_is_split_in_linear_time(text):
    def too_slow(*_):
        raise AssertionError("an ordinary response of this size takes milliseconds; this one took more than ten seconds")

    before = signal.signal(signal.SIGPROF, too_slow)
    signal.setitimer(signal.ITIMER_PROF, 10)
    try:
        sample = Sample("q", text, text)
        assert isinstance(sample.whole + (sample.answer_part or "") + (sample.reasoning or ""), str)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize(
    ("spec", "text", "answer"),
    [
        ({"tag": "answer"}, "<think><answer>42</answer></think> I do not know.", None),
        ({"tag": "answer"}, "<think>a</think><answer>42</answer><|im_end|>", "42"),
        ({"tag": {"name": "answer", "thinking": "keep"}}, "<think><answer>42</answer></think> I do not know.", "42"),
        ({"tag": "think"}, "<think>a</think>42", "a"),
        ("boxed", r"<think>\boxed{42}", None),
        ("identity", "<think>a</think>42</s>", "42"),
        ({"identity": {"thinking": "keep"}}, "<think>a</think>42", "<think>a</think>42"),
        ("json", '<think>{"a": 1}</think>{"a": 2}<|eot_id|>', {"a": 2}),
        ({"json": {"whole": True}}, '<think>hm</think>\n{"a": 2}<|eot_id|>', {"a": 2}),
        ({"json": {"whole": True}}, '<think>hm</think>\nIt is {"a": 2}', None),
        ("code_block", "<think>```python\n1\n```</think>no", None),
        ("code_block", "```python\n1\n```<|im_end|>", "1\n"),
        ({"regex": r"(\d+)$"}, "42<end_of_turn>\n<pad>", "42"),
        ({"after": "####"}, "<think>#### 42</think> no", None),
        ({"after": "</think>"}, "<think>a</think> 42", "42"),
        ([{"after": "</think>"}, "boxed"], r"a</think> \boxed{42}", "42"),
        ([{"after": "####"}, {"regex": r"\d+"}], "<think>#### 41</think> #### 42</s>", "42"),
        ([{"regex": {"pattern": "(?s).+", "thinking": "keep"}}, "boxed"], r"<think>\boxed{42}</think> no", "42"),
    ],
)
def test_every_parser_reads_the_same_from_a_text_and_from_a_sample(spec, text, answer):
    from rl_rewards.parsers import parser

    assert parser(spec).parse(text) == answer
    assert parser(spec).read(Sample("q", text, text)) == answer
