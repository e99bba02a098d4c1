"""The lines and flags that a trainer needs for a rubric: what `rl-rewards bridge` writes."""

from __future__ import annotations

import difflib
import json
import keyword
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from rl_rewards.bridges.caller import Caller, check_bridge
from rl_rewards.bridges.errors import BridgeError
from rl_rewards.bridges.unscorable import POLICIES
from rl_rewards.rubric import Rubric

__all__ = ["TRAINERS", "Lines", "Wanted", "lines_for"]


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Attributes:
        rubric: the loaded rubric.
        path: how it is named in what is written: an absolute path, or `module:name`.
        file: where the Python file will be.
        unscorable: policy for rows without a score.
        column: the column that a trainer's one label is; None where it is found.
        components: names such as `correct/near` that are logged where a trainer must know them beforehand.
    """

    rubric: Rubric
    path: str
    file: str
    unscorable: str = "raise"
    column: str | None = None
    components: tuple[str, ...] = ()

    def options(self, *names: str) -> str:
        """Those of the given options that are not the default, as keyword arguments behind the path."""
        values = {
            "unscorable": self.unscorable if self.unscorable != "raise" else None,
            "column": self.column,
            "components": list(self.components) or None,
        }
        return "".join(f", {name}={values[name]!r}" for name in names if values[name] is not None)

    @property
    def module(self) -> str:
        """The file's name as a module.

        Raises:
            BridgeError: when no module can have it.
        """
        name = self.file.rpartition("/")[2]
        module = name.removesuffix(".py")
        if not module.isidentifier() or keyword.iskeyword(module):
            near = re.sub(r"\W", "_", module).lstrip("0123456789") or "rewards"
            near += "_" * keyword.iskeyword(near)
            raise BridgeError(f"--out must be named as a module is, which this trainer imports, got {name!r}; did you mean {near + '.py'!r}?")
        return module


@dataclass(frozen=True)
class Lines:
    """What is written.

    Attributes:
        file: a Python file; None where there is none.
        use: flags, or lines of a configuration, that name it.
        note: one line on what matters.
    """

    file: str | None
    use: str
    note: str = ""


@dataclass(frozen=True)
class Trainer:
    """A trainer: how its users write it, the usual name of the file, its lines, and what it can do."""

    title: str
    file: str | None
    write: Callable[[Wanted], Lines]
    caller: Caller


def _import(module: str, names: str) -> str:
    return f"from rl_rewards.bridges.{module} import {names}\n\n"


def _verl(wanted: Wanted) -> Lines:
    grouped = any(reward.score.traits.needs_groups or reward.score.traits.needs_token_ids for reward in wanted.rubric.rewards)
    flags = (
        ["reward.reward_manager.source=importlib", "reward.reward_manager.name=RubricRewardManager"]
        + ["reward.reward_manager.module.path=pkg://rl_rewards.bridges.verl"]
        if grouped
        else ["reward.custom_reward_function.path=pkg://rl_rewards.bridges.verl", "reward.custom_reward_function.name=compute_score"]
    )
    if any(reward.score.traits.needs_groups for reward in wanted.rubric.rewards):
        flags.append("reward.num_workers=1")
    given = {"rubric": wanted.path, "unscorable": wanted.unscorable if wanted.unscorable != "raise" else None, "column": wanted.column}
    kwargs = {name: _hydra(value) for name, value in given.items() if value is not None}
    if wanted.components:
        kwargs["components"] = f"[{','.join(map(_hydra, wanted.components))}]"
    flags += [shlex.quote(f"+reward.custom_reward_function.reward_kwargs.{name}={value}") for name, value in kwargs.items()]
    lines = "export VERL_USE_EXTERNAL_MODULES=rl_rewards.bridges.verl.hooks\npython -m verl.trainer.main_ppo ..."
    return Lines(
        None, _flags(lines, flags), "the variable is for curves of every reward and component, and for unscorable: drop_group and group_mean"
    )


def _openrlhf(wanted: Wanted) -> Lines:
    file = (
        _import("openrlhf", "reward_function")
        + f"reward_func = reward_function({_text(wanted.path)}{wanted.options('unscorable', 'column', 'components')})\n"
    )
    flags = [f"--reward.remote_url {shlex.quote(wanted.file)}"]
    if wanted.unscorable == "drop_group":
        flags.append("--algo.dynamic_filtering_enable")
    note = "or `rl-rewards serve` and --reward.remote_url http://HOST:8000/get_reward"
    return Lines(file, _flags("python -m openrlhf.cli.train_ppo_ray ...", flags), note)


def _verifiers(wanted: Wanted) -> Lines:
    file = _import("verifiers", "reward_functions") + f"globals().update(reward_functions({_text(wanted.path)}))\n"
    tables = []
    for reward in wanted.rubric.rewards:
        kind = "rewards" if reward.weight != 0 else "metrics"
        tables += [f"[env.taskset.task.{kind}.{_toml_key(reward.name)}]", f"fn = {_text(f'{wanted.file}:{reward.name}')}"]
        tables += [f"weight = {float(reward.weight)!r}"] if reward.weight != 0 else []
    return Lines(file, "\n".join(tables) + "\n")


def _nemo_gym(wanted: Wanted) -> Lines:
    file = (
        _import("nemo_gym", "resources_server")
        + f"RubricResourcesServer = resources_server({_text(wanted.path)})\n"
        + 'if __name__ == "__main__":\n    RubricResourcesServer.run_webserver()\n'
    )
    name = wanted.file.rpartition("/")[2]
    entrypoint = name if re.fullmatch(r"[\w.-]+", name) else _text(name)
    use = f"rubric:\n  resources_servers:\n    rubric:\n      entrypoint: {entrypoint}\n      domain: other\n"
    return Lines(file, use, "a row without a score is a 503; resources_server(..., failures='mask') sends mask_sample, which 0.4.0 does not read")


def _ms_swift(wanted: Wanted) -> Lines:
    file = _import("ms_swift", "register") + f"register({_text(wanted.path)}{wanted.options('unscorable', 'components')})\n"
    components = [name.replace("/", ".") for name in wanted.components]
    names = " ".join(shlex.quote(name) for name in [*(reward.name for reward in wanted.rubric.rewards), *components])
    weights = " ".join([*(repr(reward.weight) for reward in wanted.rubric.rewards), *("0" for _ in components)])
    flags = [f"--external_plugins {shlex.quote(wanted.file)}", f"--reward_funcs {names}", f"--reward_weights {weights}"]
    return Lines(file, _flags("swift rlhf --rlhf_type grpo ...", flags))


def _skyrl(wanted: Wanted) -> Lines:
    file = _import("skyrl_gym", "register") + f"register({_text(wanted.path)}{wanted.options('column')})\n"
    return Lines(
        file, _flags("python main.py ...", ["environment.env_class=rl_rewards"]), "import the file where training starts and in SkyRL's entry point"
    )


def _tinker(wanted: Wanted) -> Lines:
    file = (
        _import("tinker", "RubricGroupBuilder, group_scorer")
        + f"scorer = group_scorer({_text(wanted.path)}{wanted.options('unscorable')})\n\n\n"
        + "def group(renderer, prompt, columns, size=8):\n    return RubricGroupBuilder(scorer, renderer, prompt, columns, size)\n"
    )
    return Lines(file, f"from {wanted.module} import group  # in RLDataset.get_batch: [group(renderer, row['prompt'], row) for row in rows]\n")


def _trl(wanted: Wanted) -> Lines:
    file = f"from rl_rewards import load_rubric\n\nrubric = load_rubric({_text(wanted.path)})\n"
    use = "GRPOTrainer(reward_funcs=rubric.reward_funcs, args=GRPOConfig(reward_weights=rubric.reward_weights, ...), ...)\n"
    return Lines(file, use, "a row without a score is None, and left out")


def _axolotl(wanted: Wanted) -> Lines:
    file = _import("workers", "reward_functions") + f"globals().update(reward_functions({_text(wanted.path)}))\n"
    if dotted := [reward.name for reward in wanted.rubric.rewards if "." in reward.name]:
        near = dotted[0].replace(".", "_")
        raise BridgeError(f"reward {dotted[0]!r} must have a name without a dot, behind which axolotl looks for the function; call it {near!r}")
    names = ", ".join(f"{wanted.module}.{reward.name}" for reward in wanted.rubric.rewards)
    weights = ", ".join(repr(reward.weight) for reward in wanted.rubric.rewards)
    return Lines(file, f"trl:\n  reward_funcs: [{names}]\n  reward_weights: [{weights}]\n", "TRL's call: a row without a score is None, and left out")


def _open_instruct(wanted: Wanted) -> Lines:
    file = (
        "from open_instruct.ground_truth_utils import VerificationResult, VerifierFunction\n"
        + _import("plain", "row_scorer")
        + "\nclass RubricVerifier(VerifierFunction):\n"
        + '    def __init__(self, verifier_config=None):\n        super().__init__("rubric", verifier_config=verifier_config, weight=1.0)\n'
        + f"        self.score = row_scorer({_text(wanted.path)})\n\n"
        + "    def __call__(self, tokenized_prediction, prediction, label, query=None, **more):\n"
        + f"        total, numbers = self.score(query, prediction, {{{_text(_column(wanted))}: label}})\n"
        + "        return VerificationResult(score=total, reasoning=str(numbers))\n"
    )
    return Lines(file, f"import {wanted.module}  # before build_all_verifiers; rows have dataset: rubric\n")


def _slime(wanted: Wanted) -> Lines:
    file = (
        _import("plain", "row_scorer")
        + f"score = row_scorer({_text(wanted.path)})\n\n\n"
        + "async def reward(args, sample, **more):\n"
        + f"    total, numbers = await score.aio(sample.prompt, sample.response, {{{_text(_column(wanted))}: sample.label}})\n"
        + '    return {"score": total, **numbers}\n'
    )
    return Lines(file, _flags("python train.py ...", [f"--custom-rm-path {wanted.module}.reward", "--reward-key score"]))


def _trainers() -> dict[str, Trainer]:
    from rl_rewards.bridges import ms_swift, nemo_gym, openrlhf, plain, skyrl_gym, verifiers

    native = Caller("TRL's call", groups=True, token_ids=True, instead="a row without a score is None there, and left out")
    return {
        "trl": Trainer("TRL", "rewards.py", _trl, native),
        "verl": Trainer("verl", None, _verl, Caller("verl", POLICIES, groups=True, token_ids=True)),
        "openrlhf": Trainer("OpenRLHF", "reward.py", _openrlhf, openrlhf.CALLER),
        "verifiers": Trainer("verifiers", "rewards.py", _verifiers, verifiers.CALLER),
        "prime-rl": Trainer("prime-rl", "rewards.py", _verifiers, verifiers.CALLER),
        "nemo-gym": Trainer("NeMo-Gym", "app.py", _nemo_gym, nemo_gym.CALLER),
        "ms-swift": Trainer("ms-swift", "plugin.py", _ms_swift, ms_swift.CALLER),
        "skyrl-gym": Trainer("SkyRL-gym", "rewards.py", _skyrl, skyrl_gym.CALLER),
        "tinker": Trainer("Tinker", "rewards.py", _tinker, plain.GROUP),
        "axolotl": Trainer("axolotl", "rewards.py", _axolotl, native),
        "unsloth": Trainer("Unsloth", "rewards.py", _trl, native),
        "open-instruct": Trainer("open-instruct", "rubric_verifier.py", _open_instruct, plain.ROW),
        "slime": Trainer("slime", "rewards.py", _slime, plain.ROW),
    }


TRAINERS = (
    "trl",
    "verl",
    "openrlhf",
    "verifiers",
    "prime-rl",
    "nemo-gym",
    "ms-swift",
    "skyrl-gym",
    "tinker",
    "axolotl",
    "unsloth",
    "open-instruct",
    "slime",
)
_ALIASES = {"swift": "ms-swift", "skyrl": "skyrl-gym", "nemogym": "nemo-gym", "tinker-cookbook": "tinker", "primerl": "prime-rl", "miles": "slime"}


def trainer_named(name: str) -> Trainer:
    """A trainer by its name, as its users write it.

    Raises:
        BridgeError: naming the nearest one.
    """
    key = name.lower().replace("_", "-").replace(" ", "-")
    key = _ALIASES.get(key, key)
    if key not in TRAINERS:
        near = difflib.get_close_matches(key, [*TRAINERS, *_ALIASES], n=1, cutoff=0.5)
        raise BridgeError(f"TRAINER must be one of {', '.join(TRAINERS)}, got {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    return _trainers()[key]


def lines_for(trainer: Trainer, wanted: Wanted) -> Lines:
    """The lines of a trainer, for a rubric that it can use.

    Raises:
        BridgeError: a policy, or a reward, that the trainer cannot carry out.
        RubricDataError: when every weight is 0.
    """
    check_bridge(wanted.rubric, trainer.caller, wanted.unscorable)
    return trainer.write(wanted)


def _flags(command: str, flags: list[str]) -> str:
    return " \\\n    ".join([command, *flags]) + "\n"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _hydra(value: str) -> str:
    """A value of a Hydra override: as it is where it has no sign of Hydra's grammar, else in quotes."""
    is_other = re.fullmatch(r"null|true|false|[+-]?(nan|inf|[\d_.]+(e[+-]?\d+)?)", value, re.IGNORECASE)
    if re.fullmatch(r"[\w./:@+-]+", value, re.ASCII) and not is_other:
        return value
    escaped = re.sub(r"(\\*)'", lambda found: 2 * found[1] + r"\'", value)
    escaped = re.sub(r"(\\+)$", lambda found: 2 * found[1], escaped)
    return f"'{escaped}'"


def _toml_key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() else _text(name)


def _column(wanted: Wanted) -> str:
    if wanted.column is not None:
        return wanted.column
    columns = sorted(wanted.rubric.columns)
    if len(columns) > 1:
        raise BridgeError(f"this trainer has one label, and the rubric reads the columns {columns}: name the one that it is with --column")
    return columns[0] if columns else "label"
