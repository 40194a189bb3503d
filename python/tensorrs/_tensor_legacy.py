"""Methods of Tensor for memory on other devices, which mean little on a CPU, and those of PyTorch's first days."""

from __future__ import annotations

from tensorrs import _C
from tensorrs._C import Tensor
from tensorrs._size import Size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def get_device(self: Tensor) -> int:
    """The number of the device; -1 for the CPU."""
    return -1


def is_pinned(self: Tensor, device: Any = None) -> bool:
    """Whether the memory is pinned for transfers to a GPU: never here."""
    return False


def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """Pinned memory needs a GPU."""
    raise RuntimeError("Cannot access accelerator device when none is available.")


def is_shared(self: Tensor) -> bool:
    """Whether other processes see the memory: it is so after `share_memory_`."""
    return bool(getattr(self, "_shared", False))


def share_memory_(self: Tensor) -> Tensor:
    """Mark the memory as shared; processes made by fork see it as it is then."""
    self._shared = True  # type: ignore[attr-defined]
    return self


def adjoint(self: Tensor) -> Tensor:
    """The view with the last two dimensions transposed; numbers are real, so nothing is conjugated."""
    if self.dim() == 1:
        raise RuntimeError("tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor.")
    if self.dim() == 0:
        import warnings

        warnings.warn("adjoint() is deprecated on 0-D tensors. Consider using x.conj().", UserWarning, stacklevel=2)
        return self
    return self.mT


def module_load(self: Tensor, other: Tensor, assign: bool = False) -> Tensor:
    """What takes the place of this parameter when `other` of a state is loaded: itself with its values, or `other`."""
    return other.detach() if assign else self.copy_(other).detach()


def const_data_ptr(self: Tensor) -> int:
    """The address of the first element, to be read alone."""
    return self.data_ptr()


def dim_order(self: Tensor, *, ambiguity_check: bool | list[Any] = False) -> tuple[int, ...]:
    """The dimensions from the outermost to the innermost in memory."""
    if ambiguity_check not in (False, True) and not isinstance(ambiguity_check, list):
        raise TypeError("The ambiguity_check argument must be a bool or a list of memory formats.")
    strides = self.stride()
    return tuple(sorted(range(self.dim()), key=lambda d: -strides[d]))


def _call_elements(self: Tensor, others: tuple[Tensor, ...], callable: Callable[..., Any], name: str) -> Tensor:
    if self.requires_grad:
        raise RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.")
    columns = [t.expand(self.shape).reshape(-1).tolist() for t in (self, *others)]
    values = [callable(*row) for row in zip(*columns, strict=True)]
    return self.copy_(_C.tensor(values, dtype=self.dtype).reshape(self.shape))


def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace each element `x` by `callable(x)`: slow, for code that runs once."""
    return _call_elements(self, (), callable, "apply_")


def map_(self: Tensor, other: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replace each element `x` by `callable(x, y)`, y from `other`."""
    return _call_elements(self, (other,), callable, "map_")


def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """Replace each element `a` by `callable(a, b, c)`, b and c from `x` and `y`."""
    return _call_elements(self, (x, y), callable, "map2_")


def new(self: Tensor, *args: Any, device: Any = None) -> Tensor:
    """A tensor of this dtype: of the given sizes, with the given data, or on the memory of another tensor."""
    if len(args) == 1 and isinstance(args[0], Tensor):
        return args[0].detach()
    if not args or isinstance(args[0], int | Size):
        return _C.empty(*(args or (0,)), dtype=self.dtype, device=device)
    return _C.tensor(args[0], dtype=self.dtype, device=device)


def new_empty_strided(self: Tensor, size: Any, stride: Any, **options: Any) -> Tensor:
    """A tensor with memory that holds what it held, with the given strides; dtype and device are this tensor's."""
    options.setdefault("dtype", self.dtype)
    return _C.empty_strided(size, stride, **options)


