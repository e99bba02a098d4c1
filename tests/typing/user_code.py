"""What a user writes, right and wrong. `# error: RULE` ends each line that a type checker must flag; no other line may be flagged."""

from typing import assert_type

from rl_rewards import EvaluateResult, Evaluation, Message, Reward, Rubric, Sample, load_rubric, reward_function
from rl_rewards.functions import FunctionScorer
from rl_rewards.parsers import Boxed, Tag
from rl_rewards.scorers import NumberMatch, ReferenceScorer, Scorer
from rl_rewards.scorers.base import configured


@reward_function
def bare(response: str, **kwargs: object) -> float:
    return float(len(response) < 100)


@reward_function(mode="batch", pure=True)
def with_options(completions: list[list[Message]]) -> list[float]:
    return [1.0 for _ in completions]


@configured
class Share(ReferenceScorer):
    least: float = 0.0

    def score_answer(self, answer: str, target: str, sample: Sample) -> EvaluateResult:
        return self.verdict(len(answer) >= self.least * len(target))


assert_type(bare, FunctionScorer)
assert_type(with_options, FunctionScorer)
assert_type(load_rubric("rubric.yaml"), Rubric)
assert_type(Reward("spelled", {"number_match": "answer"}, ["boxed", {"tag": "answer"}]).score, Scorer)
assert_type(Rubric([Reward("short", bare)]).rewards, tuple[Reward, ...])
rubric = Rubric((Reward("right", NumberMatch("answer"), parse=Boxed(), weight=2.0), Reward("own", Share("answer", least=0.5)), Reward("short", bare)))
evaluation = rubric.evaluate([Sample.from_row({"prompt": "1 + 1", "completion": "2", "answer": "2"})])
assert_type(evaluation, Evaluation)
assert_type(evaluation.totals(), list[float | None])
scorer: Scorer = with_options

reward_function(bare, mode="rows")  # error: reportArgumentType, reportCallIssue
reward_function(concurency=2)  # error: reportCallIssue
Rubric((), max_eror_rate=3)  # error: reportCallIssue
Rubric((), max_error_rate="high")  # error: reportArgumentType
Reward("right", NumberMatch("answer"), wieght=2.0)  # error: reportCallIssue
Reward("right", 3)  # error: reportArgumentType
Tag()  # error: reportCallIssue
NumberMatch("answer", tolerence=0.1)  # error: reportCallIssue
Share("answer", least="half")  # error: reportArgumentType
print(load_rubric("rubric.yaml").rewardz)  # error: reportAttributeAccessIssue
rubric.unhandled = "allow"  # error: reportAttributeAccessIssue
EvaluateResult(1.0, resaon="short")  # error: reportCallIssue
