"""Reward Kit 0.4.1 and harbor-rewardkit beside what is here: what they say is recorded, and compared with their environments where there are any."""

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PEERS = os.environ.get("RL_REWARDS_COMPAT_PEERS")


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location("compat_differences", ROOT / "scripts" / "compat_differences.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(ROOT / "scripts"))


@pytest.fixture(scope="module")
def ours(script):
    return script.verdicts(script.PACKAGES["ours"])


def test_every_difference_from_reward_kit_has_its_reason(script, ours):
    lines, wrong = script.compare(json.loads(script.RECORD.read_text()), ours)
    assert wrong == 0, "\n".join(lines)


def test_every_difference_from_harbor_rewardkit_has_its_reason(script):
    lines, wrong = script.compare_folders(json.loads(script.FOLDER_RECORD.read_text()), script.our_folders())
    assert wrong == 0, "\n".join(lines)


def test_every_reason_is_met_and_is_in_the_page(script):
    assert {reason for *_, reason in script.CASES if reason} == script.REASONS.keys()
    assert {reason for *_, reason in script.FOLDER_CASES if reason} == script.FOLDER_REASONS.keys()
    page = (ROOT / "rl_rewards" / "REWARD_KIT.md").read_text()
    assert not [reason for reason in [*script.REASONS.values(), *script.FOLDER_REASONS.values()] if reason not in page]


@pytest.mark.skipif(PEERS is None, reason="RL_REWARDS_COMPAT_PEERS is not set: scripts/compat_peers.sh DIRECTORY makes what it names")
def test_they_still_say_what_is_recorded(script):
    assert script.in_their_environment(Path(PEERS)) == json.loads(script.RECORD.read_text())
    folders = [verdict[:2] for verdict in script.folders_in_their_environment(Path(PEERS))]  # without the words of their errors
    assert folders == [verdict[:2] for verdict in json.loads(script.FOLDER_RECORD.read_text())]


@pytest.mark.parametrize("tampered", ["a difference", "an agreement"])
def test_an_unexplained_difference_is_found(script, ours, tampered):
    theirs = json.loads(script.RECORD.read_text())
    place = next(i for i, case in enumerate(script.CASES) if (case[3] is None) is (tampered == "a difference") and ours[i][0] is not None)
    theirs[place] = [ours[place][0] + 0.5, True, None] if tampered == "a difference" else ours[place]
    assert script.compare(theirs, ours)[1] == 1
