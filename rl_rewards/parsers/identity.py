"""The whole response as the answer."""

from __future__ import annotations

from rl_rewards.configured import configured
from rl_rewards.parsers.base import TextParser


@configured
class Identity(TextParser):
    """Takes the response as it is, so that there always is an answer."""

    def extract(self, text: str) -> str:
        return text
