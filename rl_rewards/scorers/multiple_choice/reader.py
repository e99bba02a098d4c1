"""What a response states about the options: which it affirms, which it denies, and which it merely mentions.

A sentence is cut into *groups* of options that are named together ("A, B or C"), each between the words before it and those after it. The words
decide whether the group is affirmed, denied or only considered ("if A", "is it A?"), and how plainly: by a statement of the answer ("the
answer is B", "B is the answer", "I choose B"), by a conclusion ("so it must be B", "B is right"), or by being named at all. The last of the
plainest statements counts, and a statement of several options names none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rl_rewards.scorers.multiple_choice.judging import MENTIONED, STATED, Group, Statement, judged
from rl_rewards.scorers.multiple_choice.lexicon import (
    ADVERBS,
    AFTER_A_LETTER,
    ANSWER,
    ARTICLES,
    BE,
    CORRECTING,
    CORRECTIONS,
    DECORATION,
    FILLERS,
    HEDGES,
    HEDGING,
    JOINERS,
    JOINING,
    LEADING,
    NEGATIONS,
    NOUNS,
    OPENING,
    SEPARATORS,
    TRANSPARENT,
    WRONG,
)
from rl_rewards.scorers.multiple_choice.options import Options
from rl_rewards.scorers.multiple_choice.tokens import Token, key_of, sentences, tokens
from rl_rewards.unicode_text import composed, halfwidth

__all__ = ["choice"]

_ANSWER_IS = ("答案是", "答案为", "答案為", "答案选", "答えは", "正解は", "정답은")  # with what comes before it in the same word, as 正确答案是 has
_NO_ANSWER = frozenset("不错錯非")  # 错误答案是, "the wrong answer is"
_COPULAS = ("です", "である", "입니다", "이다", "正确", "正確")
_READ = 100_000  # characters, at the end: no answer needs more, and a megabyte of letters would take seconds


def choice(text: str, options: Options) -> str | None:
    """The label of the one option that a response chooses; None when it names none or several."""
    text = composed(halfwidth(text))
    bare = text.strip().strip("()[]{}*_$\"'“”`<>#|（）【】.,:;!。 \n\t")
    if len(bare) == 1 and bare.upper() in options.labels:
        return bare.upper()
    if options.label_of_text and (label := options.label_of_text.get(" ".join(bare.casefold().split()))):
        return label
    statements = _statements(text[-_READ:], options)
    affirmed = [statement for statement in statements if statement.affirmed]
    if not affirmed:
        return None
    plainest = max(statement.plainness for statement in affirmed)
    if plainest == MENTIONED:
        denied = frozenset().union(*(statement.labels for statement in statements if not statement.affirmed))
        named = frozenset().union(*(statement.labels for statement in affirmed)) - denied
    else:
        last = max(place for place, statement in enumerate(statements) if statement.affirmed and statement.plainness == plainest)
        later = (statement.labels for statement in statements[last:] if not statement.affirmed and statement.plainness == STATED)
        named = statements[last].labels.difference(*later)
    return next(iter(named)) if len(named) == 1 else None


def _statements(text: str, options: Options) -> list[Statement]:
    """All statements about options, in order; what is only considered is left out."""
    statements: list[Statement] = []
    for sentence, stop in sentences(tokens(text), NOUNS | BE):
        if stop == "?":
            continue
        groups, opening = _groups(sentence, options)
        if not groups:
            words = {key_of(token) for token in sentence} - {None}
            if statements and words & (WRONG | CORRECTIONS) and words <= CORRECTIONS | WRONG | BE | NEGATIONS | FILLERS:
                while statements and statements[-1].affirmed:  # "The answer is A. No, that is wrong."
                    statements.pop()
            continue
        for place, group in enumerate(groups):
            statement = judged(group)
            if statement is None:
                continue
            if statements and _corrects(group.before if place else opening, first=not place):
                statement.plainness = STATED
            _add(statements, statement, group, first=place == 0)
    return statements


def _corrects(words: Sequence[str], first: bool) -> bool:
    """Whether the words before options take back what was stated before them: "No, it is", "no wait,", "I mean"; not "No option, such as"."""
    if first and words and words[0] in CORRECTIONS and (words[0] != "no" or words[1:2] == [] or words[1] in CORRECTING):
        return True
    corrects = not CORRECTIONS.isdisjoint(words) or any(pair in (("i", "mean"), ("second", "thought")) for pair in zip(words, words[1:]))
    return corrects and CORRECTING.issuperset(words)


def _add(statements: list[Statement], statement: Statement, group: Group, first: bool) -> None:
    """Append a statement; "or maybe B" behind an affirmed one widens that, and "but B" behind a denied one is as plain as that was."""
    previous = statements[-1] if statements else None
    words = [word for word in group.before if word not in DECORATION and word != ","]
    if previous is not None and words[-2:] in (["as", "is"], ["as", "are"], ["so", "is"], ["so", "are"]):  # "A is wrong, as is B"
        statement.affirmed, statement.plainness = previous.affirmed, previous.plainness
    if previous is not None and previous.affirmed and statement.affirmed and not first and words[:1] in (["and"], ["or"]):
        statements[-1] = Statement(previous.labels | statement.labels, max(previous.plainness, statement.plainness), True)
        return
    if previous is not None and statement.affirmed:
        widens = bool(words) and HEDGING.issuperset(words) and not HEDGES.isdisjoint(words)
        if previous.affirmed and widens and statement.plainness < STATED:
            statements[-1] = Statement(previous.labels | statement.labels, max(previous.plainness, statement.plainness), True)
            return
        goes_on = not previous.affirmed and not first and (not words or words[-1] in BE | {"but", "rather", "sondern", "sino", "mais", "而是", "it"})
        if goes_on and statement.plainness == MENTIONED:
            statement.plainness = previous.plainness
    statements.append(statement)


def _groups(sentence: Sequence[Token], options: Options) -> tuple[list[Group], list[str]]:
    """The groups of a sentence, and the words before the first."""
    groups: list[Group] = []
    gap: list[str] = []
    opening: list[str] | None = None
    for labels, word in _items(sentence, options):
        if labels is None:
            gap.append(word)
            continue
        if opening is None:
            opening = gap
        same = groups and all(part in JOINING or part in TRANSPARENT for part in gap) and ("as" not in gap or "well" in gap)
        if same and (not labels <= groups[-1].labels or not set(gap) & JOINERS):
            groups[-1].labels |= labels
        else:
            after, before = _cut(gap) if groups else ([], gap)
            if groups:
                groups[-1].after = after
            groups.append(Group(set(labels), before))
        gap = []
    if groups:
        groups[-1].after = gap
    return groups, opening or []


def _cut(gap: list[str]) -> tuple[list[str], list[str]]:
    """The words between two groups: those that belong to the first, and those that belong to the second."""
    for phrase in ("anything", "everything", "all", "nothing", "not", "rather", "instead", "over", "unlike", "except", "isn't", "neither", "leaves"):
        if phrase in gap and not any(word in BE for word in gap[: gap.index(phrase)]):
            return gap[: gap.index(phrase)], ["not"] if phrase == "over" else gap[gap.index(phrase) :]
    places = [place for place, word in enumerate(gap) if word in SEPARATORS or word in ",，—–-"]
    places = places or [place for place, word in enumerate(gap) if word in ("and", "or")]
    if not places:
        return gap, gap
    # The first separator ends what is stated about the first group.
    return gap[: places[0]], gap[places[0] :] if gap[places[0]] not in ",，—–-" else gap[places[0] + 1 :]


def _items(sentence: Sequence[Token], options: Options) -> Iterator[tuple[frozenset[str] | None, str]]:
    """Each token of a sentence as the labels that it names, or as a word in small letters."""
    shouted = all(token.text.isupper() for token in sentence if token.kind == "word")
    # The last word since the last option, with and without articles, and whether a noun for an answer was among them.
    place, last, last_but_article, noun = 0, "", "", False
    following = _following(sentence)
    while place < len(sentence):
        token = sentence[place]
        if found := _text_at(sentence, place, options, following, last_but_article):
            label, place = found
            yield frozenset(label), ""
            last, last_but_article, noun = "", "", False
            continue
        wrapped = 0 < place < len(sentence) - 1 and sentence[place - 1].text in OPENING and sentence[place + 1].text in DECORATION
        if _is_label(token, options.labels) and (wrapped or _is_meant(token, following[place + 1], last, shouted, noun)):
            yield frozenset(token.text[0].upper()), ""
            last, last_but_article, noun = "", "", False
            if token.text[1:].casefold() == "'s":
                yield None, "is"
        elif token.kind != "command" or token.text in ("boxed", "fbox"):
            word = "boxed" if token.text == "fbox" else token.text.casefold()
            word = "答案是" if word.endswith(_ANSWER_IS) and _NO_ANSWER.isdisjoint(word) else word
            yield None, word
            if word not in DECORATION and word not in ADVERBS and not (word in "-–—•" and (not last or last in ANSWER)):
                last, noun = word, noun or word in NOUNS
                last_but_article = last_but_article if word in ARTICLES else word
        place += 1


def _following(sentence: Sequence[Token]) -> list[Token | None]:
    """For each place, and the one behind the last, the first token from there on that is a word or a mark of some meaning."""
    found: list[Token | None] = [None] * (len(sentence) + 1)
    for place in range(len(sentence) - 1, -1, -1):
        token = sentence[place]
        found[place] = token if token.text not in DECORATION or token.text in ")）]" else found[place + 1]
    return found


def _is_label(token: Token, labels: str) -> bool:
    text = token.text.removesuffix("'s")
    return len(text) == 1 and text.upper() in labels and token.kind in ("word", "number")


def _ends(following: Token | None) -> bool:
    """Whether an option's name can end before this token: "A is", "A." and "A, B", but not "A dog"."""
    if (
        following is None
        or following.kind == "mark"
        or following.text.startswith(_COPULAS)
        or len(following.text) == 1
        or following.text.startswith("=")
    ):
        return True
    return key_of(following) in AFTER_A_LETTER


