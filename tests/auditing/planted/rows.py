"""Small data sets to audit on, one for each kind of answer, made here."""

import json
import random

CAPITALS = dict(
    France="Paris", Italy="Rome", Spain="Madrid", Norway="Oslo", Japan="Tokyo", Egypt="Cairo", Peru="Lima", Cuba="Havana", Kenya="Nairobi", Greece="Athens",
    Poland="Warsaw", Austria="Vienna", Ghana="Accra", Nepal="Kathmandu", Chile="Santiago", Finland="Helsinki", Ireland="Dublin", Iran="Tehran", Qatar="Doha", Fiji="Suva",
)  # fmt: skip
WORKS = {
    "Who wrote the Divine Comedy?": "Dante Alighieri of Florence", "Which tower stands in Paris?": "the Eiffel Tower by the Seine", "Who painted the Night Watch?": "Rembrandt van Rijn",
    "Which sea lies between Europe and Africa?": "the Mediterranean Sea", "Who composed the Magic Flute?": "Wolfgang Amadeus Mozart", "Which mountain is the highest?": "Mount Everest in Nepal",
    "Who found the law of gravity?": "Sir Isaac Newton", "Which river flows through Vienna?": "the blue Danube river", "Who wrote Faust?": "Johann Wolfgang von Goethe", "What guards the north of China?": "the Great Wall of stone",
    "Who first walked on the moon?": "Neil Alden Armstrong", "Which desert is the largest hot one?": "the Sahara in northern Africa",
}  # fmt: skip
ASK = {
    "tag": "Give the final answer inside <answer> and </answer>.",
    "none": "",
}


def _rows(pairs, chat, hint):
    rows = []
    for question, columns in pairs:
        text = f"{question} {hint}".strip()
        rows.append({"prompt": [{"role": "user", "content": text}] if chat else text, **columns})
    return rows


def make(kind, seed=0, chat=False, hint="", size=16):
    """Rows of a kind: sums, stories, capitals, works, choices, objects, functions, streams, tools, instructions, dates, spellings, spellings_as_text, nested, solutions."""
    chance = random.Random(seed)
    if kind == "sums":
        seen = {}
        while len(seen) < size:
            a, b = chance.randint(11, 99), chance.randint(11, 99)
            seen.setdefault(str(a + b), f"What is {a} + {b}?")
        return _rows([(question, {"answer": gold}) for gold, question in seen.items()], chat, hint)
    if kind == "stories":
        return _rows(
            [(f"Ann has {a} boxes of {b} pens and loses {c}. How many pens are left?", {"answer": str(a * b - c)}) for a, b, c in
             [(chance.randint(3, 19), chance.randint(13, 60), chance.randint(1, 9)) for _ in range(size)]], chat, hint)  # fmt: skip
    if kind == "capitals":
        chosen = chance.sample(sorted(CAPITALS), size)
        return _rows([(f"What is the capital of {country}?", {"answer": CAPITALS[country]}) for country in chosen], chat, hint)
    if kind == "works":
        return _rows([(question, {"answer": gold}) for question, gold in WORKS.items()], chat, hint)
    if kind == "choices":
        rows = []
        for country in chance.sample(sorted(CAPITALS), size):
            cities = chance.sample([city for city in CAPITALS.values() if city != CAPITALS[country]], 3)
            place = len(rows) % 4
            cities.insert(place, CAPITALS[country])
            listed = "\n".join(f"{letter}. {city}" for letter, city in zip("ABCD", cities))
            rows.append((f"What is the capital of {country}?\n{listed}\n", {"answer": "ABCD"[place]}))
        return _rows(rows, chat, hint)
    if kind == "objects":
        people = [(f"Person{n}", 20 + n, city) for n, city in enumerate(chance.sample(sorted(CAPITALS.values()), size))]
        return _rows(
            [
                (f"Write as JSON: {name}, aged {age}, of {city}.", {"answer": json.dumps({"name": name, "age": age, "city": city})})
                for name, age, city in people
            ],
            chat,
            hint,
        )
    if kind == "functions":
        rows = []
        for n in range(2, 2 + min(size, 6)):
            tests = [f"assert times{n}({k}) == {n * k}" for k in (1, 3, 10)]
            rows.append(
                (
                    f"Write a Python function times{n}(x) that multiplies by {n}.",
                    {"tests": tests, "solution": f"def times{n}(x):\n    return {n} * x"},
                )
            )
        return _rows(rows, chat, hint)
    if kind == "streams":
        rows = []
        for n in range(2, 2 + min(size, 5)):
            tests = [{"input": f"{k}\n", "output": f"{n + k}\n{n * k}\n{n - k}\n"} for k in (1, 4, 9)]
            program = f"x = int(input())\nprint({n} + x)\nprint({n} * x)\nprint({n} - x)"
            rows.append((f"Read x and print {n}+x, {n}*x and {n}-x, a line each.", {"tests": tests, "solution": program}))
        return _rows(rows, chat, hint)
    if kind == "tools":
        cities = chance.sample(sorted(CAPITALS.values()), size)
        return _rows(
            [
                (
                    f"Ask for the weather of {city} in celsius.",
                    {"calls": [{"name": "weather", "arguments": {"city": city, "unit": "celsius"}}], "city": city},
                )
                for city in cities
            ],
            chat,
            hint,
        )
    if kind == "instructions":
        wanted = {"instruction_id_list": ["punctuation:no_comma", "change_case:english_lowercase"], "kwargs": [{}, {}]}
        return _rows([(f"Write {n + 2} sentences about rivers, in small letters and without commas.", wanted) for n in range(size)], chat, hint)
    if kind == "dates":
        days = [f"{chance.randint(1950, 2020)}-{chance.randint(1, 12):02}-{chance.randint(10, 28)}" for _ in range(size)]
        return _rows([(f"Write the day {day.replace('-', ' ')} as YYYY-MM-DD.", {"answer": day}) for day in days], chat, hint)
    if kind in ("spellings", "spellings_as_text", "nested", "solutions"):
        plain = make("sums" if kind == "nested" else "capitals" if "spellings" in kind else "stories", seed, chat, hint, size)
        other = {
            "spellings": lambda gold: {"answer": [gold, gold.upper()]},
            "spellings_as_text": lambda gold: {"answer": json.dumps([gold, gold.upper()])},
            "nested": lambda gold: {"answer": {"ground_truth": gold, "style": "rule"}},
            "solutions": lambda gold: {"answer": f"First the pens are counted.\nThen some are lost.\n#### {gold}"},
        }[kind]
        return [{**row, **other(row["answer"])} for row in plain]
    raise ValueError(kind)
