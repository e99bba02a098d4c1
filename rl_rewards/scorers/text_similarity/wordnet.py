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
_LEXNAMES = 45  # lexicographer files of WordNet 3


class MissingWordNetError(UserError, ValueError):
    """There is no WordNet on this machine."""


def wordnet_place() -> str:
    """Where WordNet is: the name of nltk's data, or Debian's directory.

    Raises:
        MissingWordNetError: naming both ways to get it.
    """
    import nltk

    for name in ("corpora/wordnet", "corpora/wordnet.zip"):
        try:
            nltk.data.find(name)
        except LookupError:
            continue
        return name
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
    place = wordnet_place()
    return SynonymLookup(_debian() if place == str(DEBIAN) else _of_nltk())


def _of_nltk() -> Any:
    from nltk.corpus import wordnet as reader

    reader.ensure_loaded()
    return reader


def _debian() -> Any:
    import nltk
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    class Reader(WordNetCorpusReader):
        """Debian leaves out `lexnames`, the names of the files that WordNet was made of, and `index.sense`. METEOR uses neither."""

        def open(self, file: str, *arguments: Any) -> Any:
            if file == "lexnames":
                return io.StringIO("".join(f"{number:02d}\tfile{number}\t1\n" for number in range(_LEXNAMES)))
            return super().open(file, *arguments)

        def map_wn(self, version: str = "wordnet") -> None:
            """No mapping to another version of WordNet."""

    if str(DEBIAN) not in nltk.data.path:
        nltk.data.path.append(str(DEBIAN))  # nltk opens no file outside its search path
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the other languages' WordNets are not there
        return Reader(str(DEBIAN), None)
