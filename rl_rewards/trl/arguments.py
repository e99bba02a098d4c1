"""Arguments of a recipe: TRL's parser, with one line on what is wrong in place of a traceback or a page of usage."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import yaml
from trl import TrlParser  # pyright: ignore[reportPrivateImportUsage] - it is in trl.__all__, made when first used

from rl_rewards.user_errors import EXTRAS, UserError, require

__all__ = ["ArgumentsError", "check_model", "parse_arguments"]


class ArgumentsError(UserError, ValueError):
    """The command line or the config file of a recipe is wrong."""


def parse_arguments(
    classes: Sequence[type],
    arguments: Iterable[str] | None = None,
    defaults: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
) -> tuple[Any, ...]:
    """An instance of each dataclass, from the command line and the YAML file that `--config` names; the command line wins.

    Args:
        defaults: arguments that are given, by name -> values of others that are not, such as those that a file among them says.

    Raises:
        ArgumentsError: unknown, missing or wrong arguments, a config file that is missing or no mapping.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    # TRL's parser knows `--config FILE` alone, and would leave out the file of `--config=FILE`, which argparse takes for every other argument.
    given = [part for text in given for part in (text.split("=", 1) if text.startswith("--config=") else [text])]
    parser = _Parser(tuple(classes))  # pyright: ignore[reportArgumentType] - a dataclass is a type
    parser.given = given
    config = _check_config(given, parser)
    if defaults is not None:
        parser.set_defaults_with_config(**defaults(config | _named(given)))
    try:
        *parsed, rest = parser.parse_args_and_config(given, return_remaining_strings=True)
    except ValueError as error:  # of the dataclasses themselves, such as a batch size that does not fit
        if slips := parser.slips():  # what was meant may be what is missing
            raise ArgumentsError(f"unknown argument {slips[0]}{parser.nearest(slips[0])}") from error
        raise ArgumentsError(" ".join(str(error).split())) from error
    if unknown := [text for text in rest if text.startswith("-")] or rest:
        raise ArgumentsError(f"unknown argument {unknown[0]}{parser.nearest(unknown[0])}")
    for each in parsed:
        _check_trackers(getattr(each, "report_to", None) or ())
    return tuple(parsed)


def _check_trackers(names: Iterable[str]) -> None:
    """Check what `--report_to` names, which the trainer would refuse once the model is loaded.

    Raises:
        ArgumentsError: for a name that transformers does not have.
        MissingPackageError: when the tracker is one of our extras, and is not installed.
    """
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    for name in names:
        if name not in INTEGRATION_TO_CALLBACK:
            near = difflib.get_close_matches(name, [*INTEGRATION_TO_CALLBACK, "none"], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ArgumentsError(f"--report_to must be none, all or one of {', '.join(INTEGRATION_TO_CALLBACK)}, got {name!r}{hint}")
        if name in EXTRAS:
            require(f"--report_to {name}", *EXTRAS[name])


def check_model(name: str | None, revision: str | None = None) -> None:
    """Check that a model's configuration can be found, before anything else takes time.

    Raises:
        ArgumentsError: naming the model, and why it cannot be found.
    """
    from transformers import AutoConfig

    if not name:
        raise ArgumentsError("--model_name_or_path must be given: a directory, or the id of a model on the hub")
    if Path(name, "adapter_config.json").is_file():
        return
    try:
        AutoConfig.from_pretrained(name, revision=revision or "main")
    except OSError as error:
        why = " ".join(str(error).split()).partition(". ")[0]
        raise ArgumentsError(f"--model_name_or_path {name!r} must be a directory with a model, or the id of one on the hub: {why}") from error
    except ValueError:  # code of its own, which the trainer decides about
        return


class _Parser(TrlParser):
    given: list[str]

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print below a page of usage."""
        missing = re.findall(r"--\w+", message) if "required" in message else []
        slips = self.slips()
        hint = f"; got {slips[0]}{self.nearest(slips[0])}" if missing and slips else ""
        raise ArgumentsError(f"{message}{hint} (--help lists all of them)")

    def slips(self) -> list[str]:
        """The flags that were given and are none."""
        known = self.names() | {"--config"}
        return [text for text in self.given if text.startswith("--") and text.partition("=")[0] not in known]

    def names(self) -> set[str]:
        return {option for action in self._actions for option in action.option_strings}

    def nearest(self, name: str) -> str:
        match = difflib.get_close_matches(name.partition("=")[0], self.names(), n=1)
        return f"; did you mean {match[0]}?" if match else ""


def _named(given: list[str]) -> dict[str, str]:
    """The values of a command line by name, of `--name value` and `--name=value`."""
    pairs = [text.partition("=")[::2] if "=" in text else (text, after) for text, after in pairwise([*given, ""])]
    return {name.removeprefix("--"): value for name, value in pairs if name.startswith("--")}


def _check_config(given: list[str], parser: _Parser) -> dict[str, Any]:
    """The config file's arguments, checked: that it can be read, is a mapping, and has no unknown key."""
    if "--config" not in given:
        return {}
    place = given.index("--config") + 1
    if place == len(given):
        raise ArgumentsError("--config needs the name of a file")
    name = given[place]
    try:
        config = yaml.safe_load(Path(name).read_bytes())
    except OSError as error:
        raise ArgumentsError(f"config file {name}: {error.strerror}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ArgumentsError(f"{name}:{mark.line + 1 if mark else 1}: not YAML: {getattr(error, 'problem', None) or error}") from error
    if not isinstance(config, dict):
        raise ArgumentsError(f"{name}: a config file must be a mapping of arguments to values, got {type(config).__name__}")
    for key in config:
        if key != "env" and f"--{key}" not in parser.names():
            near = parser.nearest(f"--{key}").replace("--", "")
            raise ArgumentsError(f"{name}: unknown argument {key!r}{near}")
    return config
