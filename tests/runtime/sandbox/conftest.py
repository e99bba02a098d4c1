import pytest

from rl_rewards.runtime.sandbox.process import ProcessEngine


@pytest.fixture(scope="session")
def process():
    engine = ProcessEngine(workers=2)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def monty():
    pytest.importorskip("pydantic_monty")
    from rl_rewards.runtime.sandbox.monty import MontyEngine

    engine = MontyEngine(workers=2)
    yield engine
    engine.close()
