"""Each trainer's own loop over the conformance rows, run by a Python that has the trainer: `python bridge_peers.py TRAINER RUBRIC ROWS LIMIT`.

Prints JSON: {"rows": [[total or null, {reward: score}, {"reward/component": number}] ...], "logs": {name: number}}; `logs` is what the trainer itself
would log of the rows. A row for which the trainer gets an exception, or a mark, has a null total.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from bridge_calls import numbers_in


def read_rows(path, limit):
    return [json.loads(line) for line in Path(path).read_text().splitlines()][:limit]


def byte_tokenizer():
    """One token a byte, and two special tokens."""
    import transformers as hf
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    special = ["<|pad|>", "<|end|>"]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate([*special, *sorted(pre_tokenizers.ByteLevel.alphabet())])}, []))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return hf.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|end|>")


def flat(components):
    return {f"{reward}/{name}": value for (reward, name), value in components.items()}


def finite(total):
    return None if total is None or total != total or abs(total) == float("inf") else total


def verl_config(rubric, manager, place, **options):
    from omegaconf import OmegaConf

    own = {"source": "importlib", "name": "RubricRewardManager", "module": {"path": "pkg://rl_rewards.bridges.verl"}}
    function = {"path": None if manager else "pkg://rl_rewards.bridges.verl", "name": "compute_score", "reward_kwargs": {"rubric": rubric, **options}}
    return OmegaConf.create(
        {
            "actor_rollout_ref": {"model": {"path": str(place), "tokenizer_path": None}, "rollout": {"n": 8}},
            "data": {},
            "reward": {
                "num_workers": 1,
                "custom_reward_function": function,
                "reward_manager": own if manager else {"source": "register", "name": "naive", "module": {"path": None}},
                "reward_model": {"enable": False, "enable_resource_pool": False},
            },
        }
    )


def verl_batch(rows, tokenizer):
    """The DataProto that verl's agent loops make of completions."""
    import numpy as np
    import torch
    from tensordict import TensorDict
    from verl import DataProto

    prompts = [tokenizer.encode(row["prompt"][0]["content"]) for row in rows]
    said = [[*tokenizer.encode(row["completion"]), 1] for row in rows]
    longest_prompt, longest = max(map(len, prompts)), max(map(len, said))
    tensors = {
        "prompts": torch.tensor([[0] * (longest_prompt - len(ids)) + ids for ids in prompts]),
        "responses": torch.tensor([ids + [0] * (longest - len(ids)) for ids in said]),
        "attention_mask": torch.tensor(
            [[0] * (longest_prompt - len(p)) + [1] * (len(p) + len(s)) + [0] * (longest - len(s)) for p, s in zip(prompts, said, strict=True)]
        ),
    }

    def column(values):
        made = np.empty(len(rows), dtype=object)
        made[:] = values
        return made

    others = {
        "data_source": column(["sums"] * len(rows)),
        "reward_model": column([{"style": "rule", "ground_truth": json.dumps({"answer": row["columns"]["answer"]})} for row in rows]),
        "extra_info": column([{name: value for name, value in row["columns"].items() if name != "answer"} for row in rows]),
        "raw_prompt": column([row["prompt"] for row in rows]),
        "uid": column([str(row["group"]) for row in rows]),
    }
    return DataProto(batch=TensorDict(tensors, batch_size=len(rows)), non_tensor_batch=others)


