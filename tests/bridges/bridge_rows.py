"""The fixed rows of the conformance tests: 125 prompts with 8 completions each, right, wrong, without an answer, hostile, skipped and failing."""

import json

GROUP, GROUPS = 8, 125

REWARDS = '''
def flaky(response):
    """Fails where our own machinery would: what the policy wrote has nothing to do with it."""
    if "kaboom" in response:
        raise ConnectionError("the service is down")
    return min(len(response) / 100, 1.0)


def handler(event, context):
    return [{"id": row["id"], "aggregate_reward_score": float(len(row["messages"][-1]["content"]) % 7), "metrics_list": []} for row in event]
'''


def completions(group, total, text):
    """The 8 completions to one prompt."""
    if group % 25 == 9:  # of a policy that has learned nothing good
        return [
            f"\0<answer>{total}</answer>", "<answer>NaN</answer>", "<answer>" * 200, f"\u202e<answer>{total}</answer>\u200b",
            f"{'x' * 3000}<answer>{total}</answer>", "None", "{}", '[{"name": null}] \N{PILE OF POO}e\u0301',
        ]  # fmt: skip
    call = json.dumps({"name": "add", "arguments": {"a": group, "b": 7}})
    return [
        f"<think>{group} and 7</think>\n<answer>{total}</answer>",
        f"<think>{group} and 7, I think.</think>\n<answer>{total + 1}</answer>",
        f"It is {total}, in words: {text}.",
        "",
        f'```json\n{{"sum": {total}, "text": "{text}", "unit": "none"}}\n```',
        f"<tool_call>{call}</tool_call> kaboom" if group % 5 == 2 else f"<tool_call>{call}</tool_call>",
        f"1. First take {group}.\n2. Then add 7 to it.\n" + "So it goes on, and on, and on. " * 6 + f"\\boxed{{{total}}} (B)",
        f"```python\ndef add(a, b):\n    return a + b{' + 1' if group % 2 else ''}\n```\n<answer>{total}.0</answer>",
    ]


def rows():
    """1,000 rows: prompt, completion, group and columns, which are those of the prompt."""
    made = []
    for group in range(GROUPS):
        total = group + 7
        text = f"the sum of {group} and seven"
        columns = {
            "answer": None if group % 20 == 11 else str(total),
            "text": text,
            "kind": "sum" if group % 3 else "other",
            "record": {"sum": total, "text": text},
            "calls": [{"name": "add", "arguments": {"a": group, "b": 7}}],
            "choice": "B",
            "tests": ["assert add(1, 2) == 3"],
            "instruction_id_list": ["punctuation:no_comma"],
            "kwargs": [{}],
        }
        prompt = [{"role": "user", "content": f"What is {group} + 7?"}]
        made += [{"prompt": prompt, "completion": each, "group": group, "columns": columns} for each in completions(group, total, text)]
    return made


def by_kind(*kinds):
    """Rewards of one kind each, as a rubric file has them."""
    return [dict(reward, name=f"r{i}", weight=round(0.1 * ((i + 1) % 5), 1)) for i, reward in enumerate(kinds)]


TAGGED = {"tag": "answer"}
RULES = by_kind(
    {"parse": TAGGED, "score": {"number_match": "answer"}, "gate": {"reward": "r10", "at_least": -1}},
    {"parse": TAGGED, "score": {"string_match": {"reference": "answer", "wrong": -0.3}}, "when": {"kind": "sum"}},
    {"score": {"regex_match": "\\d+"}},
    {"score": {"exact_match": "text"}},
    {"score": {"token_f1": "text"}, "clip": [0.1, 0.7]},
    {"score": {"string_check": {"reference": "text", "operation": "ilike"}}},
    {"score": {"multiple_choice": "choice"}},
    {"parse": "json", "score": {"json_match": "record"}},
    {"parse": "json", "score": {"json_schema": {"schema": {"type": "object", "required": ["sum"]}}}},
    {"score": {"tool_call_match": {"reference": "calls", "mode": "by_argument"}}},
    {"score": {"tag_count": {"names": ["think", "answer"]}}},
    {"score": "think_format", "gate": {"reward": "r2", "at_least": 1}},
    {"score": "think_answer_format"},
    {"score": {"reasoning_steps": {"steps": 2}}},
    {"score": {"soft_overlong": {"max_tokens": 60, "buffer_tokens": 30, "unit": "characters"}}},
    {"score": {"length_window": {"min_tokens": 2, "max_tokens": 20, "unit": "words"}}, "when": {"kind": "other"}},
    {"parse": TAGGED, "score": {"cosine_length": {"right": {"number_match": "answer"}, "max_tokens": 100, "unit": "characters"}}, "on_error": 0.25},
    {"score": {"repetition": {"n": 2, "penalty": -1, "unit": "words"}}},
    {"score": {"instruction_following": "instruction_id_list"}},
    {"score": {"lambda_handler": "bridge_rewards.py:handler"}},
    {"score": {"function": "bridge_rewards.py:flaky"}},
    {"score": {"formula": "0.5 * r2 + 0.5 * min(r10, 1)"}},
)
SIMILAR = by_kind(
    {"score": {"text_similarity": {"reference": "text", "metric": "rouge_l"}}},
    {"score": {"text_similarity": {"reference": "text", "metric": "fuzzy_match"}}},
    {"score": {"function": "bridge_rewards.py:flaky"}},
)
CODE = by_kind(
    {"parse": "boxed", "score": {"math_verify": "answer"}},
    {"parse": "code_block", "score": {"python_tests": "tests"}},
    {"score": {"python_reward": "def evaluate(example, response):\n    return float(len(response['parts'][0]['text']) < 40)"}},
    {"score": {"python_grader": "def grade(sample, item):\n    return float(item['text'] in sample['output_text'])"}},
    {"score": {"function": "bridge_rewards.py:flaky"}},
)


