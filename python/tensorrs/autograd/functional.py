"""Derivatives of functions: Jacobians, Hessians, and their products with vectors.

Every function takes `func`, from tensors to a tensor or a tuple of tensors, and its `inputs`, a tensor or a tuple.
With `create_graph` the result can be differentiated again; with `strict` it is an error if an output does not depend
on an input, else such derivatives are zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorrs
from tensorrs._C import Tensor
from tensorrs.autograd import enable_grad, grad, is_grad_enabled, set_grad_enabled

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = tuple[Tensor, ...]
Func = Callable[..., Any]

_STRICT = "This is not allowed in strict mode"
_OUTPUTS = "outputs of the user-provided function"


def vjp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The outputs of `func`, and the product of `v` with its Jacobian, shaped as the inputs.

    `v` is shaped as the outputs; it may be None for a single output of one element.
    """
    with enable_grad():
        many_in, xs = _tuple(inputs, "inputs", "vjp")
        xs = _leaves(xs, create_graph)
        many_out, outputs = _tuple(func(*xs), _OUTPUTS, "vjp")
        _check_outputs(outputs, strict)
        if v is not None:
            v = _vector(v, outputs, many_out, "vjp", create_graph)
        elif len(outputs) != 1 or outputs[0].numel() != 1:
            raise RuntimeError(
                "The vector v can only be None if the user-provided function returns a single Tensor with a single "
                "element."
            )
    with set_grad_enabled(create_graph or is_grad_enabled()):
        product = _filled(
            _grad(outputs, xs, v, create_graph),
            xs,
            strict,
            create_graph,
            lambda i: f"The output of the user-provided function is independent of input {i}.",
            "jacobian",
        )
    return _result(outputs, many_out, create_graph), _result(product, many_in, create_graph)


