"""`rl-rewards schema`: the JSON schema of rubric files, for editors."""

from __future__ import annotations


def schema() -> None:
    """Print the JSON schema of rubric files.

    rl-rewards schema > rubric.schema.json, and begin a rubric beside it with: # yaml-language-server: $schema=rubric.schema.json
    """
    from rl_rewards.rubric_files.schema import PATH

    print(PATH.read_text(encoding="utf-8"), end="")
