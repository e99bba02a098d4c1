"""Fields of a reply that the rows have right values for, and that no reward looks at: any value is paid."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rl_rewards.auditing.code import scorers_in
from rl_rewards.auditing.findings import Finding, Severity
from rl_rewards.auditing.golds import calls_in, text_form
from rl_rewards.auditing.rows import Row
from rl_rewards.auditing.sources import takes_columns
from rl_rewards.auditing.subject import Subject
from rl_rewards.scorers.code.snippet import SnippetScorer

__all__ = ["field_findings"]

_ROWS = 6
_SAME = 1e-9
_WORDS = 4  # of a value; a longer one is a remark, which nothing is compared with
_NAMED = 2  # fields of a reply that a line of a prompt names, so that what else it names is a field as well
_CALL = {"name", "arguments"}
Fields = Mapping[str, Any]


def field_findings(subject: Subject) -> Iterator[Finding]:
    """Columns with the right values of fields that replies have, or that the rubric allows, none of which makes a difference."""
    if subject.learned:
        return
    full = {i: right.total for i, right, _ in subject.attacked if right.total is not None}
    for column in _unread(subject):
        values = {i: fields for i in full if (fields := _fields(subject, i, column))}
        others = {i: next((other for other in values.values() if other != fields), None) for i, fields in values.items()}
        rows = [i for i, other in others.items() if other is not None][:_ROWS]
        if len(rows) < 2:
            continue
        right = [(i, _reply(subject, i, values[i])) for i in rows]
        wrong = [(i, _reply(subject, i, others[i] or {})) for i in rows]
        earned = [(a.total, b.total) for a, b in zip(subject.verdicts(right), subject.verdicts(wrong), strict=True)]
        if all(a is not None and b is not None and abs(a - b) < _SAME and a > full[i] - _SAME for i, (a, b) in zip(rows, earned, strict=True)):
            yield Finding(
                kind="field_not_compared", severity=Severity.ERROR, response=wrong[0][1], earns=earned[0][1], honest=earned[0][0], rows=len(rows), of=len(subject.attacked),
                evidence=f"column {column!r} has the right values of {', '.join(map(repr, values[rows[0]]))}, and another row's are paid like them: no reward reads it",
                remedy="compare these fields with the column (`json_match`, `tool_call_match`, `string_match` of a parsed field), were it as a metric",
            )  # fmt: skip


def _unread(subject: Subject) -> list[str]:
    """Columns that no reward reads, a metric neither; none where code may read any."""
    read = {*subject.rubric.columns, *(name for code in subject.codes for name in code.parameters), "tools"}
    for reward in subject.rubric:
        own = [code for code in subject.codes if code.reward == reward.name]
        if any(isinstance(scorer, SnippetScorer) for scorer in scorers_in(reward.score)) or any(map(takes_columns, (code.main for code in own))):
            read |= {key for code in own for key in code.keys}
        elif not own and not type(reward.score).__module__.startswith("rl_rewards."):
            return []
    return [name for name in subject.rows[0].columns if name not in read]


def _fields(subject: Subject, row: int, column: str) -> Fields:
    """The fields of a reply that a column has the row's values of, with these; empty where it has none."""
    reply, value = _object(subject, row), subject.rows[row].columns[column]
    if reply is None or value is None:
        return {}
    known, is_call = _known(subject, row, reply), reply.keys() >= _CALL
    if is_call and (calls := calls_in(value)):
        return dict(calls[0]["arguments"]) if len(calls) == 1 and isinstance(calls[0]["arguments"], Mapping) else {}
    held = _mapping(value) or {}
    found = {name: held[name] for name in held if name in known} if held.keys() <= known else {}
    if not found and column in known and (is_call or _names(subject.rows[row].prompt_text, column)):
        found = {column: value}
    return {name: item for name, item in found.items() if len((text_form(item) or "").split()) in range(1, _WORDS + 1)}


def _known(subject: Subject, row: int, reply: dict[str, Any]) -> set[str]:
    """Names of the fields that a reply has, may have or is asked for beside others: of a tool call, the parameters of the row's tools."""
    if reply.keys() >= _CALL:
        return _parameters(subject.rows[row])
    schemas = [getattr(scorer, "schema", None) for reward in subject.weighted for scorer in scorers_in(reward.score)]
    properties = [(_mapping(schema) or {}).get("properties", {}) for schema in schemas]
    allowed = {*reply, *(name for found in properties if isinstance(found, Mapping) for name in found)}
    lines = [line for line in subject.rows[row].prompt_text.splitlines() if sum(_names(line, name) for name in reply) >= _NAMED]
    return allowed | {column for column in subject.rows[row].columns if any(_names(line, column) for line in lines)}


def _names(line: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", line) is not None


def _parameters(row: Row) -> set[str]:
    tools = row.columns.get("tools")
    found: set[str] = set()
    for tool in tools if isinstance(tools, (list, tuple)) else []:
        tool = tool.get("function", tool) if isinstance(tool, Mapping) else {}
        found |= set(((_mapping(tool.get("parameters")) or {}).get("properties")) or {})
    return found


def _object(subject: Subject, row: int) -> dict[str, Any] | None:
    """The object that an honest reply is, or has at its end: JSON, or one tool call."""
    text = subject.honest.right(row) or ""
    return _mapping(text[text.find("{") : text.rfind("}") + 1])


def _reply(subject: Subject, row: int, fields: Fields) -> str:
    """The honest reply with other values in some of its fields."""
    text, reply = subject.honest.right(row) or "", _object(subject, row) or {}
    changed = {**reply, "arguments": dict(fields)} if reply.keys() >= _CALL else {**reply, **fields}
    return text[: text.find("{")] + json.dumps(changed, ensure_ascii=False) + text[text.rfind("}") + 1 :]


def _mapping(value: Any) -> dict[str, Any] | None:
    """An object, or what the JSON text of one holds."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return dict(value) if isinstance(value, Mapping) else None
