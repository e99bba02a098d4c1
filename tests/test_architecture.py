"""The layers of the package: what may import what, at the top of a file, inside a function, or for type checkers alone."""

import ast
import functools
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "rl_rewards"

# From the lowest up: a module imports its own layer and those before it in this list. A longer prefix wins.
LAYERS = [
    ["redaction", "thinking", "policy_tokens", "types", "loading", "patterns", "user_errors", "json_text", "notebook", "unicode_text"],
    ["configured", "failures"],
    ["addresses", "kinds"],
    ["references", "tool_calls"],
    ["runtime", "models"],
    ["parsers"],
    ["scorers", "functions"],
    ["reward"],
    ["pipeline"],
    ["aggregates"],
    ["rubric"],
    ["checks"],
    ["evaluation", "rubric_files", "folders", "formats", "tables"],
    ["recording"],
    ["generation"],
    ["trl", "trainers"],
    ["optimizers", "auditing", "reporting", "comparing", "calibration", "scale"],
    ["serving", "bridges", "deploying", "compat"],  # a bridge to a server (NeMo-Gym) has the contract that `serve` answers
    ["cli"],
]
# Arrows up, each taken when it is called and not when the file is imported.
UPWARD = {
    ("reward", "rubric"): "a Reward given to a trainer alone is a rubric of one",
    ("functions", "reward"): "a function given to a trainer alone is a reward of its own",
    ("reward", "trl"): "several Rewards given to a trainer one by one are one rubric",
    ("functions", "trl"): "and so are functions",
    ("rubric", "trl"): "Rubric.reward_funcs, as_reward_func and check: what trainers call, on the object that users hold",
    ("rubric", "rubric_files"): "Rubric.save, and how a notebook shows it",
}
# Two files of one layer that know each other, one of them when it is called.
WITHIN = {
    ("rl_rewards.types.sample", "rl_rewards.types.rows"): "Sample.from_row",
    ("rl_rewards.recording.reader", "rl_rewards.recording.scored_record"): "a scored directory is a record, too",
}


def modules():
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in PACKAGE.rglob("*.py")}


MODULES = modules()


@functools.cache
def imports_of(name, top_level_only=False):
    """Modules of the package that a module imports, relative imports too; with `top_level_only` those that an import of it runs."""
    path = MODULES[name]
    tree = ast.parse(path.read_text())
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            # `from package import module` is an import of the module, not of the package's own code.
            found |= {submodule if (submodule := f"{base}.{alias.name}") in MODULES else base for alias in node.names}
    return found & MODULES.keys() - {name}


def layer(name):
    """The number of a module's layer, and the entry that puts it there; None for the package itself."""
    inner = name.removeprefix("rl_rewards").removeprefix(".")
    matches = [(entry, number) for number, entries in enumerate(LAYERS) for entry in entries if inner == entry or inner.startswith(f"{entry}.")]
    return max(matches, key=lambda match: len(match[0]), default=None)


def test_every_module_has_a_layer():
    assert not [name for name in MODULES if name not in ("rl_rewards", "rl_rewards.__main__") and layer(name) is None]


def test_no_modules_import_each_other_in_a_circle():
    graph = {name: imports_of(name, top_level_only=True) for name in MODULES}
    list(TopologicalSorter(graph).static_order())  # raises CycleError, naming the circle


@pytest.mark.parametrize("name", sorted(name for name in MODULES if layer(name)))
def test_arrows_go_down_but_for_those_listed(name):
    entry, number = layer(name)
    upward = {(entry, layer(used)[0]) for used in imports_of(name) if layer(used) and layer(used)[1] > number}
    assert upward <= UPWARD.keys(), f"{name} imports what is above it"


def test_the_listed_arrows_are_taken():
    taken = {(layer(name)[0], layer(used)[0]) for name in MODULES if layer(name) for used in imports_of(name) if layer(used)}
    assert taken >= UPWARD.keys(), "an arrow that is gone stays on the list"


def test_no_file_imports_its_caller():
    pairs = {frozenset((name, used)) for name in MODULES for used in imports_of(name) if name in imports_of(used)}
    listed = {frozenset(arrow) for arrow in UPWARD}
    pairs -= {frozenset(pair) for pair in WITHIN}
    known = {pair for pair in pairs if frozenset(layer(name)[0] for name in pair) in listed}
    assert not {pair for pair in pairs - known if not any(b.startswith(f"{a}.") for a in pair for b in pair)}


def test_runtime_knows_types_alone():
    below = {name for entries in LAYERS[:2] for name in entries}
    for name in MODULES:
        if name.startswith("rl_rewards.runtime"):
            assert {layer(used)[0] for used in imports_of(name) if layer(used)} <= below | {"runtime"}, name


def test_importing_the_package_and_training_rules_loads_no_torch():
    code = """
import sys, rl_rewards
assert not {"torch", "trl", "transformers", "pydantic"} & sys.modules.keys()
rubric = rl_rewards.Rubric((rl_rewards.Reward("r", {"string_match": {"equals": "4"}}),))
assert rubric.reward_funcs[0](prompts=["q"], completions=["4"]) == [1.0]
assert not {"torch", "trl", "transformers"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_no_test_imports_from_a_conftest():
    """Which file that is depends on the tests that are collected, and on their order."""
    texts = {path: path.read_text() for path in (ROOT / "tests").rglob("*.py")}
    assert not [str(path) for path, text in texts.items() if re.search(r"^(from|import) conftest\b", text, re.MULTILINE)]
