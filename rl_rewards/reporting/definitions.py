"""What every number of the report means, in one place: shown on hover and focus, and listed at the page's end."""

from __future__ import annotations

from rl_rewards.reporting.html import Markup, tag

__all__ = ["DEFINITIONS", "glossary", "term"]

DEFINITIONS = {
    "completions": "Responses of the policy that were scored. Each has one row in the record for every reward.",
    "steps": "Optimiser steps of the trainer that scored completions.",
    "groups": "Completions to one prompt that are compared with each other; here those with two totals or more.",
    "total": "Weighted sum of a completion's scores, as the trainer gets them. A row on which a weighted reward failed has none.",
    "mean": "Mean over the rows that have a score.",
    "p10 to p90": "The range from the 10th to the 90th percentile of a step's scores: four fifths of the completions lie in it.",
    "curve": "Line: mean over a step's rows that have a score. Band: from the 10th to the 90th percentile of these scores.",
    "outcomes": "What became of a step's rows, as shares of them; the ledger says what each kind means.",
    "total by length": "Mean total of the completions in ten ranges of length, each with as many completions.",
    "tokens": "Tokens that the policy wrote.",
    "characters": "Characters of the completion's text.",
    "score": "After clip, gate and on_error: what counts in the total where the row is scorable.",
    "outcome": "How the score came about: scored, unparsed, skipped, timeout, crashed, unsupported or error.",
    "gate": "Whether the reward's gate let the score through.",
    "parsed": "The answer that the reward's parser found in the response.",
    "start": "Mean over the first tenth of the steps.",
    "end": "Mean over the last tenth of the steps.",
    "change": "End minus start.",
    "weight": "What a reward's score is multiplied by in the total. A reward of weight 0 is a metric: logged, never trained on.",
    "rows": "Completions that the reward was given. Rows = scored + unparsed + skipped + failed + left out.",
    "scored": "Rows with a score that counts, of an answer.",
    "unparsed": "Rows in which the parser found no answer. They are scored as wrong.",
    "skipped": "Rows that the reward does not apply to.",
    "failed": "Rows on which the reward itself failed, through no fault of the response. They have no score.",
    "left out": "Rows on which another weighted reward failed, so that no reward of the row counts.",
    "unparsed rate": "Completions in which a reward's parser found no answer, as a share of all.",
    "failures": "Completions on which a reward failed, through no fault of the response.",
    "effective reward": "Mean over the groups that carry a gradient of their mean total. Groups whose totals are all equal teach nothing and are left out.",
    "useful groups": "Share of groups whose totals differ, so that they carry a gradient.",
    "flat groups": "Share of groups whose totals are all equal: every advantage is zero.",
    "all right": "Share of groups in which every completion is right: its score is 1 or more, or the higher of the reward's two values.",
    "all wrong": "Share of groups in which no completion is right.",
    "mixed": "Share of groups in which some completions are right and some are not.",
    "predicted": "1 - (p^G + (1-p)^G): the share of mixed groups if all prompts were equally hard, with p the step's share of right completions and G the size of a group. Fewer seen than predicted means that prompts are too easy or too hard.",
    "variance share": "Share of the within-group variance of the total that a reward brings in: its weighted score's covariance with the total within groups, over the total's variance. Shares add up to 1; a negative one works against the total. This is what the advantage is made of.",
    "advantage": "What the trainer made of the total: how much better than its group a completion is.",
    "above group": "The completion's total minus its group's mean total.",
    "gate open": "Share of the rows with a decided gate whose gate was open, so that the score went through.",
    "length": "Tokens that the policy wrote; characters of the text where the record has no tokens.",
    "correlation": "Pearson's correlation of two rewards' scores over the completions that have both.",
    "within groups": "Correlation of the scores minus their group's mean: only differences between completions to one prompt count.",
    "seconds": "Wall time of a reward over a whole batch.",
    "row seconds": "Wall time that scoring the completion took: of a rule, a worker or a sandbox from its start to its end, of a call without the wait for its turn. 0 where an equal completion of the batch was scored instead. Where no row's time is known, that of the reward over the whole batch.",
    "time of": "Whether the time is that of the completion, or of the whole batch that it was in.",
    "disagreement": "Difference of two rewards' scores, each scaled to its range over the run: 1 where one gives its best and the other its worst.",
    "interval": "95 % confidence interval, clustered by prompt: completions to one prompt are not independent.",
    "difference": "After minus before, over the prompts that both have, with a 95 % bootstrap interval over prompts.",
    "raw": "The score as the scorer gave it, before clip, gate and on_error.",
    "component": "A named number inside a reward's result.",
    "share of rows": "Share of a step's completions whose score lies in this range.",
    "trainer": "As the trainer logged it; of several steps taken together, the mean.",
}


def term(name: str, shown: str | None = None) -> Markup:
    """A word whose definition appears on hover and focus.

    Raises:
        KeyError: when it has none.
    """
    assert name in DEFINITIONS, name
    return tag("span", shown or name, class_="term", tabindex="0", aria_describedby=f"def-{slug(name)}")


def slug(name: str) -> str:
    """A name as an element's id."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)


def glossary() -> Markup:
    """All definitions as a list."""
    return tag("dl", [(tag("dt", name), tag("dd", text, id=f"def-{slug(name)}")) for name, text in sorted(DEFINITIONS.items())], class_="glossary")
