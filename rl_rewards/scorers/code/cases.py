"""Tests as data sets write them -> the cases to run and what each should give."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rl_rewards.runtime.sandbox import Asserts, Call, Case, Execution, Script
from rl_rewards.runtime.sandbox.cell import plain
from rl_rewards.scorers.code.comparison import same_output, same_value

FORMS = (
    "a list of {input, output}, with fn_name for function calls; {inputs, outputs}, with fn_name for function calls; "
    "a list of assert statements or test programs; one test program; or any of these as JSON text"
)


@dataclass(frozen=True, slots=True)
class Check:
    """One test: a case to run, and what it should print or return. The expectation stays here; no program's process is given it."""

    case: Case
    expected: str | list[plain.Tree] | None = None
    """Text for a Script, the allowed values for a Call, nothing for Asserts."""

    def passed(self, execution: Execution, tolerance: float) -> bool:
        """Whether the execution is right. One that did not run to its end is not, whatever it printed."""
        if not execution.ran:
            return False
        if isinstance(self.case, Script):
            return same_output(str(self.expected), execution.stdout, tolerance)
        if isinstance(self.case, Asserts):
            return execution.value is True
        return any(same_value(value, execution.value, tolerance) for value in self.expected or ())

    def complaint(self, execution: Execution) -> str:
        """One line on why it did not pass."""
        if not execution.ran or isinstance(self.case, Asserts):
            return execution.error or "failed"
        if isinstance(self.case, Script):
            return f"expected {self.expected!r:.80}, got {execution.stdout!r:.80}"
        [wanted, *_] = self.expected or [None]
        return f"expected {wanted!r:.80}, got {execution.value!r:.80}"


def checks(reference: Any, function: str | None) -> list[Check]:
    """The tests of one row.

    Args:
        reference: in one of FORMS.
        function: the function to call where the row itself names none; None when the programs are scripts.

    Raises:
        ValueError: when the reference is of another form or holds no test.
    """
    if isinstance(reference, str):
        reference = _from_json(reference)
    if isinstance(reference, str):
        made = [Check(Asserts(reference))]
    elif isinstance(reference, Mapping):
        made = _columns(reference, function)
    elif isinstance(reference, Sequence):
        made = [check for test in reference for check in _one(test, function)]
    else:
        raise ValueError(f"tests are {FORMS}; found {type(reference).__name__}: {reference!r:.80}")
    if not made:
        raise ValueError(f"no tests in {reference!r:.80}")
    return made


def _from_json(text: str) -> Any:
    """Text that starts like JSON data is that; other text is a test program."""
    if text.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except ValueError:
            pass
    return text


def _one(test: Any, function: str | None) -> list[Check]:
    if isinstance(test, str):
        return [Check(Asserts(test))]
    if isinstance(test, Mapping) and "input" in test and "output" in test:
        name = test.get("fn_name") or function
        if not name:
            return [_script(test["input"], test["output"])]
        return [Check(_call(name, test["input"]), [plain.encode(_value(test["output"]))])]
    if isinstance(test, Mapping) and "inputs" in test:
        return _columns(test, function)
    raise ValueError(f"tests are {FORMS}; found the test {test!r:.80}")


def _columns(table: Mapping[str, Any], function: str | None) -> list[Check]:
    """APPS and TACO: parallel lists. An output of a call may stand in a list of its own."""
    inputs, outputs, name = table.get("inputs"), table.get("outputs"), table.get("fn_name") or function
    if not isinstance(inputs, Sequence) or not isinstance(outputs, Sequence) or isinstance(inputs, str) or isinstance(outputs, str):
        raise ValueError(f"tests as a mapping need lists under inputs and outputs; found the keys {sorted(table)}")
    if len(inputs) != len(outputs):
        raise ValueError(f"{len(inputs)} inputs, but {len(outputs)} outputs")
    if not name:
        return [_script(given, wanted) for given, wanted in zip(inputs, outputs, strict=True)]
    made = []
    for given, wanted in zip(inputs, outputs, strict=True):
        allowed = [wanted, wanted[0]] if isinstance(wanted, list) and len(wanted) == 1 else [wanted]
        made.append(Check(_call(name, given), [plain.encode(value) for value in allowed]))
    return made


def _script(given: Any, wanted: Any) -> Check:
    return Check(Script(_text(given)), _text(wanted))


def _text(value: Any) -> str:
    """Text for stdin and stdout, which some data sets keep as a list of lines."""
    return "\n".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _call(name: str, given: Any) -> Call:
    """A call with the given arguments: a list of them, or text with one JSON value a line (LiveCodeBench)."""
    if isinstance(given, str):
        given = [_value(line) for line in given.split("\n") if line.strip()]
    if not isinstance(given, (list, tuple)):
        raise ValueError(f"the input of a call is a list of arguments, found {type(given).__name__}: {given!r:.80}")
    return Call(name, list(given))


def _value(text: Any) -> Any:
    """The value of a JSON text; what is no JSON text stands for itself."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
