"""OpenAI's and Azure's graders: grader files <-> rubrics, and the run endpoint.

    run_grader(grader, item, sample)       what POST /fine_tuning/alpha/graders/run answers, computed here
    load_rubric("grader.json")             a grader as a rubric (rl_rewards.load_rubric)

A file holds a grader, or anything that the API has around one: {"grader": ...}, or the method of a fine-tuning job. See README.md beside this.
"""

from __future__ import annotations

from rl_rewards.formats.openai.config import load, looks_like
from rl_rewards.formats.openai.export import dump
from rl_rewards.formats.openai.running import run_grader
from rl_rewards.formats.registry import Format

__all__ = ["FORMAT", "run_grader"]

FORMAT = Format("openai", looks_like, load, dump)
