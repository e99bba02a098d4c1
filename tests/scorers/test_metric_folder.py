"""`metric_folder`: a folder's `evaluate`, its modules, its data and its requirements."""

import importlib
import pickle
import shutil
import sys
import threading

import pytest

from rl_rewards import EvaluateResult, Message, Reward, Rubric, Sample
from rl_rewards.formats import load_rubric
from rl_rewards.loading import no_code
from rl_rewards.scorers.isolated import Isolated
from rl_rewards.scorers.metric_folder import FolderError, MetricFolder, folder_files, folder_requirements

SAMPLE = Sample.from_row({"messages": [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "two"}], "answer": "2"})


@pytest.fixture
def folder(tmp_path):
    """Writes a folder: `folder({"main.py": ...})`, a file's text by its name."""

    def write(files, name="metric"):
        for file, text in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text) if isinstance(text, bytes) else path.write_text(text)
        return tmp_path / name

    return write


def result_of(path, sample=SAMPLE, **options):
    [result] = MetricFolder(str(path), **options).score([sample], [sample.response])
    return result


def score_of(path, sample=SAMPLE, **options):
    result = result_of(path, sample, **options)
    assert result.error is None, result.error
    return result.score


REWARD_KIT = "from reward_kit import reward_function, EvaluateResult, MetricResult, Message\nfrom typing import *\n"
SIGNATURES = {
    "dicts": "def evaluate(messages, **kwargs):\n    return float(messages[-1]['content'] == 'two')",
    "annotated dicts": "def evaluate(messages: list[dict], **kwargs):\n    return float(messages[-1].get('content') == 'two')",
    "Message objects": REWARD_KIT + "def evaluate(messages: List[Message], **kwargs):\n    return float(messages[-1].content == 'two')",
    "a decorated one": REWARD_KIT + "@reward_function\ndef evaluate(messages: List[Message], original_messages: List[Message] = list(), **kwargs):\n"
    "    return EvaluateResult(score=float(original_messages[-1].role == 'user'), reason='r', metrics={})",
    "annotations as text": "from __future__ import annotations\n" + REWARD_KIT + "@reward_function\n"
    "def evaluate(messages: Optional[List[Message]], **kwargs) -> EvaluateResult:\n    return EvaluateResult(score=float(messages[0].role == 'user'))",
    "the prompt": "def evaluate(messages, original_messages, **kwargs):\n    return float(len(original_messages) == 1 and len(messages) == 2)",
    "a column": "def evaluate(messages, answer, **kwargs):\n    return float(answer == '2')",
    "all columns": "def evaluate(messages, **kwargs):\n    return float(kwargs['answer'] == '2')",
    "async": "import asyncio\nasync def evaluate(messages, **kwargs):\n    await asyncio.sleep(0)\n    return 1.0",
    "async and decorated": REWARD_KIT + "@reward_function\nasync def evaluate(messages: List[Message], **kwargs):\n    return EvaluateResult(score=1.0)",
    "a dict": "def evaluate(messages, **kwargs):\n    return {'score': 1.0, 'reason': 'r', 'metrics': {'m': {'score': 0.5, 'reason': 'half'}}}",
    "a dict of old": "def evaluate(messages, **kwargs):\n    return {'score': 1, 'metrics': {'m': {'score': 0.5, 'success': True, 'reason': 'half'}}}",
    "types of eval_protocol": "from eval_protocol import EvaluateResult\ndef evaluate(messages, **kwargs):\n    return EvaluateResult(score=1.0)",
    "imported from a helper": "from score import evaluate",
    "an object": "class Judge:\n    def __call__(self, messages, **kwargs):\n        return 1.0\nevaluate = Judge()",
    "a batch": REWARD_KIT + "@reward_function(mode='batch')\ndef evaluate(rollouts_messages: List[List[Message]], **kwargs):\n"
    "    return [EvaluateResult(score=1.0) for _ in rollouts_messages]",
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNATURES)
def test_every_form_of_evaluate_is_called_as_it_asks(name, folder):
    assert score_of(folder({"main.py": SIGNATURES[name], "score.py": "def evaluate(messages, **kwargs):\n    return 1.0"})) == 1.0


