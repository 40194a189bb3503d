"""Linear maps over features and windows, and padding."""

from __future__ import annotations

from collections.abc import Sequence

from tensorrs import _C
from tensorrs._C import Tensor

# Bound as they are: nothing stands between the caller and the core.
linear = _C.linear
conv1d = _C.conv1d
conv2d = _C.conv2d


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Pads `input`; `pad` holds (before, after) for the last dimension, then for the one before it, and so on.

    `mode` is `"constant"` (filled with `value`, 0 by default), `"reflect"`, `"replicate"` or `"circular"`.
    A negative number cuts off.
    """
    return _C.pad(input, pad, mode, value)
