"""Every bridge called as its trainer calls it, in plain dicts and objects of the trainer's shape.

Each call: (rubric file, rows) -> for each row (total or None, {reward: score}, {(reward, component): number}). None is a row for which the trainer got
an exception, or a mark that says that there is no score.
"""

import asyncio
import json
import math
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from rl_rewards.reward import RewardError

THREADS = 4


def numbers_in(logged):
    """(rewards, components) of numbers under TRL's names."""
    rewards, components = {}, {}
    for key, value in logged.items():
        parts = key.split("/")
        if len(parts) == 2 and parts[1] not in ("unscorable", "components"):
            rewards[parts[1]] = value
        elif len(parts) == 4 and parts[2] == "components" and value is not None:
            components[parts[1], parts[3]] = value
    return rewards, components


def each(function, rows):
    """A function of one row, called from several threads; a row that raises has no score."""

    def one(row):
        try:
            return function(row)
        except RewardError:
            return None, {}, {}

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, rows))


def verl(path, rows, unscorable="raise"):
    from rl_rewards.bridges.verl import compute_score

    def one(row):
        extra = {**{name: value for name, value in row["columns"].items() if name != "answer"}, "prompt": row["prompt"], "num_turns": 2}
        truth = json.dumps({"answer": row["columns"]["answer"]}) if "answer" in row["columns"] else None
        said = compute_score("gsm8k", row["completion"], truth, extra, rubric=path, unscorable=unscorable)
        rewards, _ = numbers_in(said)
        components = {(name, key): value for name, inner in json.loads(said["rewards/components"]).items() for key, value in inner.items()}
        return said["score"], rewards, components

    return each(one, rows)


def verl_trainer(path, rows, unscorable):
    """What an advantage estimator of verl gets of rows whose scores lie on their last token, with the hooks in."""
    import torch

    from rl_rewards.bridges.verl import hooks

    scored = verl(path, rows, unscorable)
    rewards = torch.zeros(len(rows), 3, dtype=torch.float64)
    rewards[:, 1] = torch.tensor([total for total, _, _ in scored], dtype=torch.float64)

    def sums(token_level_rewards, response_mask, index):
        return token_level_rewards.sum(-1)

    totals = hooks._without_marks(sums)(token_level_rewards=rewards, response_mask=None, index=[row["group"] for row in rows]).tolist()
    return [(total, *numbers) for total, (_, *numbers) in zip(totals, scored, strict=True)]


def openrlhf(path, rows, unscorable="raise"):
    from rl_rewards.bridges.openrlhf import StopTraining, reward_function

    names = sorted({f"{name}/{key}" for name, key in _component_names(path, rows)})
    function = reward_function(path, unscorable, components=names)

    def one(row):
        prompt = row["prompt"]
        if not isinstance(prompt, str):
            prompt = f"<|im_start|>user\n{prompt[0]['content']}<|im_end|>\n<|im_start|>assistant\n"
        try:
            said = function([prompt + row["completion"] + "<|im_end|>"], [prompt], [json.dumps(row["columns"])])
        except StopTraining as error:
            raise RewardError(str(error)) from error
        logs = {name: float(value[0]) for name, value in said["extra_logs"].items()}
        scored = {name: (value if logs[f"{name}/scored"] else None) for name, value in logs.items() if f"{name}/scored" in logs}
        return float(said["rewards"][0]), *numbers_in(scored)

    return each(one, rows)


def _component_names(path, rows):
    from bridge_rows import trl_numbers

    return {key for row in trl_numbers(path, rows)[2] for key in row}


class Dumped(SimpleNamespace):
    """An object with pydantic's `model_dump`."""

    def model_dump(self, **options):
        return {name: value for name, value in vars(self).items() if value is not None or not options.get("exclude_none")}


def verifiers(path, rows):
    from rl_rewards.bridges.verifiers import reward_functions

    functions = reward_functions(path)

    async def one(row):
        nodes = [SimpleNamespace(message=Dumped(**message), sampled=False) for message in row["prompt"]]
        nodes.append(SimpleNamespace(message=Dumped(role="assistant", content=row["completion"]), sampled=True))
        metrics = {}
        trace = SimpleNamespace(branches=[SimpleNamespace(nodes=nodes)], record_metrics=metrics.update)
        task = Dumped(prompt=row["prompt"], system_prompt=None, **row["columns"])
        said = await asyncio.gather(*(function(task=task, trace=trace) for function in functions.values()), return_exceptions=True)
        if any(isinstance(score, RewardError) for score in said):
            return None, {}, {}
        if wrong := [score for score in said if isinstance(score, BaseException)]:
            raise wrong[0]
        rewards = {name: None if score == {} else score for name, score in zip(functions, said, strict=True)}
        total = 0.0
        for name, score in rewards.items():
            if functions[name].reward.weight != 0 and score is not None:
                total += functions[name]._vf_weight * score
        return total, rewards, numbers_in(metrics)[1]

    async def run():
        slots = asyncio.Semaphore(THREADS)

        async def within(row):
            async with slots:
                return await one(row)

        return await asyncio.gather(*map(within, rows))

    return asyncio.run(run())


