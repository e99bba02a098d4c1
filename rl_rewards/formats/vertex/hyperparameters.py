"""hyperParameters of a ReinforcementTuningSpec as arguments of a recipe, where TRL has the same setting.

epochCount               num_train_epochs
stepCount                max_steps
learningRateMultiplier   learning_rate, times TRL's own 1e-6
adapterSize              use_peft, lora_r
batchSize                gradient_accumulation_steps: prompts a step, divided among the processes
samplesPerPrompt         num_generations, per_device_train_batch_size
evaluateInterval         eval_strategy, eval_steps, where there is an eval_dataset
checkpointInterval       save_strategy, save_steps
maxOutputTokens          max_completion_length
thinkingLevel, thinkingBudget, data sets in a bucket: nothing of TRL's; they are listed
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rl_rewards.formats.reading import Fields, Reading, camel

__all__ = ["HYPER", "HYPER_FIELDS", "TrainingArguments", "hyper_parameters", "training_arguments"]

HYPER = "hyperParameters"
_ADAPTERS = {"ONE": 1, "TWO": 2, "FOUR": 4, "EIGHT": 8, "SIXTEEN": 16, "THIRTY_TWO": 32}
_LEVELS = ("REINFORCEMENT_TUNING_THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH")
HYPER_FIELDS = (
    "epochCount", "stepCount", "learningRateMultiplier", "adapterSize", "batchSize", "samplesPerPrompt", "evaluateInterval", "checkpointInterval",
    "maxOutputTokens", "thinkingLevel", "thinkingBudget",
)  # fmt: skip
_POSITIVE = ("epochCount", "stepCount", "batchSize", "samplesPerPrompt", "evaluateInterval", "checkpointInterval", "maxOutputTokens")
_TRL_LEARNING_RATE = 1e-6
_DATA = {"trainingDatasetUri": "dataset", "validationDatasetUri": "eval_dataset"}


@dataclass
class TrainingArguments:
    """What a ReinforcementTuningSpec says of a run.

    Attributes:
        values: arguments of the GRPO recipe by name.
        unmapped: a line for each field that TRL has no setting for.
    """

    values: dict[str, Any] = field(default_factory=dict)
    unmapped: list[str] = field(default_factory=list)


def hyper_parameters(reading: Reading, spec: Fields) -> dict[str, Any]:
    """The hyperParameters of a spec by name, checked; what is wrong is noted."""
    fields = spec.fields(HYPER, HYPER_FIELDS, camel)
    if fields is None:
        return {}
    values: dict[str, Any] = {name: fields.integer(name) for name in (*_POSITIVE, "thinkingBudget") if name in fields}
    for name in _POSITIVE:
        if values.get(name) is not None and values[name] < 1:
            reading.refuse(fields.path_of(name), f"must be at least 1, got {values[name]}")
    if "learningRateMultiplier" in fields:
        values["learningRateMultiplier"] = rate = fields.number("learningRateMultiplier")
        if rate is not None and not 0.25 <= rate <= 4:
            reading.refuse(fields.path_of("learningRateMultiplier"), f"must be from 0.25 to 4, got {rate:g}")
    if "adapterSize" in fields:
        size = fields.choice("adapterSize", [f"ADAPTER_SIZE_{name}" for name in ("UNSPECIFIED", *_ADAPTERS)])
        values["adapterSize"] = None if size is None else _ADAPTERS.get(size.removeprefix("ADAPTER_SIZE_"))
    if "thinkingLevel" in fields:
        values["thinkingLevel"] = fields.choice("thinkingLevel", _LEVELS)
    if fields.value("epochCount") is not None and fields.value("stepCount") is not None:
        reading.refuse(fields.path_of("stepCount"), "must not be given with epochCount")
    return {name: value for name, value in values.items() if value is not None}


def training_arguments(spec: Mapping[str, Any], hyper: Mapping[str, Any], processes: int = 1, evaluated: bool = False) -> TrainingArguments:
    """A spec's settings as arguments of the GRPO recipe.

    Args:
        spec: the ReinforcementTuningSpec's fields, in camelCase.
        hyper: its checked hyperParameters.
        processes: processes that train together: a step's prompts are divided among them.
        evaluated: whether the run has an eval_dataset of its own.
    """
    made = TrainingArguments()
    values = made.values
    for name, argument in _DATA.items():
        uri = spec.get(name)
        if isinstance(uri, str) and "://" not in uri:
            values[argument] = uri
        elif uri is not None:
            made.unmapped.append(f"{name} {uri!r} is in a bucket: copy it here and give --{argument}")
    evaluated = evaluated or "eval_dataset" in values
    for name, argument in {"epochCount": "num_train_epochs", "stepCount": "max_steps", "maxOutputTokens": "max_completion_length"}.items():
        if name in hyper:
            values[argument] = hyper[name]
    if "learningRateMultiplier" in hyper:
        values["learning_rate"] = _TRL_LEARNING_RATE * hyper["learningRateMultiplier"]
    if "adapterSize" in hyper:
        values |= {"use_peft": True, "lora_r": hyper["adapterSize"]}
    if "samplesPerPrompt" in hyper:
        values |= {"num_generations": hyper["samplesPerPrompt"], "per_device_train_batch_size": hyper["samplesPerPrompt"]}
    _map_batch(made, hyper, processes)
    if "evaluateInterval" in hyper:
        if evaluated:
            values |= {"eval_strategy": "steps", "eval_steps": hyper["evaluateInterval"]}
        else:
            made.unmapped.append(f"evaluateInterval {hyper['evaluateInterval']} needs an --eval_dataset")
    if "checkpointInterval" in hyper:
        values |= {"save_strategy": "steps", "save_steps": hyper["checkpointInterval"]}
    for name in ("thinkingLevel", "thinkingBudget"):
        if name in hyper:
            made.unmapped.append(f"{name} {hyper[name]} has no counterpart in TRL: how a model thinks is its chat template's (chat_template_kwargs)")
    return made


def _map_batch(made: TrainingArguments, hyper: Mapping[str, Any], processes: int) -> None:
    """batchSize counts prompts; a device takes the samples of one prompt at a time."""
    if "batchSize" not in hyper:
        return
    prompts = hyper["batchSize"]
    if "samplesPerPrompt" not in hyper:
        made.unmapped.append(f"batchSize {prompts} needs samplesPerPrompt, by which TRL's batches are counted")
    elif prompts % processes:
        made.unmapped.append(f"batchSize {prompts} cannot be divided among {processes} processes")
    else:
        made.values["gradient_accumulation_steps"] = prompts // processes