def test_metrics_are_components(folder):
    result = result_of(folder({"main.py": SIGNATURES["a dict"]}))
    assert (result.metrics["m"].score, result.metrics["m"].reason, result.metrics["m"].is_score_valid) == (0.5, "half", True)


def test_arguments_are_bound(folder):
    path = folder({"main.py": "def evaluate(messages, threshold, **kwargs):\n    return threshold"})
    assert score_of(path, args={"threshold": 0.25}) == 0.25


IMPORTS = {
    "absolute": "import words\nfind = words.find",
    "absolute as": "import words as w\nfind = w.find",
    "absolute from": "from words import find",
    "relative": "from .words import find",
    "relative module": "from . import words\nfind = words.find",
    "of a package": "from helpers.text import find",
    "a package's module": "import helpers.text\nfind = helpers.text.find",
    "of a package without __init__": "from plain.text import find",
    "from the project's root": "from metric.words import find",
    "from a root further up": "from {above}.metric.helpers.text import find",
    "later": "def find():\n    from words import find as inner\n    return inner()",
}


@pytest.mark.parametrize("name", IMPORTS)
def test_a_folder_imports_its_own_modules_in_every_way(name, folder, tmp_path):
    main = IMPORTS[name].replace("{above}", tmp_path.name) + "\ndef evaluate(messages, **kwargs):\n    return find()"
    helper = "def find():\n    return 1.0"
    inner = "from ..words import find" if name == "of a package" else helper
    path = folder({"main.py": main, "words.py": helper, "helpers/__init__.py": "", "helpers/text.py": inner, "plain/text.py": helper})
    before = set(sys.modules)
    assert score_of(path) == 1.0
    assert not {"words", "helpers", "helpers.text", "plain"} & (sys.modules.keys() - before) and str(path) not in sys.path


