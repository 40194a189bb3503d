"""Losses of distributions: counts, normal errors, unaligned texts, and classes scored by a linear map."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import tensorrs
from tensorrs import _C
from tensorrs._C import Tensor
from tensorrs.nn import _reduction as _Reduction

from .loss import cross_entropy

if TYPE_CHECKING:
    from tensorrs.nn.modules.linear_cross_entropy import LinearCrossEntropyOptions


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """`exp(x) - y * x` for the logarithm `x` of a rate; without `log_input`, `x - y * log(x + eps)` for the rate.

    `full` adds Stirling's approximation of `log(y!)` where y is greater than 1.
    """
    number = _Reduction.number(reduction, size_average, reduce)
    return _C.poisson_nll_loss(input, target, log_input, full, eps, number)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """`(log(var) + (x - y)^2 / var) / 2` for expectations `x`; `full` adds `log(2 pi) / 2`.

    `var` has the shape of x, or 1 in one of its dimensions, or lacks the last; it is not less than `eps`, which has no
    part in the gradient. Nix and Weigend, ICNN 1994.
    """
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * tensorrs.ones_like(input)
    elif tensorrs.any(var < 0):
        raise ValueError("var has negative entry/entries")
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = var.unsqueeze(-1)
        # As many dimensions, and size 1 in the only one that differs.
        elif input.ndim != var.ndim or [b for a, b in zip(input.size(), var.size(), strict=True) if a != b] != [1]:
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    var = var.clone()
    with tensorrs.no_grad():
        var.clamp_(min=eps)
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return loss.mean() if reduction == "mean" else loss.sum() if reduction == "sum" else loss


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """`-log P(text)`, summed over all alignments of the text with the sequence. Graves et al., ICML 2006.

    log_probs: (T, N, C) or (T, C), of a log-softmax; targets: (N, S), or all labels in one row, without blanks.
    The mean divides each loss by the length of its text first. `zero_infinity` makes the losses of texts that do not
    fit zero, with their gradients.
    """
    number = _Reduction.get_enum(reduction)
    return _C.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, number, zero_infinity)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: LinearCrossEntropyOptions | None = None,
) -> Tensor:
    """`cross_entropy(linear(x, linear_weight, linear_bias), y)`.

    x: (N, F) or (F); linear_weight: (C, F), or (C, ..., F) for a loss at several places. With `options` the scores and
    their gradients are computed for a few rows at a time, so that never all scores are in memory; such a loss has first
    derivatives alone. Where that is not possible (label smoothing, several places, targets that need a gradient) a
    warning says so, and `options` is ignored.
    """
    if input.dim() < 1 or input.dim() > 2:
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if linear_weight.dim() < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {linear_weight.dim()}")
    features, classes, places = input.shape[-1], linear_weight.shape[0], tuple(linear_weight.shape[1:-1])
    if features != linear_weight.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), "
            f"got {features} and {linear_weight.shape[-1]}, respectively"
        )
    if linear_bias is not None and tuple(linear_bias.shape) != (classes, *places):
        raise RuntimeError(f"expected linear_bias shape {(classes, *places)}, got {tuple(linear_bias.shape)}")
    if places and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input, "
            f"(N, {features}), got unbatched input with shape {tuple(input.shape)}"
        )
    shape = (*input.shape[:-1], classes, *places)
    if tuple(target.shape) == shape and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    if options is not None:
        plain = target.dtype == _C.int64 or (target.dtype == input.dtype and not target.requires_grad)
        if plain and label_smoothing == 0 and not places and reduction in ("mean", "sum", "none"):
            if reduction != "none":
                from tensorrs.nn.functional._chunked import chunked_cross_entropy

                return chunked_cross_entropy(
                    input, linear_weight, linear_bias, target, weight, reduction, ignore_index, options
                )
        else:
            warnings.warn(
                "linear_cross_entropy: ``options`` ignored; chunked path needs reduction in {'mean','sum','none'}, "
                "label_smoothing == 0, target.dtype == int64 (or a probability target with dtype matching input and "
                f"requires_grad == False), out_features == (). Got {reduction=}, {label_smoothing=}, "
                f"target.dtype={target.dtype}, out_features={places}, tracing=False, "
                f"target.requires_grad={target.requires_grad}, "
                f"linear_bias.shape={None if linear_bias is None else tuple(linear_bias.shape)}.",
                stacklevel=2,
            )
    if places:
        linear_weight = linear_weight.reshape(-1, features)
        linear_bias = None if linear_bias is None else linear_bias.reshape(-1)
    return cross_entropy(
        _C.linear(input, linear_weight, linear_bias).reshape(shape),
        target,
        weight=weight,
        reduction=reduction,
        ignore_index=-100 if ignore_index is None else ignore_index,
        label_smoothing=label_smoothing,
    )
