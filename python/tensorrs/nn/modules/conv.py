"""Convolutions."""

from __future__ import annotations

from typing import Any

import tensorrs
from tensorrs._C import Tensor
from tensorrs.nn import functional as F
from tensorrs.nn._names import ntuple
from tensorrs.nn.parameter import Parameter

from .linear import reset_weight_and_bias
from .module import Module

__all__ = ["Conv1d", "Conv2d"]

Size = int | tuple[int, ...]


class _ConvNd(Module):
    """What the convolutions share; a subclass gives the number of spatial dimensions and the function."""

    _rank: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        n = self._rank
        kernel_size, stride, dilation = ntuple(kernel_size, n), ntuple(stride, n), ntuple(dilation, n)
        padding = padding if isinstance(padding, str) else ntuple(padding, n)
        _check(in_channels, out_channels, stride, padding, groups, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = False
        self.output_padding = (0,) * n
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = _padding_for_pad(kernel_size, padding, dilation)
        shape = (out_channels, in_channels // groups, *kernel_size)
        self.weight = Parameter(tensorrs.empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias: Parameter | None = Parameter(tensorrs.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the initial weights anew."""
        reset_weight_and_bias(self.weight, self.bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution of the subclass."""
        raise NotImplementedError

    def _padded(self, input: Tensor) -> tuple[Tensor, Size | str]:
        """The input and the padding left to the convolution, which itself can pad with zeros only."""
        if self.padding_mode == "zeros":
            return input, self.padding
        return F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode), (0,) * self._rank

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * len(self.padding):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.dilation):
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


def _check(
    in_channels: int,
    out_channels: int,
    stride: tuple[int, ...],
    padding: tuple[int, ...] | str,
    groups: int,
    padding_mode: str,
) -> None:
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    if in_channels % groups != 0:
        raise ValueError("in_channels must be divisible by groups")
    if out_channels % groups != 0:
        raise ValueError("out_channels must be divisible by groups")
    if isinstance(padding, str):
        strings = {"same", "valid"}
        if padding not in strings:
            raise ValueError(f"Invalid padding string {padding!r}, should be one of {strings}")
        if padding == "same" and any(s != 1 for s in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    modes = {"zeros", "reflect", "replicate", "circular"}
    if padding_mode not in modes:
        raise ValueError(f"padding_mode must be one of {modes}, but got padding_mode='{padding_mode}'")


def _padding_for_pad(
    kernel_size: tuple[int, ...], padding: tuple[int, ...] | str, dilation: tuple[int, ...]
) -> tuple[int, ...] | list[int]:
    """The padding as `F.pad` takes it: before and after, last dimension first."""
    if not isinstance(padding, str):
        return tuple(p for p in reversed(padding) for _ in range(2))
    if padding == "valid":
        return [0, 0] * len(kernel_size)
    pairs: list[int] = []
    for size, step in zip(reversed(kernel_size), reversed(dilation), strict=False):
        total = step * (size - 1)
        pairs += [total // 2, total - total // 2]
    return pairs


class Conv1d(_ConvNd):
    """Cross-correlation over one dimension. x: (N, C_in, L) or (C_in, L), y: (N, C_out, L_out).

    `L_out = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1`; weight is
    (C_out, C_in / groups, kernel_size). Initial weights are uniform within `1 / sqrt(fan_in)`.
    """

    _rank = 1

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        input, padding = self._padded(input)
        return F.conv1d(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_ConvNd):
    """Cross-correlation over two dimensions. x: (N, C_in, H, W) or (C_in, H, W), y: (N, C_out, H_out, W_out).

    `H_out = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1`, W_out alike; weight is
    (C_out, C_in / groups, kH, kW). `padding` may be "same" or "valid"; `padding_mode` is "zeros", "reflect",
    "replicate" or "circular". Initial weights are uniform within `1 / sqrt(fan_in)`.
    """

    _rank = 2

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        input, padding = self._padded(input)
        return F.conv2d(input, weight, bias, self.stride, padding, self.dilation, self.groups)
