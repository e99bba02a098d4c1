"""A language model that is a table: a server with OpenAI's API that answers better with better prompts, so that a search's optimum is known.

    python scripts/toy_model_server.py --port 8123          # prints its address; the model's name is `toy`, the reflecting one's `toy-reflector`

A question is "Task KIND: WORD", of eight kinds such as "Task reverse: plum". `toy` answers a question of a kind right when its prompt holds

- a solved example of that kind (a user's turn with a question of it, and an assistant's with the right answer), or
- the rule of that kind, as RULES has it, in the system message or in the user's last turn.

Without any example and rule it is right about one question in three, by lot: the same question and seed, the same lot. `toy-reflector`
rewrites instructions: it adds the rules of the kinds that the feedback says were answered wrong, at most two at a time.

So the best prompt of at most three examples has those of the three commonest kinds, and the best instructions hold all eight rules.
`rows(n)` makes the questions, the commonest kind eight times as often as the rarest. Nothing but the standard library is needed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RULES: dict[str, tuple[str, Callable[[str], str]]] = {
    "reverse": ("write the word backwards", lambda word: word[::-1]),
    "shout": ("write the word in capitals", str.upper),
    "length": ("count its letters", lambda word: str(len(word))),
    "first": ("give its first letter", lambda word: word[0]),
    "last": ("give its last letter", lambda word: word[-1]),
    "double": ("write the word twice", lambda word: word * 2),
    "vowels": ("keep its vowels", lambda word: "".join(letter for letter in word if letter in "aeiou")),
    "sorted": ("sort its letters", lambda word: "".join(sorted(word))),
}
KINDS = tuple(RULES)
"""The commonest kind first."""
BEST_EXAMPLES = frozenset(KINDS[:3])
"""The kinds of the best three examples."""
_WORDS = "apple plum cherry mango olive lemon peach grape melon fig quince papaya banana kiwi lime pear date guava nectarine apricot".split()
_QUESTION = re.compile(r"Task (\w+): (\w+)\s*$")
_LUCK = 3


def rows(n: int, seed: int = 0) -> list[dict[str, str]]:
    """`n` rows with a prompt, its answer and its kind; of 36 rows, 8 are of the first kind, 7 of the second, ... 1 of the last."""
    kinds = [kind for place, kind in enumerate(KINDS) for _ in range(len(KINDS) - place)]
    rng = random.Random(seed)
    questions = [(kinds[i % len(kinds)], f"{rng.choice(_WORDS)}{rng.choice(_WORDS)}") for i in range(n)]
    rng.shuffle(questions)
    return [{"prompt": f"Task {kind}: {word}", "answer": RULES[kind][1](word), "kind": kind} for kind, word in questions]


def answer(messages: list[dict[str, Any]], seed: int = 0) -> str:
    """What `toy` replies."""
    asked = _QUESTION.search(messages[-1]["content"])
    if asked is None:
        return "<answer>?</answer>"
    kind, word = asked.groups()
    if kind not in RULES:
        return "<answer>?</answer>"
    texts = "\n".join([turn["content"] for turn in messages if turn["role"] == "system"] + [messages[-1]["content"]])
    shown = solved_kinds(messages[:-1])
    ruled = [name for name, (rule, _) in RULES.items() if rule in texts]
    lot = int(hashlib.sha256(f"{kind} {word} {seed}".encode()).hexdigest(), 16) % _LUCK == 0
    right = kind in shown or kind in ruled or (lot and not shown and not ruled)
    return f"<answer>{RULES[kind][1](word) if right else '?'}</answer>"


def solved_kinds(turns: list[dict[str, Any]]) -> set[str]:
    """The kinds of the solved examples in a prompt, those that are solved right."""
    found = set()
    for user, assistant in zip(turns, turns[1:]):
        if user["role"] == "user" and assistant["role"] == "assistant" and (asked := _QUESTION.search(user["content"])):
            kind, word = asked.groups()
            if kind in RULES and f"<answer>{RULES[kind][1](word)}</answer>" in assistant["content"]:
                found.add(kind)
    return found


def reflect(prompt: str) -> str:
    """What `toy-reflector` replies to GEPA's prompt: the instructions with the rules of up to two kinds that were answered wrong."""
    instructions = prompt.split("```")[1].strip()
    wrong: dict[str, None] = {}
    for example in prompt.split("# Example ")[1:]:
        asked = re.search(r"Task (\w+): \w+", example)
        if asked and "correct: 0" in example and asked[1] in RULES:
            wrong[asked[1]] = None
    added = [f"For {kind}, {RULES[kind][0]}." for kind in wrong if RULES[kind][0] not in instructions][:2]
    return "```\n" + "\n".join([instructions, *added]) + "\n```"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        messages = body["messages"]
        text = reflect(messages[-1]["content"]) if body["model"] == "toy-reflector" else answer(messages, body.get("seed", 0))
        message = {"role": "assistant", "content": text}
        reply = {
            "id": "toy",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
        content = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 256  # connections that wait; the default of 5 refuses clients that call side by side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--rows", metavar="N", type=int, help="print so many rows as JSONL, and serve nothing")
    arguments = parser.parse_args()
    if arguments.rows:
        print("\n".join(json.dumps(row) for row in rows(arguments.rows)))
        return
    server = Server(("127.0.0.1", arguments.port), Handler)
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
