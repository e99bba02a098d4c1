import functools
import gc
import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import orphans
import pytest
from hypothesis import HealthCheck, settings

from rl_rewards import redaction

ROOT = Path(__file__).parent
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


# Rooms whose tests train, import TRL, start processes and servers, or read thousands of rows: `-m "not slow"` leaves them out, so that it takes a minute.
SLOW_ROOMS = (
    "auditing", "bridges", "compat", "deploying", "generation", "models", "optimizers", "recipes", "recording", "reporting", "runtime", "scale", "serving",
    "trainers", "trl", "typing",
    *(f"scorers/{room}" for room in ("code", "http", "judge", "math", "remote", "reward_model", "test_embedding.py", "test_hostile_answers.py")),
    "cli/test_optimize.py", "cli/test_process.py", "formats/test_vertex_recipe.py", "test_forked.py", "test_pages.py",
)  # fmt: skip
SLOW = tuple(str(ROOT / room) for room in SLOW_ROOMS)


def pytest_sessionstart() -> None:
    """End with the run what tests start, and drop the locks that killed processes left in torch's folder: DeepSpeed would wait for them for ever."""
    orphans.end_with_this_process()
    built = Path(os.environ.get("TORCH_EXTENSIONS_DIR", "~/.cache/torch_extensions")).expanduser()
    for lock in built.glob("*/*/lock"):
        if time.time() - lock.stat().st_mtime > 600:
            lock.unlink(missing_ok=True)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no test of a slow room where all of them are left out: half of a minute goes into what they import."""
    return True if config.option.markexpr == "not slow" and str(collection_path).startswith(SLOW) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow rooms, before `-m` selects, and put the files that take long first, so that no worker is left with one at the end."""
    for item in items:
        if str(item.path).startswith(SLOW):
            item.add_marker(pytest.mark.slow)
    of_ranks = {item.path for item in items if item.get_closest_marker("torchrun")}
    items.sort(key=lambda item: (item.path not in of_ranks, not str(item.path).startswith(SLOW)))


def pytest_collection_finish(session: object) -> None:
    """Spare small runs two costs that grow with what is installed, not with the run.

    A trainer collects garbage in full after each run, over a million objects that imports made (it is collected anyway, now and then); and accelerate
    parses the metadata of packages each time that it asks whether one is there, a third of a run of two steps.
    """
    gc.freeze()
    if imports := sys.modules.get("accelerate.utils.imports"):
        imports._is_package_available = functools.cache(imports._is_package_available)
    if memory := sys.modules.get("accelerate.utils.memory"):
        memory.gc = SimpleNamespace(collect=int)


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests():
    """A text such as "answer" that one test uses for a key is hidden in no other test."""
    before = set(redaction._known)
    yield
    redaction._known.intersection_update(before)


@pytest.fixture(autouse=True)
def no_modules_of_other_tests(request: pytest.FixtureRequest):
    """A module of one test's directory, such as `helpers`, is no other test's."""
    modules, paths = len(sys.modules), list(sys.path)
    yield
    place = (request.node.funcargs or {}).get("tmp_path")  # none where the run was interrupted
    if place is None or (len(sys.modules) == modules and sys.path == paths):
        return
    sys.path[:] = [path for path in sys.path if not _is_below(place, path)]
    for name in [name for name, module in sys.modules.items() if _was_found(place, getattr(module, "__dict__", {}))]:
        del sys.modules[name]


def _was_found(place: Path, of_module: dict) -> bool:
    """Whether a module lies there, by its own names: what is loaded when it is asked for stays where it is."""
    return _is_below(place, of_module.get("__file__")) or any(_is_below(place, path) for path in of_module.get("__path__") or ())


def _is_below(place: Path, path: object) -> bool:
    return isinstance(path, str) and path.startswith(str(place))
