"""How a loss is reduced: the three words, their numbers in the core, and the two flags that came before them."""

from __future__ import annotations

import warnings

_NUMBERS = {"none": 0, "mean": 1, "sum": 2}


def get_enum(reduction: str) -> int:
    """The number of `"none"`, `"mean"` or `"sum"`."""
    if reduction == "elementwise_mean":
        warnings.warn("reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.", stacklevel=2)
        return 1
    try:
        return _NUMBERS[reduction]
    except (KeyError, TypeError):
        raise ValueError(f"{reduction} is not a valid value for reduction") from None


def legacy_get_string(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> str:
    """The word that the flags `size_average` and `reduce` stand for; None counts as True."""
    if reduce is not None and not reduce:
        word = "none"
    elif size_average is None or size_average:
        word = "mean"
    else:
        word = "sum"
    if emit_warning:
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{word}' instead.", stacklevel=2
        )
    return word


def legacy_get_enum(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> int:
    """The number that the flags `size_average` and `reduce` stand for."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))


def number(reduction: str, size_average: bool | None, reduce: bool | None) -> int:
    """The number of a loss's reduction: the old flags win over the word where one of them is given."""
    if size_average is not None or reduce is not None:
        reduction = legacy_get_string(size_average, reduce)
    return get_enum(reduction)
