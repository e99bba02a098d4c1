"""Where a response's reasoning ends and its answer begins, and what a tokenizer leaves at its end.

The marks are those of the chat templates in common use. Reasoning may also come in a field of its own beside `content`, where TRL, vLLM or
an OpenAI log has parsed the response.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

__all__ = [
    "CLOSE",
    "MARKS",
    "OPEN",
    "REASONING_KEYS",
    "Mark",
    "answer_span",
    "answer_start",
    "is_reasoning_part",
    "names_mark",
    "opening_mark",
    "reasoning_in",
    "reasoning_of",
    "without_residue",
]

REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")
"""Fields of a message that hold its reasoning: DeepSeek, Qwen, GLM and Nemotron; vLLM and OpenRouter; gpt-oss and LFM."""
OPEN, CLOSE = "<think>", "</think>"
"""The marks that reasoning is written in where it came in a field of its own."""


class Mark(NamedTuple):
    """The text before and behind the reasoning of a family of models.

    `plain` marks are ordinary words as tags: they also occur in XML answers, and count only where no other tag comes before them.
    """

    open: str
    close: str
    plain: bool = False


MARKS = (
    Mark(OPEN, CLOSE),  # DeepSeek, Qwen, GLM, Nemotron, MiniMax, Phi, SmolLM, OLMo, Granite 3.3, ...
    Mark("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),  # gpt-oss
    Mark("<|channel|>analysis<|message|>", "<|channel|>final <|constrain|>json<|message|>"),  # its answer in JSON
    Mark("<|channel>thought", "<channel|>"),  # Gemma 4
    Mark("<|START_THINKING|>", "<|END_THINKING|>"),  # Cohere
    Mark("<|begin_of_thought|>", "<|end_of_thought|>"),  # OpenThinker, Sky-T1
    Mark("<seed:think>", "</seed:think>"),  # Seed-OSS
    Mark("<longcat_think>", "</longcat_think>"),  # LongCat
    Mark("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    Mark("[THINK]", "[/THINK]"),  # Magistral
    Mark("◁think▷", "◁/think▷"),  # Kimi
    Mark("<thinking>", "</thinking>", plain=True),
    Mark("<thought>", "</thought>", plain=True),  # EXAONE Deep
    Mark("<reasoning>", "</reasoning>", plain=True),  # Reka
    Mark("<scratchpad>", "</scratchpad>", plain=True),
)
_TEXT_OF_MARKS = tuple(text for mark in MARKS for text in mark[:2])
# For a look at a text's "<": the three characters behind those of marks. More "<" than `_FEW` are not looked at one by one.
_HEADS = frozenset(text[1:4] for text in _TEXT_OF_MARKS if text[0] == "<")
_OTHERS = tuple(mark for mark in MARKS if mark.open[0] != "<")
_FEW = 40
_BARE = Mark("analysis", "assistantfinal")  # what TRL leaves of gpt-oss's marks, which are special tokens; only at the beginning of a text
_ANSWER_OPENS = ("<|START_RESPONSE|>", "<|START_TEXT|>", "<|begin_of_solution|>")  # Cohere, OpenThinker: behind the reasoning


def answer_start(text: str, opened: bool = False) -> int | None:
    """Where the answer begins in a response's text: behind the last reasoning, 0 where there is none, None where reasoning is not closed."""
    start, end = answer_span(text, opened)
    return start if end is None else None


def answer_span(text: str, opened: bool = False) -> tuple[int, int | None]:
    """Where the last closed reasoning ends in a response's text, and where, behind that, another one begins that is not closed.

    Marks in quotation marks, and in fenced code of the answer, are mentions and do not count.

    Args:
        opened: whether the prompt ends with an opening mark, so that the response begins inside the reasoning.

    Returns:
        Two positions in `text`: 0 where no reasoning ends, None where none is left open. Takes time linear in `len(text)`.
    """
    if text.startswith(_BARE.open) and (bare := _bare_span(text)) is not None:
        return bare
    place = text.rfind(CLOSE)
    if place >= 0 and "`" not in text and text[place - 1 : place] not in "'\"":
        # By far the most common form, so it is decided first, by what follows.
        start = place + len(CLOSE)
        if not _has_mark(text[start:]):
            return start, None
    marks = _candidates(text)
    code = _Code(text, opened)
    start = 0
    for mark in marks:
        place = text.rfind(mark.close, start)
        while place >= 0 and code.mentions(place, mark.close):
            place = text.rfind(mark.close, start, place)
        if place >= 0 and not (mark.plain and not opened and _in_markup(text, mark, start, place)):
            start = place + len(mark.close)
    if start and "<|" in text:
        start = _behind_answer_open(text, start)
    if opened and not start:
        return 0, 0
    for mark in marks:
        place = text.find(mark.open, start)
        while place >= 0 and code.mentions(place, mark.open):
            place = text.find(mark.open, place + 1)
        if place >= 0 and not (mark.plain and "<" in text[start:place]):
            return start, place
    return start, None


