"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorrs
from tensorrs._C import Tensor
from tensorrs.nn import functional as F
from tensorrs.nn._names import ntuple
from tensorrs.nn.parameter import Parameter

from .linear import reset_weight_and_bias
from .module import Module

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

Size = int | tuple[int, ...]


class _ConvNd(Module):
    """What all convolutions share; a subclass gives the number of spatial dimensions."""

    _rank: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...] | str,
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check(in_channels, out_channels, stride, padding, groups, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = _padding_for_pad(kernel_size, padding, dilation)
        self.weight = Parameter(tensorrs.empty(self._weight_shape(), device=device, dtype=dtype))
        if bias:
            self.bias: Parameter | None = Parameter(tensorrs.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _weight_shape(self) -> tuple[int, ...]:
        first, second = self.out_channels, self.in_channels
        if self.transposed:
            first, second = second, first
        return (first, second // self.groups, *self.kernel_size)

    def reset_parameters(self) -> None:
        """Draws the initial weights anew."""
        reset_weight_and_bias(self.weight, self.bias)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * len(self.padding):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.dilation):
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * len(self.output_padding):
            text += f", output_padding={self.output_padding}"
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


class _ConvXd(_ConvNd):
    """A convolution, not transposed."""

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
        n = self._rank
        super().__init__(
            in_channels,
            out_channels,
            ntuple(kernel_size, n),
            ntuple(stride, n),
            padding if isinstance(padding, str) else ntuple(padding, n),
            ntuple(dilation, n),
            False,
            (0,) * n,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

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


class Conv1d(_ConvXd):
    """Cross-correlation over one dimension. x: (N, C_in, L) or (C_in, L), y: (N, C_out, L_out).

    `L_out = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1`; weight is
    (C_out, C_in / groups, kernel_size). Initial weights are uniform within `1 / sqrt(fan_in)`.
    """

    _rank = 1

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        input, padding = self._padded(input)
        return F.conv1d(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_ConvXd):
    """Cross-correlation over two dimensions. x: (N, C_in, H, W) or (C_in, H, W), y: (N, C_out, H_out, W_out).

    `H_out = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1`, W_out alike; weight is
    (C_out, C_in / groups, kH, kW). `padding` may be "same" or "valid"; `padding_mode` is "zeros", "reflect",
    "replicate" or "circular". Initial weights are uniform within `1 / sqrt(fan_in)`.
    """

    _rank = 2

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        input, padding = self._padded(input)
        return F.conv2d(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class Conv3d(_ConvXd):
    """Cross-correlation over three dimensions. x: (N, C_in, D, H, W) or without N, y: (N, C_out, D_out, H_out, W_out).

    Each size is `floor((size + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1`; weight is
    (C_out, C_in / groups, kD, kH, kW). Otherwise as `Conv2d`.
    """

    _rank = 3

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        input, padding = self._padded(input)
        return F.conv3d(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class _ConvTransposeNd(_ConvNd):
    """A transposed convolution."""

    padding: tuple[int, ...]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        n = self._rank
        super().__init__(
            in_channels,
            out_channels,
            ntuple(kernel_size, n),
            ntuple(stride, n),
            ntuple(padding, n),
            ntuple(dilation, n),
            True,
            ntuple(output_padding, n),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _output_padding(self, input: Tensor, output_size: Sequence[int] | None) -> Sequence[int]:
        """What must be added at one end so that the output has the size that is asked for."""
        if output_size is None:
            return self.output_padding
        n = self._rank
        lead = input.dim() - n
        lead = lead if lead == 2 else 1
        wanted = list(output_size)
        if len(wanted) == lead + n:
            wanted = wanted[lead:]
        if len(wanted) != n:
            raise ValueError(
                f"ConvTranspose{n}D: for {input.dim()}D input, output_size must have {n} or {lead + n} elements "
                f"(got {len(output_size)})"
            )
        least = [
            (input.size(d + lead) - 1) * self.stride[d]
            - 2 * self.padding[d]
            + self.dilation[d] * (self.kernel_size[d] - 1)
            + 1
            for d in range(n)
        ]
        most = [size + stride - 1 for size, stride in zip(least, self.stride, strict=False)]
        if any(not low <= size <= high for size, low, high in zip(wanted, least, most, strict=True)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to {most} "
                f"(for an input of {input.size()[2:]})"
            )
        return [size - low for size, low in zip(wanted, least, strict=True)]

    def _run(self, function: Any, input: Tensor, output_size: Sequence[int] | None) -> Tensor:
        if self.padding_mode != "zeros":
            raise ValueError(f"Only `zeros` padding mode is supported for ConvTranspose{self._rank}d")
        more = self._output_padding(input, output_size)
        result: Tensor = function(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation
        )
        return result


class ConvTranspose1d(_ConvTransposeNd):
    """The transposed convolution over one dimension. x: (N, C_in, L) or (C_in, L), y: (N, C_out, L_out).

    `L_out = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1`; weight is
    (C_in, C_out / groups, kernel_size). It is the gradient of `Conv1d` by its input, as a layer. `forward` may be
    given the `output_size`, of which several lead to the same L.
    """

    _rank = 1

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return self._run(F.conv_transpose1d, input, output_size)


class ConvTranspose2d(_ConvTransposeNd):
    """The transposed convolution over two dimensions. x: (N, C_in, H, W) or (C_in, H, W), y: (N, C_out, H_out, W_out).

    As `ConvTranspose1d` for each axis; weight is (C_in, C_out / groups, kH, kW).
    """

    _rank = 2

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return self._run(F.conv_transpose2d, input, output_size)


class ConvTranspose3d(_ConvTransposeNd):
    """The transposed convolution over three dimensions. x: (N, C_in, D, H, W) or without N.

    As `ConvTranspose1d` for each axis; weight is (C_in, C_out / groups, kD, kH, kW).
    """

    _rank = 3

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return self._run(F.conv_transpose3d, input, output_size)