def verl(rubric, rows, manager=False):
    """verl's RewardLoopWorker and the code that puts its rows together, then its validation metrics, advantages and data metrics."""
    import os

    os.environ["VERL_USE_EXTERNAL_MODULES"] = "rl_rewards.bridges.verl.hooks"
    import numpy as np
    import torch
    from verl.experimental.reward_loop.reward_loop import RewardLoopManager, RewardLoopWorker
    from verl.trainer.ppo import core_algos, metric_utils

    tokenizer = byte_tokenizer()
    with tempfile.TemporaryDirectory() as place:
        tokenizer.save_pretrained(place)
        Path(place, "config.json").write_text('{"model_type": "llama"}')
        config = verl_config(rubric, manager, place, unscorable="group_mean")
        loop = RewardLoopManager.__new__(RewardLoopManager)
        loop.config, loop.reward_model_manager = config, None
        worker = RewardLoopWorker(config)
    loop.reward_manager_cls = type(worker.reward_manager)
    data = verl_batch(rows, tokenizer)
    outputs = worker.loop.run_until_complete(worker.compute_score_batch(data))
    # RewardLoopManager.compute_rm_score, with a worker that is no Ray actor.
    loop.reward_loop_workers = [SimpleNamespace(compute_score_batch=SimpleNamespace(remote=lambda chunk: outputs))]
    import ray

    ray.get = lambda refs: refs
    joined = loop.compute_rm_score(data)
    keys = joined.meta_info["reward_extra_keys"]
    infos = [{key: joined.non_tensor_batch[key][i] for key in keys} for i in range(len(rows))]
    metrics = metric_utils.process_validation_metrics(
        ["sums"] * len(rows), [str(row["group"]) for row in rows], {key: [i[key] for i in infos] for key in keys}
    )
    logs = {f"val/{name}": float(np.mean([v for k, v in found.items() if k.startswith("mean@")])) for name, found in metrics["sums"].items()}
    scores = joined.batch["rm_scores"]
    advantages, _ = core_algos.compute_grpo_outcome_advantage(
        token_level_rewards=scores, response_mask=torch.ones_like(scores), index=data.non_tensor_batch["uid"]
    )
    logs["advantages_finite"] = float(bool(torch.isfinite(advantages).all()))
    batch = {
        **{name: data.batch[name] for name in ("prompts", "responses", "attention_mask")},
        "token_level_scores": scores,
        "token_level_rewards": scores,
        "advantages": advantages,
        "returns": advantages,
        "response_mask": data.batch["attention_mask"][:, -scores.shape[1] :],
    }
    from tensordict import TensorDict
    from verl import DataProto

    whole = DataProto(batch=TensorDict(batch, batch_size=len(rows)), non_tensor_batch=dict(joined.non_tensor_batch))
    logs |= {
        name: float(value)
        for name, value in metric_utils.compute_data_metrics(whole, use_critic=False).items()
        if "reward" in name or "score" in name
    }
    said = []
    for output, info in zip(outputs, infos, strict=True):
        rewards, _ = numbers_in(info)
        components = {f"{name}/{key}": value for name, inner in json.loads(info["rewards/components"]).items() for key, value in inner.items()}
        said.append([finite(output["reward_score"]), rewards, components])
    return said, logs


def verl_manager(rubric, rows):
    return verl(rubric, rows, manager=True)


def openrlhf(rubric, rows):
    """OpenRLHF's SingleTurnAgentExecutor with an engine that says what the rows say, and what its samples generator logs."""
    from openrlhf.utils.agent import SingleTurnAgentExecutor

    from rl_rewards import load_rubric

    tokenizer = byte_tokenizer()

    class Engine:
        async def generate(self, ids, params, multi_modal_data=None):
            return SimpleNamespace(outputs=[SimpleNamespace(token_ids=self.says, finish_reason="stop", logprobs=None)])

    components = sorted({f"r{i}/{name}" for i, name in known_components(load_rubric(rubric), rows)})
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "reward.py")
        file.write_text(
            f"from rl_rewards.bridges.openrlhf import reward_function\n\nreward_func = reward_function({rubric!r}, components={components!r})\n"
        )
        executor = SingleTurnAgentExecutor(str(file))

    async def one(row):
        engine = Engine()
        engine.says = [*tokenizer.encode(row["completion"]), 1]
        params = SimpleNamespace(max_tokens=4096, logprobs=None)
        try:
            said = await executor.execute(row["prompt"][0]["content"], json.dumps(row["columns"]), params, 8192, tokenizer, engine)
        except BaseException as error:
            if type(error).__name__ != "StopTraining":
                raise
            return [None, {}, {}]
        logs = {name: float(value.flatten()[0]) for name, value in said["extra_logs"].items()}
        scored = {name: (value if logs[f"{name}/scored"] else None) for name, value in logs.items() if f"{name}/scored" in logs}
        rewards, parts = numbers_in(scored)
        return [float(said["reward"]), rewards, flat(parts)]

    async def run():
        return [await one(row) for row in rows]

    return asyncio.run(run()), {}


def known_components(rubric, rows):
    from rl_rewards.types import Sample

    samples = [Sample(row["prompt"], row["completion"], row["completion"], row["columns"]) for row in rows]
    evaluation = rubric.evaluate(samples)
    return {(name[1:], key) for name, column in evaluation.columns.items() for result in column.results for key in result.metrics}


