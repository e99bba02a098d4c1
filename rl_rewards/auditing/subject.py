"""What is audited, as the checks see it: the rubric, its call, its code, the honest form, and what is known of each reward."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rl_rewards.auditing.code import Code, code_of, scorers_in
from rl_rewards.auditing.cost import is_known_costly
from rl_rewards.auditing.honest import Honest, find_form, least_paid
from rl_rewards.auditing.made_answers import near_number, other_value, partial
from rl_rewards.auditing.pattern_samples import MARK, followed_by, sample_of_pattern
from rl_rewards.auditing.rows import Row
from rl_rewards.auditing.scoring import Call, Probe, Verdict
from rl_rewards.auditing.sources import MADE_OF_TESTS, MAYBE_TERMS, NOT_ANSWERS, QUESTIONS, Sources, names_answers, runs_programs, told_columns
from rl_rewards.auditing.templates import format_names, is_thinking_tag, tags_in
from rl_rewards.parsers.regex import Regex
from rl_rewards.parsers.regex_extract import RegexExtract
from rl_rewards.reward import Reward
from rl_rewards.rubric import Rubric

__all__ = ["Subject", "is_said"]

_SHAPING = frozenset({"SoftOverlong", "LengthWindow", "Repetition"})
_LENGTH_OF_RIGHT = frozenset({"CosineLength", "GroupLength"})
_LEARNED = frozenset({"RewardModel", "RewardModelEnsemble", "RemoteRewardModel", "CosineSimilarity"})
_GRADED = frozenset({"TokenF1", "CosineSimilarity", "InstructionFollowing"})
_ATTACKED_ROWS = 24
_FEW_ROWS = 2
_FAILED_AGAIN = 3  # failing responses that are scored once more
_FEW_ATTACKS = 64  # on a row: two or three of every kind, or every program


@dataclass
class Subject:
    """A rubric under audit.

    Attributes:
        rubric: tolerant of failures.
        call: scores probes.
        codes: the code of its own functions.
    """

    rubric: Rubric
    call: Call
    codes: Sequence[Code] = field(init=False)

    def __post_init__(self) -> None:
        self.codes = tuple(code for reward in self.rubric for code in code_of(reward))

    @property
    def rows(self) -> Sequence[Row]:
        return self.call.rows

    @cached_property
    def honest(self) -> Honest:
        return find_form(self.rubric, self.call, self.codes)

    @cached_property
    def inverted(self) -> tuple[str, Verdict, Verdict] | None:
        """A form in which right answers earn less than wrong ones: a wrong response, and the verdicts of the right and of the wrong one."""
        for form in least_paid(self.rubric, self.call, self.codes):
            candidate = Honest(form, ())
            rows = [row for row in range(min(4, len(self.rows))) if candidate.right(row) is not None]
            right = self.verdicts([(row, candidate.right(row) or "") for row in rows])
            wrong = self.verdicts([(row, candidate.wrong(row)) for row in rows])
            if rows and all(a.total is not None and b.total is not None and a.total < b.total - 1e-9 for a, b in zip(right, wrong, strict=True)):
                return candidate.wrong(rows[0]), right[0], wrong[0]
        return None

    @property
    def weighted(self) -> list[Reward]:
        """The rewards that are trained on."""
        return [reward for reward in self.rubric if reward.weight != 0]

    def parts(self, reward: Reward, gates: bool = False) -> list[Reward]:
        """A reward, and those that its score is computed from; with `gates`, those that decide whether it counts as well."""
        names = [reward.name]
        for name in names:  # grows while it is read
            part = self.rubric[name]
            gate = [part.gate.reward] if gates and part.gate is not None else []
            names += [other for other in (*sorted(part.score.traits.rewards), *gate) if other not in names]
        return [self.rubric[name] for name in names]

    def kinds(self, reward: Reward) -> set[str]:
        """Class names of a reward's scorers, and of those that it is computed from."""
        return {type(scorer).__name__ for part in self.parts(reward) for scorer in scorers_in(part.score)}

    def has_code(self, reward: Reward) -> bool:
        """Whether code of the user's, which was read, scores a reward, or one that it is computed from."""
        return bool({part.name for part in self.parts(reward)} & {code.reward for code in self.codes})

    @cached_property
    def shaping(self) -> frozenset[str]:
        """Rewards of ours that look at length or repetition alone."""
        return frozenset(reward.name for reward in self.rubric if type(reward.score).__name__ in _SHAPING)

    @cached_property
    def learned(self) -> bool:
        """Whether a model or a judge scores."""
        return any(
            self.kinds(reward) & (_LEARNED | QUESTIONS) or any("judge" in kind.lower() for kind in self.kinds(reward)) for reward in self.weighted
        )

    @cached_property
    def depends_on_length(self) -> bool:
        """Whether a wrong answer's score depends on its length by design."""
        return any(self.kinds(reward) & _LENGTH_OF_RIGHT for reward in self.weighted)

    @cached_property
    def reads_references(self) -> list[str]:
        """The weighted rewards that read a right answer from the row, or are computed from one that does."""
        return [reward.name for reward in self.weighted if any(map(self.reads_reference, self.parts(reward)))]

    @cached_property
    def compares(self) -> bool:
        """Whether what is paid depends on a right answer from the row, were it through a gate alone."""
        return any(self.reads_reference(part) for reward in self.weighted for part in self.parts(reward, gates=True))

    def reads_reference(self, reward: Reward) -> bool:
        """Whether a reward itself reads a right answer from the row."""
        own = [scorer for scorer in scorers_in(reward.score) if type(scorer).__name__ in ("Function", "FunctionScorer")]
        by_function = bool(own or code_of(reward)) and bool(Sources(self.rows, []).of_function(reward))
        return by_function or any(
            (getattr(scorer, "reference", None) is not None and type(scorer).__name__ not in NOT_ANSWERS)
            or (type(scorer).__name__ in ("StringMatch", "RegexMatch") and scorer.traits.columns)
            or told_columns(scorer)
            for scorer in scorers_in(reward.score)
        )

    @cached_property
    def right_is_unknown(self) -> str | None:
        """Why no right answer can be made of the rows, so that nothing can be said of what is never paid; None where one can."""
        if self.runs_programs and not any(source.kind == "program" for source in self.honest.sources):
            return "no column holds a program, and the tests do not say which results they want"
        if any(source.name == MADE_OF_TESTS for source in self.honest.sources):
            return "a program that was made of the tests is not paid, and no column holds another"
        if any(reward.name in self.reads_references and not self.has_code(reward) for reward in self.weighted):
            return None
        if unread := self._not_parsed():
            return f"the parser of {unread!r} takes no text from a response that has the row's value as it is"
        of_code = [reward for reward in self.weighted if self.has_code(reward)]
        read = sorted({name for reward in of_code for name in self.read_by(reward)})
        if not read or any(self.knows_right(reward) for reward in of_code if self.read_by(reward)):
            return None
        if all(is_said(row.columns[name], row.prompt_text) for name in read for row in self.rows[:_ATTACKED_ROWS]):
            return f"the prompts say what {', '.join(map(repr, read))} holds, which a response must keep to, and which is no answer"
        return f"code reads {', '.join(map(repr, read))}, and whether that is the answer, and how it is to be written, is known to the code alone"

    def read_by(self, reward: Reward) -> list[str]:
        """Columns, or tests, that the code of a reward may take a right answer from."""
        own = [part for part in self.parts(reward) if not part.score.traits.rewards]
        return sorted({source.name.partition(" (")[0] for part in own for source in Sources(self.rows, []).of_function(part)})

    def knows_right(self, reward: Reward) -> bool:
        """Whether it is certain that the answers that are tried are right ones for a reward.

        They are for scorers of ours, whose options say what they compare, and for code that reads plain values of a column that is named as answers
        are. Other columns may hold terms of the task (numbers to use, a word to avoid), and lists and objects may be written in many ways.
        """
        if not self.has_code(reward):
            return True
        read = self.read_by(reward)
        if any(name not in self.rows[0].columns for name in read):
            return True  # a program made of the tests
        named = set(filter(names_answers, read))
        if len(read) > 1:
            named -= MAYBE_TERMS
        return any(all(_is_plain(row.columns[name]) for row in self.rows[:_ATTACKED_ROWS]) for name in named)

    def _not_parsed(self) -> str | None:
        """A reward of code that reads a row's value, and whose pattern finds no answer in any honest response: what is to be written for the value is its own."""
        texts = [text for row in range(len(self.rows)) if (text := self.honest.right(row)) is not None]
        for part in (part for reward in self.weighted for part in self.parts(reward)):
            parser = part.parse
            if not texts or not self.reads_reference(part) or not isinstance(parser, (Regex, RegexExtract)):
                continue
            if all(parser.parse(text) is None for text in texts):
                return part.name
        return None

    @cached_property
    def answers_are_known(self) -> bool:
        """Whether the honest answers are right for some reward for certain, so that other rows' answers are wrong ones."""
        return any(self.knows_right(reward) for reward in self.weighted if reward.name in self.reads_references)

    @cached_property
    def runs_programs(self) -> bool:
        """Whether a reward runs what a response holds against tests."""
        return any(map(self.runs, self.weighted))

    def runs(self, reward: Reward) -> bool:
        """Whether a reward runs programs."""
        names = {part.name for part in self.parts(reward)}
        return "PythonTests" in self.kinds(reward) or runs_programs([code for code in self.codes if code.reward in names])

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Texts without any of the row's values that scorers of ours look for."""
        return tuple(dict.fromkeys(word for reward in self.rubric for scorer in scorers_in(reward.score) if (word := _looked_for(scorer))))

    @cached_property
    def asks_for_thinking(self) -> bool:
        """Whether the prompts, or rewards of form, ask for thinking in tags of its own."""
        texts = [row.prompt_text for row in self.rows[:_ATTACKED_ROWS]] + [text for code in self.codes for text in code.texts]
        texts += [f"<{name}>" for reward in self.rubric for scorer in scorers_in(reward.score) for name in format_names(scorer)]
        return any(map(is_thinking_tag, tags_in(texts)))

    @cached_property
    def in_process(self) -> bool:
        """Whether a program of a response would run in this process."""
        return any({"exec", "eval"} & code.called for code in self.codes)

    def verdicts(self, texts: Sequence[tuple[int, str]]) -> list[Verdict]:
        """What the rubric says of responses to rows."""
        return self.call.verdicts([Probe(row, text) for row, text in texts])

    def fails_again(self, reward: Reward, texts: Sequence[tuple[int, str]]) -> bool:
        """Whether a reward fails on some of the responses that it failed on, a second time: a busy machine may end a worker of ours once."""
        again = [self.call.batch([Probe(*text)])[0] for text in texts[:_FAILED_AGAIN]]
        return any(reward.name in verdict.failed for verdict in again)

    @cached_property
    def paired(self) -> list[tuple[int, Verdict, Verdict]]:
        """Rows with a right answer: row, verdict of the honest right response, verdict of the honest wrong one."""
        rows = [(i, text) for i in range(len(self.rows)) if (text := self.honest.right(i)) is not None]
        right = self.verdicts(rows)
        wrong = self.verdicts([(i, self.honest.wrong(i)) for i, _ in rows])
        return [(i, a, b) for (i, _), a, b in zip(rows, right, wrong, strict=True)]

    @cached_property
    def attacked(self) -> list[tuple[int, Verdict, Verdict]]:
        """The rows that are attacked: those whose right answer is paid, of different answers first."""
        paid = [pair for pair in self.paired if pair[1].total is not None and pair[2].total is not None and pair[1].total > pair[2].total + 1e-9]
        seen: set[str | None] = set()
        first, more = [], []
        for pair in paid or self.paired:
            gold = self.honest.gold(pair[0])
            (more if gold in seen else first).append(pair)
            seen.add(gold)
        chosen = (first + more)[:_ATTACKED_ROWS]
        return chosen[:_FEW_ROWS] if self.is_costly else chosen

    @cached_property
    def is_costly(self) -> bool:
        """Whether few responses are tried, since each costs a program, a call of a server, a pass of a model, or about as much; see `cost`."""
        _ = self.honest  # the search for the form measures what is not known before
        return is_known_costly(self.rubric, self.codes) or self.call.spending.is_costly

    def affordable(self, attacks: int) -> int:
        """How many of a row's attacks are tried."""
        return min(attacks, _FEW_ATTACKS) if self.is_costly else attacks

    @cached_property
    def graded(self) -> bool:
        """Whether part of an answer is paid in part."""
        for scorer in {id(part.score): part.score for reward in self.weighted for part in self.parts(reward)}.values():
            names = {type(inner).__name__ for inner in scorers_in(scorer)}
            if names & _GRADED or getattr(scorer, "scoring", "") == "fraction" or getattr(scorer, "mode", "") == "by_argument":
                return True
            if "JsonMatch" in names and not getattr(scorer, "all_or_nothing", False):
                return True
        return any(self._pays_part(part) for part in (partial, other_value, near_number))

    def _pays_part(self, part: Callable[[str], str | None]) -> bool:
        """Whether an answer of which a part is right earns something between wrong and right on two rows or more."""
        between = 0
        for row, right, wrong in self.attacked[:8]:
            content = {source: part(source.values[row] or "") for source in self.honest.sources if source.kind == "text"}
            if not content or any(text is None for text in content.values()) or right.total is None or wrong.total is None:
                continue
            text = self.honest.form.text(lambda source, content=content: content.get(source) or "")
            form = frozenset(name for name, score in right.scores.items() if score == wrong.scores[name])
            high, low, total = (verdict.without(self.call.weights, form) for verdict in (right, wrong, self.verdicts([(row, text)])[0]))
            if high is not None and low is not None and total is not None:
                between += low + 0.05 * (high - low) < total < high - 0.05 * (high - low)
        return between >= 2