def _is_meant(token: Token, following: Token | None, last: str, shouted: bool, noun: bool) -> bool:
    """Whether a letter or digit is an option's label and not an article, a pronoun or a quantity."""
    text, ends, led = token.text.removesuffix("'s"), _ends(following), last in LEADING
    if text.isupper() and text not in "AI":
        return True
    if text == "A":
        return ends or not (last in ("", ":", "：") or shouted)
    if text == "I":
        return (led and ends and key_of(following) not in BE) if following else led or not last
    if text.isdigit():
        return ends and (led or not last) and (last != "=" or noun)
    return ends and led and last not in "/&+"


def _text_at(sentence: Sequence[Token], place: int, options: Options, following: Sequence[Token | None], last: str) -> tuple[str, int] | None:
    """The option whose text is at a place, and the place behind it; only where it is statements to be the answer, or is all of the sentence."""
    if last and last not in LEADING:
        return None
    for words, label in options.texts.get(key_of(sentence[place]) or "", ()):
        end, matched = place, 0
        while end < len(sentence) and matched < len(words):
            key = key_of(sentence[end])
            if key is not None:
                if key != words[matched]:
                    break
                matched += 1
            elif end - place > 4 * len(words) + 8:  # marks between the words, of which no answer needs more
                break
            end += 1
        if matched == len(words) and _ends(following[end]):
            return label, end
    return None