def test_two_folders_with_a_module_of_one_name_do_not_meet(folder):
    paths = [
        folder({"main.py": "import utils\ndef evaluate(messages, **kwargs):\n    import utils as later\n    return utils.VALUE + later.VALUE", "utils.py": f"VALUE = {i}"}, f"f{i}")
        for i in range(2)
    ]  # fmt: skip
    scorers = [MetricFolder(str(path)) for path in paths]
    scores = []
    threads = [threading.Thread(target=lambda s=s: scores.append((s.path, s.score([SAMPLE], [""])[0].score))) for s in scorers * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(scores) == {(str(paths[0]), 0.0), (str(paths[1]), 2.0)}


def test_a_module_of_the_folder_goes_before_an_installed_one(folder):
    path = folder({"main.py": "from random import VALUE\ndef evaluate(messages, **kwargs):\n    return VALUE", "random.py": "VALUE = 0.5"})
    assert score_of(path) == 0.5 and importlib.import_module("random").random


def test_a_directory_of_data_does_not_hide_a_package(folder):
    path = folder({"main.py": "import json\ndef evaluate(messages, **kwargs):\n    return float(json.loads('1'))", "json/data.txt": "x"})
    assert score_of(path) == 1.0


DATA = "from pathlib import Path\ndef evaluate(messages, **kwargs):\n    return float((Path(__file__).parent / 'data' / 'value.txt').read_text())"
HELPED = "from . import words\nfrom pathlib import Path\ndef evaluate(messages, **kwargs):\n    return words.find() * float(Path(__file__).with_name('value.txt').read_text())"


def test_data_of_the_folder_is_read_by_its_file(folder):
    assert score_of(folder({"main.py": DATA, "data/value.txt": "0.75"})) == 0.75


RESOURCES = {
    "importlib.resources": "from importlib import resources\nVALUE = (resources.files(__package__) / 'data' / 'value.txt').read_text()",
    "pkgutil": "import pkgutil\nVALUE = pkgutil.get_data(__name__, 'data/value.txt').decode()",
    "open": "import os\nVALUE = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'data', 'value.txt')).read()",
}


@pytest.mark.parametrize("init", [True, False])
@pytest.mark.parametrize("name", RESOURCES)
def test_data_of_the_folder_is_found_as_that_of_any_package(name, init, folder):
    code = RESOURCES[name] + "\ndef evaluate(messages, **kwargs):\n    return float(VALUE)"
    assert score_of(folder({"main.py": code, "data/value.txt": "0.75", **({"__init__.py": ""} if init else {})})) == 0.75


def test_async_code_with_helpers_runs_in_workers(folder):
    main = "import asyncio\nasync def evaluate(messages, **kwargs):\n    from .words import find\n    await asyncio.sleep(0)\n    return find()"
    path = folder({"main.py": main, "words.py": "def find():\n    return 0.5"})
    [result] = Isolated(MetricFolder(str(path)), timeout=300).score([SAMPLE], [""])
    assert (result.score, result.error) == (0.5, None)


def test_a_worker_has_the_folder_with_its_modules_and_data(folder):
    path = folder({"main.py": HELPED, "words.py": "def find():\n    return 0.5", "value.txt": "0.5"})
    [result] = Isolated(MetricFolder(str(path)), timeout=300).score([SAMPLE], [""])
    assert (result.score, result.error) == (0.25, None)


def test_a_hanging_evaluate_costs_its_row_when_isolated(folder):
    path = folder({"main.py": "def evaluate(messages, answer, **kwargs):\n    while answer == 'hang':\n        pass\n    return 1.0"})
    samples = [Sample.from_row({"prompt": "?", "completion": "x", "answer": answer}) for answer in ("2", "hang", "3")]
    column = Rubric([Reward("m", {"metric_folder": str(path)}, isolate=True, timeout=2)]).evaluate(samples).columns["m"]
    assert [result.outcome.value for result in column.results] == ["scored", "timeout", "scored"]


def test_it_survives_pickling_and_is_equal(folder):
    scorer = MetricFolder(str(folder({"main.py": SIGNATURES["dicts"]})))
    assert pickle.loads(pickle.dumps(scorer)) == scorer


def test_changed_code_is_loaded_anew_and_a_rubric_never_scores_with_two(folder):
    path = folder({"main.py": "from words import VALUE\ndef evaluate(messages, **kwargs):\n    return VALUE", "words.py": "VALUE = 1.0"})
    first = MetricFolder(str(path))
    folder({"words.py": "VALUE = 2.0"})
    assert (first.score([SAMPLE], [""])[0].score, score_of(path)) == (1.0, 2.0)
    with pytest.raises(FolderError, match=r"must be as it was when the rubric was loaded, and it has changed"):
        pickle.loads(pickle.dumps(first))


def test_no_byte_code_is_left_in_the_folder(folder):
    path = folder({"main.py": "import words\ndef evaluate(messages, **kwargs):\n    return 1.0", "words.py": ""})
    assert score_of(path) == 1.0 and not list(path.rglob("__pycache__"))


def test_a_rubric_file_names_a_folder_beside_it(folder, tmp_path, monkeypatch):
    folder({"main.py": SIGNATURES["dicts"]}, "metrics/relevance")
    (tmp_path / "rubric.yaml").write_text("rewards:\n- {name: relevance, score: {metric_folder: metrics/relevance}}\n")
    monkeypatch.chdir("/")
    rubric = load_rubric(tmp_path / "rubric.yaml")
    rubric.save(tmp_path / "again.yaml")
    assert "metric_folder: metrics/relevance" in (tmp_path / "again.yaml").read_text()
    assert load_rubric(tmp_path / "again.yaml") == rubric


FAULTS = {
    "no main": ({"mian.py": ""}, r"must have a main\.py that defines evaluate, and it has mian\.py"),
    "no evaluate": ({"main.py": "\n\ndef evalaute(messages):\n    pass"}, r"main\.py:3: .*evaluate\(messages.*it defines evalaute; did you mean `evaluate` by 'evalaute'\?"),
    "nothing": ({"main.py": ""}, r"main\.py:1: .* it defines nothing"),
    "a class": ({"main.py": "\nclass evaluate:\n    pass"}, r"main\.py:2: .*`evaluate` is a class"),
    "no function": ({"main.py": "evaluate = 3"}, r"main\.py:1: .*`evaluate` is a int"),
    "syntax": ({"main.py": "x = 1\ndef evaluate(messages:\n    pass"}, r"main\.py:2: SyntaxError: .*def evaluate\(messages:"),
    "syntax of a helper": ({"main.py": "import words", "words.py": "\n\n1 +"}, r"words\.py:3: SyntaxError"),
    "indentation": ({"main.py": "def evaluate(m):\nreturn 1"}, r"main\.py:2: IndentationError"),
    "import": ({"main.py": "\nimport not_installed_at_all"}, r"main\.py:2: cannot be imported: ModuleNotFoundError: .*'not_installed_at_all'; it is neither"),
    "misspelt helper": ({"main.py": "import wrods", "words.py": ""}, r"did you mean 'words', which is in the folder"),
    "raises": ({"main.py": "import words", "words.py": "\n1 / 0"}, r"words\.py:2: cannot be imported: ZeroDivisionError"),
    "exits": ({"main.py": "import sys\nsys.exit(0)"}, r"main\.py:2: cannot be imported: SystemExit: 0"),
    "positional only": ({"main.py": "\ndef evaluate(messages, /):\n    return 1"}, r"main\.py:2: .*cannot be passed so"),
    "null bytes": ({"main.py": b"\0"}, r"main\.py: cannot be imported: SyntaxError: .*null bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_folder_that_cannot_be_used_says_what_and_where(name, folder):
    files, message = FAULTS[name]
    with pytest.raises(ValueError, match=message):
        MetricFolder(str(folder(files)))


def test_a_folder_that_failed_can_be_loaded_once_it_is_right(folder):
    path = folder({"main.py": "import words\ndef evaluate(messages, **kwargs):\n    return words.VALUE", "words.py": "1 / 0"})
    with pytest.raises(ValueError, match="ZeroDivisionError"):
        MetricFolder(str(path))
    folder({"words.py": "VALUE = 1.0"})
    assert score_of(path) == 1.0


def test_what_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="must be a directory with a main.py, found nothing of that name"):
        MetricFolder(str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match="must be a directory with a main.py, found a file"):
        MetricFolder(str(tmp_path / "file"))


def test_a_folder_is_code(folder):
    with no_code(), pytest.raises(ValueError, match="is code"):
        MetricFolder(str(folder({"main.py": SIGNATURES["dicts"]})))


def test_what_evaluate_raises_costs_its_row_with_its_place(folder):
    result = result_of(folder({"main.py": "def evaluate(messages, **kwargs):\n    return messages[7]"}))
    assert result.score is None and "IndexError" in result.error and "main.py:2 in evaluate" in result.error


REQUIREMENTS = {
    "installed": ("numpy\npydantic>=2\n", None),
    "comments and options": ("# our own\n--index-url https://example.com/simple\n\nnumpy  # for means\n-e .\n", None),
    "of another system": ("no-such-package-1; sys_platform == 'win32'\n", None),
    "of the package whose names we answer": ("reward-kit==0.4.1\neval_protocol\n", None),
    "continued": ("numpy \\\n>=1\n", None),
    "with hashes": ("numpy --hash=sha256:00\n", None),
    "missing": ("numpy\nno-such-package-1>=2\n", r"requirements\.txt:2: no-such-package-1>=2 is required, and it is not installed\ninstall with: pip install 'no-such-package-1>=2'"),
    "of another version": ("numpy<1\n", r"requirements\.txt:1: numpy<1 is required, and version [\d.]+ is installed"),
    "several": ("no-such-package-1\nno-such-package-2\n", r"pip install no-such-package-1 no-such-package-2"),
    "included": ("-r more.txt\n", r"more\.txt:1: no-such-package-3 is required"),
    "no requirement": ("numpy\nimport numpy\n", r"requirements\.txt:2: a requirement must be a package's name with its versions.*got 'import numpy'"),
    "an include that is not there": ("-r nothing.txt\n", r"includes .*nothing\.txt', which is not there"),
    "an include of itself": ("-r requirements.txt\n", r"requirements\.txt:1: includes itself"),
}  # fmt: skip


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_are_checked_before_the_code_is_imported(name, folder):
    text, message = REQUIREMENTS[name]
    path = folder({"main.py": SIGNATURES["dicts"], "requirements.txt": text, "more.txt": "no-such-package-3"})
    if message is None:
        assert score_of(path) == 1.0
        return
    folder({"main.py": "import no_such_package_1"})
    with pytest.raises(ValueError, match=message):
        MetricFolder(str(path))


DECORATED = "from reward_kit import reward_function\n\n@reward_function(\n    requirements={requirements})\ndef evaluate(messages, **kwargs):\n    return 1.0\n"


def test_requirements_of_the_decorator_count_too(folder):
    path = folder({"main.py": DECORATED.format(requirements=["numpy", "pydantic>=2"])})
    assert folder_requirements(path) == ["numpy", "pydantic>=2"] and score_of(path) == 1.0
    for requirements in (["no-such-package-1"], "no-such-package-1\n# why\nnumpy"):
        with pytest.raises(ValueError, match=r"main\.py:4: no-such-package-1 is required, and it is not installed"):
            MetricFolder(str(folder({"main.py": DECORATED.format(requirements=repr(requirements))})))


def test_the_record_of_a_run_knows_the_folders_code(folder):
    first = MetricFolder(str(folder({"main.py": SIGNATURES["dicts"]}))).provenance
    assert first != MetricFolder(str(folder({"main.py": SIGNATURES["dicts"] + "\n"}))).provenance and len(first["folder_sha256"]) == 64


def test_requirements_are_listed(folder):
    assert folder_requirements(folder({"requirements.txt": "numpy>=2 # x\n-r more.txt\n", "more.txt": "rich"})) == ["numpy>=2", "rich"]
    assert folder_requirements(folder({"main.py": ""}, "other")) == []


def test_the_files_of_a_folder_are_all_but_hidden_ones_byte_code_and_environments(folder, tmp_path):
    path = folder({
        "main.py": "", "words.py": "", "data/deep/value.bin": b"\0", "requirements.txt": "", "README": "", ".env": "KEY=1", ".git/config": "",
        "__pycache__/main.cpython-311.pyc": b"", "old.pyc": b"", "venv/pyvenv.cfg": "", "venv/lib/x.py": "", "main.py~": "",
    })  # fmt: skip
    (tmp_path / "shared.py").write_text("VALUE = 1")
    (path / "shared.py").symlink_to(tmp_path / "shared.py")
    (path / "loop").symlink_to(path)
    names = ["README", "data/deep/value.bin", "main.py", "requirements.txt", "shared.py", "words.py"]
    assert [file.as_posix() for file in folder_files(path)] == names
    with pytest.raises(FolderError, match="must be a directory"):
        folder_files(tmp_path / "nothing")


def test_a_copy_elsewhere_is_a_folder_of_its_own(folder, tmp_path):
    path = folder({"main.py": DATA, "data/value.txt": "0.25"})
    shutil.copytree(path, tmp_path / "copy")
    (tmp_path / "copy" / "data" / "value.txt").write_text("0.5")
    assert (score_of(path), score_of(tmp_path / "copy")) == (0.25, 0.5)


def test_types_are_ours(folder):
    result = result_of(folder({"main.py": REWARD_KIT + "def evaluate(messages, **kwargs):\n    return EvaluateResult(score=1.0)"}))
    assert type(result) is EvaluateResult and Message.__module__.startswith("rl_rewards")
