"""dtypes by name, the legacy tensor types (`FloatTensor`), layouts and memory formats."""

from __future__ import annotations

from tensorrs import _C
from tensorrs._C import Tensor, dtype

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

bool = _C.bool
uint8 = _C.uint8
int8 = _C.int8
int16 = short = _C.int16
int32 = int = _C.int32
int64 = long = _C.int64
float16 = half = _C.float16
bfloat16 = _C.bfloat16
float32 = float = _C.float32
float64 = double = _C.float64

_NAMES = {
    "FloatTensor": float32,
    "DoubleTensor": float64,
    "HalfTensor": float16,
    "BFloat16Tensor": bfloat16,
    "ByteTensor": uint8,
    "CharTensor": int8,
    "ShortTensor": int16,
    "IntTensor": int32,
    "LongTensor": int64,
    "BoolTensor": bool,
}


class _LegacyType(type):
    """The class of `FloatTensor` and its kin: calling one makes a tensor of its dtype, `isinstance` asks for it."""

    dtype: dtype

    def __call__(cls, *args: Any) -> Tensor:
        dtype = cls.dtype
        if len(args) == 1 and isinstance(args[0], Tensor):
            if args[0].dtype != dtype:
                raise TypeError(f"expected {cls.__name__} (got {type_name(args[0])})")
            return args[0].detach()
        sizes = len(args) == 1 and isinstance(args[0], _C_Size)
        if sizes or all(type(a) is _int for a in args):
            return _C.empty(*(args or (0,)), dtype=dtype)
        if len(args) != 1:
            raise TypeError(f"new(): expected one sequence or sizes, got {len(args)} arguments")
        return _C.tensor(args[0], dtype=dtype)

    def __instancecheck__(cls, other: object) -> _bool:
        return isinstance(other, Tensor) and other.dtype == cls.dtype

    def __repr__(cls) -> str:
        return f"<class 'tensorrs.{cls.__name__}'>"


def type_name(t: Tensor) -> str:
    """`tensorrs.FloatTensor`: what `Tensor.type()` says."""
    return next(f"tensorrs.{name}" for name, d in _NAMES.items() if d == t.dtype)


class layout:
    """How elements lie in memory; there is only the strided one."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"tensorrs.{self._name}"

    def __reduce__(self) -> str:
        return self._name


class memory_format(layout):
    """The order of dimensions in memory that an op is asked for."""


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")

from builtins import bool as _bool  # noqa: E402
from builtins import int as _int  # noqa: E402

from tensorrs._size import Size as _C_Size  # noqa: E402


def _legacy(name: str) -> Any:
    about = (
        f"Makes {_NAMES[name]!r} tensors: of sizes, uninitialised, or of nested lists; `isinstance` asks for the dtype."
    )
    return _LegacyType(name, (), {"dtype": _NAMES[name], "__doc__": about})


FloatTensor: Any = _legacy("FloatTensor")
DoubleTensor: Any = _legacy("DoubleTensor")
HalfTensor: Any = _legacy("HalfTensor")
BFloat16Tensor: Any = _legacy("BFloat16Tensor")
ByteTensor: Any = _legacy("ByteTensor")
CharTensor: Any = _legacy("CharTensor")
ShortTensor: Any = _legacy("ShortTensor")
IntTensor: Any = _legacy("IntTensor")
LongTensor: Any = _legacy("LongTensor")
BoolTensor: Any = _legacy("BoolTensor")

__all__ = [
    *_NAMES,
    "bfloat16",
    "bool",
    "channels_last",
    "contiguous_format",
    "double",
    "float",
    "float16",
    "float32",
    "float64",
    "half",
    "int",
    "int16",
    "int32",
    "int64",
    "int8",
    "layout",
    "long",
    "memory_format",
    "preserve_format",
    "short",
    "strided",
    "uint8",
]


def scalar_type(x: Tensor) -> str:
    """What PyTorch's messages call the dtype of `x`: "Float", "Long", ..."""
    return x.type().rpartition(".")[2].removesuffix("Tensor")
