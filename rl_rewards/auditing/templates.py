"""Templates that an answer may be written in: of a rubric's parsers, of patterns and texts in code, of prompts, and those in common use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rl_rewards.addresses import address
from rl_rewards.auditing.golds import written_calls
from rl_rewards.auditing.pattern_samples import FILLER, MARK, followed_by, sample_of_pattern
from rl_rewards.parsers.after import After
from rl_rewards.parsers.base import Parser
from rl_rewards.parsers.boxed import Boxed
from rl_rewards.parsers.chain import Chain
from rl_rewards.parsers.code_block import CodeBlock
from rl_rewards.parsers.identity import Identity
from rl_rewards.parsers.json_object import Json
from rl_rewards.parsers.json_value import JsonValue
from rl_rewards.parsers.regex import Regex
from rl_rewards.parsers.regex_extract import RegexExtract
from rl_rewards.parsers.tag import Tag
from rl_rewards.parsers.tool_call import ToolCall
from rl_rewards.thinking import MARKS, names_mark

__all__ = ["COMMON", "at_address", "beginnings", "is_odd", "is_thinking_tag", "of_parser", "of_texts", "of_tool_call", "tags_in", "tags_of_answer"]

COMMON = (
    MARK,
    f"<answer>{MARK}</answer>",
    f"\\boxed{{{MARK}}}",
    f"<answer>\n{MARK}\n</answer>",
    f"#### {MARK}",
    f"The answer is {MARK}",
    f"The answer is {MARK}.",
    f"Answer: {MARK}",
    f"ANSWER: {MARK}",
    f"Final answer: {MARK}",
    f"Final Answer: {MARK}",
    f"The final answer is {MARK}.",
    f"$\\boxed{{{MARK}}}$",
    f"<answer>\\boxed{{{MARK}}}</answer>",
    f"**{MARK}**",
    f"({MARK})",
    f"The answer is ({MARK})",
    f"[[{MARK}]]",
    f"Result: {MARK}",
    f"```\n{MARK}\n```",
)
_TAG = re.compile(r"</?([A-Za-z_][\w:-]{0,30})>")
_ANSWER_TAGS = frozenset("answer final final_answer solution result output response ans code choice label".split())
_THINKING = tuple(mark for mark in MARKS if mark.open.startswith("<") and not mark.open.startswith("<|"))
_THINKING_TAGS = frozenset(mark.open.strip("<>") for mark in _THINKING) | frozenset("think thinking thought reasoning scratchpad analysis".split())
_NAME = re.compile(r"[A-Za-z_]\w{1,30}")
_METACHARACTERS = re.compile(r"\\[dswDSWbBnAZ.]|\.[*+?]|\[[^\]]+\]|\(|\^|\$|\\")
_PATTERN = re.compile(r"\\[dswDSW]|\.[*+?]|\[[^\[\]]+\]|\(\?|[)\w][*+?]$|^\^|\|")
"""What shows that a text is a regular expression, and no text to write before an answer."""
_STEPS = "1. I read the question with care and note what it asks.\n2. I work through every part of it in turn.\n3. I check the outcome against the question.\n"
_LONG = " ".join(f"In part {word} I go over what the question says and write down what follows from it." for word in ("one", "two", "three", "four"))


def of_parser(parser: Parser) -> list[str]:
    """The templates that a parser reads an answer from; empty for one that nothing is known of."""
    if isinstance(parser, Identity):
        return [MARK]
    if isinstance(parser, Tag):
        return [f"<{parser.name}>{MARK}</{parser.name}>"]
    if isinstance(parser, Boxed):
        return [f"\\boxed{{{MARK}}}"]
    if isinstance(parser, After):
        return [MARK] if parser.names_thinking else [f"{parser.delimiter} {MARK}", f"{parser.delimiter}{MARK}"]
    if isinstance(parser, CodeBlock):
        return [f"```{parser.language}\n{MARK}\n```"]
    if isinstance(parser, Json):
        return [MARK, f"```json\n{MARK}\n```"]
    if isinstance(parser, JsonValue):
        return [at_address((parser.key,))]
    if isinstance(parser, ToolCall):
        return [of_tool_call(address(parser.address).steps)]
    if isinstance(parser, (Regex, RegexExtract)):
        found = sample_of_pattern(parser.pattern)
        return [found] if found else []
    if isinstance(parser, Chain):
        template = MARK
        for part in reversed(parser.parsers):
            inner = of_parser(part)
            if not inner:
                return []
            template = inner[0].replace(MARK, template)
        return [template]
    return []


def at_address(steps: Sequence[str | int]) -> str:
    """JSON that has the answer, as text, at an address; lists are filled up with texts before it."""
    value: Any = MARK
    for step in reversed(steps):
        value = {step: value} if isinstance(step, str) else [*[FILLER] * step, value]
    return json.dumps(value).replace(json.dumps(MARK)[1:-1], MARK)


def of_tool_call(steps: Sequence[str | int]) -> str:
    """A `<tool_call>` block that has the answer at an address such as `tool_calls[1].arguments.city`, behind as many calls as the address counts."""
    number = steps[1] if len(steps) > 1 and isinstance(steps[1], int) else 0
    inside = [step for step in steps[2:] if step != "function"] or ["name"]
    call = {"name": "call", "arguments": {}, **json.loads(at_address(inside), strict=False)}
    before = written_calls([{"name": "call", "arguments": {}}] * number)
    return f"{before}\n{_call_block(call)}".lstrip()


def _call_block(call: Any) -> str:
    """A tool call with MARK in it, as a response writes it."""
    return written_calls([call]).replace(json.dumps(MARK)[1:-1], MARK)


def tags_in(texts: Iterable[str]) -> list[str]:
    """Names of the tags that texts mention, each once; escaped slashes of patterns are read as slashes."""
    return list(dict.fromkeys(name for text in texts for name in _TAG.findall(text.replace("\\/", "/").replace("\\s*", "").replace("\\n", ""))))


def is_thinking_tag(name: str) -> bool:
    """Whether a tag is one that thinking stands in."""
    return name.lower() in _THINKING_TAGS


def tags_of_answer(template: str) -> list[str]:
    """Names of the tags of a template that no thinking stands in."""
    return [name for name in tags_in([template]) if not is_thinking_tag(name)]


def is_odd(template: str) -> bool:
    """Whether a template has plain words before its answer that no prompt and no format asks for: of equal forms it is the last to be chosen."""
    around = template.replace(MARK, "").strip()
    return bool(around) and template not in COMMON and not any(char in around for char in "<{`[#\\") and around[-1:] not in (":", "=")


def of_texts(texts: Sequence[str], keys: Sequence[str] = ()) -> list[str]:
    """Templates that texts in code or in prompts suggest: patterns, tags, lead-in words, keys of JSON.

    Args:
        texts: in code and prompts.
        keys: texts that code looks something up by.
    """
    found = list(_of_calls([text for text in texts if _NAME.fullmatch(text)])) if any("tool_call" in text for text in texts) else []
    for text in texts:
        if len(text) < 400 and _METACHARACTERS.search(text):
            found.extend(_of_pattern(text))
    thinking = {mark.open.strip("<>") for mark in _THINKING}
    names = sorted((name for name in tags_in(texts) if name not in thinking), key=lambda name: name.lower() not in _ANSWER_TAGS)
    found += [template for name in names for template in (f"<{name}>{MARK}</{name}>", f"<{name}>\n{MARK}\n</{name}>")]
    plain = [text for text in texts if not _PATTERN.search(text)]
    found += [f"{text.rstrip()} {MARK}" for text in plain if 2 <= len(text.strip()) <= 40 and re.search(r"[A-Za-z#:=]\s*$", text) and "<" not in text]
    found += [f"{text}{MARK}" for text in plain if 1 <= len(text) <= 24 and text.strip() and not text[-1].isalnum() and "<" not in text]
    found += list(_of_keys(keys))
    return list(dict.fromkeys(found))


def _of_pattern(text: str) -> Iterator[str]:
    for flags in (0, re.S):
        template = sample_of_pattern(text, flags=flags)
        if template is not None:
            yield template
            break
    try:
        groups = re.compile(text).groups
    except (re.error, OverflowError, RecursionError):
        return
    if groups > 1 and (template := sample_of_pattern(text, 1)) is not None:
        yield template
    if groups == 0 and (template := sample_of_pattern(followed_by(text, "\\s*(.+)"))) is not None:
        yield template  # a pattern that only finds where the answer begins


def _of_keys(keys: Sequence[str]) -> Iterator[str]:
    plain = [
        key
        for key in keys
        if re.fullmatch(r"[A-Za-z_][\w -]{0,30}", key)
        and key not in ("role", "content", "assistant", "completions", "prompts", "output_json", "output_text", "output_tools")
    ]
    for key in plain[:6]:
        yield f'{{"{key}": {MARK}}}'
        yield f'{{"{key}": "{MARK}"}}'
        yield f'```json\n{{"{key}": "{MARK}"}}\n```'
    if 1 < len(plain) <= 6:
        for key in plain:
            rest = "".join(f'"{other}": {json.dumps(FILLER)}, ' for other in plain if other != key)
            yield f'{{{rest}"{key}": "{MARK}"}}'
            yield f'{{{rest}"{key}": {MARK}}}'


def _of_calls(names: Sequence[str]) -> Iterator[str]:
    """Tool calls that code asks for: any of its names may be that of the tool or of the argument."""
    known = [
        name for name in names if name not in ("name", "arguments", "role", "content", "tool_calls", "tool_call", "function", "type", "assistant")
    ][:6]
    for argument in known:
        for tool in [name for name in known if name != argument] or ["call"]:
            yield _call_block({"name": tool, "arguments": {argument: MARK}})


def beginnings(texts: Sequence[str]) -> list[str]:
    """What a response may begin with before its answer: nothing, a line, steps, thinking in the tags that texts mention."""
    names = [name for name in tags_in(texts) if name.lower() not in _ANSWER_TAGS]
    marks = [text for text in texts if names_mark(text)]
    names = list(dict.fromkeys([*names[:4], *(["think"] if marks and "think" not in names else []), "think"]))
    found = ["", f"{FILLER}.\n"]
    for name in names[:4]:
        found += [f"<{name}>\n{FILLER}.\n</{name}>\n", f"<{name}>{FILLER}.</{name}>", f"<{name}>{FILLER}.</{name}>\n"]
    if len(names) > 2:
        found.append("".join(f"<{name}>\n{FILLER}.\n</{name}>\n" for name in names if name != "think"))
    found += [_STEPS, f"{_LONG}\n", f"<{names[0]}>\n{_STEPS}</{names[0]}>\n", f"<{names[0]}>\n{_LONG}\n</{names[0]}>\n"]
    return list(dict.fromkeys(found))


def format_names(scorer: Any) -> list[str]:
    """Names of tags that a format scorer's options name."""
    return [value for option in ("think", "answer") if isinstance(value := getattr(scorer, option, None), str)] + list(
        getattr(scorer, "names", ()) or ()
    )
