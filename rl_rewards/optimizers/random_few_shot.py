"""random_few_shot: examples out of completions that earned high rewards, searched at random.

The parameters are those of Synalinks' RandomFewShot (documentation of its optimizers, version 0.10). Two things differ from it. A candidate
is its set of examples: in Synalinks all sets count as one candidate, whose reward is a running mean over different sets, so that it keeps the
first set that it drew. And candidates are compared on the same held-out rows and ranked by a lower confidence bound.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

from pydantic import field_validator, model_validator

from rl_rewards.configured import configured
from rl_rewards.generation.model import PromptTooLongError
from rl_rewards.generation.prompt import Example, Prompt
from rl_rewards.optimizers.candidates import Candidate, Spread, paired
from rl_rewards.optimizers.optimizer import Search

__all__ = ["RandomFewShot"]

_TRIES = 100  # draws of a set that was drawn before, after which all sets are taken to be known
_DRAWS = 8  # of a training row, at most, until it is solved
_CHANGED = 0.7  # share of the sets that come of changing one
_BEHIND = 1.5  # standard errors of the difference below the best one, from which on a set is given up
_FIRST_ROWS = 8  # held-out rows that a candidate is measured on first; then twice as many, and so on


@configured
class RandomFewShot:
    """Draws sets of examples, changes the best of them, and measures each on as many held-out rows as it is worth.

    A search spends at most a fifth of its budget on completions of training rows: what earned more than their mean can become an example.
    A new set is drawn afresh, or by changing one example of a set in the population, by turns at random. It is measured on 8 held-out rows,
    then 16, 32, ..., and given up as soon as it is below the best one so far, on the same rows, by more than 1.5 standard errors of the
    difference. Each time there is a new best one, it completes training rows that were not solved yet.

    Raises:
        pydantic.ValidationError: when a value is out of its range, or the least number of examples is above the most.
    """

    name: ClassVar[str] = "random_few_shot"

    nb_min_examples: int = 1
    """The least number of examples."""
    nb_max_examples: int = 3
    """The largest number of examples."""
    sampling: Literal["softmax", "random", "best"] = "softmax"
    """How examples, and sets to change, are drawn: by exp(reward / sampling_temperature), all alike, or the best first."""
    sampling_temperature: float = 0.3
    """Of softmax; in units of the reward."""
    population_size: int = 10
    """Sets that are kept to be changed."""
    confidence: float = 1.0
    """Standard errors below the mean at which sets are ranked."""

    @field_validator("nb_min_examples", "nb_max_examples", "population_size")
    @classmethod
    def _at_least_one(cls, value: int) -> int:
        if value < 1:
            raise ValueError(f"must be at least 1, got {value}")
        return value

    @field_validator("sampling_temperature")
    @classmethod
    def _positive(cls, value: float) -> float:
        if value <= 0:
            raise ValueError(f"must be above 0, got {value}; sampling 'best' takes the best ones")
        return value

    @field_validator("confidence")
    @classmethod
    def _not_negative(cls, value: float) -> float:
        if value < 0:
            raise ValueError(f"must be 0 or more, got {value}")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> RandomFewShot:
        if self.nb_min_examples > self.nb_max_examples:
            raise ValueError(f"nb_min_examples must be at most nb_max_examples, got {self.nb_min_examples} and {self.nb_max_examples}")
        return self

    def candidates(self, search: Search) -> Iterator[Candidate]:
        """The start, then each set of examples when it has been measured."""
        return _Drawing(self, search).candidates()

    def choose(self, rewards: Sequence[float], count: int, rng: random.Random) -> list[int]:
        """`count` different places of `rewards`, drawn as `sampling` says."""
        places = list(range(len(rewards)))
        if self.sampling == "random":
            return rng.sample(places, count)
        if self.sampling == "best":
            rng.shuffle(places)  # which of equal ones is left to chance
            return sorted(places, key=lambda place: -rewards[place])[:count]
        # Gumbel's trick (1611.00712): the largest of log-weight + noise are drawn without replacement, each with its softmax probability.
        noisy = {place: rewards[place] / self.sampling_temperature - math.log(-math.log(rng.random() or 1e-300)) for place in places}
        return sorted(places, key=lambda place: -noisy[place])[:count]


class _Drawing:
    """The state of one search."""

    def __init__(self, options: RandomFewShot, search: Search) -> None:
        self.options, self.search = options, search
        self.rng = random.Random(search.seed)
        self.spread = Spread(options.confidence)
        self.pool: dict[Example, float] = {}
        self.population: list[Candidate] = []
        self.seen: set[str] = set()
        self.held_out = search.split.validation
        self.unsolved = list(search.split.train)

    def candidates(self) -> Iterator[Candidate]:
        search = self.search
        self.learn(search.start, max(1, search.budget.total // 5 // search.task.n))
        start = Candidate(search.start, origin="start")
        yield from self.race(start)
        if not self.population:
            return
        if not self.pool:
            search.say("no completion to a training row has a score, so there is no example to draw")
            return
        if len(set(self.pool.values())) == 1:
            search.say(
                "every completion to a training row earned the same: examples are drawn from all of them. A reward that pays for a part of an answer, "
                "another --temperature, or a --prompt with an example gives the search something to go by"
            )
        best = start
        while search.budget.left >= search.task.cost(min(_FIRST_ROWS, len(self.held_out))):
            candidate = self.propose()
            if candidate is None:
                search.say("every set of examples that can be drawn was measured")
                return
            yield from self.race(candidate)
            if self.population[0] is not best and (best := self.population[0]) is candidate:
                self.learn(best.prompt, _FIRST_ROWS)

    def learn(self, prompt: Prompt, most: int) -> None:
        """Complete training rows that are not solved yet, and keep what is written for examples.

        A row is solved by a completion that earned more than the mean of all. With sampling, what is left is drawn again, as long as it helps
        and at most `most` rows are completed.
        """
        most = min(most, self.search.budget.left // self.search.task.n)
        again = self.search.task.sampling.temperature > 0
        for draw in range(_DRAWS if again else 1):
            rows = self.unsolved[:most]
            if not rows:
                return
            best = {row.number: -math.inf for row in rows}
            for each in self.search.task.measure(prompt, rows, self.search.budget, draw):
                if each.score is not None:
                    self.pool[Example(each.question, each.completion)] = each.score
                    best[each.row] = max(best[each.row], each.score)
            most -= len(rows)
            left = [row for row in rows if best[row.number] <= self.mean_of_pool]
            self.unsolved = self.unsolved[len(rows) :] + left

    @property
    def mean_of_pool(self) -> float:
        return math.fsum(self.pool.values()) / len(self.pool) if self.pool else 0.0

    def race(self, candidate: Candidate) -> Iterator[Candidate]:
        """Measure a candidate on more and more held-out rows, as long as it may be the best and the budget lasts.

        Each has an order of its own: in one order for all, the same few rows would decide about every candidate that is given up early.
        """
        self.seen.add(candidate.prompt.key)
        held_out = self.rng.sample(self.held_out, len(self.held_out))
        done, size = 0, _FIRST_ROWS
        while done < len(held_out):
            rows = held_out[done : max(size, done + 1)]
            if self.search.task.cost(rows) > self.search.budget.left:
                rows = rows[: self.search.budget.left // self.search.task.n]
            if not rows:
                break
            try:
                candidate.add(self.search.task.measure(candidate.prompt, rows, self.search.budget))
            except PromptTooLongError:  # its examples do not fit the model
                return
            self.spread.know(candidate)
            done, size = done + len(rows), size * 2
            if self.is_behind(candidate):
                break
        if candidate.rewards:
            self.population = self.spread.best([*self.population, candidate])[: self.options.population_size]
            yield candidate

    def is_behind(self, candidate: Candidate) -> bool:
        """Whether the best candidate is better on the same rows, by more than the difference's standard errors allow."""
        if not self.population:
            return False
        differences = paired(candidate, self.population[0])
        if not differences:
            return False
        mean = math.fsum(differences) / len(differences)
        variance = math.fsum((each - mean) ** 2 for each in differences) / max(len(differences) - 1, 1)
        return mean + _BEHIND * math.sqrt(variance / len(differences)) < 0

    def propose(self) -> Candidate | None:
        """A set of examples that was not drawn before; None where none is found."""
        for _ in range(_TRIES):
            changeable = [each for each in self.population if each.prompt.examples and each.measured == self.population[0].measured]
            changed = bool(changeable) and self.rng.random() < _CHANGED
            drawn = self.changed(changeable) if changed else self.fresh()
            prompt = Prompt(self.search.start.system, self.search.start.instructions, tuple(drawn))
            if prompt.key not in self.seen:
                return Candidate(prompt, origin="changed" if changed else "drawn")
        return None

    def fresh(self) -> list[Example]:
        """A new set."""
        options = self.options
        return self.draw(self.rng.randint(options.nb_min_examples, options.nb_max_examples))

    def changed(self, population: Sequence[Candidate]) -> list[Example]:
        """A set of the population with one example more, one less, or another one."""
        bounds = [self.spread.lower_bound(each) for each in population]
        parent = population[self.options.choose(bounds, 1, self.rng)[0]]
        examples = list(parent.prompt.examples)
        ways = ["replace"]
        ways += ["add"] if len(examples) < self.options.nb_max_examples else []
        ways += ["drop"] if len(examples) > self.options.nb_min_examples else []
        way = self.rng.choice(ways)
        place = self.rng.randrange(len(examples))
        if way == "drop":
            return examples[:place] + examples[place + 1 :]
        new = self.draw(1, without=examples)
        return examples + new if way == "add" else examples[:place] + new + examples[place + 1 :]

    def draw(self, count: int, without: Sequence[Example] = ()) -> list[Example]:
        """Up to `count` examples of different questions: those with more than the pool's mean, or any where all are equal."""
        mean = self.mean_of_pool
        high = [example for example, score in self.pool.items() if score > mean] or list(self.pool)
        shown = {example.prompt for example in without}
        drawn: list[Example] = []
        for place in self.options.choose([self.pool[example] for example in high], len(high), self.rng):
            if len(drawn) < count and high[place].prompt not in shown:
                drawn.append(high[place])
                shown.add(high[place].prompt)
        return drawn
