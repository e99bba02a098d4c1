"""The files of a new rubric or metric folder, with samples and a test."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from rl_rewards.scorers.metric_folder import FolderError

__all__ = ["Kind", "scaffold"]

Kind = Literal["rubric", "folder"]
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")

_RUBRIC = """\
# What is trained on: every reward parses the response and scores what it parsed. `rl-rewards list` has all parsers and scorers,
# `rl-rewards explain KIND` their options.
rewards:
- name: correct
  parse: {tag: answer}
  score: {number_match: answer}    # the column `answer` of the data
- name: format
  weight: 0.2
  score: {regex_match: "<answer>[^<]*</answer>"}
- name: words                      # a metric: logged, never trained on
  weight: 0
  score: {length_window: {min_tokens: 1, max_tokens: 50, unit: words}}
"""

_RUBRIC_SAMPLES = """\
{"prompt": "What is 12 + 30?", "completion": "12 + 30 is <answer>42</answer>.", "answer": "42"}
{"prompt": "What is 7 * 6?", "completion": "It must be <answer>41</answer>.", "answer": "42"}
{"prompt": "What is 50 - 8?", "completion": "Forty-two.", "answer": "42"}
"""

_RUBRIC_TEST = '''\
"""What the rubric pays for. Run with `python @test@.py`, or with pytest."""

import json
from pathlib import Path

from rl_rewards import Sample
from rl_rewards.formats import load_rubric

HERE = Path(__file__).parent


def test_each_sample_has_the_score_that_it_deserves():
    rubric = load_rubric(HERE / "rubric.yaml")
    rows = [json.loads(line) for line in (HERE / "samples.jsonl").read_text().splitlines()]
    evaluation = rubric.evaluate([Sample.from_row(row) for row in rows])
    assert evaluation.scores("correct") == [1.0, 0.0, 0.0]
    assert evaluation.scores("format") == [1.0, 1.0, 0.0]
    assert evaluation.totals() == [1.2, 0.2, 0.0]


if __name__ == "__main__":
    test_each_sample_has_the_score_that_it_deserves()
    print("passed")
'''

_MAIN = '''\
"""@name@: how many of the question's words the answer takes up."""

from words import content_words

from rl_rewards import EvaluateResult, Message, MetricResult, reward_function


@reward_function
def evaluate(messages: list[Message], **kwargs) -> EvaluateResult:
    """Score the last message, the response to those before it. Columns of the data arrive as keyword arguments."""
    question, answer = content_words(messages[-2].text), content_words(messages[-1].text)
    if not question:
        return EvaluateResult.skip("the question has no words to look for")
    overlap = len(question & answer) / len(question)
    brevity = 1.0 if len(messages[-1].text) <= 400 else 0.0
    return EvaluateResult(
        score=0.8 * overlap + 0.2 * brevity,
        reason=f"{len(question & answer)} of {len(question)} words, {len(messages[-1].text)} characters",
        metrics={
            "overlap": MetricResult(score=overlap, reason=f"in both: {', '.join(sorted(question & answer)) or 'none'}"),
            "brevity": MetricResult(score=brevity, reason="at most 400 characters"),
        },
    )
'''

_WORDS = '''\
"""Words that say something."""

import re

COMMON = {"a", "an", "and", "at", "by", "can", "do", "for", "how", "i", "in", "is", "it", "my", "of", "on", "or", "the", "to", "what", "why", "with"}


def content_words(text: str) -> set[str]:
    """The words of a text in lower case, without those that every text has."""
    return set(re.findall(r"[a-z]+", text.lower())) - COMMON
'''

_REQUIREMENTS = """\
# What the folder's code needs beside rl_rewards, one requirement a line; it is checked, and never installed by itself.
"""

_FOLDER_SAMPLES = """\
{"messages": [{"role": "user", "content": "What is machine learning?"}, {"role": "assistant", "content": "Machine learning lets a program learn from data."}]}
{"messages": [{"role": "user", "content": "What is machine learning?"}, {"role": "assistant", "content": "It has many applications today."}]}
{"messages": [{"role": "user", "content": "How do I cook rice?"}, {"role": "assistant", "content": "Wash the rice, then cook it in twice as much water."}]}
"""

_FOLDER_TEST = '''\
"""What the metric pays for. Run with `python @test@.py`, or with pytest."""

import json
from pathlib import Path

from rl_rewards import Sample
from rl_rewards.folders import load_folders

HERE = Path(__file__).parent


def test_each_sample_has_the_score_that_it_deserves():
    rubric = load_folders([f"@name@={HERE / 'metrics' / '@name@'}"])
    rows = [json.loads(line) for line in (HERE / "samples.jsonl").read_text().splitlines()]
    evaluation = rubric.evaluate([Sample.from_row(row) for row in rows])
    assert [round(score, 6) for score in evaluation.scores("@name@")] == [1.0, 0.2, 1.0]


if __name__ == "__main__":
    test_each_sample_has_the_score_that_it_deserves()
    print("passed")
'''


def scaffold(target: Path, kind: Kind) -> tuple[list[Path], list[str]]:
    """Write a new rubric or metric folder into a directory that is new or empty.

    Returns:
        The files that were written, and the commands to type next, in that directory.

    Raises:
        FolderError: when the directory's last name can be no metric's, or there is something in it already.
        OSError: when it cannot be written.
    """
    name = target.resolve().name
    if not _NAME.fullmatch(name):
        raise FolderError(f"a name must be of letters, digits, '_', '-' and '.', got {name!r}")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        has = f"it has {', '.join(sorted(path.name for path in target.iterdir())[:8])}" if target.is_dir() else "it is a file"
        raise FolderError(f"{target}: must be a new directory or an empty one, and {has}; nothing was written")
    test = "test_" + re.sub(r"\W", "_", name)
    files = _rubric(test) if kind == "rubric" else _folder(name, test)
    for file, text in files.items():
        path = target / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("@name@", name).replace("@test@", test), encoding="utf-8")
    rubric = "rubric.yaml" if kind == "rubric" else f"--metrics-folders {name}=metrics/{name}"
    return [target / file for file in files], [f"rl-rewards preview {rubric} --samples samples.jsonl", f"python {test}.py"]


def _rubric(test: str) -> dict[str, str]:
    return {"rubric.yaml": _RUBRIC, "samples.jsonl": _RUBRIC_SAMPLES, f"{test}.py": _RUBRIC_TEST}


def _folder(name: str, test: str) -> dict[str, str]:
    folder = f"metrics/{name}"
    return {
        f"{folder}/main.py": _MAIN,
        f"{folder}/words.py": _WORDS,
        f"{folder}/requirements.txt": _REQUIREMENTS,
        "samples.jsonl": _FOLDER_SAMPLES,
        f"{test}.py": _FOLDER_TEST,
    }
