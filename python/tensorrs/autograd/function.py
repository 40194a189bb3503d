"""Ops written in Python: a `Function` with a `forward` and a `backward`."""

from __future__ import annotations

from tensorrs import _C
from tensorrs._C import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

__all__ = ["BackwardCFunction", "Function", "FunctionCtx", "FunctionMeta", "NestedIOFunction", "once_differentiable"]


class FunctionCtx:
    """What `forward` leaves for `backward`: saved tensors and any attributes."""

    needs_input_grad: tuple[bool, ...] = ()
    materialize_grads = True
    _to_save: tuple[Tensor | None, ...] = ()
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


class BackwardCFunction(_C.Node, FunctionCtx):
    """The context of one call of a Function, which is also its node in the graph: `y.grad_fn`."""

    _forward_cls: type[Function]

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """The tensors of `save_for_backward`, with their history."""
        saved = self._saved()
        return self._to_save if saved is None else saved


class FunctionMeta(type):
    """Gives each Function the class of its contexts, named after it: `CubeBackward` for `Cube`."""

    _backward_cls: type[BackwardCFunction]

    def __init__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> None:
        super().__init__(name, bases, body)
        own = {"_forward_cls": cls, "__module__": "tensorrs.autograd.function"}
        cls._backward_cls = type(name + "Backward", (BackwardCFunction,), own)


class Function(metaclass=FunctionMeta):
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
    def backward(ctx: Any, *grad_outputs: Any, **kwargs: Any) -> Any:
        """The gradients of the arguments of `forward`, from those of its outputs."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with"
            " backward mode AD."
        )

    vjp = backward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
            "function with static forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call the op and record it."""
        ctx = cls._backward_cls()
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


def _record(
    cls: type[Function], ctx: BackwardCFunction, args: tuple[Any, ...], inputs: list[Tensor], output: Any
) -> Any:
    alone = not isinstance(output, tuple)
    results: list[Any] = [output] if alone else list(output)
    dirty = {id(t) for t in ctx._dirty}
    _check_dirty(ctx._dirty, {id(t) for t in results})
    given = {id(t) for t in inputs}
    for i, t in enumerate(results):
        if isinstance(t, Tensor) and id(t) in given and id(t) not in dirty:
            # An input handed back as it is becomes a view of itself, so that it can have another history.
            itself = _itself(t)
            results[i] = itself
            ctx._to_save = tuple(itself if s is t else s for s in ctx._to_save)
            ctx._fixed = tuple(itself if s is t else s for s in ctx._fixed)
    outputs = [t for t in results if isinstance(t, Tensor)]
    fixed = {id(t) for t in ctx._fixed}
    rule = _Rule(cls, ctx, [isinstance(a, Tensor) for a in args], _shapes(results))
    to_save, ctx._to_save, ctx._dirty, ctx._fixed = ctx._to_save, (), (), ()
    _C.record_function(
        ctx,
        cls.__name__ + "Backward",
        inputs,
        outputs,
        list(to_save),
        [id(t) in dirty for t in outputs],
        [id(t) in fixed for t in outputs],
        rule,
    )
    return results[0] if alone else tuple(results)


def _itself(t: Tensor) -> Tensor:
    """A view of `t` of the same shape."""
    _C._set_grad_enabled(False)
    try:
        return t.view(t.shape)
    finally:
        _C._set_grad_enabled(True)


def _check_dirty(dirty: tuple[Tensor, ...], returned: set[int]) -> None:
    if any(id(t) not in returned for t in dirty):
        raise RuntimeError(
            "Some elements marked as dirty during the forward method were not returned as output. The inputs that are"
            " modified inplace must all be outputs of the Function."
        )
    for t in dirty:
        if t.requires_grad and t.is_leaf:
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")


def _shapes(results: list[Any]) -> list[Any]:
    """What zeros to make for an output nobody used; None for what is no tensor."""
    return [(t.shape, t.dtype) if isinstance(t, Tensor) else None for t in results]


class _Rule:
    """Calls a Function's `backward` for the engine and checks what it returns."""

    def __init__(self, cls: type[Function], ctx: BackwardCFunction, is_tensor: list[bool], shapes: list[Any]) -> None:
        self.cls, self.ctx, self.is_tensor, self.shapes = cls, ctx, is_tensor, shapes

    def __call__(self, grads: tuple[Tensor | None, ...]) -> list[Tensor | None]:
        cls = self.cls
        backward = cls.backward if cls.backward is not Function.backward else cls.vjp
        return self.checked(backward(self.ctx, *self.all_outputs(grads)))

    def all_outputs(self, grads: tuple[Tensor | None, ...]) -> Iterator[Tensor | None]:
        """One gradient per output, with None for what is no tensor and zeros for an output nobody used."""
        waiting = iter(grads)
        for shape in self.shapes:
            g = next(waiting) if shape is not None else None
            if g is None and shape is not None and self.ctx.materialize_grads:
                g = _C.zeros(shape[0], dtype=shape[1])
            yield g

    def checked(self, result: Any) -> list[Tensor | None]:
        """One gradient per tensor among the arguments of `forward`."""
        count = len(self.is_tensor)
        parts = list(result) if isinstance(result, tuple | list) else [result]
        if len(parts) > count and all(p is None for p in parts[count:]):
            parts = parts[:count]
        name = self.cls.__name__ + "Backward"
        if len(parts) != count:
            raise RuntimeError(
                f"function {name} returned an incorrect number of gradients (expected {count}, got {len(parts)})"
            )
        for i, (part, tensor) in enumerate(zip(parts, self.is_tensor, strict=True)):
            if part is not None and not tensor:
                raise RuntimeError(
                    f"function {name} returned a gradient different than None at position {i + 1}, but the"
                    " corresponding forward input was not a Variable"
                )
            if part is not None and not isinstance(part, Tensor):
                raise RuntimeError(
                    f"function {name} returned an invalid gradient at index {i} - expected type Tensor but got"
                    f" {type(part).__name__}"
                )
        return [p for p, tensor in zip(parts, self.is_tensor, strict=True) if tensor]


NestedIOFunction = Function


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a `backward` that is not made of differentiable ops: using it twice is an error, not a wrong number."""

    from functools import wraps  # here, not above: it would be a tenth of the time that `import tensorrs` takes

    @wraps(fn)
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
