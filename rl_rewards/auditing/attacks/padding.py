"""Text that says nothing, and forms with more of it."""

from __future__ import annotations

from rl_rewards.auditing.forms import Form
from rl_rewards.auditing.pattern_samples import FILLER

__all__ = ["PADS", "lengthened", "padding"]

PADS = (60, 250, 1000, 4000, 15000)
"""Lengths of padding, in characters."""


def padding(size: int) -> str:
    """Honest-looking text without any answer, of about `size` characters."""
    sentence = f"{FILLER} and go over what follows from it. "
    return sentence * max(1, size // len(sentence))


def lengthened(form: Form, text: str) -> Form:
    """A form with more text in its thinking, or before its answer where it has none."""
    close = form.before.rfind("</")
    return form.but(f"{form.before[:close]}{text}\n{form.before[close:]}" if close >= 0 else f"{form.before}{text}\n")
