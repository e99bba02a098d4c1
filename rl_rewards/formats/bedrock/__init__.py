"""Amazon Bedrock's form of rewards: what a Lambda function that grades is called with, and what it returns.

    scored(rows, evaluation)    a scored batch as the list that such a function returns (`rl-rewards score --format bedrock`)

A handler of the user's own is the scorer `lambda_handler`.
"""

from __future__ import annotations

from rl_rewards.formats.bedrock.scored import scored

__all__ = ["scored"]