def _is_plain(value: Any) -> bool:
    """Whether a value is a text, a number or a truth value, and no list, object or JSON text of one; nothing is as well."""
    return value is None or (isinstance(value, (str, int, float)) and not str(value).lstrip().startswith(("{", "[")))


def is_said(value: Any, prompt: str) -> bool:
    """Whether a prompt has a value in it, or every one of a list."""
    values = value if isinstance(value, (list, tuple)) else [value]
    return bool(values) and all(re.search(rf"(?i)(?<!\w){re.escape(str(item))}(?!\w)", prompt) for item in values)


def _looked_for(scorer: Any) -> str | None:
    """A plain text that a scorer of patterns or of parts of a text is content with; None for other scorers, and for texts of marks."""
    kind = type(scorer).__name__
    if kind == "RegexMatch" and not scorer.template.columns:
        text = (sample_of_pattern(followed_by(scorer.pattern, "()")) or "").replace(MARK, "")
    elif kind == "StringMatch" and scorer.contains and not scorer.traits.columns:
        text = scorer.contains
    elif kind == "StringCheck" and scorer.text and scorer.operation in ("like", "ilike") and not scorer.traits.columns:
        text = scorer.text
    else:
        return None
    return text.strip() if re.search(r"[A-Za-z]{2}", text) and "<" not in text and len(text) < 60 else None
