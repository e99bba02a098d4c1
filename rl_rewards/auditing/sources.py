"""Where a rubric's right answers come from: the references that its scorers read, as answers that a policy would write."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from rl_rewards.addresses import address
from rl_rewards.auditing.asked import asked_templates
from rl_rewards.auditing.code import Code, code_of, scorers_in
from rl_rewards.auditing.forms import Slot, Source
from rl_rewards.auditing.golds import extractions, text_form, written_calls
from rl_rewards.auditing.pattern_samples import MARK, followed_by, sample_of_pattern
from rl_rewards.auditing.programs import SOLUTION_COLUMNS, looks_like_program, solution_from_tests
from rl_rewards.auditing.rows import Row
from rl_rewards.auditing.templates import COMMON, at_address, format_names, of_parser, of_texts, of_tool_call
from rl_rewards.parsers.identity import Identity
from rl_rewards.parsers.json_object import Json
from rl_rewards.references import MissingReferenceError, lookup
from rl_rewards.reward import Reward
from rl_rewards.scorers.base import Scorer
from rl_rewards.scorers.graders.comparing import ComparingGrader
from rl_rewards.scorers.reference import value_of
from rl_rewards.types import Sample

__all__ = [
    "MADE_OF_TESTS",
    "MAYBE_TERMS",
    "NOT_ANSWERS",
    "QUESTIONS",
    "REFERENCE_COLUMNS",
    "Sources",
    "is_term",
    "names_answers",
    "runs_programs",
    "takes_columns",
    "told_columns",
]

REFERENCE_COLUMNS = (
    "answer", "solution", "ground_truth", "gold", "target", "label", "reference", "expected", "answers", "golden_answer", "golden_answers",
    "final_answer", "correct_answer", "gold_answer", "reference_answer", "output", "truth", "gt", "result", "completion_gold", "ref", "key",
)  # fmt: skip
MADE_OF_TESTS = "tests (program)"
"""Name of the source of programs that are made of the rows' tests."""
NOT_ANSWERS = frozenset({"InstructionFollowing"})
"""Scorers whose `reference` says what a response must be like, and is not what it says."""
QUESTIONS = frozenset({"Autorater", "ScoreModel", "LabelModel"})
"""Scorers that put a question of the user's to a language model."""
_OF_PAIRS = frozenset({"PairwiseJudge"})
"""Scorers that are told of another response, which is no right one."""
MAYBE_TERMS = frozenset({"target", "result", "output", "key"})
"""Columns that hold an answer by their name, but with others beside them may be terms of a task."""
_ANSWER_WORDS = frozenset("answer answers gold golden truth label solution expected correct".split())
_LONGEST = 4000  # characters of an answer


def names_answers(column: str) -> bool:
    """Whether a column is named as those are that hold answers."""
    return column in REFERENCE_COLUMNS or bool(_ANSWER_WORDS & set(re.split(r"[\W_\d]+", column.lower())))


def runs_programs(codes: Sequence[Code]) -> bool:
    """Whether code runs what responses hold as programs."""
    return any(name == "exec" or name.startswith("subprocess.") for code in codes for name in code.called)


def is_term(column: str) -> bool:
    """Whether a column's name leaves open that it holds a term of the task."""
    return column in MAYBE_TERMS or not names_answers(column)


def told_columns(scorer: Scorer) -> list[str]:
    """The columns with right answers that a model or a server is told of: those named so, else all that a question of the user's holds."""
    if not scorer.traits.calls_server or type(scorer).__name__ in _OF_PAIRS:
        return []
    columns = sorted(scorer.traits.columns)
    return list(filter(names_answers, columns)) or (columns if type(scorer).__name__ in QUESTIONS else [])


