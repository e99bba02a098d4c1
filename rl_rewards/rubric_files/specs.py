"""How a rubric file spells parsers, scorers, rewards and rubrics: shortest form, defaults left out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr

from rl_rewards.functions import FunctionScorer
from rl_rewards.loading import object_path
from rl_rewards.parsers.chain import Chain
from rl_rewards.rubric_files.locations import kinds_of, option_names, positional_names

logger = logging.getLogger(__name__)


def plain(value: Any, directory: Path, known: frozenset[type] = frozenset()) -> Any:
    """What a rubric file in `directory` writes for a value, in its shortest form.

    Args:
        known: classes that the place itself asks for, so that no kind need be named there.

    Raises:
        ValueError: for a parser or scorer that no file can name.
    """
    if isinstance(value, FunctionScorer):
        return _function_spec(value, directory)
    if isinstance(value, Chain):
        return [plain(parser, directory) for parser in value.parsers]
    if kinds_of(value) is not None and type(value) not in known:
        return _spec(value, directory)
    if is_dataclass(value):
        return _options(value, directory)
    if isinstance(value, Mapping):
        return {key: plain(item, directory) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, directory, known) for item in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    return value


def _options(value: Any, directory: Path) -> dict[str, Any]:
    """The options that differ from their defaults."""
    options = {}
    for name in option_names(type(value)):
        here, declared = getattr(value, name), type(value).__pydantic_fields__[name]
        if isinstance(here, SecretStr) or (isinstance(here, Mapping) and any(isinstance(item, SecretStr) for item in here.values())):
            logger.warning(
                "%s of %s is a secret and is not written to a file; where it is read, give it again or set it in the environment",
                name,
                type(value).__name__,
            )
            continue
        if declared.is_required() or here != declared.get_default(call_default_factory=True):
            options[name] = plain(here, directory, frozenset(_classes_in(declared.annotation)))
    return options


def _classes_in(annotation: Any) -> Iterator[type]:
    """The classes that an annotation is made of: RewardModel of `tuple[RewardModel, ...]`."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for part in get_args(annotation):
        yield from _classes_in(part)


def _spec(value: Any, directory: Path) -> Any:
    """A parser or scorer in its shortest spelling."""
    kinds, cls = kinds_of(value), type(value)
    if not is_dataclass(cls):
        raise ValueError(f"{cls.__name__} does not declare its options with @configured, so no rubric file can write them")
    kind = None if kinds is None else kinds.kind_of(cls)
    if kind is None:
        raise ValueError(f"{cls.__name__} is not at the top of a module, so no rubric file can name it: put it into a module of its own")
    kind = _beside(kind, directory) if ":" in kind else kind
    options = _options(value, directory)
    if kind in ("function", "lambda_handler"):
        options["path"] = _beside(options["path"], directory)
    if kind == "metric_folder" and Path(options["path"]).is_relative_to(directory):
        options["path"] = str(Path(options["path"]).relative_to(directory))
    if not options:
        return kind
    if list(options) == positional_names(cls)[:1]:
        [option] = options.values()
        if not isinstance(option, Mapping) and option is not None:
            return {kind: option}
    return {kind: options}


def _function_spec(function: FunctionScorer, directory: Path) -> Any:
    if "<" in function.__qualname__ or function.__module__ == "__main__":
        raise ValueError(f"{function!r} cannot be named in a file: put it at the top of a module of its own")
    return {"function": _beside(object_path(function.__module__, function.__qualname__), directory)}


def _beside(path: str, directory: Path) -> str:
    """A function's path, relative where its file lies at or below the rubric's directory: the two travel together."""
    file = Path(path.rpartition(":")[0])
    return path[len(str(directory)) + 1 :] if file.is_absolute() and file.is_relative_to(directory) else path
