"""`out=` of the functions of linear algebra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorrs import _C
from tensorrs._C import Tensor


def give(result: Tensor, out: Tensor | None) -> Tensor:
    """The result, put into `out` if there is one."""
    if out is None:
        return result
    if not _C.can_cast(result.dtype, out.dtype):
        raise RuntimeError(f"Expected out tensor to have dtype {result.dtype}, but got {out.dtype} instead")
    with_shape = out if out.shape == result.shape else out.resize_(result.shape)
    return with_shape.copy_(result)


def give_all(name: str, results: Sequence[Tensor], out: Sequence[Tensor] | None) -> Any:
    """The results as the named tuple `return_types.<name>`, put into the tensors of `out` if there are any."""
    from tensorrs import return_types

    if out is not None:
        results = [give(r, o) for r, o in zip(results, out, strict=True)]
    return getattr(return_types, name)(results)
