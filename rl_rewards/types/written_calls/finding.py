"""Where in a text tool calls are: between the marks of a model family, in gpt-oss's messages, or the whole text as a bare call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from rl_rewards.types.written_calls.reading import calls_of_body, deepseek_call, kimi_call, mistral_calls, whole_text_calls

__all__ = ["FORMS", "Form", "written_calls"]


class Form(NamedTuple):
    """What a family of models writes before and behind calls; without a close, a block ends where the next one begins."""

    open: str
    close: str
    read: Callable[[str], list[Any]] = calls_of_body


FORMS = (
    Form("<tool_call>", "</tool_call>"),  # Hermes, Qwen, GLM, Granite 4, ERNIE: JSON, <function=...> or <arg_key>
    Form("<tool_calls>", "</tool_calls>"),  # Jamba, Hunyuan, MiniMax-M1
    Form("<seed:tool_call>", "</seed:tool_call>"),
    Form("<longcat_tool_call>", "</longcat_tool_call>"),
    Form("<minimax:tool_call>", "</minimax:tool_call>"),
    Form("<｜DSML｜function_calls>", "</｜DSML｜function_calls>"),  # DeepSeek V3.2
    Form("<｜DSML｜tool_calls>", "</｜DSML｜tool_calls>"),
    Form("<function_calls>", "</function_calls>"),  # Anthropic's XML, OLMo 3
    Form("<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", deepseek_call),  # DeepSeek R1, V3, V3.1
    Form("<|tool_call_begin|>", "<|tool_call_end|>", kimi_call),
    Form("<|tool_call_start|>", "<|tool_call_end|>"),  # LFM2
    Form("<|tool_call|>", "<|/tool_call|>"),  # Phi-4-mini; Granite 3 without a close
    Form("<|tool_call>", "<tool_call|>"),  # Gemma 4
    Form("<start_function_call>", "<end_function_call>"),  # FunctionGemma
    Form("<|START_ACTION|>", "<|END_ACTION|>"),  # Cohere
    Form("<|action_start|>", "<|action_end|>"),  # InternLM
    Form("[TOOL_CALLS]", "", mistral_calls),
    Form("<|python_tag|>", ""),  # Llama 3
    Form("<function=", "</function>"),  # Llama 3.1, Qwen3-Coder without its outer tags
)
_BY_OPEN = {form.open: form for form in FORMS}
_OPEN = re.compile("|".join(map(re.escape, _BY_OPEN)))
_HARMONY_MESSAGE = "<|message|>"
_HARMONY_END = re.compile(r"<\|(?:call|end|return|start)\|>")
_RECIPIENT = re.compile(r"(?:^|[\s>])to=([\w.\-]+)")
_HEADER = 200  # characters of a gpt-oss message's header, "assistant<|channel|>commentary to=functions.f <|constrain|>json", in which a recipient is looked for


def written_calls(text: str) -> Iterator[Any]:
    """The calls in a response's text behind its thinking, in linear time; a block that cannot be read is its text."""
    if _HARMONY_MESSAGE in text and "to=" in text:
        yield from _harmony(text)
        return
    opened = _OPEN.search(text)
    if opened is None:
        yield from whole_text_calls(text)
    absent = {""}  # closes that the rest of the text has not, each looked for once
    while opened is not None:
        form = _BY_OPEN[opened[0]]
        end = -1 if form.close in absent else text.find(form.close, opened.end())
        if end < 0:
            absent.add(form.close)
        following = _OPEN.search(text, opened.end() if end < 0 else end)
        if end < 0 and form.close and following is not None and following[0] != form.open:
            following = None  # a block that is never closed holds what follows
        stop = end if end >= 0 else following.start() if following is not None else len(text)
        # The name is in the opening tag of `<function=name>`.
        yield from form.read(text[opened.start() if form.open == "<function=" else opened.end() : stop])
        opened = following


def _harmony(text: str) -> Iterator[Any]:
    """The calls among gpt-oss's messages: those with a recipient in their header, `<|channel|>commentary to=functions.f <|constrain|>json`."""
    before, *contents = text.split(_HARMONY_MESSAGE)
    for place, content in enumerate(contents):
        start = max(before.rfind(mark) for mark in ("<|start|>", "<|end|>", "<|call|>", "<|return|>", "<|channel|>" if place else "<|start|>"))
        header = before[start:] if start >= 0 else "" if place else before
        if (recipient := _RECIPIENT.search(header[-_HEADER:])) is not None:
            end = _HARMONY_END.search(content)
            yield {"name": recipient[1].removeprefix("functions."), "arguments": content[: end.start() if end is not None else len(content)].strip()}
        before = content
