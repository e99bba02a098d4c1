"""The 25 kinds of verifiable instructions (IFEval, 2311.07911, table 4), each a rule: (text, its arguments) -> whether the text follows it.

Arguments have the names of the public prompt file's `kwargs` column. All rules take linear time in the text. They differ from the public
evaluation in what a policy could exploit or a data set would trip over: keywords, section names and postscript markers are words and no
patterns, NaN is not JSON, and a text without a letter is in no language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rl_rewards.json_text import load_json
from rl_rewards.patterns import compile_pattern
from rl_rewards.scorers.instruction_following.counting import capital_words, sentences, words
from rl_rewards.scorers.instruction_following.language import is_in_language, languages

__all__ = ["RULES", "Rule"]


class Rule(NamedTuple):
    """A kind of instruction: its check, and for each of its arguments what reads it."""

    check: Callable[..., bool]
    arguments: Mapping[str, Callable[[Any], Any]]

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The rule's arguments from a row's; those that are None count as absent, as Arrow fills up dicts with them.

        Raises:
            ValueError: when one is missing or wrong.
        """
        read = {}
        for name, reader in self.arguments.items():
            if (value := given.get(name)) is None:
                raise ValueError(f"{name!r} is missing among {sorted(key for key, value in given.items() if value is not None)}")
            try:
                read[name] = reader(value)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{name!r} must be {error}, got {value!r:.80}") from None
        return read


RULES: dict[str, Rule] = {}


def _rule(name: str, **arguments: Callable[[Any], Any]) -> Callable[[Callable[..., bool]], Callable[..., bool]]:
    def register(check: Callable[..., bool]) -> Callable[..., bool]:
        RULES[name] = Rule(check, arguments)
        return check

    return register


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise ValueError("a whole number")
    return int(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("text")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise ValueError("a list of texts")
    return tuple(_text(item) for item in value)


def _character(value: Any) -> str:
    if len(character := _text(value).strip().lower()) != 1:
        raise ValueError("one letter")
    return character


def _relation(value: Any) -> str:
    if value not in ("at least", "less than"):
        raise ValueError("'at least' or 'less than'")
    return value


def _language(value: Any) -> str:
    if value not in languages() and value != "zh":
        raise ValueError(f"one of {', '.join(languages())}")
    return value


def _compares(number: int, relation: str, threshold: int) -> bool:
    return number < threshold if relation == "less than" else number >= threshold


def _matches(pattern: str, text: str) -> int:
    """Number of matches of an RE2 pattern with one group."""
    return sum(1 for _ in compile_pattern(pattern).each(text))


@_rule("keywords:existence", keywords=_texts)
def _keywords(text: str, keywords: Sequence[str]) -> bool:
    return all(re.search(re.escape(keyword), text, re.IGNORECASE) for keyword in keywords)


@_rule("keywords:frequency", keyword=_text, frequency=_count, relation=_relation)
def _keyword_frequency(text: str, keyword: str, frequency: int, relation: str) -> bool:
    return _compares(len(re.findall(re.escape(keyword.strip()), text, re.IGNORECASE)), relation, frequency)


@_rule("keywords:forbidden_words", forbidden_words=_texts)
def _forbidden_words(text: str, forbidden_words: Sequence[str]) -> bool:
    return not any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in forbidden_words)


@_rule("keywords:letter_frequency", letter=_character, let_frequency=_count, let_relation=_relation)
def _letter_frequency(text: str, letter: str, let_frequency: int, let_relation: str) -> bool:
    return _compares(text.lower().count(letter), let_relation, let_frequency)


@_rule("language:response_language", language=_language)
def _response_language(text: str, language: str) -> bool:
    return is_in_language(text, language)


@_rule("length_constraints:number_sentences", num_sentences=_count, relation=_relation)
def _number_sentences(text: str, num_sentences: int, relation: str) -> bool:
    return _compares(sentences(text), relation, num_sentences)


@_rule("length_constraints:number_words", num_words=_count, relation=_relation)
def _number_words(text: str, num_words: int, relation: str) -> bool:
    return _compares(words(text), relation, num_words)


@_rule("length_constraints:number_paragraphs", num_paragraphs=_count)
def _number_paragraphs(text: str, num_paragraphs: int) -> bool:
    """Paragraphs are parted by `***`; only the first and the last part may be empty, and count as none."""
    parts = [part.strip() for part in text.split("***")]
    return all(parts[1:-1]) and sum(map(bool, parts)) == num_paragraphs


