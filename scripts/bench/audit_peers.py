"""Asks the peers of the audit about one rubric after the other; run by scripts/bench/audit.py with the peers' own Python.

Standard input has a JSON object a line: {"rubric": file, "rows": [...], "form": [before, template, behind], "column": name or null}; standard output
answers with {"rewardprobe": true, ...}: whether each tool reports the rubric as flawed, as its command line would, or {"error": why}.

Each tool sees the rubric as one TRL reward function of plain texts, with the reference in a column called `answer`. gradecheck, which reads verifiers'
environments, is given one whose parser writes answers in the form that the rubric asks for.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

SECONDS = 60


def total_of(rubric: str, column: str | None) -> Callable[..., list[float]]:
    """The rubric's total as a TRL reward function."""
    from rl_rewards.auditing.targets import as_rubric, tolerant

    function = tolerant(as_rubric(rubric)).as_reward_func()

    def total(completions: list[Any], answer: Any = None, **columns: Any) -> list[float]:
        size = len(completions)
        prompts = columns.pop("prompts", None) or [""] * size
        columns = {name: values if isinstance(values, list) and len(values) == size else [values] * size for name, values in columns.items()}
        if column is not None:
            columns[column] = answer if isinstance(answer, list) else [answer] * size
        ids = [list(range(len(str(completion)) // 4)) for completion in completions]
        return [score or 0.0 for score in function(prompts=prompts, completions=completions, completion_ids=ids, **columns)]

    return total


def rewardprobe(task: dict[str, Any]) -> bool:
    """Whether `rewardprobe test --ci` would fail: it has a critical finding."""
    from rewardprobe import Probe

    report = Probe().test_fn(total_of(task["rubric"], task["column"]), [{**row, "answer": row.get(task["column"])} for row in task["rows"]])
    return report.critical_count > 0


def reward_doctor(task: dict[str, Any]) -> bool:
    """Whether `reward-doctor audit` would fail with its default `--fail-on exploit`."""
    from reward_doctor.audit import audit

    return bool(audit(total_of(task["rubric"], task["column"])).exploits_accepted)


def gradecheck(task: dict[str, Any]) -> bool:
    """Whether `gradecheck verifiers` would fail: an attack fools the environment."""
    from gradecheck.attacks.base import FOOLED
    from gradecheck.completion_attacks import run_all
    from gradecheck.verifiers_env import VerifiersEnv

    total = total_of(task["rubric"], task["column"])
    before, template, behind = task["form"]

    def reward(prompt: Any, completion: Any, answer: Any, **columns: Any) -> float:
        kept = {name: [value] for name, value in columns.items() if name not in ("parser", "state", "info", "question")}
        return total(completions=[completion], answer=[answer], prompts=[prompt], **kept)[0]

    rows = [{**row, "answer": row.get(task["column"])} for row in task["rows"]]
    env = SimpleNamespace(
        message_type="completion",
        rubric=SimpleNamespace(funcs=[reward], weights=[1.0], rubrics=[]),
        parser=SimpleNamespace(answer_field="answer", format=lambda answer: f"{before}{template.replace(chr(0), answer)}{behind}"),
        get_dataset=lambda: rows,
    )
    return any(
        finding.verdict == FOOLED if hasattr(finding, "verdict") else FOOLED in vars(finding).values() for finding in run_all(VerifiersEnv(env))
    )


def main() -> None:
    """Answer every line."""
    out = sys.stdout
    for line in sys.stdin:
        task = json.loads(line)
        answers: dict[str, Any] = {}
        for name, tool in (("rewardprobe", rewardprobe), ("reward-doctor", reward_doctor), ("gradecheck", gradecheck)):
            signal.signal(signal.SIGALRM, _stop)
            signal.alarm(SECONDS)
            try:
                with contextlib.redirect_stdout(sys.stderr):
                    answers[name] = tool(task)
            except (Exception, SystemExit) as error:
                answers[name] = {"error": f"{type(error).__name__}: {error!s:.120}"}
            finally:
                signal.alarm(0)
        print(json.dumps(answers), file=out, flush=True)


def _stop(*_: object) -> None:
    raise TimeoutError(f"took longer than {SECONDS} s")


if __name__ == "__main__":
    main()
