"""A scoring model from a hub id or a directory: its head must be in the checkpoint, never made up."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel
from transformers.quantizers.auto import AutoQuantizationConfig
from transformers.utils.peft_utils import find_adapter_config_file

from rl_rewards.models.buffers import compute_buffers
from rl_rewards.models.sharding import outside_sharding

logger = logging.getLogger(__name__)

Reading = Literal["sequence", "token", "next_token"]
"""sequence: one row of scores a sequence. token: scores at every token. next_token: a language model's logits."""

_CLASSES: dict[Reading, str] = {
    "sequence": "AutoModelForSequenceClassification",
    "token": "AutoModelForTokenClassification",
    "next_token": "AutoModelForCausalLM",
}


class NoScoreHeadError(ValueError):
    """The checkpoint lacks weights that scoring needs; transformers would have made them up at random."""


@dataclass(frozen=True)
class Source:
    """Where a model comes from, and how transformers loads it; all options are transformers' own.

    Raises:
        FileNotFoundError: when `model` or `adapter` is a path, and no directory.
    """

    model: str
    revision: str = "main"
    dtype: str = "auto"
    trust_remote_code: bool = False
    device_map: str | dict[str, Any] | None = None
    token: str | None = None
    attn_implementation: str | None = None
    quantization: dict[str, Any] | None = None
    adapter: str | None = None

    def __post_init__(self) -> None:
        # A hub would refuse a path too, but for the characters in its name.
        for name in filter(None, (self.model, self.adapter)):
            if name.startswith(("/", "./", "../", "~")) and not Path(name).expanduser().is_dir():
                raise FileNotFoundError(f"no directory {name!r} with a model in it")

    def resolved(self) -> Source:
        """With base model and adapter kept apart, where `model` names an adapter's directory or repository."""
        if self.adapter is not None or find_adapter_config_file(self.model, token=self.token, revision=self.revision) is None:
            return self
        from peft import PeftConfig

        base = PeftConfig.from_pretrained(self.model, token=self.token, revision=self.revision).base_model_name_or_path
        # The revision is the adapter's; the base has its own default.
        return Source(**{**vars(self), "model": base, "adapter": self.model, "revision": "main"})


def load_model(source: Source, reading: Reading, device: str | None = None) -> PreTrainedModel:
    """Load a model for scoring: in eval mode, without gradients, on its device, an adapter merged.

    Args:
        source: where from; see Source.
        reading: what will be read from it.
        device: where to; by default this process's accelerator, or the CPU where there is none. Not with a device_map.

    Raises:
        NoScoreHeadError: when weights are missing from the checkpoint; names them.
        ValueError: when neither the checkpoint nor its adapter is a model of that reading.
    """
    given, source = source, source.resolved()
    hub = {"token": source.token, "revision": source.revision, "trust_remote_code": source.trust_remote_code}
    config = AutoConfig.from_pretrained(source.model, **hub)
    adapter = _adapter_weights(source, given) if source.adapter else {}
    if (labels := _head_rows(adapter)) is not None:
        config.num_labels = labels
    options: dict[str, Any] = {"dtype": source.dtype, "device_map": source.device_map, "attn_implementation": source.attn_implementation}
    if source.quantization is not None:
        options["quantization_config"] = AutoQuantizationConfig.from_dict(dict(source.quantization))
    with outside_sharding():
        options = {name: value for name, value in options.items() if value is not None}
        model, info = _auto_class(config, reading, source.trust_remote_code).from_pretrained(
            source.model, config=config, output_loading_info=True, **hub, **options
        )
        missing = sorted(set(info["missing_keys"]) - set(adapter))
        if missing:
            raise NoScoreHeadError(
                f"{source.model!r} ({', '.join(config.architectures or ['no architecture named'])}) has no weights for {missing}: "
                f"as a {type(model).__name__} it would score with random ones. Allowed is a checkpoint that was trained to score"
                + ("" if adapter else ", or one with the `adapter` that holds them")
                + _code_not_run(config, source)
            )
        compute_buffers(model)
        if source.adapter:
            model = _with_adapter(model, source, given)
    if source.device_map is None and source.quantization is None:
        model.to(device or default_device())
    return model.eval().requires_grad_(False)


def default_device() -> str:
    """This process's accelerator (in a distributed run its own one), or the CPU."""
    accelerator = torch.accelerator.current_accelerator(check_available=True) if hasattr(torch, "accelerator") else None
    return "cpu" if accelerator is None else f"{accelerator.type}:{torch.accelerator.current_device_index()}"


def _auto_class(config: PreTrainedConfig, reading: Reading, trust_remote_code: bool) -> Any:
    own = getattr(config, "auto_map", None) or {}
    if trust_remote_code and _CLASSES[reading] not in own and "AutoModel" in own:
        return transformers.AutoModel
    return getattr(transformers, _CLASSES[reading])


def _code_not_run(config: PreTrainedConfig, source: Source) -> str:
    own = sorted(getattr(config, "auto_map", None) or {})
    return "" if source.trust_remote_code or not own else f". It comes with code of its own for {own}, which is run with `trust_remote_code: true`"


def _adapter_weights(source: Source, given: Source) -> dict[str, torch.Tensor]:
    from peft.utils import load_peft_weights

    weights = load_peft_weights(source.adapter, device="cpu", **_adapter_hub(source, given))
    return {key.removeprefix("base_model.model."): weight for key, weight in weights.items()}


def _with_adapter(model: PreTrainedModel, source: Source, given: Source) -> PreTrainedModel:
    from peft import PeftModel

    adapted = PeftModel.from_pretrained(model, source.adapter, **_adapter_hub(source, given))
    # Merged, it is a plain model that every way through the engine fits; quantised weights would lose precision by it.
    return adapted.merge_and_unload() if source.quantization is None else adapted.get_base_model()


def _adapter_hub(source: Source, given: Source) -> dict[str, Any]:
    """Hub options of the adapter: `revision` is its own when it is what the user named as the model."""
    return {"token": source.token, **({"revision": given.revision} if source.adapter == given.model else {})}


def _head_rows(adapter: dict[str, torch.Tensor]) -> int | None:
    heads = [weight for key, weight in adapter.items() if key in ("score.weight", "classifier.weight")]
    return heads[0].shape[0] if heads else None
