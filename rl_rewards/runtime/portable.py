"""What may cross into a worker: pickled once, when the thing is made, so that a refusal comes at construction and says why."""

from __future__ import annotations

import importlib.util
import io
import os
import pickle
import sys
from typing import Any


class NotPortableError(TypeError):
    """An object cannot be run in a worker process; the message says why, and what to do."""


def portable(value: Any) -> bytes:
    """`value` as bytes for `load`: functions and classes by the name of their module, as pickle does it, and where to look for modules.

    What lives in `__main__` (a script, a notebook), in a function or in a lambda has no such name. It is carried by value when
    cloudpickle is installed: the code and the globals that it uses, as they are now.

    Raises:
        NotPortableError: for what neither pickle nor cloudpickle can carry. Nothing is ever run in the caller instead.
    """
    return pickle.dumps(([os.path.abspath(path or os.curdir) for path in sys.path], _pickled(value)), pickle.HIGHEST_PROTOCOL)


def load(carried: bytes) -> Any:
    """In the worker: what `portable` made bytes of."""
    sys.path[:], value = pickle.loads(carried)
    return pickle.loads(value)


def _pickled(value: Any) -> bytes:
    buffer = io.BytesIO()
    try:
        _ByName(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
        return buffer.getvalue()
    except Exception as refusal:  # pickle raises PicklingError, AttributeError, TypeError, and whatever a __reduce__ raises
        reason = str(refusal)
    if importlib.util.find_spec("cloudpickle") is None:
        raise NotPortableError(
            f"cannot run {value!r:.120} in a worker process: {reason}. Define it at the top of a module that can be imported, "
            "or install cloudpickle, which carries functions of scripts and notebooks"
        )
    try:
        return _by_value(value)
    except Exception as refusal:
        raise NotPortableError(
            f"cannot run {value!r:.120} in a worker process: {refusal}. It may hold no lock, open file, generator, thread or connection; "
            "make such things inside of the function"
        ) from refusal


def _by_value(value: Any) -> bytes:
    import cloudpickle

    class ByValue(cloudpickle.Pickler):
        def reducer_override(self, part: Any) -> Any:
            # What pickles itself as a name has to say what else it is made of.
            if hasattr(type(part), "__reduce_by_value__"):
                return part.__reduce_by_value__()
            return super().reducer_override(part)

    buffer = io.BytesIO()
    ByValue(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


class _ByName(pickle.Pickler):
    """Pickle, refusing the names that mean something else in a worker: those of `__main__`."""

    def reducer_override(self, value: Any) -> Any:
        if getattr(value, "__module__", None) == "__main__":
            name = getattr(value, "__qualname__", type(value).__qualname__)
            raise pickle.PicklingError(f"{name} is defined in __main__, which a worker does not have")
        return NotImplemented
