"""What a deployment takes along: every file that is needed, none that is not, as they lie relative to each other."""

import pytest
from deployed_row import ROW

from rl_rewards import Sample
from rl_rewards.deploying.bundle import bundle_of_folders, bundle_of_target
from rl_rewards.deploying.evaluation_id import DeployError, check_id
from rl_rewards.deploying.local import Registry
from rl_rewards.deploying.stored import load_deployment
from rl_rewards.folders import FolderError


def loaded(bundle, tmp_path, name="it"):
    """The rubric of a bundle, from a directory in which nothing else is."""
    registry = Registry(tmp_path / "evaluations")
    registry.register(bundle, name, name, "")
    return load_deployment(registry.place(name))


def test_a_folder_takes_its_helpers_data_and_requirements_along(relevance, tmp_path):
    bundle = bundle_of_folders([f"relevance={relevance}"])
    assert sorted(bundle.files) == [f"metrics/relevance/{name}" for name in ("data/stop.txt", "main.py", "requirements.txt", "scoring.py")]
    assert bundle.requirements == ["numpy>=1", "httpx>=0.20"]
    assert loaded(bundle, tmp_path).evaluate([Sample.from_row(ROW)]).totals() == [0.5]


def test_a_rubric_takes_along_what_it_reads_imports_and_names(project, tmp_path):
    bundle = bundle_of_target("rubrics/rubric.yaml")
    wanted = {"rubrics/rubric.yaml", "rubrics/brief.py", "rubrics/prompts/judge.txt", "rubrics/correct/main.py"}
    assert set(bundle.files) == wanted | {"helpers/__init__.py", "helpers/words.py", "helpers/table.csv"}
    assert (bundle.target, bundle.directory, bundle.columns) == ("rubrics/rubric.yaml", ".", ["answer"])
    rubric = loaded(bundle, tmp_path)
    assert [reward.name for reward in rubric] == ["brief", "correct", "exact"]
    assert all(str(tmp_path / "evaluations") in str(part) for part in [rubric["correct"].score.directory])


@pytest.mark.parametrize("target", ["rubrics/brief.py:brief", "helpers.words:LIMIT"])
def test_a_python_object_is_deployed_with_its_module(project, target):
    if "LIMIT" in target:
        with pytest.raises(DeployError, match="is a int; allowed: a Rubric, a Reward, a scorer or a function"):
            bundle_of_target(target)
    else:
        bundle = bundle_of_target(target)
        assert bundle.target == target and "helpers/words.py" in bundle.files


def test_two_evaluations_with_modules_of_one_name_do_not_meet(tmp_path, monkeypatch):
    registry = Registry(tmp_path / "evaluations")
    for number in (1, 2):
        place = tmp_path / f"project_{number}"
        place.mkdir()
        (place / "shared_name.py").write_text(f"def constant(response):\n    return {number}.0\n")
        (place / "rubric.yaml").write_text("rewards:\n  - {name: constant, score: {function: 'shared_name:constant'}}\n")
        monkeypatch.chdir(place)
        registry.register(bundle_of_target("rubric.yaml"), f"constant-{number}", "", "")
    monkeypatch.chdir(tmp_path)
    rubrics = [load_deployment(registry.place(f"constant-{number}")) for number in (1, 2)]
    assert [rubric.evaluate([Sample.from_row(ROW)]).totals() for rubric in rubrics] == [[1.0], [2.0]]


def test_a_path_that_is_nowhere_else_is_refused(project):
    (project / "rubrics" / "far.yaml").write_text(f"rewards:\n  - {{name: far, score: {{metric_folder: {project}/rubrics/correct}}}}\n")
    with pytest.raises(DeployError, match="a path must be relative to the rubric file where it is to be deployed"):
        bundle_of_target("rubrics/far.yaml")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nothing.yaml", "nothing of that name"),
        ("rubrics", "found a directory"),
        ("rubrics/brief.py:nobody", "has no 'nobody'"),
        ("no.module:x", "no.module"),
    ],
)
def test_a_target_that_cannot_be_loaded_is_an_error(project, target, message):
    with pytest.raises(DeployError, match=message):
        bundle_of_target(target)


def test_a_folder_that_cannot_be_loaded_is_an_error(relevance):
    (relevance / "scoring.py").unlink()
    with pytest.raises(FolderError, match="scoring"):
        bundle_of_folders([f"relevance={relevance}"])


def test_the_digest_is_that_of_the_files(relevance):
    before = bundle_of_folders([f"relevance={relevance}"]).digest
    assert bundle_of_folders([f"relevance={relevance}"]).digest == before
    assert bundle_of_folders([f"relevance={relevance}"], {"relevance": 2.0}).digest != before
    (relevance / "data" / "stop.txt").write_text("is\n")
    assert bundle_of_folders([f"relevance={relevance}"]).digest != before


def test_a_folder_of_harbor_rewardkit_takes_its_files_and_its_judges_extra_along(tmp_path, monkeypatch):
    from rl_rewards.deploying.locking import extras_of

    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-test-0123456789")
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "checks.py").write_text('from rewardkit import criteria\ncriteria.file_contains("answer.txt", "red")\n')
    (folder / "quality.toml").write_text('[judge]\njudge = "openai/gpt-5"\n[[criterion]]\ndescription = "Is it right?"\ntype = "binary"\n')
    (folder / "reward.toml").write_text('[[reward]]\nname = "reward"\naggregation = "weighted-mean"\nweights = { checks = 1.0, quality = 0.0 }\n')
    bundle = bundle_of_folders([f"task={folder}"])
    assert sorted(bundle.files) == [f"metrics/task/{name}" for name in ("checks.py", "quality.toml", "reward.toml")]
    assert extras_of(bundle.kinds) == ["judge", "serve"]
    assert [reward.name for reward in loaded(bundle, tmp_path)] == ["task.checks", "task.quality", "task"]


@pytest.mark.parametrize("right", ["a", "relevance-evaluator", "x" * 63, "v2"])
def test_ids_that_a_url_a_directory_and_a_service_can_hold(right):
    assert check_id(right) == right


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("Relevance_Evaluator", "relevance-evaluator"),
        ("2nd", "nd"),
        ("a/b", "a-b"),
        ("../up", "up"),
        ("x-", "x"),
        ("x" * 64, "x" * 63),
        ("", None),
        ("日本", None),
    ],
)
def test_other_ids_are_refused_with_the_nearest(wrong, near):
    with pytest.raises(DeployError, match="1 to 63 small letters") as refused:
        check_id(wrong)
    assert (f"did you mean {near!r}?" in str(refused.value)) is (near is not None)
