"""Functions of files and modules that several threads load at once, as a trainer's threads do on their first call."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from rl_rewards.loading import LoadError, load_object, relative_to

SLOW = "import time\nPART = 1\ntime.sleep(0.2)\nLOADED = []\nLOADED.append(1)\n\ndef score(response):\n    return 1.0\n"


def at_once(load, count=8):
    """What each of several threads gets that begin at the same time; an error as itself."""
    together = Barrier(count)

    def one(number):
        together.wait()
        try:
            return load(number)
        except LoadError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_a_file_is_loaded_once_and_whole_for_every_thread(tmp_path):
    (tmp_path / "rewards.py").write_text(SLOW)
    found = at_once(lambda _: load_object(f"{tmp_path}/rewards.py:score"))
    assert len(set(map(id, found))) == 1 and found[0]("x") == 1.0
    assert load_object(f"{tmp_path}/rewards.py:LOADED") == [1]


def test_modules_of_several_directories_are_found_by_every_thread_and_the_path_is_left_as_it_was(tmp_path):
    for number in range(8):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / f"module_of_thread_{number}.py").write_text(SLOW)
    before = list(sys.path)

    def load(number):
        with relative_to(tmp_path / str(number)):
            return load_object(f"module_of_thread_{number}:score")

    assert [found("x") for found in at_once(load)] == [1.0] * 8
    assert sys.path == before


def test_a_file_that_fails_does_so_for_every_thread_and_is_read_anew_once_it_is_right(tmp_path):
    file = Path(tmp_path / "rewards.py")
    file.write_text("import time\ntime.sleep(0.1)\nraise RuntimeError('not yet')\n")
    assert all("not yet" in str(error) for error in at_once(lambda _: load_object(f"{file}:score")))
    file.write_text(SLOW + "# longer\n")
    assert load_object(f"{file}:score")("x") == 1.0
    with pytest.raises(LoadError, match="has no 'scor'; did you mean 'score'"):
        load_object(f"{file}:scor")
