"""Conversations longer than the model takes: what is cut, and never the response first."""

from __future__ import annotations

from typing import Literal

from rl_rewards.scorers.reward_model.rendering import Rendered


def shorten(rendered: Rendered, limit: int, side: Literal["left", "right", "middle"], keep_first: bool) -> Rendered:
    """Cut a conversation to `limit` tokens: from the prompt, then, when that is used up, from the response;
    never from the template's header before the response and its tail behind it.

    Args:
        rendered: more than `limit` tokens.
        limit: tokens.
        side: which end of the prompt (and of the response) is cut: its oldest tokens, its newest, or its middle.
        keep_first: whether the first token is a BOS, which stays.

    Raises:
        ValueError: when even those are longer than the limit.
    """
    first = 1 if keep_first and rendered.header > 0 else 0
    ids = rendered.ids
    bos, prompt, header = ids[:first], ids[first : rendered.header], ids[rendered.header : rendered.start]
    response, tail = ids[rendered.start : rendered.stop], ids[rendered.stop :]
    frame = len(bos) + len(header) + len(tail)
    if frame >= limit:
        raise ValueError(f"max_length {limit} leaves no room beside the {frame} tokens that the chat template puts around a response")
    response = _cut(response, limit - frame, side)
    prompt = _cut(prompt, limit - frame - len(response), side)
    top = len(bos) + len(prompt)
    start = top + len(header)
    return Rendered((*bos, *prompt, *header, *response, *tail), top, start, start + len(response))


def _cut(ids: tuple[int, ...], length: int, side: Literal["left", "right", "middle"]) -> tuple[int, ...]:
    """The `length` tokens that stay; `ids` may be shorter."""
    if len(ids) <= length:
        return ids
    if side == "left":
        return ids[len(ids) - length :]
    if side == "right":
        return ids[:length]
    front = (length + 1) // 2
    return ids[:front] + ids[len(ids) - (length - front) :]
