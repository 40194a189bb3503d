"""Layer, group and response normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorrs
from tensorrs._C import Tensor
from tensorrs.autograd import Function, once_differentiable
from tensorrs.nn import functional as F
from tensorrs.nn import init
from tensorrs.nn._names import ntuple
from tensorrs.nn.parameter import Parameter

from .module import Module

__all__ = ["CrossMapLRN2d", "GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


def _add_parameters(layer: Module, shape: Sequence[int], weight: bool, bias: bool, device: Any, dtype: Any) -> None:
    for name, wanted in (("weight", weight), ("bias", bias)):
        made = Parameter(tensorrs.empty(tuple(shape), device=device, dtype=dtype)) if wanted else None
        layer.register_parameter(name, made)


def _fill_parameters(layer: LayerNorm | GroupNorm) -> None:
    init.ones_(layer.weight)
    if layer.bias is not None:
        init.zeros_(layer.bias)


class LayerNorm(Module):
    """`(x - mean) / sqrt(var + eps) * weight + bias` over the last dimensions, of shape `normalized_shape`.

    weight and bias have that shape; x is (*, normalized_shape). Ba et al., arXiv:1607.06450.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = ntuple(normalized_shape, 1)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        _add_parameters(self, self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.elementwise_affine:
            _fill_parameters(self)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class GroupNorm(Module):
    """`(x - mean) / sqrt(var + eps) * weight + bias` for each of `num_groups` groups of channels. x: (N, C, *).

    weight and bias: (num_channels). Wu and He, arXiv:1803.08494.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        _add_parameters(self, (num_channels,), affine, affine and bias, device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.affine:
            _fill_parameters(self)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """`x / sqrt(mean(x^2) + eps) * weight` over the last dimensions, of shape `normalized_shape`.

    `eps` None is the smallest step of the type above 1. Zhang and Sennrich, arXiv:1910.07467.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = ntuple(normalized_shape, 1)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        made = Parameter(tensorrs.empty(self.normalized_shape, device=device, dtype=dtype))
        self.register_parameter("weight", made if elementwise_affine else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.elementwise_affine:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LocalResponseNorm(Module):
    """`x / (k + alpha * m)^beta` with m the mean of `x^2` over `size` neighbouring channels. x: (N, C, *).

    Krizhevsky et al., NeurIPS 2012.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class _CrossMap(Function):
    """The sums and the derivative of `CrossMapLRN2d`, with the windows that PyTorch's take."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
        reach = int((size - 1) / 2 + 1)
        square = x * x
        sums = square[:, : min(reach, x.size(1))].sum(1)
        scale = x.new_empty(x.shape)
        scale[:, 0] = sums
        for c in range(1, x.size(1)):
            if c < x.size(1) - reach + 1:
                sums = sums + square[:, c + reach - 1]
            # What leaves the window at `c == reach` stays in the sum.
            if c > reach:
                sums = sums - square[:, c - reach]
            scale[:, c] = sums
        scale = scale * (alpha / size) + k
        out = x * scale.pow(-beta)
        ctx.save_for_backward(x, out, scale)
        ctx.size, ctx.alpha, ctx.beta = size, alpha, beta
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, out, scale = ctx.saved_tensors
        size, channels = ctx.size, x.size(1)
        before = int(size - (size - 1) / 2)
        ratio = x.new_zeros((x.size(0), channels + size - 1, *x.shape[2:]))
        ratio[:, before : before + channels] = (grad * out / scale)[:, : ratio.size(1) - before]
        around = ratio.unfold(1, size, 1).sum(-1)
        gradient = grad * scale.pow(-ctx.beta) - (2 * ctx.alpha * ctx.beta / size) * x * around
        return gradient, None, None, None, None


class CrossMapLRN2d(Module):
    """`x / (k + alpha / size * s)^beta` with s the sum of `x^2` over the channels around.

    x: (N, C, H, W); ValueError for any other number of dimensions. The windows are those of PyTorch, where the first
    channel stays in all later sums and the derivative looks one channel further back. As `LocalResponseNorm` else.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        out: Tensor = _CrossMap.apply(input, self.size, self.alpha, self.beta, self.k)
        return out

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
