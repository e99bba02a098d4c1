"""Regular expressions that meet model output: RE2's, whose time is linear in the text whatever the pattern.

With backtracking engines an ordinary pattern such as `<answer>\\s*(.*?)\\s*</answer>` takes seconds on a few thousand spaces, so a policy
can stall its own training. RE2 has no lookahead, lookbehind or backreferences in exchange; `\\d`, `\\w`, `\\s` and `\\b` are ASCII, `$`
is the very end of the text, and `.` needs `(?s)` to match a line break.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import re2

# Walking from match to match, each step may read all that is left of the text: quadratic time with patterns such as `a(?:.*z)?`. So the
# walk may read this many bytes, or the text this many times if that is more, before the rest is swept at once, which is slower per byte.
_WALK_BYTES = 1 << 18
_WALK_READS = 2

# Every kind of place that an assertion such as `^` or `\b` can tell from others.
_PROBES = (b"", b"a", b" ", b"aa", b" a ", b"\n", b"a\na", b" \n ")


class Pattern:
    """A compiled pattern; made by `compile_pattern`."""

    __slots__ = ("text", "groups", "_regexp", "_anywhere", "_whole", "_sweep")

    def __init__(self, text: str) -> None:
        self.text = text
        self._regexp = _compiled(text)
        self.groups = self._regexp.groups
        self._anywhere, self._whole = _yes_or_no(text, re2.Set.SearchSet), _yes_or_no(text, re2.Set.FullMatchSet)
        self._sweep: re2._Regexp | None = None

    def search(self, text: str) -> bool:
        """Whether it matches anywhere in `text`."""
        data = _encoded(text)
        # A set is asked first: it looks for no spans, at half the cost. Its "no" may also mean that it ran out of memory.
        return self._anywhere.Match(data) is not None or self._regexp.search(data) is not None

    def fullmatch(self, text: str) -> bool:
        """Whether it matches all of `text`."""
        data = _encoded(text)
        return self._whole.Match(data) is not None or self._regexp.fullmatch(data) is not None

    def matches_nothing(self) -> bool:
        """Whether it can match no text at all, so that it would match nearly everywhere, as `\\d*` does."""
        return any(match.end() == match.start() for probe in _PROBES for match in self._regexp.finditer(probe))

    def each(self, text: str) -> Iterator[str]:
        """What the group catches in each match, from the first on.

        A match may read all that is left of the text, so this is for patterns of our own, whose matches end where they are found.
        """
        for match in self._regexp.finditer(_encoded(text)):
            yield _decoded(match[1] or b"")

    def last(self, text: str) -> str | None:
        """What the group of the last match caught, or the whole match where the pattern has no group; None without a match.

        Matches that the group took no part in are passed over. For patterns that `matches_nothing` does not warn of.
        """
        data = _encoded(text)
        group = 1 if self.groups else 0
        found, end = None, 0
        length = len(data)
        budget = max(_WALK_BYTES, _WALK_READS * length)
        for match in self._regexp.finditer(data):
            caught = match[group]
            if caught is not None:
                found = caught
            end = match.end()
            budget -= length - end
            if budget < 0:
                break
        else:
            return None if found is None else _decoded(found)
        swept = (self._sweep or self.prepare_last()).match(data, end)
        if swept is not None and swept[1] is not None:
            found = swept[1]
        return None if found is None else _decoded(found)

    def prepare_last(self) -> re2._Regexp:
        """Compile what `last` needs for texts with many matches: a pattern that sweeps to the end and catches what the last match does.

        At each place it takes this pattern, or else any one character; in RE2's order of preference that walks from match to match, and a
        group keeps what it caught last.

        Raises:
            ValueError: when it is too large for RE2.
        """
        for body in (self.text, self.text + "\\E"):  # the second closes an open \Q
            try:
                self._sweep = _compiled(f"(?:{body if self.groups else f'({body})'}|(?s:.))*")
                return self._sweep
            except ValueError as error:
                refusal = error
        raise refusal

    def __reduce__(self) -> tuple:
        return (compile_pattern, (self.text,))

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"


@lru_cache(maxsize=4096)
def compile_pattern(text: str) -> Pattern:
    """The Pattern of `text`, compiled once.

    Raises:
        ValueError: when RE2 refuses it; the message quotes the pattern and RE2's reason.
    """
    return Pattern(text)


def escaped(text: str) -> str:
    """A pattern that matches `text` and nothing else."""
    return _decoded(re2.escape(_encoded(text)))


def _encoded(text: str) -> bytes:
    """Bytes for RE2. Lone surrogates, which have no UTF-8, go through as three bytes that RE2 takes for one character, and come back."""
    return text.encode("utf-8", "surrogatepass")


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    return options


def _yes_or_no(pattern: str, make: Callable[[re2.Options], re2.Set]) -> re2.Set:
    """A set of one pattern that has already compiled: it says whether it matches, not where."""
    one = make(_options())
    one.Add(pattern.encode())
    one.Compile()
    return one


def _compiled(pattern: str) -> re2._Regexp:
    try:
        # From bytes, so that matching bytes spares translating offsets; their encoding is still UTF-8.
        return re2.compile(pattern.encode(), _options())
    except UnicodeEncodeError:
        raise ValueError(f"The pattern {pattern!r} has lone surrogates in it") from None
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(
            f"RE2 refuses the pattern {pattern!r}: {reason}. "
            "RE2 has no lookahead, lookbehind or backreferences, writes the end of the text as \\z and repeats at most 1000 times"
        ) from None
