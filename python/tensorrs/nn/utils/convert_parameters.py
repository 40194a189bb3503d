"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

import tensorrs
from tensorrs._C import Tensor
from tensorrs.nn._names import typename


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters one after another, flattened; the gradient goes back to each."""
    return tensorrs.cat([parameter.view(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Makes the parameters views of the slices of `vec`."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected tensorrs.Tensor, but got: {typename(vec)}")
    start = 0
    for parameter in parameters:
        end = start + parameter.numel()
        parameter.data = vec[start:end].view_as(parameter).data
        start = end
