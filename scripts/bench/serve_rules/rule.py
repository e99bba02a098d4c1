"""The rule that every server of scripts/bench/serve.py scores with: plain Python."""


def correct(text: str, answer: str) -> tuple[float, str]:
    """1 where the response's answer is the reference."""
    start = text.rfind("<answer>")
    found = text[start + 8 : text.find("</answer>", start)].strip() if start >= 0 else None
    return (1.0, "right") if found == answer else (0.0, "wrong")
