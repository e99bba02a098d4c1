"""What the pool's benchmarks run in workers."""

import time


def nothing(item: int) -> int:
    """Give the item back."""
    return item


def stuck_first(stuck: bool) -> bool:
    """Hold the interpreter for ever, if told so; no signal handler and no thread can end that."""
    return stuck and 9**9**9 > 0


def slow_square(item: tuple[int, float]) -> tuple[int, int]:
    """The item's number and its square, after so many seconds."""
    number, seconds = item
    time.sleep(seconds)
    return number, number * number
