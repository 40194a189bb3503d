"""The loss of a linear layer's scores, a few rows at a time: `linear_cross_entropy` with options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorrs
from tensorrs import _C
from tensorrs._C import Tensor
from tensorrs.autograd.function import Function
from tensorrs.nn.functional.loss import cross_entropy

if TYPE_CHECKING:
    from tensorrs.nn.modules.linear_cross_entropy import LinearCrossEntropyOptions


def chunked_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    linear_bias: Tensor | None,
    target: Tensor,
    weight: Tensor | None,
    reduction: str,
    ignore_index: int | None,
    options: LinearCrossEntropyOptions,
) -> Tensor:
    """`cross_entropy(linear(x, linear_weight, linear_bias), y)`, its mean or sum, in chunks of rows."""
    if input.dim() == 1:
        input, target = input.unsqueeze(0), target.unsqueeze(0)
    rows, (classes, features) = input.size(0), linear_weight.shape
    # By itself a chunk's scores take about the memory of the input.
    chunk = options.batch_chunk_size or max(1, rows * features // max(classes, 1))
    skipped = -100 if ignore_index is None else ignore_index
    total = _divisor(target, weight, skipped) if reduction == "mean" else None
    loss: Tensor = _Chunked.apply(input, linear_weight, linear_bias, target, weight, skipped, total, chunk)
    return loss


def _divisor(target: Tensor, weight: Tensor | None, skipped: int) -> Tensor:
    """What the sum is divided by for a mean: the weights of the rows' classes, or the number of rows."""
    if target.is_floating_point():
        return _C.full([], float(target.size(0)))
    counted = target[target != skipped]
    return _C.full([], float(counted.numel())) if weight is None else weight[counted].sum()


class _Chunked(Function):
    """Gradients are made together with the loss, while a chunk's scores exist."""

    @staticmethod
    def forward(
        ctx: Any,
        input: Tensor,
        linear_weight: Tensor,
        linear_bias: Tensor | None,
        target: Tensor,
        weight: Tensor | None,
        skipped: int,
        total: Tensor | None,
        chunk: int,
    ) -> Tensor:
        layer = [t.detach().requires_grad_() for t in (linear_weight, linear_bias) if t is not None]
        loss = input.new_zeros(())
        sums = [tensorrs.zeros_like(t) for t in layer]
        of_rows = []
        for start in range(0, input.size(0), chunk):
            x = input[start : start + chunk].detach().requires_grad_()
            with tensorrs.enable_grad():
                scores = _C.linear(x, *layer)
                part = cross_entropy(
                    scores, target[start : start + chunk], weight, ignore_index=skipped, reduction="sum"
                )
                if total is not None:
                    part = part / total.to(part.dtype)
            grads = tensorrs.autograd.grad(part, [x, *layer])
            loss += part.detach()
            of_rows.append(grads[0])
            for found, new in zip(sums, grads[1:], strict=True):
                found += new
        of_input = tensorrs.cat(of_rows) if of_rows else tensorrs.zeros_like(input)
        ctx.save_for_backward(of_input, *sums)
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        scaled = [t * grads[0] for t in ctx.saved_tensors]
        return (*scaled, *([None] * (8 - len(scaled))))
