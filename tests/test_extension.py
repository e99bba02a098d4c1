"""Scorers and parsers of somebody else's: named by the path of their class, or by an entry point of an installed package."""

import subprocess
import sys
import textwrap

import pytest

from rl_rewards import Reward, Rubric, load_rubric
from rl_rewards.rubric_files import RubricFileError
from rl_rewards.types import Sample

MODULE = '''
from dataclasses import field
from typing import Any

from rl_rewards.parsers.base import Parser, TextParser
from rl_rewards.scorers.base import ReferenceScorer, Scorer, configured
from rl_rewards.types import EvaluateResult, Sample


@configured
class Overlap(ReferenceScorer):
    """Share of the reference's letters that the answer has."""

    least: float = field(default=0.0, kw_only=True)

    def score_answer(self, answer: Any, target: Any, sample: Sample) -> EvaluateResult:
        share = len(set(answer) & set(target)) / len(set(target))
        return EvaluateResult(share if share >= self.least else 0.0)


@configured
class Last(TextParser):
    """The last word."""

    def extract(self, text: str) -> str | None:
        words = text.split()
        return words[-1] if words else None


class Undeclared(Scorer):
    def score(self, samples, answers):
        return []


def function(response):
    return 1.0
'''
SAMPLES = [Sample("q", "it is abc", "it is abc", {"gold": "abcd"})]


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "__init__.py").write_text("")
    (tmp_path / "theirs" / "scoring.py").write_text(MODULE)
    (tmp_path / "beside.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "theirs"]:
        del sys.modules[name]


def rubric_file(place, score, parse="identity"):
    path = place / "rubric.yaml"
    path.write_text(f"rewards:\n- name: r\n  parse: {parse}\n  score: {score}\n")
    return path


@pytest.mark.parametrize("module", ["theirs.scoring", "beside.py"])
def test_a_class_is_named_by_its_path_and_saved_under_it(place, module):
    rubric = load_rubric(rubric_file(place, f"{{{module}:Overlap: {{reference: gold, least: 0.5}}}}", f"{{{module}:Last: null}}"))
    assert rubric.evaluate(SAMPLES).columns["r"].scores == [0.75]
    rubric.save(place / "saved.yaml")
    assert f"{module}:Overlap" in (place / "saved.yaml").read_text() and str(place) not in (place / "saved.yaml").read_text()
    assert load_rubric(place / "saved.yaml") == rubric


def test_a_short_form_sets_the_first_option(place):
    assert load_rubric(rubric_file(place, "{theirs.scoring:Overlap: gold}")).evaluate(SAMPLES).columns["r"].scores == [0.75]


def test_it_works_nested_in_another_scorer_and_function_too(place):
    nested = "{cosine_length: {right: {beside.py:Overlap: gold}, max_tokens: 100, unit: words}}"
    of_function = "{cosine_length: {right: {function: beside.py:function}, max_tokens: 100, unit: words}}"
    for score in (nested, of_function):
        rubric = load_rubric(rubric_file(place, score))
        rubric.save(place / "saved.yaml")
        assert str(place) not in (place / "saved.yaml").read_text()
        assert load_rubric(place / "saved.yaml") == rubric


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (
            "{theirs.scoring:Overlap: {reference: gold, last: 1}}",
            r"rubric.yaml:4: rewards\[0\].score.theirs.scoring:Overlap.last: unknown field.*'least'",
        ),
        ("{theirs.scoring:Overlap: {reference: gold, least: high}}", r"rubric.yaml:4: .*least: found text 'high', allowed: a number"),
        ("{theirs.scoring:Overlap: {}}", r"rubric.yaml:4: .*needs a field 'reference'"),
        ("{theirs.scoring:Overlpa: gold}", "has no 'Overlpa'; did you mean 'Overlap'"),
        ("{theirs.scorng:Overlap: gold}", "cannot import 'theirs.scorng'"),
        ("{theirs.scoring:Undeclared: null}", "must declare its options with @.*configured"),
        ("{theirs.scoring:Last: null}", r"must be a class that extends rl_rewards.scorers.base.Scorer, got the class Last"),
        ("{theirs.scoring:function: null}", r"a function is written \{function: 'theirs.scoring:function'\}"),
        ("{function: theirs.scoring:Overlap}", r"is a scorer class, not a function: write `score: \{'theirs.scoring:Overlap'"),
        ("{theirs: null}", "Unknown scorer 'theirs'.*or the path of a class"),
    ],
)
def test_what_is_no_such_class_is_refused_with_its_place(place, score, message):
    with pytest.raises(RubricFileError, match=message):
        load_rubric(rubric_file(place, score))


def test_python_takes_the_same_specs(place):
    assert Rubric((Reward("r", {"theirs.scoring:Overlap": "gold"}),)).evaluate(SAMPLES).columns["r"].raw == [0.75]


def test_an_installed_package_declares_kinds_as_entry_points(place):
    """A process of its own: entry points are read once."""
    metadata = place / "theirs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[rl_rewards.scorers]\noverlap = theirs.scoring:Overlap\n[rl_rewards.parsers]\nlast = theirs.scoring:Last\n"
    )
    rubric_file(place, "{overlap: gold}", "last")
    code = f"""
    import sys
    sys.path.insert(0, {str(place)!r})
    from rl_rewards import load_rubric
    from rl_rewards.types import Sample
    rubric = load_rubric({str(place / "rubric.yaml")!r})
    print(rubric.evaluate([Sample("q", "it is abc", "it is abc", {{"gold": "abcd"}})]).columns["r"].scores)
    rubric.save({str(place / "saved.yaml")!r})
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, cwd=place)
    assert done.stdout.strip() == "[0.75]"
    assert "overlap: gold" in (place / "saved.yaml").read_text() and "parse: last" in (place / "saved.yaml").read_text()


PARSERS = '''
from typing import Any

from rl_rewards.parsers.base import TextParser
from rl_rewards.scorers.base import ReferenceScorer, configured
from rl_rewards.types import EvaluateResult, Sample


@configured
class Without(TextParser):
    """The text without some words, and with others replaced."""

    words: list[str]
    others: dict[str, str]

    def extract(self, text: str) -> str | None:
        return " ".join(self.others.get(word, word) for word in text.split() if word not in self.words)


@configured
class TakesOut(ReferenceScorer):
    """Takes a field out of the reference that it is given."""

    def score_answer(self, answer: Any, target: Any, sample: Sample) -> EvaluateResult:
        return EvaluateResult(float(target.pop("n", -1.0)))
'''


def test_a_parser_with_lists_and_mappings_as_options_reads_references(place):
    (place / "theirs" / "parsers.py").write_text(PARSERS)
    parse = {"theirs.parsers:Without": {"words": ["um"], "others": {"five": "5"}}}
    rubric = Rubric([Reward("r", {"number_match": {"reference": {"column": "gold", "parse": parse}}})])
    assert rubric.evaluate([Sample("q", text, text, {"gold": "um five"}) for text in "567"]).columns["r"].scores == [1.0, 0.0, 0.0]


def test_a_reference_that_a_scorer_changes_is_whole_for_the_next_row(place):
    (place / "theirs" / "parsers.py").write_text(PARSERS)
    rubric = Rubric([Reward("r", {"theirs.parsers:TakesOut": {"reference": {"column": "gold", "parse": "json"}}})])
    assert rubric.evaluate([Sample("q", text, text, {"gold": '{"n": 4}'}) for text in "ab"]).columns["r"].scores == [4.0, 4.0]
