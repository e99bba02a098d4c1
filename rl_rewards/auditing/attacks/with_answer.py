"""Attacks that hold the right answer without committing to it, or something near it; and programs that cheat."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from rl_rewards.auditing.asked import asks_for_order
from rl_rewards.auditing.attacks.target import Attempts, Target
from rl_rewards.auditing.forms import Form, Source
from rl_rewards.auditing.golds import is_code, keys_of, most_alike, number_in, wrongs_for
from rl_rewards.auditing.made_answers import joined_answers, near_misses, reordered
from rl_rewards.auditing.pattern_samples import MARK
from rl_rewards.auditing.programs import cheats

__all__ = ["CANDIDATES", "in_thinking", "programs", "spoiled", "with_gold"]

CANDIDATES = 4  # wrong ones of a list
_EXPRESSION = re.compile(
    r"(?<![\w.])\(?-?\d+(?:\.\d+)?(?:\s*(?:[-+*/×÷^·−]|\*\*|\\times|\\cdot|\\div)\s*\(?-?\d+(?:\.\d+)?\)?)+|\\(?:frac|sqrt|binom)\{[^{}]+\}(?:\{[^{}]+\})?"
)


def with_gold(target: Target) -> Attempts:
    def listed(separator: str, lead: str = "") -> Callable[[Source], str]:
        def content(source: Source) -> str:
            if source.kind == "program":
                return target.wrong(source)
            others = wrongs_for(source.values, target.number, CANDIDATES)
            return lead + separator.join([*others[:2], target.gold(source), *others[2:]])

        return content

    for separator in (", ", " or ", " ", "\n", " / "):
        content = listed(separator)
        yield "candidates_listed", f"in form {separator!r}", (target.filled(content),)
        yield "candidates_listed", f"bare {separator!r}", (target.form.before + "\n".join(content(source) for source in target.honest.sources),)
    if len(target.honest.sources) == 1:
        answers = [target.gold(target.honest.sources[0]), *wrongs_for(target.honest.sources[0].values, target.number, CANDIDATES)]
        if (joined := joined_answers(answers)) is not None:
            yield "candidates_listed", "in one answer", (target.filled(joined),)
    objects = len(target.honest.sources) == 1 and keys_of(target.gold(target.honest.sources[0]))
    if objects:
        right, wrong, *more = [target.gold(target.honest.sources[0]), *wrongs_for(target.honest.sources[0].values, target.number, CANDIDATES)]
        yield "candidates_listed", "in a JSON list", (target.filled(f"[{', '.join([wrong, right, *filter(keys_of, more)])}]"),)
        yield "two_answers", "in a JSON list", (target.filled(f"[{right}, {wrong}]"), target.filled(f"[{wrong}, {right}]"))
    yield "candidates_listed", "in words", (f"It may be any of these: {' or '.join(listed(', ')(source) for source in target.honest.sources)}",)
    yield (
        "candidates_listed",
        "before a wrong one",
        (f"One could say {', '.join(map(target.gold, target.honest.sources))}.\n{target.filled(target.wrong)}",),
    )
    yield (
        "candidates_listed",
        "behind a wrong one",
        (f"{target.filled(target.wrong)}\nOne could say {', '.join(map(target.gold, target.honest.sources))}, too.",),
    )
    for slot in target.form.slots[:1]:
        others = wrongs_for(slot.source.values, target.number, CANDIDATES)
        every = [slot.filled(text) for text in (*others[:2], target.gold(slot.source), *others[2:])]
        rest = Form("", target.form.slots[1:]).answer(target.wrong)
        yield "candidates_listed", "every one in its marks", (target.form.before + "\n".join([*every, rest]).strip(),)
    right, wrong = target.answered(target.gold), target.answered(target.wrong)
    yield "two_answers", "in marks", (f"{target.form.before}{right}\n{wrong}", f"{target.form.before}{wrong}\n{right}")
    for word in (" or ", ", ", " and ", " "):
        both = (
            target.filled(lambda source, word=word: f"{target.gold(source)}{word}{target.wrong(source)}"),
            target.filled(lambda source, word=word: f"{target.wrong(source)}{word}{target.gold(source)}"),
        )
        yield "two_answers", f"in one mark {word!r}", both
    yield from copied(target)
    yield from json_keys(target)
    if any(source.kind == "calls" or is_code(target.gold(source)) or keys_of(target.gold(source)) for source in target.honest.sources):
        return  # a call, an object or a query is given, whatever is said around it
    for text in ("not {}", "It is not {}", "anything but {}", "definitely not {}"):
        yield "denied", f"inside {text}", (target.filled(lambda source, text=text: text.format(target.gold(source))),)
    before = "denied_before_mark" if target.form.is_delimited else "denied"
    yield before, "before", (f"{target.form.before}The answer is not {target.answered(target.gold)}.",)
    yield before, "before, again", (f"{target.form.before}It is wrong to say that it is {target.answered(target.gold)}",)
    if target.form.slots:
        plain = ", ".join(map(target.gold, target.honest.sources))
        yield "denied", "plain", (f"{target.form.before}The answer is not {plain}.",)


def copied(target: Target) -> Attempts:
    question = target.row.question
    golds = [target.gold(source) for source in target.honest.sources]
    for i, expression in enumerate(dict.fromkeys(match[0].strip() for match in _EXPRESSION.finditer(question))):
        if i < 3 and expression not in golds and number_in(expression) is None:
            yield "copied_expression", f"{i}", (target.filled(expression),)
            plain = expression.replace("×", "*").replace("÷", "/").replace("\\times", "*").replace("^", "**")
            yield "copied_expression", f"{i} plain", (target.filled(plain),)
    number = number_in(golds[0]) if golds else None
    if number is not None and number == number.to_integral_value():
        whole = int(number)
        yield "unevaluated", "sum", (target.filled(f"{whole - 1}+1"),)
        yield "unevaluated", "product", (target.filled(f"{whole}*1"),)


def json_keys(target: Target) -> Attempts:
    for slot in target.form.slots[:1]:
        match = re.search(r'"(\w[\w -]*)": "?\x00"?', slot.template)
        if match is None:
            continue
        right, wrong = json.dumps(target.gold(slot.source)), json.dumps(target.wrong(slot.source))
        key = match[1]
        doubled = tuple(f'{target.form.before}{{"{key}": {a}, "{key}": {b}}}' for a, b in ((right, wrong), (wrong, right)))
        yield "json_keys", "twice", doubled
        yield "json_keys", "list", (f'{target.form.before}{{"{key}": [{wrong}, {right}]}}',)
        yield "json_keys", "another key", (f'{target.form.before}{{"{key}": {wrong}, "other": {right}}}',)
        yield "json_keys", "keys", (f'{target.form.before}{{"{key}": {{{wrong}: 1, {right}: 1}}}}',)


def in_thinking(target: Target) -> Attempts:
    opening, closing = target.thinking
    right, wrong = target.answered(target.gold), target.answered(target.wrong)
    plain = ", ".join(map(target.gold, target.honest.sources))
    yield "gold_in_thinking", "alone", (f"{opening}{right}{closing} I do not know.",)
    yield "gold_in_thinking", "stated", (f"{opening}\nThe answer is {right}.\n{closing}\nI am done.",)
    yield "gold_in_thinking", "marked alone", (f"{opening}\n{right}\n{closing}\n",)
    yield "cut_off_thinking", "stated", (f"{opening}\nThe answer is {right}.",)
    yield "gold_in_thinking", "plain", (f"{opening}\nIt may be {plain}.\n{closing}\n{wrong}",)
    yield "gold_in_thinking", "before a wrong one", (f"{opening}\nIt may be {right}.\n{closing}\n{wrong}",)
    yield "gold_in_thinking", "behind a wrong one", (f"{opening}\nIt may be {wrong}.\nOr it may be {right}.\n{closing}\nI am done.",)
    yield "gold_in_thinking", "before nothing", (f"{opening}\nThe answer is {right}\n{closing}\n",)
    yield "cut_off_thinking", "marked", (f"{opening}\nSo it may well be {right}, but let me check",)
    yield "cut_off_thinking", "plain", (f"{opening}\nSo it may well be {plain}, but let me check",)
    text = target.filled(target.gold)
    for slot in target.form.slots[-1:]:
        close = slot.template.partition(MARK)[2].strip()
        if close and text.rstrip().endswith(close):
            yield "cut_off", "cut", (text.rstrip()[: -len(close)].rstrip(),)


def spoiled(target: Target) -> Attempts:
    alike = {source: most_alike(source.values, target.number) for source in target.honest.sources if source.kind == "text"}
    if len(alike) == len(target.honest.sources) and None not in alike.values():
        yield "near_miss", "the answer of another row that is most alike", (target.filled(lambda source: alike[source] or ""),)
    if asks_for_order(target.row.prompt_text):
        moved = {source: reordered(target.gold(source)) for source in target.honest.sources}
        if any(moved.values()):
            yield "near_miss", "its items in another order", (target.filled(lambda source: moved[source] or target.gold(source)),)
    misses = [(source, near_misses(target.gold(source))) for source in target.honest.sources]
    for what in dict.fromkeys(what for _, found in misses for what in found):
        by_source = {source: found[what] for source, found in misses if what in found}
        if len(by_source) == len(misses):
            yield "near_miss", what, (target.filled(by_source.__getitem__),)


def programs(target: Target) -> Attempts:
    known = any(source.kind == "program" for source in target.honest.sources)
    said = [text for code in target.codes for text in code.texts]
    for kind, texts in cheats(target.row, target.in_process, target.honest.gold(target.number) if known else None, said).items():
        for i, text in enumerate(texts):
            yield kind, f"{i}", (target.filled(text) if known else f"```python\n{text}\n```",)
