"""Regular expressions that meet model output: RE2's, whose time is linear in the text whatever the pattern.

With backtracking engines an ordinary pattern such as `<answer>\\s*(.*?)\\s*</answer>` takes seconds on a few thousand spaces, so a policy
can stall its own training. RE2 has no lookahead, lookbehind or backreferences in exchange; `\\d`, `\\w`, `\\s` and `\\b` are ASCII, `$`
is the very end of the text, and `.` needs `(?s)` to match a line break.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache

import re2

# Walking from match to match, each step may read all that is left of the text: quadratic time with patterns such as `a(?:.*z)?`. So the
# walk may read this many bytes, or the text this many times if that is more, before the rest is swept at once, which is slower per byte.
_WALK_BYTES = 1 << 18
_WALK_READS = 2
# A pattern that can match no text cannot be swept: this many bytes, about a second, is what its walk may read.
_EMPTY_WALK_BYTES = 1 << 30

# Every kind of place that an assertion such as `^` or `\b` can tell from others.
_PROBES = (b"", b"a", b" ", b"aa", b" a ", b"\n", b"a\na", b" \n ")


class Pattern:
    """A compiled pattern; made by `compile_pattern`."""

    __slots__ = ("text", "groups", "_regexp", "_anywhere", "_whole", "_sweep", "__dict__")

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

    def count(self, text: str) -> int:
        """How many matches with text in them there are, one behind the other; for patterns whose matches end where they are found, as `each`."""
        return sum(match.end() > match.start() for match in self._regexp.finditer(_encoded(text)))

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

    def last_match(self, text: str) -> str | None:
        """What the group of the last match caught, or the whole match; None without a match, or where the group took no part in it.

        Matches may be empty; none is looked for at the end of the text once some of it was read, as in GoogleSQL.

        Raises:
            ValueError: when a pattern that can match no text at all has too many matches in a long text.
        """
        data = _encoded(text)
        span = self._last_of_many(data) if self._may_be_empty else self._last_span(data)
        match = None if span is None else self._regexp.match(data, span[0])
        caught = None if match is None else match[1 if self.groups else 0]
        return None if caught is None else _decoded(caught)

    def _last_span(self, data: bytes) -> tuple[int, int] | None:
        """Bytes of the last match of a pattern that matches some text."""
        span, budget = None, max(_WALK_BYTES, _WALK_READS * len(data))
        for match in self._regexp.finditer(data):
            span = match.span()
            budget -= len(data) - span[1]
            if budget < 0:
                swept = self._whole_sweep.match(data, span[1])
                return swept.span(1) if swept is not None and swept[1] is not None else span
        return span

    def _last_of_many(self, data: bytes) -> tuple[int, int] | None:
        """Bytes of the last match of a pattern that can match no text, so that it may match at every place."""
        span, position, budget = None, 0, _EMPTY_WALK_BYTES
        for match in self._regexp.finditer(data):
            if position >= len(data) > 0:
                break
            span = match.span()
            position = span[1] if span[1] > span[0] else _next_character(data, span[1])
            budget -= len(data) - span[1]
            if budget < 0:
                raise ValueError(f"the pattern {self.text!r} can match no text at all, and matches too often in {len(data):,} bytes")
        return span

    @cached_property
    def _may_be_empty(self) -> bool:
        return self.matches_nothing()

    @cached_property
    def _whole_sweep(self) -> re2._Regexp:
        """As `prepare_last` makes, but it catches the whole of the last match."""
        return _sweeping(f"({self.text})", f"({self.text}\\E)")

    def prepare_last(self) -> re2._Regexp:
        """Compile what `last` needs for texts with many matches: a pattern that sweeps to the end and catches what the last match does.

        At each place it takes this pattern, or else any one character; in RE2's order of preference that walks from match to match, and a
        group keeps what it caught last.

        Raises:
            ValueError: when it is too large for RE2.
        """
        bodies = (self.text, self.text + "\\E")  # the second closes an open \Q
        self._sweep = _sweeping(*(body if self.groups else f"({body})" for body in bodies))
        return self._sweep

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


def _sweeping(*bodies: str) -> re2._Regexp:
    """The first of these spellings of one pattern that compiles, as a pattern that walks from match to match to the end.

    Raises:
        ValueError: when it is too large for RE2.
    """
    *others, last = bodies
    for body in others:
        with contextlib.suppress(ValueError):
            return _compiled(f"(?:{body}|(?s:.))*")
    return _compiled(f"(?:{last}|(?s:.))*")


def _next_character(data: bytes, at: int) -> int:
    """Where the character after the one at `at` begins, in UTF-8."""
    at += 1
    while at < len(data) and data[at] & 0xC0 == 0x80:
        at += 1
    return at


def _compiled(pattern: str) -> re2._Regexp:
    try:
        # From bytes, so that matching bytes spares translating offsets; their encoding is still UTF-8.
        return re2.compile(pattern.encode(), _options())
    except UnicodeEncodeError:
        raise ValueError(f"The pattern {pattern!r} has lone surrogates in it") from None
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(
            f"RE2 refuses the pattern {pattern!r}: {reason}{_marked(pattern, reason)}. "
            "RE2 has no lookahead, lookbehind or backreferences, writes the end of the text as \\z and repeats at most 1000 times"
        ) from None


def _marked(pattern: str, reason: str) -> str:
    """Where in a pattern RE2's complaint is: `, here: 'a>>(?=<<b)'`; nothing where it quotes no part of it."""
    part = reason.partition(": ")[2] or ("\\" if reason.startswith("trailing") else "")
    at = pattern.rfind(part) if reason.startswith("trailing") else pattern.find(part)
    if not part or at < 0:
        return ""
    start, end = max(0, at - 40), at + len(part)
    return f", at character {at + 1}, here: '{'...' * (start > 0)}{pattern[start:at]}>>{part}<<{pattern[end : end + 40]}{'...' * (end + 40 < len(pattern))}'"
