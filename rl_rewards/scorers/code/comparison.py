"""Whether what a program gave is what was expected. Runs in the caller's process, on data that the program chose.

So nothing here builds a dict or a set from a program's data, whose hashes it could have made to collide, and nothing is cut to the
shorter side.
"""

from __future__ import annotations

import json
import math
from typing import Any

from rl_rewards.runtime.sandbox.cell.plain import Tree

_NO_NUMBER = object()


def same_output(expected: str, printed: str, tolerance: float) -> bool:
    """Line by line, and each line word by word; white space at the ends and empty lines at the end do not count.

    Where the expected word is a decimal number, the printed one may differ by the relative or absolute `tolerance`.
    """
    wanted, given = expected.rstrip().split("\n"), printed.rstrip().split("\n")
    return len(wanted) == len(given) and all(_same_line(want, give, tolerance) for want, give in zip(wanted, given, strict=True))


def _same_line(wanted: str, given: str, tolerance: float) -> bool:
    if wanted == given:
        return True
    words, theirs = wanted.split(), given.split()
    return len(words) == len(theirs) and all(_same_word(word, other, tolerance) for word, other in zip(words, theirs, strict=True))


def _same_word(wanted: str, given: str, tolerance: float) -> bool:
    if wanted == given:
        return True
    if not tolerance or not ("." in wanted or "e" in wanted.lower()) or len(given) > 400:
        return False
    try:
        expected, value = float(wanted), float(given)
    except ValueError:
        return False
    return math.isclose(expected, value, rel_tol=tolerance, abs_tol=tolerance)


def same_value(expected: Tree, given: Tree, tolerance: float) -> bool:
    """Whether two trees of plain data (checked ones) stand for equal values, as Python's `==` has it, with two allowances.

    Floats may differ by the relative or absolute `tolerance`; a tuple equals a list with the same items, since data sets know no tuples.
    """
    number, other = _number(expected), _number(given)
    if number is not _NO_NUMBER or other is not _NO_NUMBER:
        return number is not _NO_NUMBER and other is not _NO_NUMBER and _same_number(number, other, tolerance)
    items, theirs = _items(expected), _items(given)
    if items is not None or theirs is not None:
        return items is not None and theirs is not None and _same_items(items, theirs, tolerance)
    if not isinstance(expected, dict) or not isinstance(given, dict):
        return type(expected) is type(given) and expected == given
    ((kind, content),), ((other_kind, other_content),) = expected.items(), given.items()
    if kind.removeprefix("frozen") == "set" == other_kind.removeprefix("frozen") or kind == "dict" == other_kind:
        return _same_items(sorted(content, key=_canonical), sorted(other_content, key=_canonical), tolerance)
    return kind == other_kind and content == other_content


def _same_items(items: list[Any], theirs: list[Any], tolerance: float) -> bool:
    return len(items) == len(theirs) and all(same_value(item, other, tolerance) for item, other in zip(items, theirs, strict=True))


def _same_number(number: Any, other: Any, tolerance: float) -> bool:
    if number == other:
        return True
    if not isinstance(number, float) and not isinstance(other, float):
        return False
    try:
        return math.isclose(number, other, rel_tol=tolerance, abs_tol=tolerance)
    except OverflowError:  # an integer beyond every float
        return False


def _number(tree: Tree) -> Any:
    """The number that a tree stands for, which may be a bool as in Python; _NO_NUMBER for other trees."""
    if isinstance(tree, (bool, int, float)):
        return tree
    if isinstance(tree, dict) and "int" in tree:
        return int(tree["int"], 16)
    return _NO_NUMBER


def _items(tree: Tree) -> list[Any] | None:
    """The items of a list or tuple."""
    if isinstance(tree, dict):
        return tree.get("tuple")
    return tree if isinstance(tree, list) else None


def _canonical(tree: Tree) -> str:
    """A key to sort by, the same for equal elements of sets and keys of dicts: 1, 1.0 and True are one key."""
    if isinstance(tree, list) and len(tree) == 2:
        tree = tree[0]
    number = _number(tree)
    if number is not _NO_NUMBER and (not isinstance(number, float) or number.is_integer()):
        return hex(int(number))
    return json.dumps(tree)
