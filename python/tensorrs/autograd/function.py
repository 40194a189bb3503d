"""Ops written in Python: a `Function` with a `forward` and a `backward`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tensorrs import _C
from tensorrs._C import Tensor

__all__ = ["Function", "FunctionCtx", "NestedIOFunction", "once_differentiable"]


class FunctionCtx:
    """What `forward` leaves for `backward`: saved tensors and any attributes."""

    needs_input_grad: tuple[bool, ...] = ()
    materialize_grads = True
    _to_save: tuple[Tensor | None, ...] = ()
    _saved: tuple[Tensor | None, ...] | None = None
    _dirty: tuple[Tensor, ...] = ()
    _fixed: tuple[Tensor, ...] = ()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for `backward`, which finds them in `saved_tensors`. Call at most once."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument is of type {type(t).__name__}"
                )
        self._to_save = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Accepted for forward-mode differentiation, which is not offered."""

    def mark_dirty(self, *args: Tensor) -> None:
        """Name the inputs that `forward` wrote in place; they must be returned."""
        self._dirty = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Name the outputs that have no gradient."""
        self._fixed = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (default) or None for outputs that were not used."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """The tensors of `save_for_backward`, with their history."""
        if self._saved is None:
            return self._to_save
        return self._saved


class FunctionMeta(type):
    pass


class Function(FunctionCtx, metaclass=FunctionMeta):
    """Base of custom ops.

    Subclasses define `forward(ctx, *args)` (or `forward(*args)` and `setup_context(ctx, inputs, output)`) and
    `backward(ctx, *grad_outputs)`, which returns one gradient per argument of `forward`, None where there is none.
    Use by `MyFunction.apply(*args)`.
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The value. Runs without recording."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Save what `backward` needs, for a `forward` that takes no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the arguments of `forward`, from those of its outputs."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with"
            " backward mode AD."
        )

    vjp = backward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd"
            " function with static forward method."
        )

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call the op and record it."""
        ctx = cls()
        inputs = [a for a in args if isinstance(a, Tensor)]
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        recording = _C.is_grad_enabled() and any(ctx.needs_input_grad)
        _C._set_grad_enabled(False) if recording else None
        try:
            if cls.setup_context is Function.setup_context:
                output = cls.forward(ctx, *args)
            else:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
        finally:
            _C._set_grad_enabled(True) if recording else None
        if not recording:
            return output
        return _record(cls, ctx, args, inputs, output)


def _record(cls: type[Function], ctx: Function, args: tuple[Any, ...], inputs: list[Tensor], output: Any) -> Any:
    alone = not isinstance(output, tuple)
    results: list[Any] = [output] if alone else list(output)
    dirty = {id(t) for t in ctx._dirty}
    returned = {id(t) for t in results}
    if any(id(t) not in returned for t in ctx._dirty):
        raise RuntimeError(
            "Some elements marked as dirty during the forward method were not returned as output. The inputs that are"
            " modified inplace must all be outputs of the Function."
        )
    for t in ctx._dirty:
        if t.requires_grad and t.is_leaf:
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    given = {id(t) for t in inputs}
    for i, t in enumerate(results):
        if isinstance(t, Tensor) and id(t) in given and id(t) not in dirty:
            # An input handed back as it is becomes a view of itself, so that it can have another history.
            with_view = t.detach()
            results[i] = with_view
            ctx._to_save = tuple(with_view if s is t else s for s in ctx._to_save)
            ctx._fixed = tuple(with_view if s is t else s for s in ctx._fixed)
    outputs = [t for t in results if isinstance(t, Tensor)]
    fixed = {id(t) for t in ctx._fixed}
    rule = functools.partial(_call_backward, cls, ctx, [isinstance(a, Tensor) for a in args], _shapes(results))
    to_save, ctx._to_save = ctx._to_save, ()
    ctx._saved = ()
    _C.record_function(
        cls.__name__ + "Backward",
        inputs,
        outputs,
        list(to_save),
        [id(t) in dirty for t in outputs],
        [id(t) in fixed for t in outputs],
        rule,
    )
    return results[0] if alone else tuple(results)


def _shapes(results: list[Any]) -> list[Any]:
    """What zeros to make for an output nobody used; None for what is no tensor."""
    return [(t.shape, t.dtype) if isinstance(t, Tensor) else None for t in results]


def _call_backward(
    cls: type[Function],
    ctx: Function,
    is_tensor: list[bool],
    shapes: list[Any],
    saved: tuple[Tensor | None, ...],
    grads: tuple[Tensor | None, ...],
) -> list[Tensor | None]:
    from tensorrs import zeros

    waiting = iter(grads)
    full: list[Tensor | None] = []
    for shape in shapes:
        g = next(waiting) if shape is not None else None
        if g is None and shape is not None and ctx.materialize_grads:
            g = zeros(shape[0], dtype=shape[1])
        full.append(g)
    ctx._saved = saved
    try:
        backward = cls.backward if cls.backward is not Function.backward else cls.vjp
        result = backward(ctx, *full)
    finally:
        ctx._saved = ()
    parts = list(result) if isinstance(result, tuple | list) else [result]
    if len(parts) > len(is_tensor) and all(p is None for p in parts[len(is_tensor) :]):
        parts = parts[: len(is_tensor)]
    if len(parts) != len(is_tensor):
        raise RuntimeError(
            f"function {cls.__name__}Backward returned an incorrect number of gradients (expected {len(is_tensor)}, got"
            f" {len(parts)})"
        )
    for i, (part, tensor) in enumerate(zip(parts, is_tensor, strict=True)):
        if part is not None and not tensor:
            raise RuntimeError(
                f"function {cls.__name__}Backward returned a gradient different than None at position {i + 1}, but the"
                " corresponding forward input was not a Variable"
            )
        if part is not None and not isinstance(part, Tensor):
            raise RuntimeError(
                f"function {cls.__name__}Backward returned an invalid gradient at index {i} - expected type Tensor but"
                f" got {type(part).__name__}"
            )
    return [p for p, tensor in zip(parts, is_tensor, strict=True) if tensor]


NestedIOFunction = Function


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a `backward` that is not made of differentiable ops: using it twice is an error, not a wrong number."""

    @functools.wraps(fn)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        recording = _C.is_grad_enabled()
        _C._set_grad_enabled(False)
        try:
            outputs = fn(ctx, *grads)
        finally:
            _C._set_grad_enabled(recording)
        if not recording or not any(isinstance(g, Tensor) and g.requires_grad for g in grads):
            return outputs
        parts = outputs if isinstance(outputs, tuple) else (outputs,)
        wrapped = tuple(
            _Once.apply(p, *[g for g in grads if isinstance(g, Tensor)]) if p is not None else None for p in parts
        )
        return wrapped if isinstance(outputs, tuple) else wrapped[0]

    return wrapper


class _Once(Function):
    """The identity on its first argument, which refuses to be differentiated."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *grads: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