def jvp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The outputs of `func`, and the product of its Jacobian with `v`, shaped as the outputs.

    `v` is shaped as the inputs; it may be None for a single input of one element. Two reverse passes compute it.
    """
    with enable_grad():
        many_in, xs = _tuple(inputs, "inputs", "jvp")
        xs = _leaves(xs, create_graph)
        v = _vector_of_inputs(v, xs, many_in, "jvp", create_graph)
        many_out, outputs = _tuple(func(*xs), _OUTPUTS, "jvp")
        _check_outputs(outputs, strict)
        # The product of a vector with the Jacobian is linear in the vector; its derivative there is the Jacobian.
        dual = tuple(tensorrs.zeros_like(y).requires_grad_() for y in outputs)
        back = _grad(outputs, xs, dual, True)
        if strict:
            _check_dependence(back)
            for i, g in enumerate(back):
                if not g.requires_grad:
                    raise RuntimeError(
                        f"The gradient with respect to input {i} is independent of the inputs of the user-provided "
                        f"function. {_STRICT}."
                    )
    with set_grad_enabled(create_graph or is_grad_enabled()):
        product = _filled(
            _grad(back, dual, v, create_graph),
            outputs,
            strict,
            create_graph,
            lambda i: (
                f"The gradient with respect to the input is independent of entry {i} in the grad_outputs when using "
                "the double backward trick to compute forward mode gradients."
            ),
            "jacobian",
        )
    return _result(outputs, many_out, create_graph), _result(product, many_out, create_graph)


def jacobian(
    func: Func,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian: for each output and input a tensor of the output's shape followed by the input's.

    A tensor where both are single, a tuple where one of them is, else a tuple (outputs) of tuples (inputs).
    `vectorize` is accepted and changes nothing; `strategy` "forward-mode" needs it, as in PyTorch.
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more '
            'outputs than inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        _check_forward(create_graph, strict, vectorize)
    with enable_grad():
        many_in, xs = _tuple(inputs, "inputs", "jacobian")
        xs = _leaves(xs, create_graph)
        many_out, outputs = _tuple(func(*xs), _OUTPUTS, "jacobian")
        _check_outputs(outputs, strict)
        if vectorize and strict:
            raise RuntimeError(
                "tensorrs.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported "
                "together. Please either set `strict=False` or `vectorize=False`."
            )
        table = tuple(_rows(i, y, xs, create_graph, strict) for i, y in enumerate(outputs))
    table = tuple(_detached(row, create_graph) for row in table)
    rows = tuple(row if many_in else row[0] for row in table)
    return rows if many_out else rows[0]


def hessian(
    func: Func,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a function that returns one element: for each pair of inputs a tensor of both shapes.

    A tensor for a single input, else a tuple of tuples.
    """
    many_in, xs = _tuple(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def single(*args: Tensor) -> Tensor:
        out = func(*args)
        many, outs = _tuple(out, _OUTPUTS, "hessian")
        _check_outputs(outs, strict)
        _check_single(many, outs, "hessian")
        result: Tensor = outs[0].squeeze()
        return result

    def gradient(*args: Tensor) -> Tensors:
        jac: Tensors = jacobian(single, args, create_graph=True)
        _check_jacobian(jac, strict)
        return jac

    table = jacobian(gradient, xs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return table if many_in else table[0][0]


def vhp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The output of `func`, one element, and the product of `v` with its Hessian, shaped as the inputs."""
    many_in, xs, v, outputs, jac = _gradient(func, inputs, v, create_graph, strict, "vhp")
    with set_grad_enabled(create_graph or is_grad_enabled()):
        product = _filled(
            _grad(jac, xs, v, create_graph),
            xs,
            strict,
            create_graph,
            lambda i: f"The jacobian of the user-provided function is independent of input {i}.",
            "hessian",
        )
    return _result(outputs, False, create_graph), _result(product, many_in, create_graph)


def hvp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The output of `func`, one element, and the product of its Hessian with `v`, shaped as the inputs.

    The Hessian being symmetric, `vhp` is the same and takes a pass less.
    """
    many_in, xs, v, outputs, jac = _gradient(func, inputs, v, create_graph, strict, "hvp")
    with enable_grad():
        dual = tuple(tensorrs.zeros_like(x).requires_grad_() for x in xs)
        back = _grad(jac, xs, dual, True)
    with set_grad_enabled(create_graph or is_grad_enabled()):
        product = _filled(
            _grad(back, dual, v, create_graph),
            xs,
            strict,
            create_graph,
            lambda i: f"The hessian of the user-provided function is independent of entry {i} in the grad_jacobian.",
            "hessian",
            " as it prevents from using the double backward trick to replace forward mode AD",
        )
    return _result(outputs, False, create_graph), _result(product, many_in, create_graph)


def _gradient(
    func: Func, inputs: Any, v: Any, create_graph: bool, strict: bool, name: str
) -> tuple[bool, Tensors, Any, Tensors, Sequence[Any]]:
    """The first pass of `vhp` and `hvp`: whether the inputs are many, inputs, vector, outputs, gradient."""
    with enable_grad():
        many_in, xs = _tuple(inputs, "inputs", name)
        xs = _leaves(xs, create_graph)
        v = _vector_of_inputs(v, xs, many_in, name, create_graph)
        many_out, outputs = _tuple(func(*xs), _OUTPUTS, name)
        _check_outputs(outputs, strict)
        _check_single(many_out, outputs, name)
        jac = _grad(outputs, xs, None, True)
        _check_jacobian(jac, strict)
    return many_in, xs, v, outputs, jac


def _rows(i: int, y: Tensor, xs: Tensors, create_graph: bool, strict: bool) -> Tensors:
    """The Jacobians of output `i` with respect to all inputs, from one reverse pass for each of its elements."""
    columns: list[list[Tensor]] = [[] for _ in xs]
    flat = y.reshape(-1)
    for j in range(y.numel()):
        grads = _grad((flat[j],), xs, None, create_graph, keep=True)
        for k, (column, g, x) in enumerate(zip(columns, grads, xs, strict=True)):
            if g is None:
                if strict:
                    raise RuntimeError(
                        f"Output {i} of the user-provided function is independent of input {k}. {_STRICT}."
                    )
                g = tensorrs.zeros_like(x)
            elif strict and create_graph and not g.requires_grad:
                raise RuntimeError(
                    f"The jacobian of the user-provided function is independent of input {i}. {_STRICT} when "
                    "create_graph=True."
                )
            column.append(g)
    return tuple(
        tensorrs.stack(column).view((*y.shape, *x.shape)) if column else x.new_zeros((*y.shape, *x.shape))
        for column, x in zip(columns, xs, strict=True)
    )


def _tuple(x: Any, what: str, name: str) -> tuple[bool, Tensors]:
    """Whether `x` is a tuple, and `x` as one."""
    many = isinstance(x, tuple)
    xs = x if many else (x,)
    for i, t in enumerate(xs):
        if not isinstance(t, Tensor):
            which = f"the value at index {i}" if many else f"the given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but {which} has type "
                f"{type(t)}."
            )
    return many, xs


def _leaves(xs: Tensors, create_graph: bool, needs: bool = True) -> Tensors:
    """Tensors to differentiate by: cut from their history, unless the result shall lead back into it."""
    return tuple(x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_(needs) for x in xs)


def _vector(v: Any, like: Tensors, many: bool, name: str, create_graph: bool) -> Tensors:
    _, vs = _tuple(v, "v", name)
    vs = _leaves(vs, create_graph, needs=False)
    if len(vs) != len(like):
        if many:
            raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(vs)}.")
        raise RuntimeError("The given v should contain a single Tensor.")
    for i, (mine, other) in enumerate(zip(vs, like, strict=True)):
        if mine.shape != other.shape:
            where = f"Entry {i} in " if many else ""
            raise RuntimeError(f"{where}v has invalid size: should be {other.size()} but got {mine.size()}.")
    return vs