def servers(chat, service):
    """Rewards that call servers: a chat endpoint, and a service that scores."""
    model = {"name": "m", "base_url": chat}
    criteria = [{"name": "correct", "description": "Is it right?"}, {"name": "tone", "description": "How?", "choices": ["rude", "kind"]}]
    ask = [{"role": "user", "content": "{{ sample.output_text }} SAY:7:YAS"}]
    return by_kind(
        {"score": {"http": {"url": service}}},
        {"score": {"judge": {"model": model, "criteria": criteria}}},
        {"score": {"pairwise_judge": {"model": model, "against": "text"}}},
        {"score": {"autorater": {"prompt": "{{response}} SAY:yes:YAS", "model": model, "equals": "yes"}}},
        {"score": {"score_model": {"model": model, "input": ask, "range": [1, 10]}}},
        {"score": {"function": "bridge_rewards.py:flaky"}},
    )


def models(checkpoint):
    """Rewards that are models."""
    return by_kind(
        {"score": {"reward_model": checkpoint}}, {"score": {"function": "bridge_rewards.py:flaky"}}, {"score": {"reward_model": checkpoint}}
    )


GROUPED = by_kind(
    {"parse": TAGGED, "score": {"number_match": "answer"}},
    {"score": {"group_length": {"right": {"regex_match": "\\d"}, "unit": "characters"}}},
    {"score": {"function": "bridge_rewards.py:flaky"}},
)


def write_rubric(directory, rewards, name="rubric.yaml"):
    """A rubric file, with the functions that it names beside it."""
    (directory / "bridge_rewards.py").write_text(REWARDS)
    path = directory / name
    path.write_text(json.dumps({"rewards": rewards, "max_error_rate": 1.0}))  # YAML reads JSON
    return str(path)


def trl_numbers(path, given, batch=None):
    """What TRL's reward functions return and log: (totals, {reward: scores}, components of each row).

    Args:
        batch: rows of one call; all of them by default. A model's scores depend on it in their last bits.
    """
    from rl_rewards import load_rubric

    rubric, size = load_rubric(path), batch or len(given)
    totals, scores, components = [], {reward.name: [] for reward in rubric}, []
    for start in range(0, len(given), size):
        more = _trl_call(rubric, given[start : start + size])
        totals += more[0]
        components += more[2]
        for name, column in more[1].items():
            scores[name] += column
    return totals, scores, components


def _trl_call(rubric, given):
    from rl_rewards.trl import total_reward_function

    names = {name: None for row in given for name in row["columns"]}
    call = {
        "prompts": [row["prompt"] for row in given],
        "completions": [[{"role": "assistant", "content": row["completion"]}] for row in given],
        **{name: [row["columns"].get(name) for row in given] for name in names},
    }
    scores = {function.__name__: function(**call) for function in rubric.reward_funcs}
    total = total_reward_function(rubric)
    totals = total(**call)
    components = [
        {(name, key): value for name, column in total.evaluation.columns.items() for key, value in _numbers(column.results[i])}
        for i in range(len(given))
    ]
    return totals, scores, [verdicts(each) for each in components]


def verdicts(components):
    """Components without those that say what a call cost, or whether its reply was kept."""
    return {(name, key): value for (name, key), value in components.items() if key not in ("cached", "cost", "prompt_tokens", "completion_tokens")}


def _numbers(result):
    from rl_rewards.types.components import component_score

    return [(key, score) for key, value in result.metrics.items() if (score := component_score(value)) is not None]
