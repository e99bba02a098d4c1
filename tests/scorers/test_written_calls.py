"""Tool calls that a policy wrote into its text, in the forms of the chat templates in common use."""

import pytest

from rl_rewards.scorers import ToolCallMatch
from rl_rewards.types import Sample
from rl_rewards.types.tool_calls import tool_calls_of
from rl_rewards.types.written_calls import FORMS, written_calls

CALL = {"name": "weather", "arguments": {"city": "Bern", "days": 3, "units": ["C", "mm"], "wet": False}}
JSON = '{"city": "Bern", "days": 3, "units": ["C", "mm"], "wet": false}'
PYTHON = "weather(city='Bern', days=3, units=[\"C\", 'mm'], wet=False)"
TAGS = "".join(f"<parameter={name}>\n{value}\n</parameter>\n" for name, value in
               [("city", "Bern"), ("days", "3"), ("units", '["C", "mm"]'), ("wet", "false")])  # fmt: skip
KEYS = "".join(f"<arg_key>{name}</arg_key>\n<arg_value>{value}</arg_value>\n" for name, value in
               [("city", "Bern"), ("days", "3"), ("units", '["C", "mm"]'), ("wet", "false")])  # fmt: skip
INVOKED = (
    '<invoke name="weather">\n<parameter name="city">Bern</parameter>\n<parameter name="days">3</parameter>\n'
    '<parameter name="units">["C", "mm"]</parameter>\n<parameter name="wet">false</parameter>\n</invoke>'
)
DSML = (
    INVOKED.replace("<", "<｜DSML｜")
    .replace("<｜DSML｜/", "</｜DSML｜")
    .replace('="city"', '="city" string="true"')
    .replace('="days"', '="days" string="false"')
)
GEMMA = 'call:weather{city:<|"|>Bern<|"|>,days:3,units:[<|"|>C<|"|>,<|"|>mm<|"|>],wet:false}'

ONE = {
    "Hermes": f'<tool_call>\n{{"name": "weather", "arguments": {JSON}}}\n</tool_call>',
    "Hermes in a list": f'<tool_call>[{{"name": "weather", "arguments": {JSON}}}]</tool_call>',
    "Qwen3-Coder": f"<tool_call>\n<function=weather>\n{TAGS}</function>\n</tool_call>",
    "Qwen3-Coder without its outer tags": f"<function=weather>\n{TAGS}</function>",
    "GLM-4.5": f"<tool_call>weather\n{KEYS}</tool_call>",
    "GLM-4.7": "<tool_call>weather" + KEYS.replace("\n", "") + "</tool_call>",
    "Llama 3": f'{{"name": "weather", "parameters": {JSON}}}',
    "Llama 3 with its tag": f'<|python_tag|>{{"name": "weather", "parameters": {JSON}}}<|eom_id|>',
    "Llama 3.1": f"<function=weather>{JSON}</function>",
    "Llama 4": f"[{PYTHON}]",
    "Mistral 7B": f'[TOOL_CALLS][{{"name": "weather", "arguments": {JSON}, "id": "a1b2c3d4e"}}]</s>',
    "Magistral": f"[TOOL_CALLS]weather[ARGS]{JSON}</s>",
    "Mistral Small": f"[TOOL_CALLS]weather[CALL_ID]a1b2c3d4e[ARGS]{JSON}",
    "Kimi K2": f"<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>{JSON}<|tool_call_end|><|tool_calls_section_end|>",
    "DeepSeek V3": f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{JSON}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    "DeepSeek V3.1": f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>{JSON}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    "DeepSeek V3.2": f"<｜DSML｜function_calls>\n{DSML}\n</｜DSML｜function_calls>",
    "gpt-oss": f"<|channel|>analysis<|message|>Call.<|end|><|start|>assistant<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{JSON}<|call|>",
    "gpt-oss, recipient first": f"<|start|>assistant to=functions.weather<|channel|>commentary json<|message|>{JSON}<|call|>",
    "MiniMax-M2": f"<minimax:tool_call>\n{INVOKED}\n</minimax:tool_call>",
    "Anthropic's XML": f"I look.\n<function_calls>\n{INVOKED}\n</function_calls>",
    "OLMo 3": f"<function_calls>\n{PYTHON}\n</function_calls>",
    "Phi-4-mini": f'<|tool_call|>[{{"name": "weather", "arguments": {JSON}}}]<|/tool_call|>',
    "Phi-4": f'functools[{{"name": "weather", "arguments": {JSON}}}]',
    "Granite 3": f'<|tool_call|>[{{"name": "weather", "arguments": {JSON}}}]',
    "LFM2": f"<|tool_call_start|>[{PYTHON}]<|tool_call_end|>It rains.",
    "Gemma 4": f"<|tool_call>{GEMMA}<tool_call|>",
    "FunctionGemma": "<start_function_call>" + GEMMA.replace('<|"|>', "<escape>") + "<end_function_call>",
    "Cohere": f'<|START_ACTION|>[\n{{"tool_call_id": "0", "tool_name": "weather", "parameters": {JSON}}}\n]<|END_ACTION|>',
    "Jamba": f'<tool_calls>[\n{{"name": "weather", "arguments": {JSON}}}\n]</tool_calls>',
    "Seed-OSS": f"<seed:tool_call>\n<function=weather>\n{TAGS}</function>\n</seed:tool_call>",
    "InternLM": f'<|action_start|><|plugin|>\n{{"name": "weather", "parameters": {JSON}}}<|action_end|>',
    "xLAM": f'[{{"name": "weather", "arguments": {JSON}}}]',
    "OpenAI's object": f'{{"type": "function", "function": {{"name": "weather", "arguments": {JSON}}}}}',
}


