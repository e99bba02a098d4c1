"""Reading LaTeX environments: matrices, piecewise definitions, systems of equations."""

from __future__ import annotations

import re
from collections.abc import Callable

from rl_rewards.scorers.math.lists import named_list
from rl_rewards.scorers.math.values import Cases, Expression, Matrix, Value

__all__ = ["read"]

_ENVIRONMENT = re.compile(
    r"\(?\\begin\{(?P<name>[pbvBV]?(?:small)?matrix|array|cases|dcases|rcases|aligned)\*?\}(?P<body>.*)\\end\{(?P=name)\*?\}\)?", re.DOTALL
)
_ROW_GOES_ON = re.compile(r"\\\\\s*&?\s*=")  # x=2+3 \\ =5 is one equation
_COLUMNS = re.compile(r"\{[lcr|]+\}")
_CONDITION = re.compile(r",?(?:\\text\{(?:if|for|when|where)?,?\}|(?<![a-zA-Z])(?:if|for|when|where)(?=[a-zA-Z\\\d]))")
_OTHERWISE = re.compile(r",?(?:\\text\{(?:otherwise|else)[^{}]*\}|otherwise|else)$", re.IGNORECASE)


def read(text: str, read_part: Callable[[str], Value]) -> Value | None:
    """The matrix, piecewise definition or system that a canonical text is, None when it is no single environment."""
    match = _ENVIRONMENT.fullmatch(text)
    if match is None or text.count("\\begin") > 1:
        return None
    name, body = match["name"], match["body"]
    rows = [row.split("&") for row in body.split("\\\\") if row.strip()]
    if "cases" in name or name == "aligned":
        return _cases(text, [row.split("&") for row in _ROW_GOES_ON.sub("=", body).split("\\\\") if row.strip()], read_part)
    if name == "vmatrix":
        return Expression(text)  # a determinant
    if name == "array":
        rows = [[_COLUMNS.sub("", row[0]) if not number else row[0], *row[1:]] for number, row in enumerate(rows)]
    return Matrix(text, tuple(tuple(read_part(cell.strip()) for cell in row) for row in rows))


def _cases(text: str, rows: list[list[str]], read_part: Callable[[str], Value]) -> Value:
    """A piecewise definition, or a system of equations where no row has a condition."""
    read_rows = [_case("&".join(row), read_part) for row in rows]
    if all(condition is None for _, condition in read_rows):
        return named_list(text, [value for value, _ in read_rows])
    return Cases(text, tuple(read_rows))


def _case(row: str, read_part: Callable[[str], Value]) -> tuple[Value, Value | None]:
    row = row.rstrip(",;. ")
    value, joint, condition = row.partition("&")
    if not joint:
        match = _CONDITION.search(row)
        value, condition = (row[: match.start()], row[match.end() :]) if match is not None else (row, "")
    value, condition = value.rstrip(",; "), _CONDITION.sub("", condition.strip(",; "), count=1).strip(",; ")
    if _OTHERWISE.fullmatch(condition) or ((match := _OTHERWISE.search(value)) is not None and (value := value[: match.start()])):
        condition = "otherwise"
    return read_part(value), read_part(condition) if condition else None