def _bare_span(text: str) -> tuple[int, int | None] | None:
    """The span of gpt-oss's answer without special tokens, `analysisWe think ...assistantfinal42`; None where a text only begins like it."""
    if (place := text.rfind(_BARE.close)) >= 0:
        return place + len(_BARE.close), None
    follows = text[len(_BARE.open) : len(_BARE.open) + 1]
    return (0, 0) if follows.isupper() else None


def _behind_answer_open(text: str, start: int) -> int:
    """Where the answer begins that has a mark of its own behind the reasoning."""
    place = start
    while place < len(text) and text[place].isspace():
        place += 1
    return next((place + len(mark) for mark in _ANSWER_OPENS if text.startswith(mark, place)), start)


def _has_mark(text: str) -> bool:
    """Whether a text may have a mark: each has one of these words. Faster than a loop over them."""
    return (
        "think" in text
        or "THINK" in text
        or "thought" in text
        or "reasoning>" in text
        or "scratchpad>" in text
        or "channel" in text
        or "inner_" in text
    )


def _candidates(text: str) -> tuple[Mark, ...]:
    """The marks that may be in a text; a rough look, since most texts have none and each search costs."""
    found = _OTHERS if "THINK]" in text or "think▷" in text else ()
    if "<" not in text:
        return found
    parts = text.split("<", _FEW)
    if len(parts) > _FEW:
        return MARKS if _has_mark(text) else found
    return found + _with_heads(_HEADS.intersection([part[:3] for part in parts]))


@lru_cache(maxsize=256)
def _with_heads(heads: frozenset[str]) -> tuple[Mark, ...]:
    return tuple(mark for mark in MARKS if mark.open[0] == "<" and heads & {mark.open[1:4], mark.close[1:4]})


def _in_markup(text: str, mark: Mark, start: int, close: int) -> bool:
    """Whether the tags of a plain mark are part of an XML answer: another tag comes before them."""
    first = text.find(mark.open, start, close)
    if first < 0 and text.rfind(mark.open, 0, start) > text.rfind(mark.close, 0, start):
        return False  # it closes what was opened before other thinking in it
    return "<" in text[start : close if first < 0 else first]


def reasoning_of(text: str, opened: bool = False) -> str | None:
    """The reasoning in a response's text, without the marks around it; None where there is none."""
    start = answer_start(text, opened)
    if start == 0:
        return None
    thought = text[:start].strip() if start else text.strip()
    for mark in _ANSWER_OPENS:
        thought = thought.removesuffix(mark).rstrip()
    if text.startswith(_BARE.open) and (start is None or thought.endswith(_BARE.close)):
        return thought.removeprefix(_BARE.open).removesuffix(_BARE.close).strip()
    close = next((mark.close for mark in MARKS if thought.endswith(mark.close)), "") if start else ""
    opening = next((mark.open for mark in MARKS if thought.startswith(mark.open)), "")
    # gpt-oss opens a new message for its answer.
    return thought.removesuffix(close).removeprefix(opening).removesuffix("<|start|>assistant").removesuffix("<|end|>").strip()


class _Code:
    """Which places of a text are fenced code of its answer. A fence in the reasoning hides no mark: it may be cut off."""

    def __init__(self, text: str, opened: bool) -> None:
        self._text = text
        self._opened = opened

    def mentions(self, place: int, mark: str) -> bool:
        """Whether the mark at `place` is quoted, or in a closed block of code."""
        text, end = self._text, place + len(mark)
        before = text[place - 1] if place else ""
        if before and before in "`'\"" and text.startswith(before, end):
            return True
        if "`" not in text:
            return False
        starts, ends = self._blocks()
        block = bisect_right(starts, place) - 1
        return block >= 0 and place < ends[block]

    def _blocks(self) -> tuple[list[int], list[int]]:
        if not hasattr(self, "_found"):
            self._found = _fenced(self._text, self._answer_may_start())
        return self._found

    def _answer_may_start(self) -> int:
        """Where the first reasoning ends, for a text that begins with reasoning."""
        text = self._text
        head = text.lstrip()
        marks = [mark for mark in MARKS if head.startswith(mark.open)] or (list(MARKS) if self._opened else [])
        ends = [place + len(mark.close) for mark in marks if (place := text.find(mark.close)) >= 0]
        return min(ends, default=len(text) if marks else 0)


