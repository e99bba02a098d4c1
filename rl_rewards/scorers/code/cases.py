"""Tests as data sets write them -> the cases to run and what each should give.

A form that is understood in part is refused: half of a test would judge right programs wrong, or wrong ones right.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rl_rewards.runtime.sandbox import Asserts, Call, Case, Execution, Script
from rl_rewards.runtime.sandbox.cell import plain
from rl_rewards.scorers.code.calls import (
    are_arguments,
    arguments_in,
    callable_of,
    function_name,
    is_method,
    named_arguments,
    values_in,
    with_int_keys,
    with_int_keys_first,
)
from rl_rewards.scorers.code.comparison import Compare, same_output, same_value
from rl_rewards.scorers.code.encodings import from_text
from rl_rewards.scorers.code.suites import is_preparation, read_suite

FORMS = (
    "a list of {input, output}, with fn_name or testtype and metadata for function calls; {inputs, outputs}, with fn_name for function calls; "
    "a list of assert statements or test programs; one test program; or any of these as JSON text or in LiveCodeBench's encoding"
)
_SCRIPTS = frozenset({"stdin", "stdin_stdout", "stdio", "standard_input", "standard_io"})
_CALLS = frozenset({"functional", "function_call", "call_based", "call-based", "function"})
# Where a mapping keeps its tests, besides the forms below; the others in it do not matter.
_WRAPPERS = ("functional", "test_cases", "unit_tests", "tests", "test_list", "test")
_HIDDEN = object()


@dataclass(frozen=True, slots=True)
class Check:
    """One test: a case to run, and what it should print or return. The expectation stays here; no program's process is given it."""

    case: Case
    expected: str | list[plain.Tree] | None = None
    """Text for a Script (None where only a checker can decide), the allowed values for a Call, nothing for Asserts."""

    def passed(self, execution: Execution, tolerance: float, compare: Compare = "lines") -> bool:
        """Whether the execution is right. One that did not run to its end is not, whatever it printed."""
        if not execution.ran:
            return False
        if isinstance(self.case, Script):
            return self.expected is not None and same_output(str(self.expected), execution.stdout, tolerance, compare)
        if isinstance(self.case, Asserts):
            return execution.value is True
        return any(same_value(value, execution.value, tolerance) for value in self.expected or ())

    def complaint(self, execution: Execution) -> str:
        """One line on why it did not pass."""
        if not execution.ran or isinstance(self.case, Asserts):
            return execution.error or "failed"
        if isinstance(self.case, Script):
            return f"expected {_short(self.expected)}, got {_short(execution.stdout)}"
        [wanted, *_] = self.expected or [None]
        return f"expected {_short(wanted)}, got {_short(execution.value)}"


_reprs = reprlib.Repr()
_reprs.maxlist = _reprs.maxdict = 12
_reprs.maxstring = _reprs.maxother = _reprs.maxlong = 80


def _short(value: Any) -> str:
    """At most 80 characters on a value, which may be nested beyond what `repr` can follow, and large."""
    return f"{value!r:.80}" if isinstance(value, str) and len(value) < 200 else _reprs.repr(value)[:80]


@dataclass(frozen=True, slots=True)
class Row:
    """What else a row declares about its tests.

    Attributes:
        function: the function to call, by the option `function`.
        entry_point: the function to call, by the row's own columns; it makes no calls out of tests of stdin and stdout.
        prelude: Python text that runs before program and tests.
        checked: whether a checker judges outputs, so that tests need none of their own.
    """

    function: str | None = None
    entry_point: str | None = None
    prelude: str = ""
    checked: bool = False


def checks(reference: Any, row: Row | None = None) -> list[Check]:
    """The tests of one row.

    Args:
        reference: in one of FORMS.
        row: what else the row declares.

    Raises:
        ValueError: when the reference is of another form, holds no test, or holds a test that checks nothing (suites.NoTestError).
        NotSupportedError: when tests need what cannot pass between their process and the program's.
    """
    row = row or Row()
    if isinstance(reference, str):
        reference = from_text(reference)
    if isinstance(reference, str):
        made = [_program(reference, row)]
    elif isinstance(reference, Mapping):
        made = _mapping(reference, row)
    elif isinstance(reference, Sequence):
        made = _list(reference, row)
    else:
        raise ValueError(f"tests must be {FORMS}; got {type(reference).__name__}: {reference!r:.80}")
    if not made:
        raise ValueError(f"no test ran: there are no tests in {reference!r:.80}")
    return made


def _program(source: str, row: Row) -> Check:
    """A test program."""
    try:
        suite = read_suite(source, row.function or row.entry_point, row.prelude)
    except SyntaxError as error:
        raise ValueError(f"the tests do not compile: {error}") from None
    return Check(Asserts(suite.source, suite.uses, suite.names, suite.classes, suite.program_classes, counted=True))


def _list(tests: Sequence[Any], row: Row) -> list[Check]:
    """Tests in a list. Where some of them are text that only imports, it goes before each of the others."""
    present = [from_text(test) if isinstance(test, str) else test for test in tests if test is not None]
    preparation = "".join(f"{test}\n" for test in present if isinstance(test, str) and is_preparation(test))
    made: list[Check] = []
    for test in present:
        if isinstance(test, str):
            made += [] if preparation and is_preparation(test) else [_program(preparation + test, row)]
        elif isinstance(test, Mapping):
            made += _mapping(test, row)
        else:
            raise ValueError(f"tests must be {FORMS}; got the test {test!r:.80}")
    if not made and preparation:
        return [_program(preparation, row)]
    return made


