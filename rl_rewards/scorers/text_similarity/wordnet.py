"""WordNet, which METEOR takes synonyms from: the user's nltk data, or Debian's package wordnet-base."""

from __future__ import annotations

import io
import threading
import warnings
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from rl_rewards.user_errors import UserError

__all__ = ["MissingWordNetError", "SynonymLookup", "wordnet", "wordnet_place"]

DEBIAN = Path("/usr/share/wordnet")
_NLTK = ("corpora/wordnet", "corpora/wordnet.zip/wordnet/")
_LEXNAMES = 45  # lexicographer files of WordNet 3


class MissingWordNetError(UserError, ValueError):
    """There is no WordNet on this machine."""


def wordnet_place() -> Any:
    """Where WordNet is, as nltk's readers take it.

    Raises:
        MissingWordNetError: naming both ways to get it.
    """
    import nltk

    for name in _NLTK:
        try:
            return nltk.data.find(name)
        except LookupError:
            continue
    if (DEBIAN / "data.noun").is_file():
        return str(DEBIAN)
    raise MissingWordNetError(
        "metric meteor needs WordNet and there is none: run `python -m nltk.downloader wordnet`, or install Debian's package wordnet-base"
    )


class SynonymLookup:
    """The part of nltk's WordNet reader that METEOR uses, safe in threads: the reader seeks in one open file."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self.synsets = lru_cache(maxsize=65536)(self._synsets)

    def _synsets(self, word: str) -> list[Any]:
        with self._lock:
            return self._reader.synsets(word)


@cache
def wordnet() -> SynonymLookup:
    """WordNet, read once in this process (seconds).

    Raises:
        MissingWordNetError: see `wordnet_place`.
    """
    import nltk
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    class Reader(WordNetCorpusReader):
        """Reads a WordNet without `lexnames` and `index.sense`, which Debian leaves out and METEOR does not use."""

        def open(self, file: str, *arguments: Any) -> Any:
            try:
                return super().open(file, *arguments)
            except OSError:
                if file != "lexnames":
                    raise
                return io.StringIO("".join(f"{number:02d}\tfile{number}\t1\n" for number in range(_LEXNAMES)))

        def map_wn(self, version: str = "wordnet") -> None:
            """No mapping to another version of WordNet."""

    place = wordnet_place()
    if place == str(DEBIAN) and place not in nltk.data.path:
        nltk.data.path.append(place)  # nltk opens no file outside its search path
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the other languages' WordNets are not there
        return SynonymLookup(Reader(place, None))
