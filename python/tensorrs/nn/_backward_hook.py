"""Full backward hooks of a module: two gates in the graph, one over its inputs and one over its outputs.

A gate is the identity. In the backward pass the output gate is met first: it runs the pre-hooks and remembers the
gradients of the outputs. The input gate is met last: it runs the hooks with both gradients.
Imported by the first module that has such a hook, so that a plain `import` pays nothing for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import tensorrs
from tensorrs._C import Tensor
from tensorrs.autograd import Function

Grads = tuple[Any, ...]
Gate = Callable[[Grads], "Grads | None"]


class BackwardHookFunction(Function):
    """The identity; `gate` sees the gradients that come back, and may replace them."""

    @staticmethod
    def forward(ctx: Any, gate: Gate, materialize: bool, *tensors: Tensor) -> Grads:
        ctx.gate = gate
        ctx.set_materialize_grads(materialize)
        ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Grads:
        replaced = ctx.gate(grads)
        return (None, None, *(grads if replaced is None else replaced))


class BackwardHook:
    """One forward call of a module that has full backward hooks or pre-hooks."""

    def __init__(
        self, module: Any, hooks: Sequence[Callable[..., Any]], pre_hooks: Sequence[Callable[..., Any]]
    ) -> None:
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.grad_outputs: Any = None
        self.n_inputs = 0
        self.n_outputs = 0
        # Which arguments are tensors behind a gate; None where no gate was needed.
        self.input_places: list[int] | None = None
        self.output_places: list[int] = []

    def setup_input_hook(self, args: Grads) -> Grads:
        """Puts the input gate before the module's arguments."""
        self.n_inputs = len(args)
        gated, self.input_places = _gate(self._on_grad_inputs, True, args)
        return gated

    def setup_output_hook(self, result: Any) -> Any:
        """Puts the output gate behind the module's result, a tensor or a tuple."""
        outputs = result if isinstance(result, tuple) else (result,)
        self.n_outputs = len(outputs)
        gated, places = _gate(self._on_grad_outputs, False, outputs)
        self.output_places = places or []
        return gated if isinstance(result, tuple) else gated[0]

    def _on_grad_outputs(self, grads: Grads) -> Grads | None:
        self.grad_outputs = _spread(self.output_places, grads, self.n_outputs)
        for pre_hook in self.pre_hooks:
            out = pre_hook(self.module, self.grad_outputs)
            if out is None:
                continue
            if len(out) != len(self.grad_outputs):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(out)}, but expected {len(self.grad_outputs)}"
                )
            self.grad_outputs = out
        passed_on = tuple(self.grad_outputs[i] for i in self.output_places)
        if self.input_places is None:
            # No input needs a gradient: there is no input gate, so this is the last chance to call the hooks.
            self._call_hooks_without_inputs()
            self.grad_outputs = None
        return passed_on

    def _call_hooks_without_inputs(self) -> None:
        if not self.hooks:
            return
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
            "require gradients. See https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
            "#torch.nn.Module.register_full_backward_hook for more details.",
            stacklevel=5,
        )
        grad_inputs = (None,) * self.n_inputs
        for hook in self.hooks:
            out = hook(self.module, grad_inputs, self.grad_outputs)
            if out is not None and not (isinstance(out, tuple) and all(g is None for g in out)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None "
                    "for all gradients."
                )

    def _on_grad_inputs(self, grads: Grads) -> Grads | None:
        if self.grad_outputs is None:
            # The gradient came round the outputs, as for an input that the module handed on: nothing to report.
            return None
        assert self.input_places is not None
        grad_inputs: Any = _spread(self.input_places, grads, self.n_inputs)
        for hook in self.hooks:
            out = hook(self.module, grad_inputs, self.grad_outputs)
            if out is None:
                continue
            if len(out) != len(grad_inputs):
                raise RuntimeError(
                    "Backward hook returned an invalid number of grad_input, "
                    f"got {len(out)}, but expected {len(grad_inputs)}"
                )
            grad_inputs = out
        self.grad_outputs = None
        return tuple(grad_inputs[i] for i in self.input_places)


def _spread(places: list[int], values: Sequence[Any], size: int) -> Grads:
    """A tuple of `size` Nones with `values` at `places`."""
    spread: list[Any] = [None] * size
    for place, value in zip(places, values, strict=True):
        spread[place] = value
    return tuple(spread)


def _gate(gate: Gate, materialize: bool, values: Grads) -> tuple[Grads, list[int] | None]:
    """`values` with their tensors behind `gate`, and where those are; untouched if no gradient can come back."""
    places = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
    if not (tensorrs.is_grad_enabled() and any(values[i].requires_grad for i in places)):
        return values, None
    behind = BackwardHookFunction.apply(gate, materialize, *(values[i] for i in places))
    gated = list(values)
    for place, tensor in zip(places, behind, strict=True):
        gated[place] = tensor
    made = tuple(gated)
    # A named tuple keeps its type.
    return (made if type(values) is tuple else type(values)(*made)), places
