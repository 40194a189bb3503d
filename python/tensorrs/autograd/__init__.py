"""Automatic differentiation: gradients of anything made of tensors.

`backward` adds gradients to the `.grad` of leaves, `grad` returns them. `Function` adds an op written in Python.
"""

from __future__ import annotations

from tensorrs._C import Node as _Node
from tensorrs._C import Tensor, run_backward, run_grad

from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function, NestedIOFunction, once_differentiable
from .grad_mode import (
    enable_grad,
    enforce_grad_layout_policy,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    is_multithreading_enabled,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from .gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = [
    "Function",
    "GradcheckError",
    "NestedIOFunction",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "enforce_grad_layout_policy",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "is_multithreading_enabled",
    "no_grad",
    "once_differentiable",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
    "variable",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from tensorrs.autograd import functional as functional

    _Tensors: TypeAlias = Tensor | Sequence[Tensor]


def variable(*args: object, **kwargs: object) -> Tensor:
    """PyTorch's first way to a tensor: refused, `tensorrs.tensor` is what it was."""
    raise RuntimeError("tensorrs.autograd.variable(...) is deprecated, use tensorrs.tensor(...) instead")


class _VariableMeta(type):
    def __instancecheck__(cls, other: object) -> bool:
        return isinstance(other, Tensor)


class Variable(metaclass=_VariableMeta):
    """The old name of a tensor with a gradient: `Variable(x)` is `x`."""

    def __new__(cls, data: Tensor, requires_grad: bool = False) -> Tensor:  # type: ignore[misc]
        out = data.detach()
        out.requires_grad = requires_grad
        return out


def _listed(tensors: _Tensors | None) -> list[Tensor]:
    if tensors is None:
        return []
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _starting_gradients(
    outputs: list[Tensor], grads: Tensor | Sequence[Tensor | None] | None, create_graph: bool
) -> list[Tensor | None]:
    """The gradients a pass starts with: given ones are checked, missing ones are 1 for a single element."""
    given: list[Tensor | None]
    if grads is None:
        given = [None] * len(outputs)
    else:
        given = [grads] if isinstance(grads, Tensor) else list(grads)
    if len(given) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(given)} gradients")
    for i, (out, g) in enumerate(zip(outputs, given, strict=True)):
        if g is None:
            if out.requires_grad and out.numel() != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
        elif not isinstance(g, Tensor):
            raise TypeError("gradients can be either Tensors or None, but got " + type(g).__name__)
        elif g.shape != out.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of"
                f" {out.shape}."
            )
    for i, out in enumerate(outputs):
        if not out.requires_grad:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
    return given


_warned = False


def _warn_of_cycles() -> None:
    """Once in the life of a process: a recorded `.grad` holds the graph that holds its leaf."""
    global _warned
    if _warned:
        return
    _warned = True
    import warnings

    warnings.warn(
        "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient"
        " which can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid this. If"
        " you have to use this function, make sure to reset the .grad fields of your parameters to None after use to"
        " break the cycle and avoid the leak.",
        stacklevel=4,
    )


def backward(
    tensors: _Tensors,
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Tensor | Sequence[Tensor | None] | None = None,
    inputs: _Tensors | None = None,
) -> None:
    """Add the gradients of `tensors` with respect to the leaves of the graph to their `.grad`.

    Args:
        tensors: what to differentiate; a tensor of more than one element needs its entry in `grad_tensors`.
        grad_tensors: the vectors of the vector-Jacobian products, shaped like `tensors`.
        retain_graph: keep what the graph has saved, so that it can be walked again. Defaults to `create_graph`.
        create_graph: record the backward pass, for higher derivatives.
        inputs: add to the `.grad` of these only.
    """
    if grad_variables is not None:
        grad_tensors = grad_variables
    if inputs is not None and not isinstance(inputs, Tensor) and len(inputs) == 0:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    for t in _listed(inputs):
        if not t.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    outputs = _listed(tensors)
    grads = _starting_gradients(outputs, grad_tensors, create_graph)
    if create_graph:
        _warn_of_cycles()
    keep = create_graph if retain_graph is None else retain_graph
    run_backward(outputs, grads, keep, create_graph, _listed(inputs))


def grad(
    outputs: _Tensors,
    inputs: _Tensors,
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of `outputs` with respect to `inputs`, summed over `outputs`.

    Args:
        outputs, grad_outputs, retain_graph, create_graph: as in `backward`.
        inputs: tensors that require gradients.
        allow_unused: give None for an input that `outputs` do not depend on, instead of an error.
        materialize_grads: give zeros instead of None.
    """
    if is_grads_batched:
        import tensorrs

        batch = _listed(grad_outputs)  # type: ignore[arg-type]
        rows = [
            grad(
                outputs, inputs, [g[i] for g in batch], True, create_graph, True, allow_unused, False, materialize_grads
            )
            for i in range(batch[0].shape[0])
        ]
        return tuple(tensorrs.stack(column) for column in zip(*rows, strict=True))
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got False.")
    outs, ins = _listed(outputs), _listed(inputs)
    if not ins:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    for t in ins:
        if not t.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    grads = _starting_gradients(outs, grad_outputs, create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    result = run_grad(outs, grads, keep, create_graph, ins)
    if materialize_grads:
        return tuple(t.new_zeros(t.shape) if g is None else g for g, t in zip(result, ins, strict=True))
    for i, g in enumerate(result):
        if g is None and not allow_unused:
            raise RuntimeError(
                f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set"
                " allow_unused=True if this is the desired behavior."
            )
    return tuple(result)


Node = _Node


def __getattr__(name: str) -> object:
    """`autograd.functional`, imported when it is first named."""
    if name == "functional":
        from importlib import import_module

        return import_module("tensorrs.autograd.functional")
    raise AttributeError(f"module 'tensorrs.autograd' has no attribute '{name}'")
