"""The methods of Tensor that are Python by nature: backward, hooks, copies, pickling, iteration.

Importing this module puts them on `_C.Tensor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tensorrs import _C
from tensorrs._C import Tensor
from tensorrs._size import Size

__all__ = ["set_printoptions", "typename"]


class _Handle:
    """What registering a hook returns: `remove()`, or leaving a `with` block, takes the hook away."""

    def __init__(self, owner: Any, key: int) -> None:
        self._owner = owner
        self.id = key

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        if self._owner is not None:
            self._owner._remove_hook(self.id)
            self._owner = None

    def __enter__(self) -> _Handle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradient of this tensor with respect to the leaves of its graph to their `.grad`.

    Args:
        gradient: the vector of the vector-Jacobian product, shaped like this tensor; needed unless it has one element.
        retain_graph: keep what the graph has saved for another pass. Defaults to `create_graph`.
        create_graph: record the backward pass, for higher derivatives.
        inputs: add to the `.grad` of these only.
    """
    from tensorrs import autograd

    autograd.backward(self, gradient, retain_graph, create_graph, inputs=inputs)


def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> _Handle:
    """Call `hook(grad)` when the gradient of this tensor is known; a tensor it returns takes the gradient's place."""
    return _Handle(self, self._register_hook(hook))


def register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], None]) -> _Handle:
    """Call `hook(tensor)` after a gradient was added to `.grad` of this leaf."""
    return _Handle(self, self._register_post_accumulate_grad_hook(hook))


def _node_register_hook(self: Any, fn: Callable[..., Any]) -> _Handle:
    """Call `fn(grad_inputs, grad_outputs)` after this node ran."""
    return _Handle(self, self._register_hook(fn))


def _node_register_prehook(self: Any, fn: Callable[..., Any]) -> _Handle:
    """Call `fn(grad_outputs)` before this node runs."""
    return _Handle(self, self._register_prehook(fn))


def __deepcopy__(self: Tensor, memo: dict[int, Any]) -> Tensor:
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment."
            "  If you were attempting to deepcopy a module, this may be because of a tensorrs.nn.utils.weight_norm"
            " usage, see https://github.com/pytorch/pytorch/pull/103001"
        )
    if id(self) in memo:
        return memo[id(self)]  # type: ignore[no-any-return]
    from copy import deepcopy

    with _no_grad():
        storages = memo.setdefault(id(_C), {})
        address, _ = self._storage()
        if address not in storages:
            # One copy of each storage, so that tensors which share memory share their copies.
            storages[address] = self._whole_storage().clone()
        out = storages[address].as_strided(self.shape, self.stride(), self.storage_offset())
        out = out.detach()
    if type(self) is not Tensor:
        out = out.as_subclass(type(self))
    out.requires_grad = self.requires_grad
    memo[id(self)] = out
    if self.grad is not None:
        out.grad = deepcopy(self.grad, memo)
    if self.__dict__:
        out.__dict__ = deepcopy(self.__dict__, memo)
    return out


class _no_grad:
    """As `autograd.no_grad`, without importing it."""

    def __enter__(self) -> None:
        self._before = _C.is_grad_enabled()
        _C._set_grad_enabled(False)

    def __exit__(self, *exc: object) -> None:
        _C._set_grad_enabled(self._before)


def _rebuild(
    cls: type, data: bytes, dtype: Any, shape: tuple[int, ...], requires_grad: bool, attributes: dict[str, Any]
) -> Tensor:
    out = _C.tensor_from_bytes(data, dtype, list(shape))
    if cls is not Tensor:
        out = out.as_subclass(cls)
    out.requires_grad = requires_grad
    if attributes:
        out.__dict__.update(attributes)
    return out


def __reduce_ex__(self: Tensor, protocol: int) -> Any:
    if self.requires_grad and not self.is_leaf:
        raise RuntimeError("Can't pickle a tensor that requires grad and is not a leaf: detach() it first.")
    state = (type(self), _C.tensor_to_bytes(self), self.dtype, tuple(self.shape), self.requires_grad, self.__dict__)
    return _rebuild, state


def __iter__(self: Tensor) -> Iterator[Tensor]:
    if self.dim() == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def __contains__(self: Tensor, element: Any) -> bool:
    if isinstance(element, Tensor | int | float | bool):
        return bool((element == self).any().item())
    raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")


def __dir__(self: Tensor) -> list[str]:
    return sorted({*dir(type(self)), *self.__dict__})


def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the tensor's type, or the tensor converted to the type of that name."""
    from tensorrs import _types

    if dtype is None:
        return _types.type_name(self)
    if isinstance(dtype, str):
        dtype = getattr(_types, dtype.removeprefix("tensorrs.").removeprefix("torch."))
    return self.to(getattr(dtype, "dtype", dtype))


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """There is no CUDA here."""
    raise AssertionError("tensorrs has no CUDA support; tensors live on the CPU")


def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself, if it is on the CPU."""
    return self if self.is_cpu else self.to("cpu")


def untyped_storage(self: Tensor) -> UntypedStorage:
    """The bytes behind the tensor."""
    return UntypedStorage(self)


class UntypedStorage:
    """The bytes that a tensor, and its views, lie in."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor
        self._address, self._bytes = tensor._storage()

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self._address

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._bytes

    size = nbytes

    def __len__(self) -> int:
        return self._bytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and self._address == other._address

    def __hash__(self) -> int:
        return hash(self._address)


def _put_on_tensor() -> None:
    for method in (
        backward, register_hook, register_post_accumulate_grad_hook, __deepcopy__, __reduce_ex__, __iter__,
        __contains__, __dir__, cuda, cpu, untyped_storage,
    ):  # fmt: skip
        setattr(Tensor, method.__name__, method)
    Tensor.type = type_
    Tensor.__array_priority__ = 1000
    _C.Node.register_hook = _node_register_hook
    _C.Node.register_prehook = _node_register_prehook


_put_on_tensor()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """How tensors are printed: digits, when to shorten and to how many items, line width, scientific notation."""
    _C.set_print_options(precision, threshold, edgeitems, linewidth, profile, sci_mode)


def typename(obj: Any) -> str:
    """The name of an object's type with its module; of a tensor, `tensorrs.FloatTensor`."""
    if isinstance(obj, Tensor):
        return obj.type()  # type: ignore[no-any-return]
    named = obj if hasattr(obj, "__module__") and hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None)
    return named.__qualname__ if module in (None, "builtins") else f"{module}.{named.__qualname__}"


assert Size  # the bindings look it up when a shape is first asked for
