"""The rubric file of a recipe as a source of its arguments: a ReinforcementTuningSpec says how to train, too."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rl_rewards.formats.reading import Reading, camel
from rl_rewards.formats.vertex.config import SPEC, spec_of
from rl_rewards.formats.vertex.hyperparameters import hyper_parameters, training_arguments
from rl_rewards.rubric_files.sources import read_source

__all__ = ["spec_arguments"]


def spec_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the rubric file of a recipe says of its arguments: something where it is a ReinforcementTuningSpec, else nothing.

    Settings of the spec that TRL has no counterpart for are printed, a line each, by the first process.

    Args:
        given: the recipe's arguments by name, `rubric` among them.

    Raises:
        OSError, RubricFileError: when the file cannot be read, or its hyperParameters are wrong.
    """
    path = given.get("rubric")
    if not isinstance(path, str) or not Path(path).is_file():
        return {}
    source = read_source(path)
    found = spec_of(source.data)
    if found is None:
        return {}
    reading = Reading(source)
    spec = reading.fields(*found, SPEC, camel)
    hyper = hyper_parameters(reading, spec)
    if reading.problems:
        reading.fail()
    fields = {name: spec.value(name) for name in SPEC if name in spec}
    made = training_arguments(fields, hyper, int(os.environ.get("WORLD_SIZE", "1")), bool(given.get("eval_dataset")))
    if os.environ.get("RANK", "0") == "0":
        for line in made.unmapped:
            print(f"{path}: not mapped: {line}", file=sys.stderr)
    return made.values
