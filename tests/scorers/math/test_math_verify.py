"""math_verify's options, outcomes and whose fault they are."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("math_verify")

from rl_rewards.scorers.isolated import Isolated
from rl_rewards.scorers.math import MathVerify
from rl_rewards.types import EvaluateResult, Outcome, Sample


def score(response: Any, reference: Any, prompt: Any = "a question", **options: Any) -> EvaluateResult:
    text = response if isinstance(response, str) else ""
    (result,) = MathVerify("answer", **{"timeout": 60.0, **options}).score([Sample(prompt, text, text, {"answer": reference})], [response])
    return result


# What each option turns from wrong to right, or back.
OPTIONS = [
    ({"allow_unevaluated": True}, r"\boxed{40+2}", "42"),
    ({"allow_unevaluated": True}, r"\boxed{\sum_{k=1}^{42}1}", "42"),
    ({"allow_unevaluated": True}, r"\boxed{\sqrt{1764}}", "42"),
    ({"allow_think": True}, r"<think>\boxed{42}</think> I do not know", "42"),
    ({"allow_think": True}, r"<think>\boxed{42}", "42"),
    ({"allow_denied": True}, r"the answer is not $\boxed{42}$", "42"),
    ({"allow_denied": True}, "The answer is not 42.", "42"),
    ({"extract": "anywhere"}, "I add it all up.\nSo we have 42 apples in total, which is quite a lot of apples.", "42"),
    ({"extract": "anywhere"}, "I add it all up.\nSo $x = 42$ follows, by what was said above and below.", "42"),
    ({"decimals": 3}, r"\boxed{0.333}", r"\frac{1}{3}"),
    ({"decimals": 2}, r"\boxed{1.41}", r"\sqrt{2}"),
    ({"lists": "sets"}, r"\boxed{2,3,3}", "2,2,3"),
    ({"lists": "sets"}, r"\boxed{16,3,1}", "16,3,1,1"),
    ({"lists": "sets"}, r"\boxed{\frac12, 0.5, 3}", r"3, \frac{1}{2}"),
    ({"allow_set_relation": True}, r"\boxed{m \geq \sqrt2}", r"[\sqrt2,\infty)"),
    ({"allow_set_relation": True}, r"\boxed{-2 \le x \le 7}", "[-2,7]"),
    ({"allow_set_relation": True}, r"\boxed{-2 \le x \le 7}", r"x \in [-2,7]"),
    ({"allow_set_relation": True}, r"\boxed{x<2 \text{ or } x>3}", r"(-\infty,2)\cup(3,\infty)"),
    ({"domain": "positive"}, r"\boxed{x}", "|x|"),
    ({"domain": "positive"}, r"\boxed{2\ln x}", r"\ln(x^2)"),
    ({"domain": "positive"}, r"\boxed{x-y}", r"|x|-|y|"),
]
STRICTER = [
    ({"extract": "boxed"}, "The answer is 42.", "42"),
    ({"one_box": True}, r"\boxed{43} no, wait: \boxed{42}", "42"),
    ({"percent": "exact"}, r"\boxed{42\%}", "42"),
    ({"units": "compare"}, r"\boxed{42 \text{ m}}", r"42 \text{ cm}"),
    ({"units": "compare"}, r"\boxed{42 m}", "42 cm"),
    ({"lists": "ordered"}, r"\boxed{2, 1}", "1, 2"),
    ({"lists": "ordered"}, r"\boxed{x=3 \text{ or } x=5}", "x=5 or x=3"),
    ({"lists": "ordered"}, r"\boxed{(3,4), (1,2)}", "(1,2), (3,4)"),
]


@pytest.mark.parametrize(("options", "response", "reference"), OPTIONS)
def test_an_option_that_allows_something(options: dict[str, Any], response: str, reference: str) -> None:
    assert score(response, reference).score == 0.0
    assert score(response, reference, **options).score == 1.0


@pytest.mark.parametrize(("options", "response", "reference"), STRICTER)
def test_an_option_that_refuses_something(options: dict[str, Any], response: str, reference: str) -> None:
    assert score(response, reference).score == 1.0
    assert score(response, reference, **options).score == 0.0


@pytest.mark.parametrize(
    ("options", "response", "reference"),
    [
        ({"one_box": True}, r"\boxed{42} and so \boxed{42}", "42"),
        ({"percent": "exact"}, r"\boxed{42\%}", "0.42"),
        ({"units": "compare"}, r"\boxed{42 \text{ cm}}", r"42\,\mathrm{cm}"),
        ({"units": "compare"}, r"\boxed{42}", "42 cm"),
        ({"lists": "ordered"}, r"\boxed{1, 2}", "1, 2"),
        ({"lists": "ordered"}, r"\boxed{\{2,1\}}", r"\{1,2\}"),
        ({"lists": "ordered"}, r"\boxed{y=2, x=1}", "x=1, y=2"),
    ],
)
def test_a_strict_option_keeps_what_is_right(options: dict[str, Any], response: str, reference: str) -> None:
    assert score(response, reference, **options).score == 1.0


@pytest.mark.parametrize(
    ("options", "response", "reference"),
    [
        ({"lists": "sets"}, r"\boxed{2,3,4}", "2,2,3"),
        ({"lists": "sets"}, r"\boxed{2}", "2,2,3"),
        ({"allow_set_relation": True}, r"\boxed{m > \sqrt2}", r"[\sqrt2,\infty)"),
        ({"allow_set_relation": True}, r"\boxed{-2 \le x < 7}", "[-2,7]"),
        ({"domain": "positive"}, r"\boxed{-x}", "|x|"),
        ({"domain": "positive"}, r"\boxed{2/\sqrt n}", r"\sqrt{1/n}"),
    ],
)
def test_an_option_that_allows_something_allows_no_more(options: dict[str, Any], response: str, reference: str) -> None:
    assert score(response, reference, **options).score == 0.0


@pytest.mark.parametrize("prompt", [r"Expand $(x+1)(x+2)$.", [{"role": "user", "content": r"Expand $(x + 1) (x+2)$."}]])
def test_the_questions_own_expression_is_no_answer_unless_allowed(prompt: Any) -> None:
    for response, copied_counts in ((r"\boxed{(x+1)(x+2)}", False), (r"\boxed{(x+1)\cdot(x+2)}", True), (r"\boxed{2+3x+x^2}", True)):
        assert score(response, "x^2+3x+2", prompt).score == float(copied_counts)
        assert score(response, "x^2+3x+2", prompt, allow_copied=True).score == 1.0


def test_the_references_own_text_is_right_even_if_it_stands_in_the_question() -> None:
    assert score(r"\boxed{x+1}", "x+1", "Which is larger, x+1 or x-1?").score == 1.0


def test_scores_are_those_that_were_asked_for() -> None:
    assert score(r"\boxed{42}", "42", correct=2.0, wrong=-1.0).score == 2.0
    assert score(r"\boxed{43}", "42", correct=2.0, wrong=-1.0).score == -1.0
    assert score("", "42", correct=2.0, wrong=-1.0).score == -1.0


@pytest.mark.parametrize("answer", [None, "", "nothing that could be read as an answer\nat all"])
def test_no_answer_is_the_policys_fault(answer: str | None) -> None:
    result = score(answer, "42", wrong=-1.0)
    assert (result.score, result.outcome) == (-1.0, Outcome.UNPARSED)


@pytest.mark.parametrize("answer", [42, 42.0, "42"])
def test_a_parsers_number_is_an_answer(answer: Any) -> None:
    assert score(answer, "42").score == 1.0


@pytest.mark.parametrize("reference", [42, 42.0, "42", ["41", "42"], [41, 42], ["\\frac{", "42"]])
def test_a_reference_is_text_or_a_number_or_any_of_a_list(reference: Any) -> None:
    assert score(r"\boxed{42}", reference).score == 1.0


@pytest.mark.parametrize("reference", [None, "", [], {"a": 1}, "\\frac{", ["\\frac{", "\\sqrt{"]])
def test_a_reference_that_cannot_be_read_is_ours(reference: Any) -> None:
    result = score(r"\boxed{x+1}", reference)
    assert (result.score, result.outcome) == (None, Outcome.ERROR)
    assert "reference" in result.error


# An equation is math-verify's own to compare, and it works the tower out, in C and with the GIL held.
ENDLESS = r"\boxed{2y=9^{9^{9}}x+1}"


def test_an_answer_that_takes_too_long_is_the_policys_and_its_mates_are_scored() -> None:
    responses = [r"\boxed{y=2x+1}", ENDLESS, r"\boxed{y-1=2x}", ENDLESS, r"\boxed{\{3\}}"]
    samples = [Sample("q", text, text, {"answer": "y=2x+1"}) for text in responses]
    results = MathVerify("answer", timeout=3.0, wrong=-1.0).score(samples, responses)
    assert [result.score for result in results] == [1.0, -1.0, 1.0, -1.0, -1.0]
    assert [result.outcome for result in results] == [Outcome.SCORED, Outcome.TIMEOUT, Outcome.SCORED, Outcome.TIMEOUT, Outcome.SCORED]


TOWERS = [r"9^{9^{9}}", r"10^{10^8}", r"2^{10^{10}}", r"(9!)!", r"1000000!", r"\binom{10^5}{5\cdot 10^4}"]


@pytest.mark.parametrize("tower", TOWERS)
@pytest.mark.parametrize("reference", ["42", r"\sqrt{2}", "x+1"])
def test_a_tower_of_powers_costs_nothing(tower: str, reference: str) -> None:
    result = score(rf"\boxed{{{tower}}}", reference, allow_unevaluated=True, timeout=20.0)
    assert (result.score, result.outcome) == (0.0, Outcome.SCORED)


def test_a_nested_fraction_is_worked_out_in_linear_time() -> None:
    nested = "1"
    for _ in range(40):
        nested = rf"\frac{{1}}{{1+{nested}}}"
    assert score(rf"\boxed{{{nested}}}", r"\frac{165580141}{267914296}", allow_unevaluated=True).score == 1.0
    assert score(rf"\boxed{{{nested}}}", r"\frac{165580141}{267914297}", allow_unevaluated=True).score == 0.0


def test_equal_answers_of_a_group_are_judged_alike() -> None:
    responses = [r"\boxed{2\sqrt{3}}", r"\boxed{\sqrt{12}}", r"\boxed{\sqrt{12}}", r"\boxed{\sqrt{13}}"] * 8
    samples = [Sample("q", text, text, {"answer": r"2\sqrt{3}"}) for text in responses]
    scores = [result.score for result in MathVerify("answer", timeout=60.0).score(samples, responses)]
    assert scores == [1.0, 1.0, 1.0, 0.0] * 8


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": -1}, {"decimals": 0}, {"memory_mb": 10}, {"units": "si"}])
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        MathVerify("answer", **options)


def test_it_is_not_isolated_twice() -> None:
    with pytest.raises(ValueError, match="runs in worker processes by itself"):
        Isolated(MathVerify("answer"))


def test_it_is_picklable_and_reads_its_column() -> None:
    scorer = pickle.loads(pickle.dumps(MathVerify("solution", decimals=3)))
    assert scorer == MathVerify("solution", decimals=3) and scorer.traits.columns == {"solution"}


def test_the_callers_process_never_loads_sympy() -> None:
    program = (
        "import sys\n"
        "from rl_rewards.scorers.math import MathVerify\n"
        "from rl_rewards.types import Sample\n"
        "texts = [r'\\boxed{42}', r'\\boxed{\\sqrt{2}+1}']\n"
        "samples = [Sample('q', text, text, {'answer': r'1+\\sqrt{2}'}) for text in texts]\n"
        "print([result.score for result in MathVerify('answer', timeout=60.0).score(samples, texts)], 'sympy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.strip() == "[0.0, 1.0] False"
