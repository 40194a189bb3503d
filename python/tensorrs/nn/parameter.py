"""`Parameter` and `Buffer`: the tensors a `Module` takes note of when they are assigned to it."""

from __future__ import annotations

from typing import Any

import tensorrs
from tensorrs._C import Tensor

__all__ = ["Buffer", "Parameter"]


class _ParameterMeta(type(Tensor)):  # type: ignore[misc]
    """Lets a tensor of a user's own subclass count as a `Parameter` once it carries the flag `_is_param`."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False):
            return True
        return bool(super().__instancecheck__(instance))


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that is a parameter of a module.

    Assigned to an attribute of a `Module`, it joins the module's `parameters()` and its `state_dict()`. It shares
    the memory of `data`. `requires_grad` is True unless asked otherwise, inside `no_grad` too.
    """

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = tensorrs.empty(0)
        made: Parameter
        if type(data) is Tensor or type(data) is Parameter:
            made = Tensor._make_subclass(cls, data, requires_grad)
            return made
        # A user's own subclass keeps its type and is marked instead.
        marked: Any = data.detach().requires_grad_(requires_grad)
        if type(marked) is not type(data):
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {type(data).__name__} "
                "requires that detach() returns an instance of the same type, but return "
                f"type {type(marked).__name__} was found instead. To use the type as a "
                "Parameter, please correct the detach() semantics defined by "
                "its __torch_dispatch__() implementation."
            )
        marked._is_param = True
        made = marked
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        copied: Parameter | None = memo.get(id(self))
        if copied is None:
            copied = memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return copied

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # Hooks are not pickled: they are usually closures.
        parts: tuple[Any, ...] = (self.data, self.requires_grad)
        if self.__dict__:
            parts += (self.__dict__,)
        return _rebuild_parameter, parts


def _rebuild_parameter(data: Tensor, requires_grad: bool, attributes: dict[str, Any] | None = None) -> Parameter:
    """What unpickling a `Parameter` calls."""
    parameter = Parameter(data, requires_grad)
    if attributes:
        parameter.__dict__.update(attributes)
    return parameter


class _BufferMeta(type(Tensor)):  # type: ignore[misc]
    """A buffer is a plain tensor with the flag `_is_buffer`; `isinstance(t, Buffer)` asks for the flag."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if cls is Buffer and isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False):
            return True
        return bool(super().__instancecheck__(instance))


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that is part of a module's state and not a parameter, as the running mean of a batch norm.

    Assigned to an attribute of a `Module`, it joins the module's `buffers()`; with `persistent=True` also its
    `state_dict()`.
    """

    persistent: bool

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Buffer:
        if data is None:
            data = tensorrs.empty(0)
        marked: Any = data.detach().requires_grad_(data.requires_grad)
        marked.persistent = persistent
        marked._is_buffer = True
        made: Buffer = marked
        return made
