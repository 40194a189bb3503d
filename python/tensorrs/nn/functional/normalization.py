"""Normalisation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorrs
from tensorrs import _C
from tensorrs._C import Tensor


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`(x - mean) / sqrt(var + eps) * weight + bias` for each channel, which is dimension 1.

    In training the mean and the variance are those of the batch, and the running ones move by `momentum` towards
    them (the variance without bias). Ioffe and Szegedy, arXiv:1502.03167.
    """
    if training:
        size = input.size()
        if math.prod(size[2:], start=size[0]) == 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")
        if eps <= 0.0:
            raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if eps < 0.0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    return _C.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """`(x - mean) / sqrt(var + eps) * weight + bias` over the last dimensions, of shape `normalized_shape`.

    Ba et al., arXiv:1607.06450.
    """
    return _C.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """`(x - mean) / sqrt(var + eps) * weight + bias` for each of `num_groups` groups of channels of each sample.

    x: (N, C, *); weight and bias: (C). Wu and He, arXiv:1803.08494.
    """
    if input.dim() < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.dim()}")
    size = [input.size(0) * input.size(1) // num_groups, num_groups, *input.size()[2:]]
    if math.prod(size[2:], start=size[0]) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")
    return _C.group_norm(input, num_groups, weight, bias, eps)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`batch_norm` of each sample by itself. x: (N, C, *). Ulyanov et al., arXiv:1607.08022."""
    if use_input_stats and math.prod(input.size()[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.size()}")
    return _C.instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, True)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """`x / sqrt(mean(x^2) + eps) * weight` over the last dimensions, of shape `normalized_shape`.

    `eps` is by default the smallest step of the type above 1. Zhang and Sennrich, arXiv:1910.07467.
    """
    return _C.rms_norm(input, normalized_shape, weight, eps)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """`x / (k + alpha * m)^beta` with m the mean of `x^2` over `size` neighbouring channels, zeros beyond the ends.

    x: (N, C, *). Krizhevsky et al., NeurIPS 2012.
    """
    if input.dim() < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {input.dim()} dimensions)"
        )
    if input.numel() == 0:
        return input
    rows = (size // 2, (size - 1) // 2)
    if input.dim() == 3:
        padded = _C.pad(input.mul(input).unsqueeze(1), (0, 0, *rows))
        mean = _C.avg_pool2d(padded, (size, 1), stride=1).squeeze(1)
    else:
        square = input.mul(input).reshape(input.size(0), 1, input.size(1), input.size(2), -1)
        padded = _C.pad(square, (0, 0, 0, 0, *rows))
        mean = _C.avg_pool3d(padded, (size, 1, 1), stride=1).reshape(input.size())
    return input / mean.mul(alpha).add(k).pow(beta)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """`x / max(|x|_p, eps)` along `dim`."""
    norm = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    return input / norm if out is None else tensorrs.div(input, norm, out=out)