def ms_swift(rubric, rows):
    """ms-swift's orms, compute_rewards_per_func and reward metrics."""
    import torch
    from swift.rewards import orms
    from swift.rl_core.advantage import compute_reward_metrics
    from swift.rl_core.data import GRPOSample
    from swift.rl_core.grpo_algorithm import compute_rewards_per_func

    from rl_rewards import load_rubric
    from rl_rewards.bridges.ms_swift import register

    register(rubric, unscorable="group_mean")
    rewards = load_rubric(rubric).rewards
    functions = [orms[reward.name](args=None) for reward in rewards]
    names = [function.__class__.__name__ for function in functions]
    samples = [
        GRPOSample(
            messages=[*row["prompt"], {"role": "assistant", "content": row["completion"]}],
            extra=row["columns"],
            prompt_id=f"p{row['group']}",
            request_id=str(i),
            finish_reason="stop",
        )
        for i, row in enumerate(rows)
    ]
    kept = []
    wrapped = [keeping(function, kept) for function in functions]
    table = compute_rewards_per_func(samples, wrapped, [None] * len(wrapped), torch.device("cpu"), trainer_state=SimpleNamespace(global_step=1))
    weights = torch.tensor([reward.weight for reward in rewards])
    totals = (table * weights).nansum(1)
    metrics = compute_reward_metrics(totals, table, names, 8, "group")
    said = []
    for i in range(len(rows)):
        total = None
        for reward, column in zip(rewards, kept, strict=True):
            if reward.weight != 0 and column[i] is not None:
                total = (total or 0.0) + reward.weight * column[i]
        said.append([total, {reward.name: column[i] for reward, column in zip(rewards, kept, strict=True)}, None])
    return said, {f"rewards/{name}/mean": value for name, value in metrics.per_func_mean.items()}


def keeping(function, kept):
    def called(completions, **columns):
        said = function(completions, **columns)
        kept.append(list(said))
        return said

    return called


def skyrl_gym(rubric, rows):
    """SkyRL-gym's registry and environment loop, and its aggregated metrics."""
    import skyrl_gym as gym
    from skyrl_gym.metrics import aggregate_for_environment

    from rl_rewards.bridges.skyrl_gym import register
    from rl_rewards.reward import RewardError

    register(rubric)
    said, metrics = [], []
    for row in rows:
        extras = {"reward_spec": {"ground_truth": row["columns"]["answer"]}, "extra_info": row["columns"], "data_source": "sums"}
        env = gym.make("rl_rewards", env_config={}, extras=extras)
        env.init(row["prompt"])
        try:
            step = env.step(row["completion"])
        except RewardError:
            said.append([None, {}, {}])
            continue
        assert step["done"]
        numbers = env.get_metrics()
        metrics.append(numbers)
        rewards, parts = numbers_in(numbers)
        said.append([step["reward"], rewards, flat(parts)])
    return said, aggregate_for_environment("rl_rewards", metrics)


def tinker(rubric, rows):
    """The Tinker cookbook's do_group_rollout, with a policy that says what the rows say, and its mean of metrics."""
    from bridge_calls import groups_of
    from tinker_cookbook.completers import TokenCompleter, TokensWithLogprobs
    from tinker_cookbook.renderers.role_colon import RoleColonRenderer
    from tinker_cookbook.rl.rollouts import do_group_rollout
    from tinker_cookbook.utils.misc_utils import dict_mean

    from rl_rewards.bridges.tinker import RubricGroupBuilder, group_scorer

    tokenizer = byte_tokenizer()
    scorer = group_scorer(rubric, unscorable="group_mean")

    class Policy(TokenCompleter):
        def __init__(self, texts):
            self.texts = iter(texts)

        async def __call__(self, model_input, stop, *, max_tokens=None):
            tokens = tokenizer.encode(" " + next(self.texts) + "\n\nUser:")
            return TokensWithLogprobs(tokens, [0.0] * len(tokens))

    said, metrics = [], []
    for group in groups_of(rows):
        builder = RubricGroupBuilder(scorer, RoleColonRenderer(tokenizer), group[0]["prompt"], group[0]["columns"], len(group))
        done = asyncio.run(do_group_rollout(builder, Policy([row["completion"] for row in group])))
        for total, numbers in zip(done.get_total_rewards(), done.metrics_G, strict=True):
            metrics.append(numbers)
            rewards, parts = numbers_in(numbers)
            said.append([total, rewards, flat(parts)])
    return said, dict_mean(metrics)


