"""Values of Python's libraries that pass between a program and its tests as what they are: collections, dates, arrays, data frames.

Each is a name and the plain data to make it from. What a program says is made from these parts alone, so no code of its choosing runs.
"""

from __future__ import annotations

import collections
import datetime
import importlib
import sys
from collections.abc import Callable
from typing import Any

from . import plain

Encode = Callable[[Any], plain.Tree]


def encode(value: Any, inner: Encode) -> plain.Tree | None:
    """The tree of a library's value, its parts by `inner`; None for what is none of those here."""
    kind = type(value)
    if kind is type:
        name = value.__name__
        return {"made": ["type", name]} if _TYPES.get(name) is value else None
    if getattr(value, "tzinfo", None) is not None and type(value.tzinfo) is not datetime.timezone:
        return None  # a named zone would come back as an offset
    if kind in _PARTS:
        return {"made": [kind.__name__, inner(_PARTS[kind](value))]}
    if kind is collections.defaultdict:
        factory = value.default_factory
        name = factory.__name__ if factory in _FACTORIES.values() else None  # type: ignore[union-attr]
        return None if factory is not None and name is None else {"made": ["defaultdict", [name, inner(dict(value))]]}
    root = kind.__module__.partition(".")[0]
    if root == "numpy" and "numpy" in sys.modules:
        return _numpy(value, inner)
    if root == "sympy" and getattr(value, "is_Rational", False):
        return {"made": ["Rational", inner([int(value.p), int(value.q)])]}
    if root == "pandas" and "pandas" in sys.modules:
        return _pandas(value, inner)
    return None


def decode(content: Any, inner: Callable[[plain.Tree], Any]) -> Any:
    """The value of a tree that `encode` made, or that a program made up.

    Raises:
        ValueError, TypeError, OverflowError: for what is no such tree.
    """
    name, parts = content
    if name in _MAKERS:
        return _MAKERS[name](*inner(parts))
    if name == "defaultdict":
        made = collections.defaultdict(_FACTORIES.get(parts[0]))
        made.update(inner(parts[1]))
        return made
    if name == "type":
        return _TYPES[parts]
    if name in ("ndarray", "scalar"):
        return _array(name, parts, inner)
    if name in ("DataFrame", "Series", "Index"):
        return _frame(name, parts, inner)
    if name == "Rational":
        return importlib.import_module("sympy").Rational(*map(int, inner(parts)))
    if name == "missing":
        return importlib.import_module("pandas").NaT if parts == "NaT" else importlib.import_module("pandas").NA
    if name == "Timestamp":
        return importlib.import_module("pandas").Timestamp(str(parts))
    if name == "Timedelta":
        return importlib.import_module("pandas").Timedelta(int(parts), unit="ns")
    raise ValueError(f"no value of a library: {name!r:.40}")


_TYPES = {kind.__name__: kind for kind in (object, type, type(None), bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict, range)}
_FACTORIES: dict[str, type] = {kind.__name__: kind for kind in (int, float, str, list, dict, set, tuple, bool)}
_PARTS: dict[type, Callable[[Any], Any]] = {
    collections.deque: lambda value: [list(value), value.maxlen],
    collections.Counter: lambda value: [dict(value)],
    collections.OrderedDict: lambda value: [list(value.items())],
    range: lambda value: [value.start, value.stop, value.step],
    slice: lambda value: [value.start, value.stop, value.step],
    datetime.date: lambda value: [value.year, value.month, value.day],
    datetime.timedelta: lambda value: [value.days, value.seconds, value.microseconds],
    datetime.datetime: lambda value: [value.isoformat()],
    datetime.time: lambda value: [value.isoformat()],
}
_MAKERS: dict[str, Callable[..., Any]] = {
    "deque": collections.deque, "Counter": collections.Counter, "OrderedDict": collections.OrderedDict, "range": range, "slice": slice,
    "date": datetime.date, "timedelta": datetime.timedelta, "datetime": datetime.datetime.fromisoformat, "time": datetime.time.fromisoformat,
}  # fmt: skip
_SIMPLE_KINDS = "biufcmMSU"


def _numpy(value: Any, inner: Encode) -> plain.Tree | None:
    numpy = sys.modules["numpy"]
    if isinstance(value, numpy.generic) and value.dtype.kind in _SIMPLE_KINDS:
        array = numpy.asarray(value)
        return {"made": ["scalar", [array.dtype.str, [], array.tobytes().decode("latin-1")]]}
    if type(value) is not numpy.ndarray:
        return None
    if value.dtype.kind in _SIMPLE_KINDS:
        return {"made": ["ndarray", [value.dtype.str, list(value.shape), numpy.ascontiguousarray(value).tobytes().decode("latin-1")]]}
    if value.dtype.kind == "O":
        return {"made": ["ndarray", ["O", list(value.shape), inner(value.ravel().tolist())]]}
    return None


def _array(name: str, parts: Any, inner: Callable[[plain.Tree], Any]) -> Any:
    numpy = importlib.import_module("numpy")
    kind, shape, content = parts
    if kind == "O":
        items = inner(content)
        array = numpy.empty(len(items), dtype=object)
        for at, item in enumerate(items):
            array[at] = item
    else:
        dtype = numpy.dtype(str(kind))
        if dtype.kind not in _SIMPLE_KINDS:
            raise ValueError(f"no plain dtype: {kind!r:.40}")
        array = numpy.frombuffer(content.encode("latin-1"), dtype=dtype).copy()
    array = array.reshape([int(length) for length in shape])
    return array[()] if name == "scalar" else array


def _pandas(value: Any, inner: Encode) -> plain.Tree | None:
    pandas = sys.modules["pandas"]
    if value is pandas.NaT or value is pandas.NA:
        return {"made": ["missing", "NaT" if value is pandas.NaT else "NA"]}
    if type(value) is pandas.Timestamp:
        return {"made": ["Timestamp", value.isoformat()]} if value.tzinfo is None else None
    if type(value) is pandas.Timedelta:
        return {"made": ["Timedelta", value.value]}
    if type(value) is pandas.RangeIndex or type(value) in (pandas.Index, pandas.DatetimeIndex):
        if type(value) is pandas.RangeIndex:
            return {"made": ["Index", ["range", inner([value.start, value.stop, value.step]), inner(value.name)]]}
        return {"made": ["Index", [str(value.dtype), inner(value.to_numpy()), inner(value.name)]]}
    if type(value) is pandas.Series:
        return {"made": ["Series", [str(value.dtype), inner(value.to_numpy()), inner(value.index), inner(value.name)]]}
    if type(value) is pandas.DataFrame:
        columns = [[str(value.dtypes.iloc[at]), inner(value.iloc[:, at].to_numpy())] for at in range(value.shape[1])]
        return {"made": ["DataFrame", [columns, inner(value.index), inner(value.columns)]]}
    return None


def _frame(name: str, parts: Any, inner: Callable[[plain.Tree], Any]) -> Any:
    pandas = importlib.import_module("pandas")
    if name == "Index":
        kind, content, label = parts
        return (
            pandas.RangeIndex(*inner(content), name=inner(label)) if kind == "range" else pandas.Index(inner(content), dtype=kind, name=inner(label))
        )
    if name == "Series":
        kind, content, index, label = parts
        return pandas.Series(inner(content), index=inner(index), name=inner(label), dtype=kind)
    columns, index, labels = parts
    made = pandas.DataFrame({at: pandas.Series(inner(content), dtype=kind) for at, (kind, content) in enumerate(columns)})
    made.index, made.columns = inner(index), inner(labels)
    return made
