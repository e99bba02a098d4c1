"""A critic on disk: for a run that goes on, and as a model of Hugging Face's form for another run.

critic.safetensors    what training changes beside a backbone of its own: the head, LoRA weights, the returns' running moments
critic/               a separate critic as a model with one label per token (`AutoModelForTokenClassification` where the architecture
                      has one), whose outputs are values in the unit of the rewards
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import NamedTuple

import torch
from accelerate.utils import is_peft_model
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, PretrainedConfig
from transformers.modeling_utils import set_zero3_state

from rl_rewards.trainers.critic import Critic
from rl_rewards.trainers.return_scale import ReturnScale

__all__ = ["CRITIC_FILE", "CRITIC_FOLDER", "CRITIC_MARK", "load_critic", "save_critic", "saved_value_head"]

CRITIC_FILE, CRITIC_FOLDER = "critic.safetensors", "critic"
CRITIC_MARK = "rl_rewards_critic"  # of its config: where the head is, and the moments of the returns
_MOMENTS = "returns."


class ValueHead(NamedTuple):
    """A head that returns values in the unit of the rewards, and the running moments of the returns that it learned in."""

    weight: Tensor
    bias: Tensor
    moments: dict[str, float]


def save_critic(critic: Critic, scale: ReturnScale, state_dict: dict[str, Tensor], folder: str | Path) -> None:
    """Write the critic's part of the policy's `state_dict` to `folder`: CRITIC_FILE, and CRITIC_FOLDER where it has a backbone of its own."""
    own = {name.removeprefix("critic."): value.detach() for name, value in state_dict.items() if name.startswith("critic.")}
    if not own:  # under ZeRO-3 without stage3_gather_16bit_weights_on_model_save: DeepSpeed's own checkpoint holds it
        return
    frozen = {name for name, parameter in critic.named_parameters() if not parameter.requires_grad}
    lora = is_peft_model(critic.backbone) if critic.backbone is not None else False
    small = {name: value.contiguous() for name, value in own.items() if name not in frozen and (lora or name.startswith("head."))}
    moments = {f"{_MOMENTS}{name}": torch.tensor(value, dtype=torch.float64) for name, value in scale.state().items()}
    save_file({**small, **moments}, Path(folder) / CRITIC_FILE)
    if critic.backbone is None:
        return
    backbone = {name.removeprefix("backbone."): value for name, value in own.items() if name.startswith("backbone.")}
    if lora:
        if any(own[name].shape != parameter.shape for name, parameter in critic.named_parameters() if name in own):
            return  # sharded: an adapter is merged where it is whole
        merged = copy.deepcopy(critic.backbone).merge_and_unload()
        config, backbone = merged.config, merged.state_dict()
    else:
        config = critic.backbone.config
    _save_model(config, backbone, own["head.weight"], own["head.bias"], scale, Path(folder) / CRITIC_FOLDER)


def _save_model(config: PretrainedConfig, backbone: dict[str, Tensor], weight: Tensor, bias: Tensor, scale: ReturnScale, folder: Path) -> None:
    """Write a backbone and a head as a model with one label, the returns' scale folded into the head."""
    config = copy.deepcopy(config)
    config.num_labels = 1
    kind = next(
        (auto._model_mapping[type(config)] for auto in (AutoModelForTokenClassification, AutoModelForSequenceClassification)
         if type(config) in auto._model_mapping), None,
    )  # fmt: skip
    if kind is None:  # a backbone without classifier (some that read images): the head lies beside it
        from transformers import AutoModel

        kind, head, prefix = AutoModel._model_mapping[type(config)], "score", ""
        kind = kind[0] if isinstance(kind, tuple) else kind
    else:
        head, prefix = "", f"{kind.base_model_prefix}."
    with torch.device("meta"), set_zero3_state():  # a shell: under ZeRO-3 one process must not wait for others to share it out
        model = kind(config)
    head = head or next(name for name, module in model.named_children() if isinstance(module, nn.Linear))
    setattr(model.config, CRITIC_MARK, {"head": head, "returns": scale.state()})
    states = {f"{prefix}{name}": value.contiguous() for name, value in backbone.items()}
    states[f"{head}.weight"] = weight.float() * scale.spread
    states[f"{head}.bias"] = bias.float() * scale.spread + scale.centre
    model.save_pretrained(folder, state_dict=states)