def _fenced(text: str, start: int) -> tuple[list[int], list[int]]:
    """Starts and ends of the closed fenced blocks of a text from `start` on."""
    starts, ends, opened = [], [], None
    place = text.find("```", start)
    while place >= 0:
        line = text.rfind("\n", start, place) + 1 or start
        stop = text.find("\n", place)
        stop = len(text) if stop < 0 else stop
        if not text[line:place].strip():
            if opened is None:
                opened = place
            elif not text[place:stop].strip("` \t\r"):
                starts.append(opened)
                ends.append(stop)
                opened = None
            else:
                opened = place  # a fence with a word opens a block: the one before it was cut off
        place = text.find("```", stop)
    return starts, ends


def opening_mark(prompt: str) -> str:
    """The opening mark that a prompt's text ends with; nothing where it ends with none."""
    end = prompt[-40:].rstrip()
    return next((mark.open for mark in MARKS if end.endswith(mark.open)), "") if end.endswith((">", "]", "▷", "thought")) else ""


@lru_cache(maxsize=256)
def names_mark(text: str) -> bool:
    """Whether an option (a delimiter, a tag, a pattern) names a mark of reasoning, so that it is about the reasoning itself."""
    plain = text.replace("\\", "")
    return any(mark in plain for mark in _TEXT_OF_MARKS)


def reasoning_in(message: Mapping[str, Any]) -> str | None:
    """The reasoning that a message holds in a field or content part of its own; None where it holds none."""
    found = [text for key in REASONING_KEYS if (text := _text(message.get(key)).strip())][:1]
    content = message.get("content")
    if isinstance(content, (list, tuple)):
        found += [text for part in content if is_reasoning_part(part) and (text := _text(part).strip())]
    return "\n".join(found) or None


def is_reasoning_part(part: Any) -> bool:
    """Whether a part of a message's content is reasoning: `{"type": "thinking", "thinking": ...}` as Anthropic and Mistral have it."""
    return isinstance(part, Mapping) and part.get("type") in ("thinking", "reasoning")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return next((text for key in ("text", *REASONING_KEYS, "content") if (text := _text(value.get(key)))), "")
    if isinstance(value, (list, tuple)):
        return "".join(map(_text, value))
    return ""


# What tokenizers end a turn or fill a batch with. `<|...|>` and `<｜...｜>` are taken as a family: nothing else looks like them.
_ENDS = tuple(
    "</s> <eos> <pad> <unk> <eod> <EOD> <EOS> <PAD> <end_of_turn> <turn|> <end_of_utterance> <eot> <eom> </longcat_s> [EOS] [PAD] [SEP] [/INST] "
    "[|endofturn|] [e~[ <[end]>".split()
)
_ANY_END = ("|>", "｜>", *_ENDS)
_LONGEST = 48  # characters of a special token


def without_residue(text: str, special_tokens: tuple[str, ...] = ()) -> str:
    """`text` without the special tokens at its end, nor the white space around them; as it is where there are none.

    Args:
        special_tokens: those of the policy's tokenizer, beside the ones in common use.
    """
    end = len(text.rstrip())
    if not text.endswith(_ANY_END, 0, end) and not (special_tokens and text.endswith(special_tokens, 0, end)):
        return text
    known = (*_ENDS, *special_tokens)
    if "<s>" in text.lstrip()[1:]:  # strikethrough in HTML, not an end of sequence
        known = tuple(token for token in known if token != "</s>")
    stop = end
    while length := _last_token(text, stop, known):
        stop -= length
        while stop and text[stop - 1].isspace():
            stop -= 1
    return text if stop == end else text[:stop]


def _last_token(text: str, stop: int, known: tuple[str, ...]) -> int:
    """Length of the special token that `text[:stop]` ends with; 0 where it ends with none."""
    if text.endswith(_TEXT_OF_MARKS, 0, stop):
        return 0
    if text.endswith(("|>", "｜>"), 0, stop):
        place = text.rfind("<" + text[stop - 2], max(0, stop - _LONGEST), stop)
        name = text[place + 2 : stop - 2] if place >= 0 else ""
        if name and not any(char.isspace() or char in "<>" for char in name):
            return stop - place
    if text.endswith(known, 0, stop):
        return next(len(token) for token in known if text.endswith(token, 0, stop))
    return 0
