"""Texts of others within a judge's prompt: marked so that nothing in them can pass for an instruction or a verdict."""

from __future__ import annotations

import hashlib
import re

__all__ = ["fenced", "mark_of", "without_content"]

# Tokens by which chat templates mark turns: a server may read them as such wherever they are.
_CONTROL = re.compile(
    r"<\|(?=[^\s<>]{0,64}\|?>?)|<(?=/?(?:s|bos|eos|start_of_turn|end_of_turn|think|im_start|im_end)>)|\[(?=/?(?:INST|SYS)\])", re.IGNORECASE
)
# Characters that a reader does not see: tags, directions, zero-width ones. In them instructions are hidden.
_UNSEEN = re.compile("[\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")


def mark_of(*texts: str) -> str:
    """A mark for the fences around texts: it follows from them, so that equal prompts are equal, and no text can hold its own."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def fenced(name: str, text: str, mark: str) -> str:
    """A text between tags that hold the mark; what a chat template would take for a turn's mark is broken up in it."""
    clean = _CONTROL.sub(lambda found: f"{found[0]} ", _UNSEEN.sub("", text))
    return f'<{name} id="{mark}">\n{clean}\n</{name} id="{mark}">'


_OPENING_WORDS = frozenset(
    words.strip()
    for words in """solution|answer|final answer|the answer|the answer is|the final answer is|explanation|thought|thoughts|thought process|my thought process
    |thinking process|reasoning|reasoning process|my reasoning|step 1|step one|step by step|step by step solution|analysis|conclusion|response|result
    |output|okay|ok|sure|here is the solution|here is the answer|here is my solution|here's the solution|here's my answer|here is my answer|解|解答|解析|答案
    |かいせつ|解説|回答|respuesta|solución|solucion|lösung|antwort|réponse|reponse|solução|resposta|решение|ответ|풀이|정답""".split("|")
)
_OPENING_SENTENCE = re.compile(
    r"(?:(?:ok|okay|sure|alright|well)[,.!]? )?(?:let'?s|let us|let me|i will|i'll|i need to|we need to|we will|we'll|to solve this)"
    r"(?: (?:now|first|carefully))? ?(?:solve|think|reason|work|break|approach|start|begin|analy[sz]e|consider|go|tackle)?"
    r"(?: (?:about|through|on|with|down|by))?(?: (?:this|the|it))?(?: (?:problem|question|task|solution|following))?"
    r"(?: ?,? ?(?:step by step|carefully|systematically|in detail|together|now|first))?"
)

_PART_END = re.compile(r"[\n.:!?。：！？]+")


def without_content(text: str) -> bool:
    """Whether a response says nothing that could be judged: no letter or digit, or only the opening of a solution.

    Such responses (":", "Thought process:", "Let's solve this problem step by step.") are given full marks by many judges ("master keys",
    2507.08794), so they must not reach one.
    """
    if not any(character.isalnum() for character in text[:100_000]):
        return True
    text = _UNSEEN.sub("", text).strip()
    if len(text) > 300:
        return False
    parts = [" ".join(re.sub(r"[^\w' ]+", " ", part.replace("’", "'")).replace("_", " ").split()) for part in _PART_END.split(text.casefold())]
    return all(not part or part in _OPENING_WORDS or _OPENING_SENTENCE.fullmatch(part) for part in parts)
