"""How `json_schema` agrees with the JSON Schema Test Suite.

    python scripts/bench/json_schema_suite.py JSON-Schema-Test-Suite [--draft draft2020-12]

The suite is a checkout of github.com/json-schema-org/JSON-Schema-Test-Suite. Prints, for the draft's required tests and for its optional ones,
how many agree, how many do not, and how many have a schema that is refused: those that refer to another document, which would need a network.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from rl_rewards.scorers import JsonSchema
from rl_rewards.types import Sample

DRAFTS = {"draft2020-12": "https://json-schema.org/draft/2020-12/schema", "draft2019-09": "https://json-schema.org/draft/2019-09/schema"}
DRAFTS |= {f"draft{number}": f"http://json-schema.org/draft-0{number}/schema#" for number in (4, 6, 7)}


def outcomes(path: Path, draft: str) -> tuple[Counter[str], list[str]]:
    """Counts of one file's tests by how they came out, and a line for each that did not agree."""
    counts: Counter[str] = Counter()
    lines = []
    for case in json.loads(path.read_text()):
        schema = case["schema"]
        if isinstance(schema, dict):
            schema = {"$schema": DRAFTS[draft], **schema}
        try:
            scorer = JsonSchema(schema)
        except ValueError as error:
            elsewhere = "another document" in str(error) or "Unknown meta-schema" in str(error)
            counts["another document" if elsewhere else "refused"] += len(case["tests"])
            if not elsewhere:
                lines.append(f"  refused: {path.name}: {case['description']}: {str(error).splitlines()[1][:160]}")
            continue
        for test in case["tests"]:
            [result] = scorer.score([Sample(None, "", "")], [json.dumps(test["data"])])
            agrees = result.score == float(test["valid"])
            counts["agree" if agrees else "disagree"] += 1
            if not agrees:
                lines.append(f"  disagree: {path.name}: {case['description']}: {test['description']} ({result.reason})")
    return counts, lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", type=Path)
    parser.add_argument("--draft", choices=DRAFTS, default="draft2020-12")
    args = parser.parse_args()
    tests = args.suite / "tests" / args.draft
    print(f"{'':12}{'tests':>7}{'agree':>7}{'disagree':>10}{'another document':>18}{'refused':>9}")
    for name, paths in (("required", tests.glob("*.json")), ("optional", (tests / "optional").glob("*.json"))):
        total: Counter[str] = Counter()
        lines = []
        for path in sorted(paths):
            counts, told = outcomes(path, args.draft)
            total += counts
            lines += told
        print(f"{name:12}{total.total():7}{total['agree']:7}{total['disagree']:10}{total['another document']:18}{total['refused']:9}")
        for line in lines:
            print(line)


if __name__ == "__main__":
    main()
