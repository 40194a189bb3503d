"""Convolutions that learn `in_channels` from their first input."""

from __future__ import annotations

from typing import Any

from tensorrs._C import Tensor
from tensorrs.nn.parameter import Parameter, UninitializedParameter

from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, Size, _ConvNd
from .lazy import LazyModuleMixin

__all__ = [
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]


class _LazyConvXdMixin(LazyModuleMixin, _ConvNd):
    """What the lazy convolutions share."""

    def _wait(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        """The parameters, not yet of any shape."""
        self.weight: Parameter = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draws the initial weights anew, once they have a shape."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """The channels of `input` are those that the layer takes."""
        if not self.has_uninitialized_params():
            return
        n = self._rank
        if input.dim() not in (n + 1, n + 2):
            raise RuntimeError(
                f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {type(self).__name__}, "
                f"but got input of size: {input.shape}"
            )
        self.in_channels = input.shape[-n - 1]
        if self.in_channels % self.groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        for tensor, shape in ((self.weight, self._weight_shape()), (self.bias, (self.out_channels,))):
            if isinstance(tensor, UninitializedParameter):
                tensor.materialize(shape)
        self.reset_parameters()


class _LazyConvXd(_LazyConvXdMixin):
    def __init__(
        self,
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
        # Without a bias, which would have its shape already.
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device, dtype)
        self._wait(out_channels, bias, device, dtype)


class _LazyConvTransposeXd(_LazyConvXdMixin):
    def __init__(
        self,
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
        super().__init__(
            0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode, device, dtype
        )
        self._wait(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConvXd, Conv1d):
    """`Conv1d` that takes `in_channels` from its first input, and then is one."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConvXd, Conv2d):
    """`Conv2d` that takes `in_channels` from its first input, and then is one."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConvXd, Conv3d):
    """`Conv3d` that takes `in_channels` from its first input, and then is one."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTransposeXd, ConvTranspose1d):
    """`ConvTranspose1d` that takes `in_channels` from its first input, and then is one."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTransposeXd, ConvTranspose2d):
    """`ConvTranspose2d` that takes `in_channels` from its first input, and then is one."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTransposeXd, ConvTranspose3d):
    """`ConvTranspose3d` that takes `in_channels` from its first input, and then is one."""

    cls_to_become = ConvTranspose3d
