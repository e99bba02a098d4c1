"""How `instruction_following` agrees with a public implementation of IFEval's evaluation.

    python scripts/bench/instruction_following.py PEER --python PEERS_PYTHON [--nltk-data DIR] [--responses FILE]

PEER is a checkout of github.com/josejg/instruction_following_eval, which packages the evaluation of google-research; PEERS_PYTHON is an interpreter
with nltk, langdetect, typer and rich, and DIR has NLTK's punkt_tab. Compared are the rows of our own table, and every prompt of the public
file with responses drawn from that table and from other prompts, or with those of FILE (lines of `prompt` and `response`). Prints, for each
kind of instruction, how many verdicts agree, strict and loose.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from rl_rewards.scorers import InstructionFollowing
from rl_rewards.types import Sample

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "scorers" / "instruction_following"))
from rows import ROWS

# Runs in the peer's interpreter: rows of (ids, kwargs, response) on stdin -> its verdicts, strict and loose.
PEER_SIDE = """
import json, sys, types
sys.path.insert(0, sys.argv[1])
import langdetect, nltk
langdetect.DetectorFactory.seed = 0
if sys.argv[2]:
    nltk.data.path.insert(0, sys.argv[2])
from instruction_following_eval import evaluation, instructions_util
from nltk.tokenize import PunktTokenizer
punkt = PunktTokenizer("english")
instructions_util._get_sentence_tokenizer = lambda: punkt
verdicts = []
for ids, kwargs, response in json.load(sys.stdin):
    example = {"key": 0, "instruction_id_list": ids, "prompt": "", "kwargs": kwargs}
    verdicts.append([evaluation.test_instruction_following(example, response, strict).follow_instruction_list for strict in (True, False)])
json.dump(verdicts, sys.stdout)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", type=Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--nltk-data", default="")
    parser.add_argument("--responses", type=Path)
    args = parser.parse_args()
    prompts = [json.loads(line) for line in (args.peer / "instruction_following_eval/data/input_data.jsonl").read_text().splitlines()]
    rows = [([kind], [kwargs], response) for kind, table in ROWS.items() for kwargs, response, _ in table]
    rows += _answered(prompts, args.responses)
    rows = [row for row in rows if len(row[2]) < 20_000]
    peer = subprocess.run(
        [args.python, "-c", PEER_SIDE, str(args.peer), args.nltk_data], input=json.dumps(rows), capture_output=True, text=True, check=True
    )
    agree: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for (ids, kwargs, response), (strict, loose) in zip(rows, json.loads(peer.stdout)):
        for place, kind in enumerate(ids):  # one at a time, since only the strict ones are components
            for way, theirs in (("strict", strict), ("loose", loose)):
                ours = _followed(kind, kwargs[place], response, way == "loose")
                total[kind] += 1
                agree[kind] += ours == theirs[place]
                if ours != theirs[place]:
                    print(f"{kind} {way}: ours {ours}, theirs {theirs[place]}: {json.dumps(kwargs[place])[:100]} {response[:100]!r}")
    print(f"\n{'':44}{'verdicts':>9}{'agree':>9}")
    for kind in sorted(total):
        print(f"{kind:44}{total[kind]:9}{agree[kind] / total[kind]:9.2%}")
    print(f"{'all':44}{total.total():9}{agree.total() / total.total():9.2%}")


def _answered(prompts: list[dict], responses: Path | None) -> list[tuple[list, list, str]]:
    if responses is not None:
        answers = {row["prompt"]: row["response"] for row in map(json.loads, responses.read_text().splitlines())}
        return [(row["instruction_id_list"], row["kwargs"], answers[row["prompt"]]) for row in prompts if row["prompt"] in answers]
    draw = random.Random(0)
    pool = [response for table in ROWS.values() for _, response, _ in table] + [row["prompt"] for row in prompts]
    return [
        (row["instruction_id_list"], row["kwargs"], "\n\n".join(draw.sample(pool, draw.choice((1, 1, 3, 9))))) for row in prompts for _ in range(4)
    ]


def _followed(kind: str, kwargs: dict, response: str, loose: bool) -> bool:
    sample = Sample(None, "", "", {"instruction_id_list": [kind], "kwargs": [kwargs]})
    [result] = InstructionFollowing(loose=loose).score([sample], [response])
    if result.score is None:
        raise SystemExit(f"{kind} {kwargs}: {result.error}")
    return result.score == 1.0


if __name__ == "__main__":
    main()