def score(text, calls):
    [result] = ToolCallMatch("calls").score([Sample("q", text, text, {"calls": calls})], [None])
    return result.score


@pytest.mark.parametrize("family", ONE)
def test_a_call_is_read_in_every_familys_form(family):
    text = ONE[family]
    assert score(text, [CALL]) == 1
    assert score(text, [{**CALL, "name": "time"}]) == 0
    assert score(text, [{**CALL, "arguments": {**CALL["arguments"], "city": "Rome"}}]) == 0
    assert score(text, []) == 0, "a call where none is expected"


@pytest.mark.parametrize("family", [family for family in ONE if "gpt-oss" not in family])
def test_a_call_that_was_only_thought_of_is_none(family):
    assert score(f"<think>{ONE[family]}</think>No.", [CALL]) == 0
    assert score(f"<think>{ONE[family]}", [CALL]) == 0
    assert score(f"<think>Call.</think>{ONE[family]}", [CALL]) == 1


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "f", "arguments": {}}</tool_call>\n<tool_call>{"name": "g", "arguments": {"a": 1}}</tool_call>',
        '<tool_call>{"name": "f", "arguments": {}}\n<tool_call>{"name": "g", "arguments": {"a": 1}}',
        '{"name": "f", "parameters": {}}; {"name": "g", "parameters": {"a": 1}}',
        "[f(), g(a=1)]",
        "<function_calls>\nf()\ng(a=1)\n</function_calls>",
        '[TOOL_CALLS]f[ARGS]{}[TOOL_CALLS]g[ARGS]{"a": 1}',
        "<tool_call>f\n</tool_call><tool_call>g\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>",
        "<function=f></function><function=g><parameter=a>1</parameter></function>",
        '<minimax:tool_call><invoke name="f"></invoke><invoke name="g"><parameter name="a">1</parameter></invoke></minimax:tool_call>',
        "<|tool_call>call:f{}<tool_call|><|tool_call>call:g{a:1}<tool_call|>",
        '<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}<|call|><|start|>assistant<|channel|>commentary to=functions.g<|message|>{"a": 1}<|call|>',
    ],
)
def test_several_calls_keep_their_order(text):
    assert score(text, [{"name": "f", "arguments": {}}, {"name": "g", "arguments": {"a": 1}}]) == 1


def test_calls_of_all_the_policys_messages_count_wherever_the_text_has_them():
    turns = [
        {"role": "assistant", "content": '<think>hm</think><tool_call>{"name": "f", "arguments": {}}</tool_call>'},
        {"role": "tool", "content": '<tool_call>{"name": "x", "arguments": {}}</tool_call>'},
        {"role": "assistant", "content": '<think><tool_call>{"name": "y"}</tool_call></think>[TOOL_CALLS]g[ARGS]{"a": 1}'},
        {"role": "tool", "content": "1"},
        {"role": "assistant", "content": "It is 1."},
    ]
    assert [call["name"] for call in tool_calls_of(Sample("q", turns, "It is 1."))] == ["f", "g"]


@pytest.mark.parametrize(
    "text",
    [
        "It is sunny.",
        "[1, 2]",
        '{"city": "Bern"}',
        '{"name": "Bern"}',
        '{"name": "Bern", "parameters": [1]}',
        '[{"name": "Bern", "arguments": {}}, {"name": "Rome"}]',
        "[weather]",
        "f(a=1)",
        "[f(1)]",
        "[f(a=b)]",
        "[see the list (of calls)]",
        "The header is to=functions.f",
        "<|channel|>analysis<|message|>I say to=functions.f now<|end|><|start|>assistant<|channel|>final<|message|>No.",
    ],
)
def test_what_only_looks_like_a_call_is_none(text):
    assert list(written_calls(text)) == []


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.open)
@pytest.mark.parametrize("body", ["???", "{", "[f(", '{"name": 3}', "[f(a=open('x'))]", "call:f", "[1]"])
def test_a_block_that_cannot_be_read_is_a_call_without_a_name_and_never_no_call(form, body):
    text = f"{form.open}{body}{form.close}"
    calls = tool_calls_of(Sample("q", text, text))
    assert calls and not any(call["name"] for call in calls)
