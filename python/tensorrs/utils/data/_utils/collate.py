"""From a list of samples to a batch: tensors are stacked, containers are walked.

`default_collate_fn_map` says what is done with which type; programs may add to it. NumPy's types join it
when NumPy has been imported, never before.
"""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import tensorrs
from tensorrs._C import Tensor

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]

Collate = Callable[..., Any]
CollateMap = dict[Any, Collate]

_UNFIT_ARRAYS = re.compile(r"[SaUO]")
_ERROR = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def default_collate(batch: Any) -> Any:
    """Put the samples of a batch together.

    Tensors and arrays of equal shape gain a first dimension; numbers become a tensor (floats in float64);
    strings and bytes stay a list; mappings, named tuples and sequences are collated entry by entry, and a
    tuple becomes a list.
    """
    _learn_numpy()
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """As `default_collate`, with another table of functions `f(batch, *, collate_fn_map)` by type."""
    first = batch[0]
    kind = type(first)
    function = _function_for(first, collate_fn_map or {})
    if function is not None:
        return function(batch, collate_fn_map=collate_fn_map)

    def together(samples: Any) -> Any:
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return _rebuild_mapping(first, {key: together([sample[key] for sample in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(together(samples) for samples in zip(*batch, strict=False)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [together(samples) for samples in zip(*batch, strict=False)]
        return columns if isinstance(first, tuple) else _rebuild_sequence(first, columns)
    raise TypeError(_ERROR.format(kind))


def default_convert(data: Any) -> Any:
    """Turn the arrays and NumPy scalars inside a sample into tensors and leave everything else."""
    kind = type(data)
    if isinstance(data, Tensor):
        return data
    if kind.__module__ == "numpy" and kind.__name__ not in ("str_", "string_"):
        if kind.__name__ == "ndarray" and _UNFIT_ARRAYS.search(data.dtype.str):
            return data
        return tensorrs.as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuild_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return kind(*(default_convert(entry) for entry in data))
    if isinstance(data, tuple):
        return [default_convert(entry) for entry in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuild_sequence(data, [default_convert(entry) for entry in data])
    return data


def collate_tensor_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    return tensorrs.stack(batch if isinstance(batch, (list, tuple)) else list(batch), 0)


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    if _UNFIT_ARRAYS.search(batch[0].dtype.str):
        raise TypeError(_ERROR.format(batch[0].dtype))
    return collate([tensorrs.as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    import numpy as np

    return tensorrs.as_tensor(np.asarray(batch))


def collate_float_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    return tensorrs.tensor(batch, dtype=tensorrs.float64)


def collate_int_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    return tensorrs.tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    return batch


default_collate_fn_map: CollateMap = {
    Tensor: collate_tensor_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def _learn_numpy() -> None:
    """Add NumPy's types once NumPy is there: before `float`, which `np.float64` is a subclass of."""
    np = sys.modules.get("numpy")
    if np is None or np.ndarray in default_collate_fn_map:
        return
    known = dict(default_collate_fn_map)
    default_collate_fn_map.clear()
    default_collate_fn_map[np.ndarray] = collate_numpy_array_fn
    default_collate_fn_map[(np.bool_, np.number, np.object_)] = collate_numpy_scalar_fn
    default_collate_fn_map.update(known)


def _function_for(sample: Any, table: CollateMap) -> Collate | None:
    """The entry of the exact type, else the first one of a base of it."""
    exact = table.get(type(sample))
    if exact is not None:
        return exact
    return next((function for kind, function in table.items() if isinstance(sample, kind)), None)


def _rebuild_mapping(like: Any, entries: dict[Any, Any]) -> Any:
    """A mapping of the type of `like`, with its other attributes where it can be copied, else a dict."""
    try:
        if isinstance(like, MutableMapping):
            clone = copy.copy(like)
            clone.update(entries)
            return clone
        return type(like)(entries)
    except TypeError:
        return entries


def _rebuild_sequence(like: Any, entries: list[Any]) -> Any:
    """A sequence of the type of `like`, with its other attributes where it can be copied, else a list."""
    try:
        if isinstance(like, MutableSequence):
            clone = copy.copy(like)
            for i, entry in enumerate(entries):
                clone[i] = entry
            return clone
        return type(like)(entries)
    except TypeError:
        return entries
