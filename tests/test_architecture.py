"""The walls of the house: what may import what."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "rl_rewards"


def modules():
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in PACKAGE.rglob("*.py")}


def imports_of(path, known, top_level_only):
    """Modules of the package that a file imports; inside functions and TYPE_CHECKING blocks only where asked."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from package import module` is an import of the module, not of the package's own code.
            found |= {name if (name := f"{node.module}.{alias.name}") in known else node.module for alias in node.names}
    return found & known.keys()


def test_no_modules_import_each_other_in_a_circle():
    known = modules()
    graph = {name: imports_of(path, known, top_level_only=True) - {name} for name, path in known.items()}
    list(TopologicalSorter(graph).static_order())  # raises CycleError, naming the circle


def test_nothing_below_the_edge_knows_the_trainer():
    known = modules()
    allowed = {"rl_rewards.rubric", "rl_rewards.reward"}  # their public properties, at call time
    edge = ("rl_rewards.trl", "rl_rewards.trainers", "rl_rewards.recording", "rl_rewards.cli")
    knows = {
        name
        for name, path in known.items()
        if not name.startswith(edge)
        and any(used == "rl_rewards.trl" or used.startswith("rl_rewards.trainers") for used in imports_of(path, known, False))
    }
    assert knows <= allowed


def test_parsers_and_types_stand_on_nothing_above_them():
    known = modules()
    for name, path in known.items():
        if name.startswith("rl_rewards.parsers") or name in ("rl_rewards.types", "rl_rewards.references"):
            used = imports_of(path, known, False)
            assert not {u for u in used if u.startswith(("rl_rewards.scorers", "rl_rewards.reward", "rl_rewards.rubric", "rl_rewards.runtime"))}, name


def test_importing_the_package_and_training_rules_loads_no_torch():
    code = """
import sys, rl_rewards
assert not {"torch", "trl", "transformers", "pydantic"} & sys.modules.keys()
rubric = rl_rewards.Rubric((rl_rewards.Reward("r", {"string_match": {"equals": "4"}}),))
assert rubric.reward_funcs[0](prompts=["q"], completions=["4"]) == [1.0]
assert not {"torch", "trl", "transformers"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
