"""Preludes: Python text that runs before a program, such as the imports that LeetCode's programs take for granted."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

LEETCODE = """
import array, bisect, collections, copy, datetime, enum, fractions, functools, heapq, itertools, json, math, operator, random, re, statistics, string, sys
import numpy as np
import pandas as pd
from array import array
from bisect import bisect_left, bisect_right, insort, insort_left, insort_right
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum
from fractions import Fraction
from functools import cache, cached_property, cmp_to_key, lru_cache, partial, reduce
from heapq import heapify, heappop, heappush, heappushpop, heapreplace, merge, nlargest, nsmallest
from itertools import accumulate, chain, combinations, combinations_with_replacement, compress, count, cycle, dropwhile, filterfalse, groupby, islice
from itertools import pairwise, permutations, product, repeat, starmap, takewhile, tee, zip_longest
from math import acos, asin, atan, atan2, ceil, comb, cos, dist, e, exp, fabs, factorial, floor, fmod, fsum, gcd, hypot, inf, isclose, isqrt, lcm, log
from math import log2, log10, nan, perm, pi, prod, sin, sqrt, tan, tau
from operator import and_, iand, itemgetter, ior, mul, neg, or_, sub, xor
from random import choice, choices, randint, randrange, sample, shuffle, uniform
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits, punctuation
from typing import Any, Callable, DefaultDict, Deque, Dict, FrozenSet, Generator, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set
from typing import Tuple, Type, TypeVar, Union

class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next

class TreeNode:
    def __init__(self, val=0, left=None, right=None):
        self.val = val
        self.left = left
        self.right = right

def list_node(values):
    head = None
    for value in reversed(values):
        head = ListNode(value, head)
    return head

def is_same_list(first, second):
    while first is not None and second is not None:
        if first.val != second.val:
            return False
        first, second = first.next, second.next
    return first is None and second is None

def tree_node(values):
    nodes = [None if value is None else TreeNode(value) for value in values]
    children = iter(nodes[1:])
    for node in nodes:
        if node is not None:
            node.left, node.right = next(children, None), next(children, None)
    return nodes[0] if nodes else None

def is_same_tree(first, second):
    pairs = [(first, second)]
    while pairs:
        one, other = pairs.pop()
        if one is None or other is None:
            if one is not other:
                return False
        elif one.val != other.val:
            return False
        else:
            pairs += [(one.left, other.left), (one.right, other.right)]
    return True
"""
PRESETS = {"leetcode": LEETCODE}
_WORD = re.compile(r"\w+")


def as_prelude(text: str) -> str:
    """The Python text that an option `prelude` means: a preset by its name, or the text itself.

    Raises:
        ValueError: for a name that is none of PRESETS, or text that does not compile.
    """
    if text in PRESETS:
        return PRESETS[text]
    if text.strip().isidentifier():
        raise ValueError(
            f"prelude must be Python text, one of {sorted(PRESETS)} or a column's template, got {text!r}; did you mean '{{{{references.{text.strip()}}}}}'?"
        )
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise ValueError(f"prelude must be Python text that compiles: {error}") from None
    return text


def needed(prelude: str, *texts: str) -> str:
    """What of a prelude the texts mention: an import that nobody uses would cost every program its time, and some engines do not have it."""
    words = {word for text in texts for word in _WORD.findall(text)}
    return _kept(prelude, frozenset(words & _names(prelude)))


@lru_cache(maxsize=64)
def _names(prelude: str) -> frozenset[str]:
    return frozenset(_WORD.findall(prelude))


@lru_cache(maxsize=1024)
def _kept(prelude: str, words: frozenset[str]) -> str:
    wanted = set(words)
    body = ast.parse(prelude).body
    kept: dict[int, ast.stmt] = {}
    for at, node in reversed(list(enumerate(body))):  # what is used was made before
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias for alias in node.names if alias.name == "*" or (alias.asname or alias.name).partition(".")[0] in wanted]
            if names:
                kept[at] = ast.ImportFrom(node.module, names, node.level) if isinstance(node, ast.ImportFrom) else ast.Import(names)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or node.name in wanted:
            kept[at] = node
            wanted |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return "\n".join(ast.unparse(ast.fix_missing_locations(kept[at])) for at in sorted(kept))
