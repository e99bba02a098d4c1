"""What the pool's benchmark runs in workers."""


def nothing(item: int) -> int:
    """Give the item back."""
    return item


def stuck_first(stuck: bool) -> bool:
    """Hold the interpreter for ever, if told so; no signal handler and no thread can end that."""
    return stuck and 9**9**9 > 0
