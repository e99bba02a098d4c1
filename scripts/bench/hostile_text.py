"""How long each parser takes on its worst input, against what one would write with `re`, in one run.

    python scripts/bench/hostile_text.py                  # about a minute; exits with 1 when a parser takes 5 ms or more
    python scripts/bench/hostile_text.py --size 16000     # other lengths of text, in characters

Each parser meets every hostile text below, and the slowest counts: CPU time, the least of five runs. `re` meets the
same texts in a process of its own, one run each, until one of them takes longer than the cut-off. The texts need no malice: a policy that has
lost its way writes runs of spaces, tags and braces by itself.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import track
from rich.table import Table

from rl_rewards.parsers import parser

LIMIT_MS = 5.0


def hostile_texts(size: int) -> dict[str, str]:
    """Texts of `size` characters, by name."""
    parts = {
        "spaces": ("<answer>", " "),
        "open tags": ("", "<answer>"),
        "closing tags": ("", "</answer>"),
        "spaced tags": ("", "<answer> "),
        "open braces": ("", "{"),
        "open boxes": ("", "\\boxed{"),
        "half-open boxes": ("", "\\boxed{{}"),
        "braces in a box": ("\\boxed{", "{}"),
        "closing braces": ("\\boxed{", "}"),
        "letters in a box": ("\\boxed{", "a"),
        "escapes in a box": ("\\boxed{", "\\}"),
        "open objects": ("", '{"a":'),
        "objects": ("", '{"a":1}'),
        "fences": ("", "```{ "),
        "open blocks": ("", "```python\n"),
        "line breaks": ("```python\n", "\n"),
        "delimiters": ("", "</think>"),
        "words": ("", "so we add the numbers "),
        "letters": ("", "a"),
        "digits": ("", "7 "),
        "lone surrogates": ("", "\ud800"),
    }
    texts = {name: (start + part * (size // len(part) + 1))[:size] for name, (start, part) in parts.items()}
    return texts | {"letters and a mark": texts["letters"][:-1] + "!"}


class Case(NamedTuple):
    """A parser, and the pattern that does its work in `re`."""

    spec: Any
    pattern: str | None


CASES = [
    Case("identity", None),
    Case({"tag": "answer"}, r"(?s)<answer>\s*(.*?)\s*</answer>"),
    Case({"after": "</think>"}, r"(?s).*</think>\s*(.*?)\s*$"),
    Case("boxed", r"\\boxed\{((?:[^{}]+|\{[^{}]*\})*)\}"),
    Case("json", r"(?s)```(?:json)?\s*(\{.*?\})\s*```|(\{.*?\})\s*$"),
    Case("code_block", r"(?s)```python\s*(.*?)\s*```"),
    Case([{"after": "</think>"}, "boxed"], r"(?s)</think>.*\\boxed\{((?:[^{}]+|\{[^{}]*\})*)\}"),
    Case({"regex": r"(?s)<answer>\s*(.*?)\s*</answer>"}, r"(?s)<answer>\s*(.*?)\s*</answer>"),
    Case({"regex": r"^(a+)+$"}, r"^(a+)+$"),
    Case({"regex": r"7(?:.*dollars)?"}, r"7(?:.*dollars)?"),
    Case({"regex": r"(?s)<answer>.*<answer>.*</answer>"}, r"(?s)<answer>.*<answer>.*</answer>"),
]

# Runs in a process of its own, so that the kernel can cut it off: the text on stdin, milliseconds on stdout.
RE_PROGRAM = """
import re, resource, sys, time
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]), int(sys.argv[2])))
text, compiled = sys.stdin.buffer.read().decode("utf-8", "surrogatepass"), re.compile(sys.argv[1])
start = time.process_time()
for match in compiled.finditer(text):
    pass
print((time.process_time() - start) * 1000)
"""


def slowest(parse: Callable[[str], Any], texts: dict[str, str]) -> tuple[float, str]:
    """Milliseconds on the text that takes longest, and its name."""
    worst = (0.0, "")
    for name, text in texts.items():
        runs = []
        for _ in range(5):
            start = time.process_time()
            parse(text)
            runs.append((time.process_time() - start) * 1000)
        worst = max(worst, (min(runs), name))
    return worst


def slowest_with_re(pattern: str, texts: dict[str, str], cut_off: int) -> tuple[float | None, str]:
    """Milliseconds of `re` on the text that takes longest, None where it was cut off, and the text's name."""
    worst = (0.0, "")
    for name, text in texts.items():
        program = [sys.executable, "-c", RE_PROGRAM, pattern, str(cut_off)]
        done = subprocess.run(program, input=text.encode("utf-8", "surrogatepass"), capture_output=True)
        if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            return None, name
        done.check_returncode()
        worst = max(worst, (float(done.stdout), name))
    return worst


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", type=int, default=64_000, help="characters of each text")
    options.add_argument("--cut-off", type=int, default=5, help="seconds of CPU time after which `re` is stopped")
    arguments = options.parse_args()

    texts = hostile_texts(arguments.size)
    table = Table(title=f"Worst of {len(texts)} hostile texts of {arguments.size:,} characters")
    for column, justify in [("parser", "left"), ("ms", "right"), ("on", "left"), ("re, ms", "right"), ("on", "left"), ("ratio", "right")]:
        table.add_column(column, justify=justify)
    late = []
    for case in track(CASES, description="parsers", transient=True):
        parse = parser(case.spec).parse
        ours, our_text = slowest(parse, texts)
        if ours >= LIMIT_MS:
            late.append(case.spec)
        row = [str(case.spec), f"{ours:.2f}", our_text]
        if case.pattern is None:
            row += ["-", "", ""]
        else:
            theirs, their_text = slowest_with_re(case.pattern, texts, arguments.cut_off)
            least = arguments.cut_off * 1000 if theirs is None else theirs
            sign = "> " if theirs is None else ""
            row += [f"{sign}{least:,.1f}", their_text, f"{sign}{least / max(ours, 1e-3):,.0f}x"]
        table.add_row(*row)
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    console.print(f"{len(CASES) - len(late)} of {len(CASES)} parsers stay under {LIMIT_MS:g} ms." + (f" Not so: {late}" if late else ""))
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
