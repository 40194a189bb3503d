"""The methods of Tensor that are Python by nature: backward, hooks, copies, pickling, iteration.

Importing this module puts them on `_C.Tensor`.
"""

from __future__ import annotations

from tensorrs import _C
from tensorrs._C import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from tensorrs.storage import UntypedStorage

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
        known: Tensor = memo[id(self)]
        return known
    from copy import deepcopy

    rebuild, (cls, memory, *layout, _) = self.__reduce_ex__(2)
    # One copy of each memory, so that tensors which share it share their copies.
    out: Tensor = rebuild(cls, deepcopy(memory, memo), *layout, {})
    memo[id(self)] = out
    if self.grad is not None:
        out.grad = deepcopy(self.grad, memo)
    if self.__dict__:
        out.__dict__ = deepcopy(self.__dict__, memo)
    return out


def _rebuild(
    cls: type,
    memory: Any,
    dtype: Any,
    offset: int,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool,
    attributes: dict[str, Any],
) -> Tensor:
    """A tensor as `__reduce_ex__` described it; without memory it is on the meta device."""
    if memory is None:
        out = _C.empty_strided(shape, stride, dtype=dtype, device="meta")
    else:
        out = _C.tensor_over(memory._bytes, dtype, offset, shape, stride)
    if cls is not Tensor:
        out = out.as_subclass(cls)
    out.requires_grad = requires_grad
    if attributes:
        out.__dict__.update(attributes)
    return out


def __reduce_ex__(self: Tensor, proto: Any) -> tuple[Any, ...]:
    memory = None if self.is_meta else self.untyped_storage()
    layout = (self.dtype, self.storage_offset(), tuple(self.shape), self.stride(), self.requires_grad)
    return _rebuild, (type(self), memory, *layout, self.__dict__)


def __iter__(self: Tensor) -> Iterator[Tensor]:
    if self.dim() == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def __contains__(self: Tensor, element: Any) -> bool:
    if isinstance(element, (Tensor, int, float, complex)):
        found: Any = self == element
        return isinstance(found, Tensor) and bool(found.any())
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


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    """There is no CUDA here."""
    raise AssertionError("tensorrs not compiled with CUDA enabled")


def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself, if it is on the CPU."""
    return self if self.is_cpu else self.to("cpu")


def untyped_storage(self: Tensor) -> UntypedStorage:
    """The bytes behind the tensor."""
    from tensorrs import storage

    return storage.of(self)


def __reversed__(self: Tensor) -> Tensor:
    return self.flip(0) if self.dim() else self


_OF_LINALG = {
    "cholesky": "Removed from PyTorch: `linalg.cholesky`.",
    "logdet": "The logarithm of the determinant of each square matrix (..., n, n); nan where that is negative.",
    "lu": "(LU, pivots), and `info` with `get_infos`, of each matrix; see `lu`.",
    "lu_solve": "X with A X = this (..., n, k), from the results of `lu` for A; see `lu_solve`.",
    "matrix_power": "The product of `n` copies of each square matrix (..., n, n), of its inverse for negative `n`.",
    "pinverse": "The pseudo-inverse (..., m, n) of each matrix (..., n, m): singular values below `rcond` count as 0.",
    "qr": "(Q, R) of each matrix with Q R = A, Q orthogonal, R upper triangular; see `linalg.qr`.",
    "svd": "(U, S, V) of each matrix with U diag(S) V^T = A; see `linalg.svd`, which gives V^T.",
    "triangular_solve": "(X, A) with A X = this (..., n, k) for a triangular A; see `linalg.solve_triangular`.",
}


def _of_linalg(name: str) -> Any:
    """A method that is a function of `linalg._legacy`, imported with the first call."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        from tensorrs.linalg import _legacy

        return getattr(_legacy, name)(self, *args, **kwargs)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = _OF_LINALG[name]
    return method


def _put_on_tensor() -> None:
    for name in _OF_LINALG:
        setattr(Tensor, name, _of_linalg(name))
    for method in (
        backward, register_hook, register_post_accumulate_grad_hook, __deepcopy__, __reduce_ex__, __iter__,
        __contains__, __reversed__, __dir__, cuda, cpu, untyped_storage,
    ):  # fmt: skip
        setattr(Tensor, method.__name__, method)
    Tensor.type = type_  # type: ignore[method-assign]
    Tensor.__name__ = "Tensor"  # as messages name it: "'Tensor' object has no attribute ..."
    Tensor.__array_priority__ = 1000
    _C.Node.register_hook = _node_register_hook  # type: ignore[method-assign]
    _C.Node.register_prehook = _node_register_prehook  # type: ignore[method-assign]


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
        return obj.type()
    named = obj if hasattr(obj, "__module__") and hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None)
    return named.__qualname__ if module in (None, "builtins") else f"{module}.{named.__qualname__}"
