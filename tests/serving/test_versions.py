"""What a server says of which rubric it serves: the same wherever it is started, another when the rubric or its code changes."""

import shutil

import pytest

from rl_rewards import Reward, Rubric, __version__
from rl_rewards.serving.run import ServeSettings, application_of, load_rubrics

pytest.importorskip("starlette.testclient")
from starlette.testclient import TestClient

CODE = "def long(response):\n    return float(len(response) > {limit})\n"
RUBRIC = "rewards:\n  - {name: long, score: {function: 'code.py:long'}}\n  - {name: brief, score: {length_window: {min_tokens: 1, max_tokens: 5, unit: words}}}\n"
ROW = {"prompt": "?", "completion": "a few words"}


@pytest.fixture
def place(tmp_path):
    place = tmp_path / "here"
    place.mkdir()
    (place / "code.py").write_text(CODE.format(limit=3))
    (place / "rubric.yaml").write_text(RUBRIC)
    return place


def version(target):
    with TestClient(application_of(ServeSettings(str(target)))) as client:
        about = client.get("/v1/evaluations/rubric").json()
        said = client.post("/v1/evaluations/rubric", json={"samples": [ROW]}).json()
    assert (said["digest"], said["package"]) == (about["digest"], about["package"]) and about["package"] == __version__
    return said["digest"]


def test_a_version_is_that_of_the_rubric_and_its_code_and_of_no_directory(place, tmp_path, monkeypatch):
    first = version(place / "rubric.yaml")
    monkeypatch.chdir(place)
    assert version("rubric.yaml") == version(place) == version(shutil.copytree(place, tmp_path / "there") / "rubric.yaml") == first
    (place / "code.py").write_text(CODE.format(limit=4))
    second = version("rubric.yaml")
    (place / "rubric.yaml").write_text(RUBRIC.replace("max_tokens: 5", "max_tokens: 6"))
    assert len({first, second, version("rubric.yaml")}) == 3


def test_a_rubric_made_in_python_has_a_version(place):
    from rl_rewards.serving import create_app

    for rubric in (load_rubrics(str(place / "rubric.yaml"))["rubric"], Rubric([Reward("it", {"number_match": "answer"})])):
        with TestClient(create_app({"rubric": rubric})) as client:
            assert len(client.get("/v1/evaluations/rubric").json()["digest"]) == 64
