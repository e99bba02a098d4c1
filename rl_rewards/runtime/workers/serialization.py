"""Calls as bytes for a worker: pickled once, when the scorer is made, so that a refusal comes at construction and says why."""

from __future__ import annotations

import importlib.util
import io
import os
import pickle
import sys
from typing import Any


class NotPicklableError(TypeError):
    """A call cannot be pickled for a worker process; the message says why, and what to do."""


def serialize_call(value: Any) -> bytes:
    """`value` as bytes for `deserialize_call`: functions and classes by the name of their module, as pickle does it, and where to look for modules.

    What lives in `__main__` (a script, a notebook), in a function or in a lambda has no such name. It is pickled by value when
    cloudpickle is installed: the code and the globals that it uses, as they are now.

    Raises:
        NotPicklableError: for what neither pickle nor cloudpickle takes. Nothing is ever run in the caller instead.
    """
    return pickle.dumps(([os.path.abspath(path or os.curdir) for path in sys.path], _pickled(value)), pickle.HIGHEST_PROTOCOL)


def deserialize_call(serialized: bytes) -> Any:
    """In the worker: what `serialize_call` made bytes of."""
    sys.path[:], value = pickle.loads(serialized)
    return pickle.loads(value)


def _pickled(value: Any) -> bytes:
    buffer = io.BytesIO()
    try:
        _ByNamePickler(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
        return buffer.getvalue()
    except Exception as refusal:  # pickle raises PicklingError, AttributeError, TypeError, and whatever a __reduce__ raises
        reason = str(refusal)
    if importlib.util.find_spec("cloudpickle") is None:
        raise NotPicklableError(
            f"cannot run {value!r:.120} in a worker process: {reason}. Define it at the top of a module that can be imported, "
            "or install cloudpickle, which pickles functions of scripts and notebooks"
        )
    try:
        return _pickled_by_value(value)
    except Exception as refusal:
        raise NotPicklableError(
            f"cannot run {value!r:.120} in a worker process: {refusal}. It may hold no lock, open file, generator, thread or connection; "
            "make such things inside of the function"
        ) from refusal


def _pickled_by_value(value: Any) -> bytes:
    import cloudpickle

    class ByValue(cloudpickle.Pickler):
        def reducer_override(self, obj: Any) -> Any:
            # What pickles itself as a name has to say what else it is made of.
            if hasattr(type(obj), "__reduce_by_value__"):
                return obj.__reduce_by_value__()
            return super().reducer_override(obj)

    buffer = io.BytesIO()
    ByValue(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


class _ByNamePickler(pickle.Pickler):
    """Pickle, refusing the names that mean something else in a worker: those of `__main__`."""

    def reducer_override(self, value: Any) -> Any:
        if getattr(value, "__module__", None) == "__main__":
            name = getattr(value, "__qualname__", type(value).__qualname__)
            raise pickle.PicklingError(f"{name} is defined in __main__, which a worker does not have")
        return NotImplemented
