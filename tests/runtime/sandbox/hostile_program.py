"""What a hostile program is."""

from typing import NamedTuple


class Hostile(NamedTuple):
    """A program that tries to get out, to take the machine down or to get a score that it has not earned.

    It prints ESCAPED when it got what it is after; what it could do without telling is looked for from outside (Outside.damage).

    Args:
        may_not: what a sandbox keeps it from, to be read after "may not".
        text: the program; names in braces are filled in by Outside.
        harmless: whether it may run without walls, to see that it would get what it is after, with no harm to the machine.
    """

    may_not: str
    text: str
    harmless: bool = False


# Tries every way there is, also by number; one that gives None or 0 went through.
TRY = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):  # numbers are those of x86_64
    return libc.syscall(number, *arguments) if os.uname().machine == "x86_64" else -1
def each(*ways):
    for number, way in enumerate(ways):
        try:
            result = way()
        except (OSError, ValueError, AttributeError, OverflowError):
            continue
        if result is None or result is not True and result == 0:
            print("ESCAPED", number)
"""
