import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))  # for tests/loopback


@pytest.fixture(autouse=True)
def fresh_rubrics():
    """A rubric file of another test is not this one's, though it may have its name."""
    from rl_rewards.bridges import workers
    from rl_rewards.bridges.verl import function

    yield
    function._scoring.cache_clear()
    workers._loaded.cache_clear()
