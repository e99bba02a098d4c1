"""Every page is true: its code runs and prints what it says, its links lead somewhere, the files it names exist."""

import ast
import doctest
import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

import rl_rewards
from tests import forked
from tests.pages import Block, anchors, blocks, headings, indented_code, links

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(page for folder in (".github", "recipes", "rl_rewards", "scripts", "tests") for page in (ROOT / folder).rglob("*.md"))]
)
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
# Paths of this project as a page writes them, in code and in prose.
_PATH = re.compile(r"(?<![\w./-])((?:recipes|scripts|rl_rewards|tests)/[\w./-]*\w)")
_PRINTED = re.compile(r"^(?:print\(.*\))  # (.+)$", re.MULTILINE)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty directory that looks like the root of a clone."""
    for name in ("recipes", "scripts", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def environment(place: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{place}{os.pathsep}{ROOT}",
        "COLUMNS": "80",
        "NO_COLOR": "1",
    }


def run(command: list[str] | str, place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=place, env=environment(place), text=True, capture_output=True, shell=isinstance(command, str), timeout=300)


def same(found: str, said: str) -> bool:
    """Whether a text is what a page says it is; a line of `...` on the page means any lines."""
    parts = [re.escape(part) for part in re.split(r"^\.\.\.\n", _trimmed(said), flags=re.MULTILINE)]
    return re.fullmatch(r"(?:.*\n)*".join(parts), _trimmed(found)) is not None


def _trimmed(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.rstrip().splitlines())


def run_python(code: list[str], place: Path) -> str:
    (place / "_page.py").write_text("\n".join(code))
    return forked.run("_page.py", environment=environment(place), directory=place)


def rubric_of(text: str) -> str | None:
    """The rubric file that a block of YAML is, or that holds it where it is the score of a reward."""
    if re.match(r"(version: .*\n)?rewards:", text):
        return text
    return "rewards:\n- name: r\n" + re.sub("^", "  ", text, flags=re.MULTILINE) if text.startswith("score:") else None


def console_commands(block: Block) -> list[tuple[str, str]]:
    """The commands of a console block, and what each prints."""
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_the_code_of_a_page_runs_and_prints_what_the_page_says(page, place):
    code: list[str] = []  # the page's python so far, run at once in the order of the page: its blocks share their names
    said: list[str] = []
    for block in blocks(page):
        where = f"{page.relative_to(ROOT)}:{block.line}"
        if block.mark == "file":
            (place / block.value).parent.mkdir(parents=True, exist_ok=True)
            (place / block.value).write_text(block.text)
            if block.language == "python" and "/" not in block.value:  # what is in a folder is imported by what takes the folder
                code.append(f"import {Path(block.value).stem}\n")
        elif block.mark == "prints":
            said.append(block.text)
        elif block.language == "python":
            ast.parse(block.text)
            if block.mark is None:
                code.append(block.text)
                said += [f"{line}\n" for line in _PRINTED.findall(block.text)]
        elif block.language == "yaml":
            yaml.safe_load(block.text)
            if block.mark is None and (rubric := rubric_of(block.text)):
                (place / "_rubric.yaml").write_text(rubric)
                rl_rewards.load_rubric(place / "_rubric.yaml")
        elif block.language in ("bash", "sh"):
            done = run(["bash", "-n", "-c", block.text], place)
            assert done.returncode == 0, f"{where}: {done.stderr}"
        elif block.language == "console":
            for command, output in console_commands(block):
                done = run(command, place)
                assert same(done.stdout + done.stderr, output), f"{where}: {command} printed\n{done.stdout}{done.stderr}"
    if code:
        printed = run_python(code, place)
        assert same(printed, "".join(said)), f"{page.relative_to(ROOT)} printed\n{printed}"


def test_the_scorer_of_the_readme_is_named_in_a_file_as_the_readme_says(place):
    block = next(block for block in blocks(ROOT / "README.md") if block.value == "my_scorers.py")
    (place / "my_scorers.py").write_text(block.text)
    (place / "rubric.yaml").write_text(f"rewards: [{{name: shared, {re.search('in a file: (.+)', block.text)[1]}}}]")
    row = {"prompt": "Sum up.", "completion": "a red fox", "summary": "the red fox ran"}
    evaluation = rl_rewards.load_rubric(place / "rubric.yaml").evaluate([rl_rewards.Sample.from_row(row)])
    assert evaluation.totals() == [0.5]


@pytest.mark.slow
def test_the_lines_of_ppo_train(place):
    lines = next(block for block in blocks(ROOT / "recipes" / "ALGORITHMS.md") if block.mark == "slow")
    run_python([lines.text, "assert trainer.state.global_step == 2"], place)


@pytest.mark.slow
def test_the_ten_lines_train_and_log_what_the_readme_says(place):
    readme = blocks(ROOT / "README.md")
    lines = next(block for block in readme if block.mark == "slow")
    logs = next(block for block in readme if block.mark == "logs")
    assert len([line for line in lines.text.splitlines() if line.strip()]) <= 10
    run_python([lines.text, "import json; json.dump(trainer.state.log_history, open('logged.json', 'w'))"], place)
    logged = yaml.safe_load((place / "logged.json").read_text())[0]
    for line in logs.text.splitlines():
        key, number = line.partition("#")[0].split()
        assert float(logged[key]) == pytest.approx(float(number), abs=0.1), key
    for rate in re.findall(r"\w+_rate|\bmin\b|\bmax\b|\bseconds\b", logs.text):
        assert f"rewards/correct/{rate}" in logged


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading_that_exist(page):
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert not path or not Path(path).is_absolute()
        assert not anchor or anchor in anchors(target), f"{link}: {target.name} has no such heading, but {sorted(anchors(target))}"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_file_of_the_project_that_a_page_names_exists(page):
    for path in _PATH.findall(page.read_text(encoding="utf-8")):
        assert (ROOT / path).exists() or (page.parent / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_a_command_of_a_page_names_options_that_its_script_has(page):
    for block in blocks(page):
        for line in block.text.replace("\\\n", " ").splitlines() if block.language in ("bash", "sh") else ():
            words = shlex.split(line, comments=True)
            script = next((word for word in words if word.startswith("scripts/bench/") and word.endswith(".py")), None)
            if script is None:
                continue
            source = (ROOT / script).read_text()
            for option in (word.partition("=")[0] for word in words[words.index(script) + 1 :] if word.startswith("--")):
                assert f'"{option}"' in source, f"{script} has no option {option}"


@pytest.mark.parametrize("module", ["rl_rewards", "rl_rewards.functions.decorator", "rl_rewards.reward", "rl_rewards.rubric"])
def test_the_examples_of_docstrings_run_and_print_what_they_say(module):
    found = import_module(module)
    names = {name: getattr(rl_rewards, name) for name in rl_rewards.__all__}
    results = doctest.testmod(found, extraglobs=names)
    assert results.attempted and not results.failed


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_a_page_has_no_heading_twice_and_no_code_outside_of_fences(page):
    found = headings(page)
    assert sorted(set(found)) == sorted(found)
    assert not indented_code(page)


def test_the_readme_is_at_most_160_lines_and_has_one_picture():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 160
    assert text.count("![") == 1


@pytest.mark.parametrize("recipe", ["grpo", "rloo", "ppo"])
def test_the_recipes_page_names_every_argument_of_a_recipe(recipe):
    text = (ROOT / "recipes" / "README.md").read_text()
    source = (ROOT / "recipes" / f"{recipe}.py").read_text()
    arguments = next(node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef) and node.name == "RecipeArguments")
    names = [field.target.id for field in arguments.body if isinstance(field, ast.AnnAssign)]
    assert names and not [name for name in names if f"`--{name}" not in text]


def test_the_readme_names_every_kind_of_parser_and_scorer():
    from rl_rewards.parsers import KINDS as PARSERS
    from rl_rewards.scorers import KINDS as SCORERS

    text = (ROOT / "README.md").read_text()
    assert not [kind for kind in (*PARSERS.table, *SCORERS.table) if f"`{kind}" not in text and kind != "function"]


@pytest.mark.parametrize(
    ("found", "said", "alike"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a  \nb\n\n", "a\nb\n", True),
        ("a\nb\nc\nd\n", "a\n...\nd\n", True),
        ("a\nd\n", "a\n...\nd\n", True),
        ("a\nb\n", "a\n", False),
        ("a.b\n", "a+b\n", False),
        ("axb\n", "a.b\n", False),
    ],
)
def test_what_is_printed_is_compared_line_by_line(found, said, alike):
    assert same(found, said) is alike
