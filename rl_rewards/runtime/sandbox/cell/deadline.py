"""When a case is late: by the wall clock, unless the machine has no processor for it, which is not the program's fault.

A cell has no /proc in which it could see that its child waits for a processor. What it can read is the child's processor clock: a program
that has used little of it by its deadline either sleeps or waits for a processor, and only the clock of the latter goes on to move.
"""

from __future__ import annotations

import os
import struct
import time

MOST_TIMES = 4
"""Times its `seconds` after which a case is late however little processor time it had."""
CLOCKS_BYTES = 16
"""Size of the file in which the two cells of a program and its tests write their clocks: a float64 each, seconds."""
_BUSY = 0.9  # of `seconds` in processor time: the machine had a processor for it all along
_SLICE = 0.25  # of `seconds`, by which the deadline moves
_SHORTEST_SLICE = 0.1  # seconds: a period in which the kernel hands out a container's quota
_LEAST_SHARE = 0.02  # of a slice; twelve others on the same processor leave 0.08, one that looks at the clock every 10 ms needs 0.01
_CLOCK_OF_PROCESS = 2  # CPUCLOCK_SCHED of linux/posix-timers.h: time of all of its threads


class Deadline:
    """The deadline of one case, `at` on the clock of `time.monotonic`, which moves while the child does not get the processor time it asks for.

    All threads of the child count, and what the cell itself does for it (the broker's calls). So a program that computes in two threads
    has used its `seconds` of processor time in half of them and gets no more.

    Args:
        pid: the child.
        started: when it was forked, `time.monotonic`.
        seconds: what it may take, wall time, on a machine that has a processor for it.
        clocks: a file of CLOCKS_BYTES, where the child and that of another cell wait for each other: neither is late while one of the two moves
            on, and their processor times add up. None for a child that waits for nobody.
        place: which of the file's two numbers is this cell's.
    """

    def __init__(self, pid: int, started: float, seconds: float, clocks: int | None = None, place: int = 0) -> None:
        self.at = started + seconds
        self._clock = (~pid << 3) | _CLOCK_OF_PROCESS
        self._own = time.process_time()
        self._seconds, self._slice = seconds, max(_SLICE * seconds, _SHORTEST_SLICE)
        self._last = started + MOST_TIMES * seconds
        self._clocks, self._place = clocks, place
        self._extended = False
        self._seen = 0.0  # what was used when this last looked
        self._still = 0  # slices in a row in which the clock did not move on

    def extend(self) -> bool:
        """Move the deadline, which has come, by a slice; False where the case is late."""
        now = time.monotonic()
        try:
            used = self._used()
        except OSError:  # a kernel without such clocks
            return False
        moved, self._seen = used - self._seen, used
        if now >= self._last or used >= self._seconds * (1 if self._extended else _BUSY):
            return False
        self._still = self._still + 1 if self._extended and moved < _LEAST_SHARE * self._slice else 0
        if self._still > (0 if self._clocks is None else 1):  # the other cell may be about to write
            return False
        self._extended = True
        self.at = min(now + self._slice, self._last)
        return True

    def _used(self) -> float:
        """Processor time that the case has used, seconds; of two cells, with what the other wrote last."""
        used = time.clock_gettime(self._clock) + time.process_time() - self._own
        if self._clocks is None:
            return used
        os.pwrite(self._clocks, struct.pack("d", used), 8 * self._place)
        return used + struct.unpack("d", os.pread(self._clocks, 8, 8 * (1 - self._place)))[0]
