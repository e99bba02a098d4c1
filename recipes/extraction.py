"""An extraction task for a small language model, made here: a sentence about a person, and a question that its words answer.

As a dataset: `--data recipes.extraction:rows` (360 rows) with the columns

    prompt   "Nora Lind is 41 years old, lives in Lima and works as a baker.\n\nWhich city?"
    answer   "Lima"
    field    what is asked for: "city", "age", "job" or "name"

The answer is to be the words alone. A small model writes a sentence about them instead, unless it is shown how: that is what examples are for.
"""

from __future__ import annotations

import random

FIRST = ("Nora", "Omar", "Ines", "Tomas", "Yuki", "Femi", "Lena", "Raj", "Mila", "Hugo", "Aisha", "Pavel")
LAST = ("Lind", "Haddad", "Costa", "Novak", "Mori", "Okafor", "Weber", "Patel", "Rossi", "Moreau")
CITIES = ("Lima", "Oslo", "Cairo", "Quito", "Kyoto", "Lagos", "Porto", "Turin", "Perth", "Riga", "Bergen", "Tunis")
JOBS = ("baker", "nurse", "pilot", "teacher", "welder", "farmer", "tailor", "chemist", "gardener", "plumber")
SENTENCES = (
    "{name} is {age} years old, lives in {city} and works as a {job}.",
    "The {job} {name}, {age}, has a flat in {city}.",
    "In {city} we met {name}, a {job} of {age}.",
)
QUESTIONS = {"city": "Which city?", "age": "What age?", "job": "Which job?", "name": "What is the full name?"}


def rows(size: int = 360, seed: int = 0) -> list[dict[str, str]]:
    """`size` rows, no two with the same prompt."""
    rng, found = random.Random(seed), dict[str, dict[str, str]]()
    while len(found) < size:
        name = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
        person = {"name": name, "age": str(rng.randint(19, 79)), "city": rng.choice(CITIES), "job": rng.choice(JOBS)}
        field = rng.choice(list(QUESTIONS))
        prompt = f"{rng.choice(SENTENCES).format(**person)}\n\n{QUESTIONS[field]}"
        found[prompt] = {"prompt": prompt, "answer": person[field], "field": field}
    return list(found.values())
