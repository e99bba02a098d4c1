"""Pickled counts and results, read so that nothing else is made: a directory may come from somebody else."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

from rl_rewards.user_errors import UserError

__all__ = ["DirectoryError", "load_plain"]

_PLAIN = {("builtins", name) for name in ("set", "frozenset", "list", "dict", "tuple", "complex", "bytearray")}
_PLAIN |= {("collections", name) for name in ("Counter", "defaultdict", "OrderedDict", "deque")}
_NUMPY = ("ndarray", "dtype", "_reconstruct", "_frombuffer", "scalar")
_OURS = ("rl_rewards.aggregates.", "rl_rewards.evaluation.", "rl_rewards.types.results")


class DirectoryError(UserError, ValueError):
    """A directory that holds something else, or parts of another run."""


def load_plain(data: bytes, name: object, allowed: Callable[[str], bool] = lambda module: False) -> Any:
    """What was pickled: values of Python and numpy, counts and results of this package.

    Args:
        name: where the data is from, for messages.
        allowed: which further modules' classes it may be made of.

    Raises:
        DirectoryError: when it would make something else.
    """
    return _Plain(data, name, allowed).load()


class _Plain(pickle.Unpickler):
    def __init__(self, data: bytes, name: object, allowed: Callable[[str], bool]) -> None:
        super().__init__(io.BytesIO(data))
        self._name, self._allowed = name, allowed

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        numpy = module_name.partition(".")[0] == "numpy" and global_name in _NUMPY
        ours = module_name.startswith(_OURS) and "." not in global_name
        if numpy or ours or (module_name, global_name) in _PLAIN or self._allowed(module_name):
            return super().find_class(module_name, global_name)
        raise DirectoryError(f"{self._name} must hold counts and results, got {module_name}.{global_name}: delete the directory to score anew")