@_rule("length_constraints:nth_paragraph_first_word", num_paragraphs=_count, nth_paragraph=_count, first_word=_text)
def _nth_paragraph_first_word(text: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """Paragraphs are parted by an empty line; empty ones count for the place and not for the number."""
    paragraphs = text.split("\n\n")
    filled = sum(bool(paragraph.strip()) for paragraph in paragraphs)
    if filled != num_paragraphs or not 1 <= nth_paragraph <= filled or not (begun := paragraphs[nth_paragraph - 1].split(maxsplit=1)):
        return False
    word = re.split(r"[.,?!'\"]", begun[0].lstrip("'").lstrip('"'), maxsplit=1)[0]
    return word.lower() == first_word.strip().lower()


@_rule("detectable_content:number_placeholders", num_placeholders=_count)
def _number_placeholders(text: str, num_placeholders: int) -> bool:
    return _matches(r"(\[.*?\])", text) >= num_placeholders


@_rule("detectable_content:postscript", postscript_marker=_text)
def _postscript(text: str, postscript_marker: str) -> bool:
    marker = postscript_marker.strip().lower()
    pattern = {"p.p.s": r"p\.\s?p\.\s?s", "p.s.": r"p\.\s?s\."}.get(marker, re.escape(marker))
    return re.search(pattern, text.lower()) is not None


@_rule("detectable_format:number_bullet_lists", num_bullets=_count)
def _number_bullets(text: str, num_bullets: int) -> bool:
    """A bullet is a line that begins with `-`, or with `*` that no other one follows."""
    return _matches(r"(?m)^(\s*\*[^*].*)$", text) + _matches(r"(?m)^(\s*-.*)$", text) == num_bullets


@_rule("detectable_format:constrained_response")
def _constrained_response(text: str) -> bool:
    return any(answer in text for answer in ("My answer is yes.", "My answer is no.", "My answer is maybe."))


@_rule("detectable_format:number_highlighted_sections", num_highlights=_count)
def _number_highlights(text: str, num_highlights: int) -> bool:
    """`*text*` is one, and so is `**text**`."""
    single = sum(bool(found.strip("*").strip()) for found in re.findall(r"\*[^\n*]*\*", text))
    return single + sum(bool(found.strip()) for found in re.findall(r"\*\*([^\n*]*)\*\*", text)) >= num_highlights


@_rule("detectable_format:multiple_sections", section_spliter=_text, num_sections=_count)
def _multiple_sections(text: str, section_spliter: str, num_sections: int) -> bool:
    return len(re.findall(rf"{re.escape(section_spliter.strip())}\s?\d", text)) >= num_sections


@_rule("detectable_format:json_format")
def _json_format(text: str) -> bool:
    text = text.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        text = text.removeprefix(fence)
    try:
        load_json(text.removesuffix("```").strip())
    except ValueError:
        return False
    return True


@_rule("detectable_format:title")
def _title(text: str) -> bool:
    return any(title.lstrip("<").rstrip(">").strip() for title in compile_pattern(r"(<<[^\n]+>>)").each(text))


@_rule("combination:two_responses")
def _two_responses(text: str) -> bool:
    """Two different responses, parted by `******`."""
    parts = [part.strip() for part in text.split("******")]
    filled = [part for part in parts if part]
    return all(parts[1:-1]) and len(filled) == 2 and filled[0] != filled[1]


@_rule("combination:repeat_prompt", prompt_to_repeat=_text)
def _repeat_prompt(text: str, prompt_to_repeat: str) -> bool:
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


@_rule("startend:end_checker", end_phrase=_text)
def _end(text: str, end_phrase: str) -> bool:
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


@_rule("startend:quotation")
def _quotation(text: str) -> bool:
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


@_rule("change_case:capital_word_frequency", capital_frequency=_count, capital_relation=_relation)
def _capital_word_frequency(text: str, capital_frequency: int, capital_relation: str) -> bool:
    return _compares(capital_words(text), capital_relation, capital_frequency)


@_rule("change_case:english_capital")
def _english_capital(text: str) -> bool:
    return text.isupper() and is_in_language(text, "en")


@_rule("change_case:english_lowercase")
def _english_lowercase(text: str) -> bool:
    return text.islower() and is_in_language(text, "en")


@_rule("punctuation:no_comma")
def _no_comma(text: str) -> bool:
    return "," not in text
