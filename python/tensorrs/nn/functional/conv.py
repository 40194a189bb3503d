"""Linear maps over features and windows, and padding."""

from __future__ import annotations

from collections.abc import Sequence

from tensorrs import _C
from tensorrs._C import Tensor

Size = int | Sequence[int]

# Bound as they are: nothing stands between the caller and the core.
linear = _C.linear
conv1d = _C.conv1d
conv2d = _C.conv2d
conv3d = _C.conv3d
conv_transpose1d = _C.conv_transpose1d
conv_transpose2d = _C.conv_transpose2d
conv_transpose3d = _C.conv_transpose3d
conv_tbc = _C.conv_tbc


def unfold(input: Tensor, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> Tensor:
    """Every window of a picture as a column (im2col).

    (N, C, H, W) becomes (N, C * kH * kW, L), where L is the number of places of the window,
    `L = prod over the axes of floor((size + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1`;
    without N, (C, H, W) becomes (C * kH * kW, L). Raises RuntimeError where no window fits.
    """
    return _C.im2col(input, kernel_size, dilation, padding, stride)


def fold(
    input: Tensor, output_size: Size, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1
) -> Tensor:
    """The sum of columns back into a picture of `output_size` (col2im), the transpose of `unfold`.

    (N, C * kH * kW, L) becomes (N, C, H, W), and (C * kH * kW, L) becomes (C, H, W). Elements of windows that overlap
    are added. Raises RuntimeError if L is not the number of windows of such a picture.
    """
    return _C.col2im(input, output_size, kernel_size, dilation, padding, stride)


def _cpp_name(dtype: _C.dtype) -> str:
    """A dtype as the messages of PyTorch's core name it."""
    names = {"float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16"}
    names.update(int64="long", int32="int", int16="short", int8="signed char", uint8="unsigned char")
    name = str(dtype).rpartition(".")[2]
    return names.get(name, name)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`y[..., o] = sum over i, j of x1[..., i] * weight[o, i, j] * x2[..., j] + bias[o]`.

    (*, in1) and (*, in2) become (*, out); `weight` is (out, in1, in2).
    """
    given = {"input1": input1, "input2": input2, "weight": weight, "bias": bias}
    if len({t.dtype for t in given.values() if t is not None}) > 1:
        named = (f"{name}: {_cpp_name(t.dtype)}" for name, t in given.items() if t is not None)
        raise RuntimeError("All tensors must have the same dtype, got " + ", ".join(named))
    if input1.dim() != input2.dim():
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {input1.dim()} and {input2.dim()}")
    lead = input1.shape[:-1]
    for dim, (one, other) in enumerate(zip(lead, input2.shape, strict=False)):
        if one != other:
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {dim}: got {one} and {other}")
    outs, *sizes = weight.shape
    for name, given_size, size in zip(("input1", "input2"), (input1.size(-1), input2.size(-1)), sizes, strict=False):
        if given_size != size:
            raise RuntimeError(
                f"bilinear(): {name} size does not match weight size: got {given_size} but expected {size}"
            )
    if bias is not None and bias.size(0) != outs:
        raise RuntimeError(f"bilinear(): bias size does not match weight size: got {bias.size(0)} but expected {outs}")
    # (n, 1, 1, in1) @ (out, in1, in2) is (n, out, 1, in2), which is then summed with x2.
    first, second = input1.reshape(-1, 1, 1, input1.size(-1)), input2.reshape(-1, 1, 1, input2.size(-1))
    products = first.matmul(weight) * second
    result = products.sum((-2, -1), dtype=products.dtype).reshape(*lead, outs)
    return result if bias is None else result + bias


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Pads `input`; `pad` holds (before, after) for the last dimension, then for the one before it, and so on.

    `mode` is `"constant"` (filled with `value`, 0 by default), `"reflect"`, `"replicate"` or `"circular"`.
    A negative number cuts off.
    """
    return _C.pad(input, pad, mode, value)
