"""Folders on which scripts/compat_differences.py compares harbor-rewardkit with rl_rewards.folders, and why they differ where they do.

A case is (files of the folder, files of the workspace, reason): `reason` is a key of FOLDER_REASONS where the two differ, or None.
"""

from __future__ import annotations

FOLDER_REASONS = {
    "raises": "there a criterion that raises ends the whole run, and there is no reward; here it fails its row, with file and line",
    "no weight": "there weights that add up to 0 give 0; here such a folder is refused",
    "syntax": "there a pattern is Python's; here it is RE2's, which has no lookahead, so that the criterion fails and there is no score",
}
"""Why the two differ: the rows of the second table in rl_rewards/REWARD_KIT.md."""

_CONTAINS = 'from rewardkit import criteria\ncriteria.file_contains("answer.txt", "42")\n'
_TWO = 'from rewardkit import criteria\ncriteria.file_contains("answer.txt", "42", weight=3.0)\ncriteria.file_exists("notes.txt", weight=1.0)\n'
_OWN = 'from rewardkit import criterion\n\n\n@criterion(description="short")\ndef short(workspace):\n    return len((workspace / "answer.txt").read_text()) < 5\n'
_RAISES = (
    'from rewardkit import criterion\n\n\n@criterion(description="away")\ndef away(workspace):\n    raise ConnectionError("the database is away")\n'
)
_SHARE = 'from rewardkit import criterion\n\n\n@criterion(description="a share")\ndef share(workspace):\n    return 0.25\n'


def _named(aggregation: str, more: str = "") -> str:
    return f'[[reward]]\nname = "reward"\naggregation = "{aggregation}"\n{more}'


_RIGHT, _WRONG = {"answer.txt": "42\n"}, {"answer.txt": "It is 41, I think.\n"}

FOLDER_CASES: list[tuple[dict[str, str], dict[str, str], str | None]] = [
    ({"checks.py": _CONTAINS}, _RIGHT, None),
    ({"checks.py": _CONTAINS}, _WRONG, None),
    ({"checks.py": _TWO}, _RIGHT, None),
    ({"checks.py": _TWO}, _RIGHT | {"notes.txt": ""}, None),
    ({"checks.py": _TWO, "reward.toml": '[scoring.checks]\naggregation = "all-pass"\n'}, _RIGHT, None),
    ({"checks.py": _TWO, "reward.toml": '[scoring.checks]\naggregation = "any-pass"\n'}, _RIGHT, None),
    ({"checks.py": _TWO, "reward.toml": '[scoring.checks]\naggregation = "threshold"\nthreshold = 0.7\n'}, _RIGHT, None),
    ({"checks.py": _TWO, "reward.toml": '[scoring.checks]\naggregation = "threshold"\nthreshold = 0.8\n'}, _RIGHT, None),
    ({"checks.py": _OWN}, _RIGHT, None),
    ({"checks.py": _OWN}, _WRONG, None),
    ({"checks.py": _SHARE, "format.py": _CONTAINS}, _RIGHT, None),
    (
        {"checks.py": _SHARE, "format.py": _CONTAINS, "reward.toml": _named("weighted-mean", "weights = { checks = 3.0, format = 1.0 }\n")},
        _RIGHT,
        None,
    ),
    ({"checks.py": _SHARE, "format.py": _CONTAINS, "reward.toml": _named("any-pass")}, _RIGHT, None),
    ({"checks.py": _SHARE, "format.py": _CONTAINS, "reward.toml": _named("all-pass")}, _RIGHT, None),
    ({"a/checks.py": _SHARE, "b/checks.py": _CONTAINS, "reward.toml": _named("weighted-mean")}, _RIGHT, None),
    ({"a/checks.py": _SHARE, "a/inner/checks.py": _CONTAINS, "reward.toml": _named("weighted-mean")}, _RIGHT, None),
    ({"checks.py": 'from rewardkit import criteria\ncriteria.json_key_equals("out.json", "n", 3)\n'}, {"out.json": '{"n": 3}'}, None),
    ({"checks.py": 'from rewardkit import criteria\ncriteria.json_key_equals("out.json", "n", 3)\n'}, {"out.json": "no JSON"}, None),
    ({"checks.py": 'from rewardkit import criteria\ncriteria.diff_ratio("answer.txt", "42 and more")\n'}, _RIGHT, None),
    ({"checks.py": 'from rewardkit import criteria\ncriteria.file_contains_regex("answer.txt", r"^4\\d")\n'}, _RIGHT, None),
    ({"checks.py": 'from rewardkit import criteria\ncriteria.file_contains_regex("answer.txt", r"4(?=2)")\n'}, _RIGHT, "syntax"),
    ({"checks.py": _RAISES}, _RIGHT, "raises"),
    ({"checks.py": _CONTAINS.replace('"42")', '"42", weight=0.0)')}, _RIGHT, "no weight"),
]
