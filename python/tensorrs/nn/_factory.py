"""`factory_kwargs`: what a module's keywords say of the tensors it makes."""

from __future__ import annotations

from typing import Any

__all__ = ["factory_kwargs"]


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """`device`, `dtype` and `memory_format` among the keywords and in their `factory_kwargs`, for `tensorrs.empty`.

    Raises TypeError for any other keyword, and for one that is given in both places.
    """
    if kwargs is None:
        return {}
    known = ("device", "dtype", "memory_format")
    other = kwargs.keys() - {*known, "factory_kwargs"}
    if other:
        raise TypeError(f"unexpected kwargs {other}")
    found = dict(kwargs.get("factory_kwargs", {}))
    for key in known:
        if key in kwargs:
            if key in found:
                raise TypeError(f"{key} specified twice, in **kwargs and in factory_kwargs")
            found[key] = kwargs[key]
    return found
