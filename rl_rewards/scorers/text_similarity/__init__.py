"""How alike a text is to its reference, by the metrics of OpenAI's text_similarity grader."""

from rl_rewards.scorers.text_similarity.metrics import METRICS, Metric, MetricName
from rl_rewards.scorers.text_similarity.scorer import TextSimilarity

__all__ = ["METRICS", "Metric", "MetricName", "TextSimilarity"]
