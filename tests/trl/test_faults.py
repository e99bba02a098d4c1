"""No fault of a reward is silent in a real run: each is survived and seen, refused before step 1, or stops the run with its reason."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("trl")

from tests.trl.fault_table import CORE, FAULTS, judge, run

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in CORE else pytest.mark.slow) for name in FAULTS])
def test_a_fault_is_survived_and_seen_or_refused_or_stops_the_run_with_its_reason(name, monkeypatch):
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    assert judge(FAULTS[name], run(FAULTS[name])) is None


def test_the_table_is_of_some_size():
    endings = Counter(fault.ending for fault in FAULTS.values())
    assert len(FAULTS) >= 90 and min(endings.values()) >= 4, endings
