import gc
import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from rl_rewards import redaction

# No test may reach a model hub, and torch's threads only get in each other's way on small machines.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# A job in the background of a shell ignores Ctrl-C, and so would the processes that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Under nohup a hang-up is ignored, and the commands that tests end by one would run for ever.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# A busy machine is slow, which says nothing about the code.
settings.register_profile("no_clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no_clock")


def pytest_collection_finish(session: object) -> None:
    """Take what the imports made out of the garbage collector: a trainer collects in full after each run, over a million objects."""
    gc.freeze()


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests():
    """A text such as "answer" that one test uses for a key is hidden in no other test."""
    before = set(redaction._known)
    yield
    redaction._known.intersection_update(before)
