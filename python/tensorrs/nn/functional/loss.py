"""Losses. Each ends with a reduction: `"none"`, `"mean"` or `"sum"`.

`size_average` and `reduce` are the older way to say so; they still win over `reduction` and warn.
"""

from __future__ import annotations

import warnings

import tensorrs
from tensorrs import _C
from tensorrs._C import Tensor
from tensorrs.nn import _reduction as _Reduction


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """`(x - y)^2`; with `weight` the mean is that of the weights."""
    input_, target_ = _same_shape(input, target)
    if size_average is not None or reduce is not None:
        reduction = _Reduction.legacy_get_string(size_average, reduce)
    if weight is not None:
        return _weighted((input_ - target_).pow(2), input, weight, reduction)
    return _C.mse_loss(input_, target_, _Reduction.get_enum(reduction))


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """`|x - y|`; with `weight` the mean is that of the weights."""
    input_, target_ = _same_shape(input, target)
    if size_average is not None or reduce is not None:
        reduction = _Reduction.legacy_get_string(size_average, reduce)
    if weight is not None:
        return _weighted((input_ - target_).abs(), input, weight, reduction)
    return _C.l1_loss(input_, target_, _Reduction.get_enum(reduction))


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """`|x - y| - beta / 2` where `|x - y| >= beta`, `(x - y)^2 / (2 beta)` elsewhere. Girshick, arXiv:1504.08083."""
    input_, target_ = _same_shape(input, target)
    number = _Reduction.number(reduction, size_average, reduce)
    if beta == 0.0:
        return _C.l1_loss(input_, target_, number)
    return _C.smooth_l1_loss(input_, target_, number, beta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """`(x - y)^2 / 2` where `|x - y| <= delta`, `delta * (|x - y| - delta / 2)` elsewhere.

    With `weight` the losses are multiplied by it; the mean is still that of all elements.
    """
    input_, target_ = _same_shape(input, target)
    if weight is None:
        return _C.huber_loss(input_, target_, _Reduction.get_enum(reduction), delta)
    weighted = _weights(_C.huber_loss(input_, target_, 0, delta), input, weight)
    return weighted.mean() if reduction == "mean" else _reduced(weighted, reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """`y * (log y - x)` for log-probabilities `x` and probabilities `y`; with `log_target`, `exp(y) * (y - x)`.

    `reduction="batchmean"` divides the sum by the size of the first dimension.
    """
    legacy = size_average is not None or reduce is not None
    if reduction == "mean" and not legacy:
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    word = "sum" if reduction == "batchmean" else reduction
    reduced = _C.kl_div(input, target, _Reduction.number(word, size_average, reduce), log_target=log_target)
    return reduced / input.size(0) if reduction == "batchmean" and input.dim() != 0 else reduced


def _same_shape(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both, broadcast to one shape. Where that is needed it is most likely a mistake, so it warns."""
    if target.size() == input.size():
        return input, target
    warnings.warn(
        f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). "
        "This will likely lead to incorrect results due to broadcasting. "
        "Please ensure they have the same size.",
        stacklevel=3,
    )
    broadcast = tensorrs.broadcast_tensors(input, target)
    return broadcast[0], broadcast[1]


def _weighted(errors: Tensor, input: Tensor, weight: Tensor, reduction: str) -> Tensor:
    weighted = _weights(errors, input, weight)
    return weighted.sum() / weight.sum() if reduction == "mean" else _reduced(weighted, reduction)


def _weights(errors: Tensor, input: Tensor, weight: Tensor) -> Tensor:
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")
    return errors * weight


def _reduced(weighted: Tensor, reduction: str) -> Tensor:
    """The sum, or all of them; each loss has its own mean."""
    if reduction == "none":
        return weighted
    if reduction == "sum":
        return weighted.sum()
    raise ValueError(f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'.")


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """`-weight[y] * x[y]` for log-probabilities (N, C, ...) or (C) and classes (N, ...) or ().

    Targets equal to `ignore_index` count nothing; the mean is that of the weights of the others.
    """
    return _C.nll_loss(input, target, weight, _Reduction.number(reduction, size_average, reduce), ignore_index)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """`nll_loss(log_softmax(x), y)` for logits (N, C, ...) or (C), and classes, or probabilities shaped as `x`."""
    number = _Reduction.number(reduction, size_average, reduce)
    return _C.cross_entropy(input, target, weight, number, ignore_index, label_smoothing)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """`-(y log x + (1 - y) log(1 - x))` for probabilities `x`; logarithms are not less than -100."""
    number = _Reduction.number(reduction, size_average, reduce)
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}) is "
            "deprecated. Please ensure they have the same size."
        )
    if weight is not None:
        weight = weight.expand(tensorrs.broadcast_shapes(target.size(), weight.size()))
    return _C.binary_cross_entropy(input, target, weight, number)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy(sigmoid(x), y)` in a form that is exact for large `x`."""
    number = _Reduction.number(reduction, size_average, reduce)
    if target.size() != input.size():
        raise ValueError(f"Target size ({target.size()}) must be the same as input size ({input.size()})")
    return _C.binary_cross_entropy_with_logits(input, target, weight, pos_weight, number)