def _vector_of_inputs(v: Any, xs: Tensors, many: bool, name: str, create_graph: bool) -> Tensors | None:
    if v is not None:
        return _vector(v, xs, many, name, create_graph)
    if len(xs) != 1 or xs[0].numel() != 1:
        raise RuntimeError(
            "The vector v can only be None if the input to the user-provided function is a single Tensor with a "
            "single element."
        )
    return None


def _grad(
    outputs: Sequence[Any], xs: Tensors, v: Sequence[Tensor] | None, create_graph: bool, keep: bool | None = None
) -> tuple[Any, ...]:
    """`grad` that leaves out outputs without history; None where there is no way to an input."""
    pairs = zip(outputs, v or [None] * len(outputs), strict=True)  # type: ignore[list-item]
    used = [(y, g) for y, g in pairs if y is not None and y.requires_grad]
    if not used:
        return (None,) * len(xs)
    return grad([y for y, _ in used], xs, [g for _, g in used] if v else None, keep, create_graph, allow_unused=True)


def _filled(
    grads: Sequence[Any],
    like: Tensors,
    strict: bool,
    create_graph: bool,
    missing: Callable[[int], str],
    what: str,
    why: str = "",
) -> Tensors:
    """Zeros for what is missing; under `strict` an error, also for what does not depend on the inputs any more."""
    for i, g in enumerate(grads):
        if strict and g is None:
            raise RuntimeError(f"{missing(i)} {_STRICT}{why}.")
        if strict and create_graph and not g.requires_grad:
            raise RuntimeError(
                f"The {what} of the user-provided function is independent of input {i}. {_STRICT} when "
                "create_graph=True."
            )
    return tuple(tensorrs.zeros_like(t) if g is None else g for g, t in zip(grads, like, strict=True))


def _check_outputs(outputs: Tensors, strict: bool) -> None:
    for i, y in enumerate(outputs):
        if strict and not y.requires_grad:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs must be computed "
                "in a differentiable manner from the input when running in strict mode."
            )


def _check_dependence(grads: Sequence[Any]) -> None:
    for i, g in enumerate(grads):
        if g is None:
            raise RuntimeError(f"The output of the user-provided function is independent of input {i}. {_STRICT}.")


def _check_jacobian(jac: Sequence[Any], strict: bool) -> None:
    if not strict:
        return
    _check_dependence(jac)
    for i, g in enumerate(jac):
        if not g.requires_grad:
            raise RuntimeError(
                "While computing the hessian, found that the jacobian of the user-provided function with respect to "
                f"input {i} is independent of the input. {_STRICT}. You should ensure that your function is twice "
                "differentiable and that the jacobian depends on the inputs (this would be violated by a linear "
                "function for example)."
            )


def _check_single(many: bool, outputs: Tensors, name: str) -> None:
    if many:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")


def _check_forward(create_graph: bool, strict: bool, vectorize: bool) -> None:
    if create_graph:
        raise NotImplementedError(
            'tensorrs.autograd.functional.jacobian: `create_graph=True` and `strategy="forward-mode"` are not '
            'supported together (yet). Please either set `create_graph=False` or `strategy="reverse-mode"`.'
        )
    if strict:
        raise RuntimeError(
            'tensorrs.autograd.functional.jacobian: `strict=True` and `strategy="forward-mode"` are not supported '
            'together (yet). Please either set `strict=False` or `strategy="reverse-mode"`.'
        )
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is only implemented for "
            "`vectorize=True`."
        )


def _detached(xs: Tensors, create_graph: bool) -> Tensors:
    return xs if create_graph else tuple(x.detach() for x in xs)


def _result(xs: Tensors, many: bool, create_graph: bool) -> Any:
    xs = _detached(xs, create_graph)
    return xs if many else xs[0]