def nemo_gym(path, rows):
    from rl_rewards.bridges.nemo_gym import Verification
    from rl_rewards.serving.errors import NoScoreError, RequestError

    verification = Verification(path)
    names = [reward.name for reward in verification.scoring.rubric.rewards]

    async def one(row):
        output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": row["completion"], "annotations": []}]}]
        try:
            said = await verification.reply({"responses_create_params": {"input": row["prompt"]}, "response": {"output": output}, **row["columns"]})
        except NoScoreError:
            return None, {}, {}
        except RequestError as error:
            if not str(error).startswith(("no reward of the rubric applies", "reward 'r")):  # of the row, and not of the request's form
                raise
            return None, {}, {}
        components = {tuple(key.split("/")): value for key, value in said.items() if "/" in key}
        return said["reward"], {name: said.get(name) for name in names}, components

    async def run():
        slots = asyncio.Semaphore(THREADS)

        async def within(row):
            async with slots:
                return await one(row)

        return await asyncio.gather(*map(within, rows))

    return asyncio.run(run())


def columns_of(rows):
    """Columns of a batch, as data sets hand them over: None in a row that lacks one."""
    return {name: [row["columns"].get(name) for row in rows] for name in {name: None for row in rows for name in row["columns"]}}


def ms_swift(path, rows, unscorable="group_mean"):
    from rl_rewards.bridges.ms_swift import reward_classes

    classes = reward_classes(path, unscorable)
    weights = {name: made.scoring.rows.rubric[name].weight for name, made in classes.items()}
    batch = {
        "messages": [[*row["prompt"], {"role": "assistant", "content": row["completion"]}] for row in rows],
        "prompt_id": [f"p{row['group']}" for row in rows],
        "request_id": list(range(len(rows))),
        "trainer_state": SimpleNamespace(global_step=3),
        **columns_of(rows),
    }
    columns = {name: made(args=None)([row["completion"] for row in rows], **batch) for name, made in classes.items()}
    totals = []
    for i in range(len(rows)):
        total = None
        for name, weight in weights.items():
            if weight != 0 and columns[name][i] is not None:
                total = (total or 0.0) + weight * columns[name][i]
        totals.append(total)
    return [(total, {name: column[i] for name, column in columns.items()}, None) for i, total in enumerate(totals)]


def groups_of(rows):
    found = {}
    for row in rows:
        found.setdefault(row["group"], []).append(row)
    return found.values()


def tinker(path, rows, unscorable="group_mean"):
    """What RubricGroupBuilder.compute_group_rewards does with a group."""
    from rl_rewards.bridges.plain import group_scorer

    scorer = group_scorer(path, unscorable)
    results = []
    for group in groups_of(rows):
        completions = [[{"role": "assistant", "content": row["completion"]}] for row in group]
        said = asyncio.run(scorer.aio(group[0]["prompt"], completions, group[0]["columns"]))
        results += [(total, *numbers_in(numbers)) for total, numbers in said]
    return results


def skyrl_gym(path, rows):
    from rl_rewards.bridges.scoring import RubricScoring
    from rl_rewards.bridges.skyrl_gym import CALLER, Episode

    scoring = RubricScoring(path, CALLER)

    def one(row):
        extras = {"reward_spec": {"ground_truth": row["columns"].get("answer"), "method": "rule"}, "extra_info": row["columns"], "data_source": "x"}
        episode = Episode(scoring, extras, None)
        episode.prompt = row["prompt"]
        scored = episode.score(row["completion"])
        return scored.total, *numbers_in(scored.present())

    return each(one, rows)


def slime(path, rows):
    """The function that `rl-rewards bridge slime` writes, called with slime's Sample."""
    from rl_rewards.bridges.plain import row_scorer

    score = row_scorer(path)

    def one(row):
        total, numbers = asyncio.run(score.aio(row["prompt"], row["completion"], row["columns"]))
        return total, *numbers_in(numbers)

    return each(one, rows)


def axolotl(path, rows):
    """TRL's call after a pickle to another process and back."""
    import pickle

    from rl_rewards.bridges.workers import reward_functions

    functions = pickle.loads(pickle.dumps(reward_functions(path)))
    columns = columns_of(rows)
    said = {
        name: function([row["prompt"] for row in rows], [[{"role": "assistant", "content": row["completion"]}] for row in rows], **columns)
        for name, function in functions.items()
    }
    results = []
    for i in range(len(rows)):
        total = None
        for name, scores in said.items():
            weight = functions[name].reward.weight
            if weight != 0 and scores[i] is not None:
                total = (total or 0.0) + weight * scores[i]
        results.append((total, {name: scores[i] for name, scores in said.items()}, None))
    return results


ONE_ROW = {
    "verl": verl,
    "openrlhf": openrlhf,
    "verifiers": verifiers,
    "nemo_gym": nemo_gym,
    "skyrl_gym": skyrl_gym,
    "slime": slime,
}
WHOLE_GROUPS = {"ms_swift": ms_swift, "tinker": tinker, "axolotl": axolotl}


def is_absent(total):
    return total is None or not math.isfinite(total)
