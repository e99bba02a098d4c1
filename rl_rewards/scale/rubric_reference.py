"""A rubric as other processes and machines load it: by its name where its files are the same there, else from copies that travel along."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rl_rewards.folders import load_folders
from rl_rewards.loading import no_code
from rl_rewards.rubric import Rubric
from rl_rewards.rubric_files.target import load_target

__all__ = ["RubricReference"]

_FILE_BYTES = 16 << 20  # of a metric folder, larger files do not travel


@dataclass(frozen=True)
class RubricReference:
    """A rubric's name, and copies of its file and of the modules beside it that it uses.

    Attributes:
        target: what `load_target` takes; None for metric folders.
        folders: `name=path` of metric folders.
        weights: their weights, by name.
        code: whether code may be run that these name.
        place: the working directory in which it was loaded.
        files: path and content of the rubric's file, of each file of the folders, and of each module of Python, outside of installed packages,
            that loading it imported.
        digest: of all of these.
    """

    target: str | None
    folders: tuple[str, ...]
    weights: tuple[tuple[str, float], ...]
    code: bool
    place: str
    files: tuple[tuple[str, bytes], ...] = ()
    digest: str = ""

    @classmethod
    def of(
        cls, target: str | None, code: bool = True, folders: Sequence[str] = (), weights: Mapping[str, float] | None = None
    ) -> tuple[RubricReference, Rubric]:
        """The reference to a rubric, and the rubric.

        Raises:
            OSError, RubricFileError, LoadError: as `load_target`.
            FolderError: as `load_folders`.
        """
        before = set(sys.modules)
        bare = cls(target, tuple(folders), tuple((weights or {}).items()), code, os.getcwd())
        rubric = bare._made()
        files = tuple((path, Path(path).read_bytes()) for path in sorted(set(bare._files(before))))
        digest = hashlib.sha256(repr((os.path.basename(target or "") if target and os.path.isfile(target) else target, bare.weights)).encode())
        for path, content in files:
            digest.update(os.path.basename(path).encode() + b"\0" + hashlib.sha256(content).digest())
        reference = replace(bare, files=files, digest=digest.hexdigest())
        _loaded[reference] = rubric
        return reference, rubric

    def load(self) -> Rubric:
        """The rubric, loaded once in this process.

        Raises:
            OSError, RubricFileError, LoadError, FolderError: as `of`.
        """
        if self not in _loaded:
            _loaded[self] = self._made()
        return _loaded[self]

    def _made(self) -> Rubric:
        if self.target is not None:
            return load_target(self.target, self.code)
        with contextlib.nullcontext() if self.code else no_code():
            return load_folders(self.folders, dict(self.weights))

    def enter(self) -> None:
        """Make this process one that finds the rubric: move to the working directory, or to copies of the files where they are missing or others.

        For processes that are ours alone.
        """
        if os.path.isdir(self.place) and all(_is_same(path, content) for path, content in self.files):
            os.chdir(self.place)
            return
        copies = Path(tempfile.gettempdir()) / f"rl_rewards-{os.getuid()}-{self.digest[:24]}"
        for path, content in self.files:
            copy = Path(self._copied(copies, path))
            if not _is_same(os.fspath(copy), content):
                copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                temporary = copy.with_name(f".{copy.name}.{os.getpid()}")
                temporary.write_bytes(content)
                os.replace(temporary, copy)
        place = Path(self._copied(copies, self.place))
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.chdir(place)
        sys.path.insert(0, os.getcwd())
        if self.target is not None:
            file, colon, name = (self.target, "", "") if self._has(self.target) else self.target.rpartition(":")
            object.__setattr__(self, "target", f"{self._copied(copies, file)}{colon}{name}" if self._has(file) else self.target)
        named = (value.partition("=") for value in self.folders)
        object.__setattr__(self, "folders", tuple(f"{name}={self._copied(copies, path)}" for name, _, path in named))

    def _copied(self, copies: Path, path: str) -> str:
        """Where the copy of a file is: copies lie as the files do."""
        root = os.path.commonpath([self.place, *(os.path.dirname(known) for known, _ in self.files)])
        return os.path.normpath(copies / os.path.relpath(os.path.join(self.place, path), root))

    def _has(self, path: str) -> bool:
        return any(os.path.normpath(os.path.join(self.place, path)) == known for known, _ in self.files)

    def _files(self, before: set[str]) -> Iterator[str]:
        """The files that the rubric is made of."""
        beside = os.path.dirname(os.path.abspath(self.target or "."))
        if self.target is not None and os.path.isfile(self.target):
            yield os.path.abspath(self.target)
        for value in self.folders:
            for path in Path(value.partition("=")[2]).resolve().rglob("*"):
                if path.is_file() and "__pycache__" not in path.parts and path.stat().st_size <= _FILE_BYTES:
                    yield os.fspath(path)
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if not path or not path.endswith(".py") or name.partition(".")[0] == "rl_rewards" or not os.path.isfile(path):
                continue
            path = os.path.abspath(path)
            installed = "site-packages" in path or "dist-packages" in path or path.startswith(os.path.dirname(os.__file__))
            inside = any(path.startswith(place + os.sep) for place in (beside, self.place))
            if inside and not installed and (name not in before or name.startswith("rl_rewards_file_")):
                yield path


_loaded: dict[RubricReference, Rubric] = {}
"""The rubrics of this process."""


def _is_same(path: str, content: bytes) -> bool:
    try:
        return Path(path).read_bytes() == content
    except OSError:
        return False