class Sources:
    """The sources of a rubric's rows, each made once, and the slots that they may stand in."""

    def __init__(self, rows: Sequence[Row], texts: Sequence[str]) -> None:
        self._rows = rows
        self._texts = texts
        self._made: dict[tuple[str, ...], Source] = {}
        self._some_text = Source("some text", ("an answer",), "fixed")
        self._samples = [Sample(row.prompt, "", "", row.columns) for row in rows]

    def slots(self, reward: Reward) -> list[Slot]:
        """Where a reward may look for an answer, the most likely first."""
        own = code_of(reward)
        is_function = any(type(scorer).__name__ in ("Function", "FunctionScorer") for scorer in scorers_in(reward.score)) or bool(own)
        found: list[Slot] = []
        for scorer in scorers_in(reward.score):
            found += self._of_native(scorer, reward)
        if not is_function:
            return found
        parsed = of_parser(reward.parse) if reward.parse != Identity() else []
        texts = [text for code in own for text in code.texts]
        keys = [key for code in own for key in code.keys if key not in self._rows[0].columns]
        if any(name.startswith("json.") for code in own for name in code.called):
            keys += [text for text in texts if re.fullmatch(r"[A-Za-z_]\w{1,30}", text) and text not in keys]
        if (
            any(name.startswith("json.") for code in own for name in code.called)
            or any("output_json" in code.keys for code in own)
            or isinstance(reward.parse, Json)
        ):
            keys += [key for code in own for key in code.keys if key in self._rows[0].columns and key not in keys]  # of a reply, perhaps, named alike
        ours = of_texts(texts, keys)
        if parsed:
            templates = parsed if not isinstance(reward.parse, Json) else list(dict.fromkeys([*of_texts((), keys), *parsed]))
        else:
            asked = asked_templates(self._rows)
            templates = list(dict.fromkeys([*asked, *ours[:40], *COMMON, *of_texts(self._texts)[:8]]))
        for source in [*self.of_function(reward), *self._unread(reward)] or [self._some_text]:
            of_source = templates if source.kind != "calls" else [MARK]
            if source.kind == "program" or runs_programs(own):
                of_source = [f"```python\n{MARK}\n```", MARK, f"<answer>\n```python\n{MARK}\n```\n</answer>", *[t for t in templates if "<" in t][:2]]
            found += [Slot(source, template) for template in of_source]
        return found

    def of_function(self, reward: Reward) -> list[Source]:
        """What the columns that a function reads may hold as answers; where it does not say which, those with usual names."""
        columns = list(self._rows[0].columns)
        own = code_of(reward)
        read = [name for name in columns if name in reward.score.traits.columns or any(name in code.parameters or name in code.keys for code in own)]
        if not read and own and not any(code.main for code in own if takes_columns(code.main)):
            return []
        usual = [name for name in REFERENCE_COLUMNS if name in columns]
        names = sorted(read, key=lambda name: name not in usual) or usual
        if runs_programs(own) or any("python" in text for code in own for text in code.texts):
            return self.programs() or self._plain(names)
        return self._plain(names)

    def _unread(self, reward: Reward) -> list[Source]:
        """What columns hold that are named as answers are, where a function reads others that are not: terms of the task, most likely."""
        read = {source.name.partition(" (")[0] for source in self.of_function(reward)}
        if not read or any(name not in self._rows[0].columns or not is_term(name) for name in read):
            return []
        return self._plain([name for name in self._rows[0].columns if name not in read and not is_term(name)])

    def _plain(self, names: Sequence[str]) -> list[Source]:
        found = []
        for name in names:
            by_way = [extractions(row.columns[name]) for row in self._rows]
            are_lists = any(isinstance(row.columns[name], (list, tuple)) and len(row.columns[name]) > 1 for row in self._rows)
            for way in dict.fromkeys(way for ways in by_way for way in ways if are_lists or not way.startswith("the list")):
                values = [ways.get(way) for ways in by_way]
                if sum(value is not None for value in values) * 2 >= len(values) and all(len(value or "") < _LONGEST for value in values):
                    found.append(self._source((name, way), values, "calls" if way == "calls" else "text"))
        return found

    def programs(self) -> list[Source]:
        """Programs that the data holds, or that its tests allow to be written."""
        for name in SOLUTION_COLUMNS:
            values = [text_form(row.columns.get(name)) for row in self._rows]
            if sum(value is not None and looks_like_program(value) for value in values) * 2 > len(values):
                return [self._source((name, "program"), values, "program")]
        values = [solution_from_tests(row) for row in self._rows]
        return [self._source(("tests", "program"), values, "program")] if any(values) else []

    def _source(self, key: tuple[str, ...], values: Sequence[str | None], kind: str = "text") -> Source:
        if key not in self._made:
            column, way = key[:2]
            name = column if way == "as it is" else f"{column} ({way})"
            self._made[key] = Source(name, tuple(values), kind)
        return self._made[key]

    def _of_native(self, scorer: Any, reward: Reward) -> list[Slot]:
        kind = type(scorer).__name__
        templates = of_parser(reward.parse) or list(COMMON)
        if (asked := _of_input(scorer)) is not None:
            templates = [template.replace(MARK, asked) for template in templates]
        if kind in ("PythonTests", "PythonReward"):
            fenced = [f"```python\n{MARK}\n```"] if reward.parse == Identity() else templates
            return [Slot(source, template) for source in self.programs() for template in fenced]
        if kind == "RegexMatch":
            return self._of_regex(scorer, reward, templates)
        if kind in NOT_ANSWERS:
            return []
        if kind == "ToolCallMatch":
            return [Slot(self._source((str(scorer.reference), "as it is", kind), self._calls(scorer), "calls"), MARK)]
        if kind == "JsonSchema":
            value = json.dumps(instance_of(scorer.schema))
            return [Slot(Source("an object of the schema", [value], "fixed"), template) for template in templates]
        if kind in ("ThinkAnswerFormat", "TagCount"):
            names = format_names(scorer)
            return [Slot(source, f"<{names[-1]}>{MARK}</{names[-1]}>") for source in self._usual()]
        values = self._targets(scorer)
        if values is None and (told := told_columns(scorer)):
            return [Slot(source, template) for source in self._plain(told) for template in templates]
        if values is None:
            return [Slot(source, template) for source in self._usual()[:1] for template in templates[:2]] if reward.parse != Identity() else []
        key = tuple(sorted(scorer.traits.columns)) or ("a fixed text",)
        source = self._source((" + ".join(key), "as it is", kind, str(getattr(scorer, "reference", ""))), values)
        if kind == "MathVerify" and reward.parse == Identity():
            return [Slot(source, f"\\boxed{{{MARK}}}")]
        return [Slot(source, template) for template in templates]

    def _usual(self) -> list[Source]:
        columns = self._rows[0].columns
        return self._plain([name for name in REFERENCE_COLUMNS if name in columns][:1]) or [self._some_text]

    def _targets(self, scorer: Scorer) -> list[str | None] | None:
        """The answers that a scorer of ours compares with, by row; None for one that compares with nothing."""
        read: Callable[[Sample], Any]
        if type(scorer).__name__ == "MultipleChoice":
            read = _label_of(scorer)
        elif (reference := getattr(scorer, "reference", None)) is not None and hasattr(scorer, "target"):
            read = value_of(reference)
        elif type(scorer).__name__ == "StringMatch":
            read = scorer._template.value  # type: ignore[attr-defined]
        else:
            return None
        values: list[str | None] = []
        for sample in self._samples:
            try:
                values.append(text_form(read(sample)))
            except Exception:  # a row without a usable reference is a finding of its own
                values.append(None)
        return values

    def _calls(self, scorer: Any) -> list[str | None]:
        """The calls that a tool call scorer expects, as a response writes them."""
        values: list[str | None] = []
        for sample in self._samples:
            try:
                values.append(written_calls({"name": call.name, "arguments": dict(call.arguments)} for call in scorer.target(sample)))
            except MissingReferenceError:
                values.append(None)
        return values

    def _of_regex(self, scorer: Any, reward: Reward, templates: Sequence[str]) -> list[Slot]:
        columns = sorted(scorer.template.columns)
        if not columns:
            found = sample_of_pattern(scorer.pattern)
            if found is None or MARK not in found:
                fixed = (sample_of_pattern(followed_by(scorer.pattern, "(.*)")) or "").replace(MARK, "")
                return [Slot(Source("a text of the pattern", [fixed], "fixed"), template) for template in templates[:1]] if fixed else []
            return [Slot(source, templates[0].replace(MARK, found)) for source in self._usual()]
        tokens = {}

        def token(path: tuple[str, ...]) -> str:
            tokens[path] = f"Q{len(tokens)}Q"
            return tokens[path]

        pattern = scorer.template.filled(token)
        sample = sample_of_pattern(followed_by(pattern, "()"))
        if sample is None:
            return []
        sample = sample.replace(MARK, "")
        values: list[str | None] = []
        for row in self._rows:
            try:
                values.append(_filled(sample, {name: text_form(lookup(row.columns, path)) or "" for path, name in tokens.items()}))
            except ValueError:
                values.append(None)
        source = self._source((" + ".join(columns), "as it is", "regex", scorer.pattern), values)
        return [Slot(source, template) for template in templates]