def resize_as_(self: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """Give this tensor the size of another one."""
    return self.resize_(the_template.shape)


def resize(self: Tensor, *sizes: Any) -> Tensor:
    """As `reshape` (deprecated)."""
    import warnings

    warnings.warn("non-inplace resize is deprecated", stacklevel=2)
    return self.reshape(*sizes)


def resize_as(self: Tensor, tensor: Tensor) -> Tensor:
    """As `reshape` with the size of another tensor (deprecated)."""
    return resize(self, tensor.shape)


def swapaxes_(self: Tensor, axis0: int, axis1: int) -> Tensor:
    """`transpose_`, by NumPy's name."""
    return self.transpose_(axis0, axis1)


def swapdims_(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """`transpose_`, by another name."""
    return self.transpose_(dim0, dim1)


def as_strided_(self: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """Let this tensor be a window of the given shape and strides on its memory."""
    return self.set_(self.detach().as_strided(size, stride, storage_offset))


def unsafe_split(self: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """As `split`; the pieces may be written in place."""
    return tuple(piece.clone() for piece in self.split(split_size, dim))


def unsafe_split_with_sizes(self: Tensor, split_sizes: list[int], dim: int = 0) -> tuple[Tensor, ...]:
    """As `split_with_sizes`; the pieces may be written in place."""
    return tuple(piece.clone() for piece in self.split_with_sizes(split_sizes, dim))


def unsafe_chunk(self: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """As `chunk`; the pieces may be written in place."""
    return tuple(piece.clone() for piece in self.chunk(chunks, dim))


def histogram(
    self: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> Any:
    """How many elements fall between edges; see `tensorrs.histogram`."""
    from tensorrs._composed import histogram

    return histogram(self, bins, range=range, weight=weight, density=density)


def storage_type(self: Tensor) -> type:
    """The class of `storage()`."""
    return type(self.untyped_storage())


def storage(self: Tensor) -> Any:
    """The bytes behind the tensor."""
    return self.untyped_storage()


def reinforce(self: Tensor, reward: Any) -> None:
    """Gone since PyTorch 0.4."""
    raise RuntimeError(
        "reinforce() was removed.\nUse tensorrs.distributions instead.\nSee"
        " https://pytorch.org/docs/main/distributions.html"
    )


def __rdiv__(self: Tensor, other: Any) -> Tensor:
    quotient: Tensor = self.reciprocal() * other
    return quotient


def is_distributed(self: Tensor) -> bool:
    """Whether the tensor lies on several machines: never."""
    return False


def dense_dim(self: Tensor) -> int:
    """The number of dense dimensions: all, since no tensor is sparse."""
    return self.dim()


def sparse_dim(self: Tensor) -> int:
    """The number of sparse dimensions: none."""
    return 0


def to_dense(self: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The tensor, which is dense already; of another dtype if one is given."""
    return self if dtype is None else self.to(dtype)


def dequantize(self: Tensor) -> Tensor:
    """The tensor's numbers as floats; it is not quantised, so that is the tensor as float32."""
    return self.to(_C.float32)


_native_set, _native_split = Tensor.set_, Tensor.tensor_split


def set_(self: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Tensor:
    """Stand for other memory from now on: a tensor's, a storage's, or none; with a size, for a part of it."""
    from tensorrs.storage import UntypedStorage

    if source is None:
        source = _C.empty(0, dtype=self.dtype)
    over = isinstance(source, UntypedStorage)
    if over or size is not None:
        if size is None:
            size = (source.nbytes() // self.element_size(),)
        size = tuple(size)
        stride = _C.empty(size).stride() if stride is None else tuple(stride)
        source = _C.tensor_over(source._bytes if over else source, self.dtype, storage_offset, size, stride)
    return _native_set(self, source)


def tensor_split(
    self: Tensor,
    indices_or_sections: Any = None,
    dim: int = 0,
    *,
    indices: Any = None,
    sections: int | None = None,
    tensor_indices_or_sections: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """Views of parts along `dim`: so many (sizes differ by one at most), or cut before each of the indices."""
    given = [x for x in (indices_or_sections, indices, sections, tensor_indices_or_sections) if x is not None]
    if len(given) != 1:
        raise TypeError(f"tensor_split() takes one of indices and sections, got {len(given)}")
    cut = given[0]
    return _native_split(self, tuple(cut.tolist()) if isinstance(cut, Tensor) and cut.dim() else cut, dim)


def _imag(self: Tensor) -> Tensor:
    raise TypeError("imag is not implemented for tensors with non-complex dtypes.")


METHODS = (
    __rdiv__, adjoint, apply_, as_strided_, const_data_ptr, dense_dim, dequantize, dim_order, get_device, histogram,
    is_distributed, is_pinned, is_shared, map2_, map_, module_load, new, new_empty_strided, pin_memory, reinforce,
    resize, resize_as, resize_as_, set_, share_memory_, sparse_dim, storage, storage_type, swapaxes_, swapdims_,
    tensor_split, to_dense, unsafe_chunk, unsafe_split, unsafe_split_with_sizes,
)  # fmt: skip
for _method in METHODS:
    setattr(Tensor, _method.__name__, _method)
Tensor.__div__ = Tensor.__truediv__  # type: ignore[method-assign]
Tensor.__idiv__ = Tensor.__itruediv__  # type: ignore[method-assign]
_PROPERTIES = {
    "volatile": property(lambda self: False, doc="False: `no_grad` has taken the place of volatile tensors."),
    "name": property(lambda self: None, doc="None: tensors have no names."),
    "grad_dtype": property(lambda self: self.dtype, doc="The dtype of `.grad`: the tensor's own."),
    "imag": property(_imag, doc="The imaginary part: TypeError, numbers are real."),
    **{
        f"is_{kind}": property(lambda self: False, doc="False: there is no such device or layout here.")
        for kind in ("ipu", "maia", "mkldnn", "mps", "mtia", "nested", "sparse_csr", "vulkan", "xla", "xpu")
    },
}
for _name, _property in _PROPERTIES.items():
    setattr(Tensor, _name, _property)
