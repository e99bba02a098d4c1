"""What is public is declared: the modules in the package's docstring, their names in `__all__`; recipes and pages use nothing else."""

import ast
import importlib
import re
from pathlib import Path

import pytest

import rl_rewards

ROOT = Path(__file__).parent.parent
PUBLIC = re.findall(r"^    (rl_rewards[\w.]*)  ", rl_rewards.__doc__, re.M)
RECIPES = sorted((ROOT / "recipes").glob("*.py"))
PAGES = [ROOT / "README.md", ROOT / "rl_rewards" / "EXTENDING.md"]


def imports(source):
    """(module, name) of each name of the library that Python text imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "rl_rewards":
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names if alias.name.partition(".")[0] == "rl_rewards")


def internal(source):
    public = {module: set(importlib.import_module(module).__all__) for module in PUBLIC}
    return [
        (module, name)
        for module, name in imports(source)
        if f"{module}.{name}" not in public and (name is not None and name not in public.get(module, ()))
    ]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_module_names_what_it_offers(name):
    module = importlib.import_module(name)
    assert module.__all__ and len(set(module.__all__)) == len(module.__all__)
    assert not [each for each in module.__all__ if each.startswith("_") or not hasattr(module, each)]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_recipes_import_public_names_alone(path):
    assert not internal(path.read_text())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_import_public_names_alone(path):
    text = path.read_text().partition("\n## A verb\n")[0]  # a verb is a part of the package, as a file format is
    assert not [each for block in re.findall(r"```python\n(.*?)```", text, re.S) for each in internal(block)]


def test_an_internal_name_is_seen():
    source = (
        "from rl_rewards.trl.call import TrainerCall\nfrom rl_rewards import Reward, parsers\nfrom rl_rewards.checks import check_dataset, Rubric"
    )
    assert internal(source) == [("rl_rewards.trl.call", "TrainerCall"), ("rl_rewards.checks", "Rubric")]


def test_the_version_has_its_entry_in_the_change_log():
    assert f"\n## {rl_rewards.__version__}" in (ROOT / "CHANGELOG.md").read_text()