def verifiers(rubric, rows):
    """verifiers' Task.score with functions that its TaskConfig names, as in TOML."""
    import verifiers.v1 as vf
    from verifiers.v1.graph import MessageNode
    from verifiers.v1.types import AssistantMessage, UserMessage

    from rl_rewards import load_rubric

    class Data(vf.TaskData):
        answer: str | None
        text: str
        kind: str
        record: dict
        calls: list
        choice: str
        tests: list
        instruction_id_list: list
        kwargs: list

    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "rewards.py")
        file.write_text(f"from rl_rewards.bridges.verifiers import reward_functions\n\nglobals().update(reward_functions({rubric!r}))\n")
        rewards = load_rubric(rubric).rewards
        config = vf.TaskConfig(
            rewards={each.name: {"fn": f"{file}:{each.name}", "weight": each.weight} for each in rewards if each.weight != 0},
            metrics={each.name: {"fn": f"{file}:{each.name}"} for each in rewards if each.weight == 0},
        )

        async def one(row):
            data = Data(prompt=row["prompt"][0]["content"], **row["columns"])
            task = vf.Task(data, config)
            trace = make_trace(vf, task, data)
            trace.nodes = [
                MessageNode(message=UserMessage(role="user", content=row["prompt"][0]["content"])),
                MessageNode(parent=0, message=AssistantMessage(content=row["completion"]), sampled=True),
            ]
            try:
                await task.score(trace)
            except Exception as error:
                if "RewardError" not in f"{type(error).__name__} {type(error.__cause__).__name__} {error}" and "has no score" not in str(error):
                    raise
                return [None, {}, {}]
            scores = {name: reward.score for name, reward in trace.rewards.items() if reward is not None}
            metrics = {name: value for name, value in trace.metrics.items() if value is not None}
            _, parts = numbers_in({name: value for name, value in metrics.items() if "/" in name})
            scores |= {name: value for name, value in metrics.items() if "/" not in name}
            return [trace.reward, scores, flat(parts)]

        async def run():
            return [await one(row) for row in rows]

        said = asyncio.run(run())
    return said, {}


def make_trace(vf, task, data):
    from verifiers.v1.trace import AgentInfo, Trace, TraceTask

    return Trace.model_construct(
        task=TraceTask.model_construct(data=data), agent=AgentInfo.model_construct(), rewards={}, metrics={}, calls=[], info={}, root_reply=None
    )


def nemo_gym(rubric, rows):
    """NeMo-Gym's resource server behind its own FastAPI application."""
    from unittest.mock import MagicMock  # NeMo-Gym's own template makes its client so

    from fastapi.testclient import TestClient
    from nemo_gym.base_resources_server import BaseResourcesServerConfig
    from nemo_gym.server_utils import ServerClient

    from rl_rewards import load_rubric
    from rl_rewards.bridges.nemo_gym import resources_server

    server = resources_server(rubric)(
        config=BaseResourcesServerConfig(host="127.0.0.1", port=8080, entrypoint="app.py", name="rubric"), server_client=MagicMock(spec=ServerClient)
    )
    names = [reward.name for reward in load_rubric(rubric).rewards]
    said = []
    with TestClient(server.setup_webserver(), raise_server_exceptions=False) as client:
        for row in rows:
            message = {"id": "m", "type": "message", "role": "assistant", "status": "completed"}
            message["content"] = [{"type": "output_text", "text": row["completion"], "annotations": []}]
            response = {"id": "r", "created_at": 0, "model": "m", "object": "response", "output": [message]}
            response |= {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
            reply = client.post("/verify", json={"responses_create_params": {"input": row["prompt"]}, "response": response, **row["columns"]})
            if reply.status_code == 503 or (reply.status_code == 422 and "reward 'r" in reply.text):
                said.append([None, {}, {}])
                continue
            assert reply.status_code == 200, reply.text
            body = reply.json()
            said.append([body["reward"], {name: body.get(name) for name in names}, {key: value for key, value in body.items() if "/" in key}])
    return said, {}


TRAINERS = {
    "verl": verl,
    "verl_manager": verl_manager,
    "openrlhf": openrlhf,
    "ms_swift": ms_swift,
    "skyrl_gym": skyrl_gym,
    "tinker": tinker,
    "verifiers": verifiers,
    "nemo_gym": nemo_gym,
}


if __name__ == "__main__":
    _, _trainer, _rubric, _rows, _limit = sys.argv
    with contextlib.redirect_stdout(sys.stderr):  # trainers greet on import
        _said, _logs = TRAINERS[_trainer](_rubric, read_rows(_rows, int(_limit)))
    print(json.dumps({"rows": _said, "logs": _logs}))