def saved_value_head(folder: str | Path | None) -> ValueHead | None:
    """Read the value head of a PPO run's critic: of a folder `critic/`, or of the output of a run with a shared critic; None where none is.

    Raises:
        ValueError: a LoRA critic that could not be merged when it was saved, as its parameters were sharded.
    """
    folder = Path(folder) if folder else Path()
    if (folder / "config.json").is_file() and (mark := json.loads((folder / "config.json").read_text()).get(CRITIC_MARK)):
        weight, bias = (_tensor(folder, f"{mark['head']}.{name}") for name in ("weight", "bias"))
        return ValueHead(weight, bias, mark["returns"])
    if not (folder / CRITIC_FILE).is_file() or (folder / CRITIC_FOLDER).is_dir():
        return None
    states = load_file(folder / CRITIC_FILE)
    moments = {name.removeprefix(_MOMENTS): value.item() for name, value in states.items() if name.startswith(_MOMENTS)}
    if any(name.startswith("backbone.") for name in states):
        raise ValueError(f"{folder / CRITIC_FILE} holds the LoRA weights of a critic without what they change: save the run unsharded.")
    scale = ReturnScale(**moments)
    return ValueHead(states["head.weight"].float() * scale.spread, states["head.bias"].float() * scale.spread + scale.centre, moments)


def _tensor(folder: Path, name: str) -> Tensor:
    """One tensor of a saved model, in one file or several."""
    index = folder / "model.safetensors.index.json"
    file = json.loads(index.read_text())["weight_map"][name] if index.is_file() else "model.safetensors"
    with safe_open(folder / file, framework="pt") as tensors:
        return tensors.get_tensor(name).float()


def load_critic(critic: Critic, scale: ReturnScale, folder: str | Path) -> None:
    """Restore what `save_critic` wrote.

    Raises:
        FileNotFoundError: the folder holds no critic, so it is not a checkpoint of a PPO run with one.
        ValueError: the critic there is of another kind than the one configured.
    """
    path = Path(folder) / CRITIC_FILE
    if not path.is_file():
        raise FileNotFoundError(f"{folder} has no {CRITIC_FILE}: it is not a checkpoint of PPOTrainer with a critic of its own.")
    states = load_file(path)
    moments = {name: states.pop(name).item() for name in list(states) if name.startswith(_MOMENTS)}
    if critic.backbone is not None and not is_peft_model(critic.backbone) and (Path(folder) / CRITIC_FOLDER).is_dir():
        states |= _backbone_states(critic.backbone, Path(folder) / CRITIC_FOLDER)
    result = critic.load_state_dict(states, strict=False)
    frozen = {name for name, parameter in critic.named_parameters() if not parameter.requires_grad}
    if wrong := sorted(set(result.unexpected_keys) | (set(result.missing_keys) - frozen)):
        raise ValueError(
            f"{path} holds another kind of critic than this run's: {len(wrong)} parameters differ, {wrong[0]!r} first. Resume with the "
            "critic, critic_lora and critic_model_path of the run that wrote it."
        )
    scale.load({name.removeprefix(_MOMENTS): value for name, value in moments.items()})


def _backbone_states(backbone: nn.Module, folder: Path) -> dict[str, Tensor]:
    """The states of a saved critic's backbone, under the critic's names."""
    saved = type(backbone).from_pretrained(folder, dtype=backbone.dtype)
    return {f"backbone.{name}": value for name, value in saved.state_dict().items()}
