"""What is wrong with a metric folder's code, with file and line."""

from __future__ import annotations

import ast
import difflib
import traceback
from pathlib import Path
from typing import Any

from rl_rewards.scorers.metric_folder.contents import shown
from rl_rewards.types import describe

__all__ = ["import_fault", "no_evaluate"]


def import_fault(directory: Path, error: BaseException, file: Path | None = None) -> str:
    """Where in a folder an exception was raised at the import of a file, by default its main.py, and what it says."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_relative_to(directory):
        code = f": {error.text.strip()}" if error.text else ""
        return f"{shown(error.filename)}:{error.lineno or 1}: {type(error).__name__}: {error.msg}{code}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(directory)]
    place = f"{shown(frames[-1].filename)}:{frames[-1].lineno}" if frames else shown(file or directory / "main.py")
    hint = ""
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        modules = sorted(path.stem for path in directory.glob("*.py"))
        near = difflib.get_close_matches(top, modules, n=1)
        hint = f"; did you mean {near[0]!r}, which is in the folder?" if near else "; it is neither in the folder nor installed"
    return f"{place}: cannot be imported: {describe(error)}{hint}"


def no_evaluate(file: Path, found: Any) -> str:
    """That main.py has no function `evaluate`, what it has instead, and the nearest of it."""
    defined = {
        node.name: node.lineno
        for node in ast.parse(file.read_bytes()).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    near = difflib.get_close_matches("evaluate", [name for name in defined if name != "evaluate"], n=1)
    line = defined.get("evaluate") or defined.get(near[0] if near else "", 1)
    if found is not None:
        has = f"`evaluate` is {'a class' if isinstance(found, type) else f'a {type(found).__name__}'}"
    else:
        has = f"it defines {', '.join(defined)}" if defined else "it defines nothing"
    hint = f"; did you mean `evaluate` by {near[0]!r}?" if near else ""
    return f"{shown(str(file))}:{line}: main.py must define a function evaluate(messages, ..., **kwargs), and {has}{hint}"