def _mapping(test: Mapping[str, Any], row: Row) -> list[Check]:
    """A test, or a table of tests. A key without a value is absent: that is what Arrow makes of rows that differ in their keys."""
    fields = {str(key): value for key, value in test.items() if value is not None}
    kind = _kind(fields)
    name = fields.get("fn_name") or fields.get("func_name") or _function_of_metadata(fields.get("metadata"))
    if kind == "call":
        name = name or row.function or row.entry_point
        if not name:
            raise ValueError(
                f"a test of a function call must name the function: fn_name, metadata.func_name or the option `function`; got {sorted(fields)}"
            )
    elif kind is None:
        are_calls = is_method(row.entry_point) or are_arguments(fields.get("inputs", fields.get("input")))
        name = name or row.function or (row.entry_point if are_calls else None)
    if name and kind != "script":
        name = function_name(name)
    if "inputs" in fields or (isinstance(fields.get("input"), (list, tuple)) and isinstance(fields.get("output"), (list, tuple)) and not name):
        inputs, outputs = (fields.get("inputs"), fields.get("outputs")) if "inputs" in fields else (fields["input"], fields["output"])
        return _columns(inputs, outputs, None if kind == "script" else name, fields)
    if "input" in fields:
        output = fields.get("output", _HIDDEN)
        if kind != "script" and name:
            if output is _HIDDEN and "output" not in test:
                raise ValueError(f"a test of a function call must have an output; got {sorted(fields)}")
            wanted = None if output is _HIDDEN else output
            return [_call(str(name), fields["input"], wanted, may_be_wrapped="type" in fields)]  # PrimeIntellect's have both in lists
        if output is _HIDDEN and not row.checked:
            raise ValueError(f"a test of standard input must have an output, or the row a checker; got {sorted(fields)}")
        return [_script(fields["input"], None if output is _HIDDEN else output)]
    for key in _WRAPPERS:
        if key in fields:
            return checks(fields[key], row)
    raise ValueError(f"tests must be {FORMS}; got the test with the keys {sorted(fields)}")


def _kind(fields: Mapping[str, Any]) -> str | None:
    """`script` or `call`, where a test says; None where it does not.

    Raises:
        ValueError: for a kind of tests that is not known here.
    """
    for key in ("testtype", "type"):
        kind = str(fields.get(key, "")).strip().lower()
        if kind in _SCRIPTS or kind in _CALLS:
            return "script" if kind in _SCRIPTS else "call"
        if kind:
            raise ValueError(f"{key} of a test must be one of {sorted(_SCRIPTS | _CALLS)}, got {kind!r:.40}")
    return None


def _function_of_metadata(metadata: Any) -> str | None:
    """LiveCodeBench: `{"func_name": ...}`, also as JSON text."""
    if isinstance(metadata, str) and metadata.strip():
        metadata = json.loads(metadata)
    return metadata.get("func_name") if isinstance(metadata, Mapping) else None


def entry_point(columns: Mapping[str, Any]) -> str | None:
    """The function under test, as a row's columns name it: HumanEval's entry_point, LiveCodeBench's metadata."""
    name = columns.get("entry_point")
    if isinstance(name, str) and name.strip():
        return callable_of(name)
    try:
        return _function_of_metadata(columns.get("metadata"))
    except ValueError:
        return None


def _columns(inputs: Any, outputs: Any, name: Any, fields: Mapping[str, Any]) -> list[Check]:
    """APPS, TACO, CodeContests, LiveCodeBench: parallel lists. An output of a call may be in a list of its own."""
    inputs, outputs = (from_text(each) if isinstance(each, str) else each for each in (inputs, outputs))
    if not isinstance(inputs, Sequence) or not isinstance(outputs, Sequence) or isinstance(inputs, str) or isinstance(outputs, str):
        raise ValueError(f"tests as a mapping need lists under inputs and outputs; got the keys {sorted(fields)}")
    if len(inputs) != len(outputs):
        raise ValueError(f"inputs and outputs of tests must be as many, got {len(inputs)} inputs, but {len(outputs)} outputs")
    pairs = list(zip(map(with_int_keys_first, inputs) if name else inputs, outputs, strict=True))
    return [_call(str(name), given, wanted, may_be_wrapped=True) if name else _script(given, wanted) for given, wanted in pairs]


def _script(given: Any, wanted: Any) -> Check:
    if isinstance(given, Mapping) or isinstance(wanted, Mapping):
        raise ValueError(f"input and output of a test of standard input must be text, got {given!r:.40} and {wanted!r:.40}")
    return Check(Script(_text(given)), None if wanted is None else _text(wanted))


def _text(value: Any) -> str:
    """Text for stdin and stdout, which some data sets keep as a list of lines."""
    if value is None:
        raise ValueError("the input of a test must be text, got None")
    return "\n".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _call(name: str, given: Any, wanted: Any, may_be_wrapped: bool = False) -> Check:
    """A call with the given arguments: a list of them, or text with one JSON value a line (LiveCodeBench), whose output then is JSON text as well."""
    allowed = [wanted]
    if isinstance(given, str):
        if (named := named_arguments(given)) is not None:
            given, is_json = named, False
        else:
            given, is_json = arguments_in(given)
        if isinstance(wanted, str):
            allowed = values_in(wanted, is_json)
    elif may_be_wrapped and isinstance(wanted, list) and len(wanted) == 1:
        allowed = [wanted, wanted[0]]
    allowed += [keyed for value in allowed if (keyed := with_int_keys(value)) != value]
    if not isinstance(given, (list, tuple)):
        raise ValueError(f"the input of a call must be a list of arguments, got {type(given).__name__}: {given!r:.80}")
    return Check(Call(name, list(given)), [plain.tree_of(value) for value in allowed])