def _of_input(scorer: Any) -> str | None:
    """What a response holds so that a grader's `input` is the answer; None for other scorers, and where it is all of the response."""
    text = scorer.input if isinstance(scorer, ComparingGrader) else ""
    found = re.fullmatch(r"\s*\{\{\s*(sample\.output_(json|tools)[^}]*?)\s*\}\}\s*", text)
    if found is None:
        return None
    steps = address(found[1]).steps[2:]
    return at_address(steps) if found[2] == "json" else of_tool_call(("tool_calls", *steps))


def _label_of(scorer: Any) -> Callable[[Sample], Any]:
    """What gives the label of a row's right option."""
    return lambda sample: scorer.target(sample)[1]


def _filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"Q\d+Q", lambda match: values.get(match[0], match[0]), text)


def takes_columns(main: Any) -> bool:
    """Whether a function reads columns that its parameters do not name: it uses its `**columns`."""
    if not hasattr(main, "args"):
        return True
    kwarg = main.args.kwarg
    return kwarg is not None and any(isinstance(node, ast.Name) and node.id == kwarg.arg for node in ast.walk(main))


def instance_of(schema: Any, depth: int = 0) -> Any:
    """A value that is valid under a plain schema: types, enums, required fields, bounds."""
    if isinstance(schema, str) and depth == 0:
        schema = json.loads(schema)
    if not isinstance(schema, dict) or depth > 8:
        return "text"
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for union in ("anyOf", "oneOf", "allOf"):
        if schema.get(union):
            return instance_of(schema[union][0], depth + 1)
    kind = schema.get("type", "object" if "properties" in schema or "required" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: instance_of(properties.get(name, {}), depth + 1) for name in (schema.get("required") or properties)}
    if kind == "array":
        return [instance_of(schema.get("items", {}), depth + 1) for _ in range(max(1, schema.get("minItems", 1)))]
    if kind in ("integer", "number"):
        low, high = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1), schema.get("maximum")
        return low if high is None or low <= high else high
    if kind == "boolean":
        return True
    return None if kind == "null" else "text" * max(1, -(-schema.get("minLength", 1) // 4))
