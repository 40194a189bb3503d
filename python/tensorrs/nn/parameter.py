"""`Parameter` and `Buffer`: the tensors a `Module` takes note of when they are assigned to it.

`UninitializedParameter` and `UninitializedBuffer` are what lazy modules hold until they see their first input.
"""

from __future__ import annotations

from typing import Any

import tensorrs
from tensorrs._C import Tensor

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]


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


# What a tensor without a shape yet can still do.
_ALLOWED = {
    *("__class__", "__deepcopy__", "__delattr__", "__dir__", "__format__", "__getattribute__", "__getstate__"),
    *("__hash__", "__init__", "__init_subclass__", "__new__", "__reduce__", "__reduce_ex__", "__repr__", "__setattr__"),
    *("__setstate__", "__sizeof__", "__str__", "__subclasshook__", "size", "copy_", "is_complex", "is_floating_point"),
    *("half", "float", "double", "char", "short", "int", "long", "cuda", "cpu", "to", "get_device", "as_subclass"),
}


def _refusal(name: str) -> Any:
    """A method that tells that the tensor is not ready."""

    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {getattr(Tensor, name)}. This error happens when you are "
            "using a `LazyModule` or explicitly manipulating "
            f"`tensorrs.nn.parameter.{type(self).__name__}` objects. When using LazyModules Call `forward` with a "
            "dummy batch to initialize the parameters before calling tensorrs functions"
        )

    refuse.__name__ = name
    return refuse


class UninitializedTensorMixin:
    """A tensor of unknown shape: it has a dtype and a device, and refuses to be computed with."""

    cls_to_become: type
    data: Tensor

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Gives the tensor a shape and memory, uninitialised; from then on it is an ordinary one."""
        empty = tensorrs.empty(
            shape,
            device=self.data.device if device is None else device,
            dtype=self.data.dtype if dtype is None else dtype,
        )
        self.data = empty
        self.__class__ = self.cls_to_become

    @property
    def shape(self) -> Any:
        """Raises: there is no shape yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` "
            "to initialize the parameters before accessing their attributes."
        )

    def share_memory_(self) -> Any:
        """Raises: there is no memory yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self.requires_grad, self.data.device, self.data.dtype)  # type: ignore[attr-defined]

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            make, parts = self.__reduce_ex__(2)
            memo[id(self)] = make(*parts)
        return memo[id(self)]


_MINE = set(vars(UninitializedTensorMixin))
for _name in dir(Tensor):
    if _name in _ALLOWED | _MINE or not callable(getattr(Tensor, _name)):
        continue
    if not _name.startswith("_") or (_name.startswith("__") and _name.endswith("__")):
        setattr(UninitializedTensorMixin, _name, _refusal(_name))
UninitializedTensorMixin.__hash__ = Tensor.__hash__  # type: ignore[method-assign]


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape a lazy module learns from its first input.

    Apart from `materialize` it can be moved, cast, copied and pickled; everything else raises ValueError.
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> UninitializedParameter:
        made: UninitializedParameter = Tensor._make_subclass(
            cls, tensorrs.empty(0, device=device, dtype=dtype), requires_grad
        )
        return made


class MaterializedBuffer(Tensor):
    """What an `UninitializedBuffer` is once it has a shape. A lazy module puts a plain Tensor in its place."""

    persistent: bool

    def plain(self) -> Tensor:
        """The same memory as a plain tensor."""
        made: Any = self.as_subclass(Tensor)
        made.persistent = self.persistent
        made._is_buffer = True
        tensor: Tensor = made
        return tensor


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """As `UninitializedParameter`, for a buffer."""

    cls_to_become = MaterializedBuffer
    persistent: bool

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> UninitializedBuffer:
        made: Any = Tensor._make_subclass(cls, tensorrs.empty(0, device=device, dtype=dtype), requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        lazy: UninitializedBuffer = made
        return lazy


def is_lazy(param: Any) -> bool:
    """Whether the tensor still waits for its shape."""
    return isinstance(param, UninitializedTensorMixin)
