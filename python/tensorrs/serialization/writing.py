"""Writing `.pth` files: the pickle's opcodes, the entries of the archive, the atomic replacement of a file.

The pickle names PyTorch's functions (`torch._utils._rebuild_tensor_v2`), so the library's own pickler, which looks
names up where it writes them, cannot make it.
"""

from __future__ import annotations

import _thread
import io
import os
import struct
from collections import Counter, OrderedDict

import tensorrs
from tensorrs import _C
from tensorrs._C import Tensor
from tensorrs.serialization.zipped import ZipWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Archive", "replace_file"]

_MAX_DEPTH = 200
# The names of PyTorch's typed storages.
STORAGES = {
    "bool": "BoolStorage",
    "uint8": "ByteStorage",
    "int8": "CharStorage",
    "int16": "ShortStorage",
    "int32": "IntStorage",
    "int64": "LongStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
}
_SUPPORTED = (
    "tensors, parameters, numbers, strings, bytes, None, dtypes, devices, sizes, and lists, tuples, sets and dicts of"
    " these"
)


class Archive:
    """A saved object: its pickle, and the memory of its tensors in the order in which they are met."""

    def __init__(self, obj: Any, name: str) -> None:
        self.name = name
        self.code = bytearray(b"\x80\x02")
        self.known: dict[int, int] = {}
        self.globals: dict[tuple[str, str], int] = {}
        self.strings: dict[str, int] = {}
        # Memory by address, device and dtype: its number, and a flat tensor over the part that is written.
        self.memory: dict[Any, tuple[int, Tensor, int]] = {}
        self.kept: list[Any] = []
        self.spans = _spans(obj)
        self.put(obj, "obj", ())
        self.code += b"."

    # The pickle

    def memo(self) -> int:
        """Remember the top of the stack; its number."""
        number = len(self.known) + len(self.globals) + len(self.strings)
        self.code += b"q" + bytes([number]) if number < 256 else b"r" + struct.pack("<I", number)
        return number

    def get(self, number: int) -> None:
        """Put what was remembered under `number` on the stack."""
        self.code += b"h" + bytes([number]) if number < 256 else b"j" + struct.pack("<I", number)

    def remember(self, x: Any) -> None:
        """Remember the top of the stack as `x`, which is met again as a reference."""
        self.known[id(x)] = self.memo()
        # As long as the archive lives no other object gets its address.
        self.kept.append(x)

    def name_global(self, module: str, name: str) -> None:
        """Put the class or function `module.name` on the stack."""
        if (module, name) in self.globals:
            self.get(self.globals[module, name])
            return
        self.code += f"c{module}\n{name}\n".encode()
        self.globals[module, name] = self.memo()

    def text(self, x: str) -> None:
        """Put a string on the stack."""
        if x in self.strings:
            self.get(self.strings[x])
            return
        data = x.encode("utf-8", "surrogatepass")
        self.code += b"X" + struct.pack("<I", len(data)) + data
        self.strings[x] = self.memo()

    def integer(self, x: int) -> None:
        """Put an integer on the stack, of any size."""
        if 0 <= x < 256:
            self.code += b"K" + bytes([x])
        elif -(2**31) <= x < 2**31:
            self.code += b"J" + struct.pack("<i", x)
        else:
            data = x.to_bytes(x.bit_length() // 8 + 1, "little", signed=True)
            size = b"\x8a" + bytes([len(data)]) if len(data) < 256 else b"\x8b" + struct.pack("<i", len(data))
            self.code += size + data

    def tuple_of(self, items: tuple[Any, ...], path: str, inside: tuple[int, ...]) -> None:
        """Put a tuple on the stack."""
        if not items:
            self.code += b")"
            return
        self.code += b"("
        for i, item in enumerate(items):
            self.put(item, f"{path}[{i}]", inside)
        self.code += b"t"

    def call(self, module: str, name: str, *args: Any) -> None:
        """`module.name(*args)`; no argument is a container that may hold itself."""
        self.name_global(module, name)
        self.tuple_of(args, "obj", ())
        self.code += b"R"

    def put(self, x: Any, path: str, parents: tuple[int, ...]) -> None:
        """The code that puts `x` on the stack. `parents` are the containers around it."""
        kind = type(x)
        if x is None or kind is bool:
            self.code += b"N" if x is None else b"\x88" if x else b"\x89"
        elif kind is int:
            self.integer(x)
        elif kind is float:
            self.code += b"G" + struct.pack(">d", x)
        elif kind is str:
            self.text(x)
        elif id(x) in self.known:
            self.get(self.known[id(x)])
        elif isinstance(x, Tensor):
            self.tensor(x, path)
            self.remember(x)
        elif not self.plain(x, kind):
            self.container(x, kind, path, parents)

    def plain(self, x: Any, kind: type) -> bool:
        """Values that hold no others."""
        if kind is complex:
            self.call("__builtin__", "complex", x.real, x.imag)
        elif kind is bytes or kind is bytearray:
            if kind is bytearray:
                self.name_global("__builtin__", "bytearray")
            self.call("_codecs", "encode", bytes(x).decode("latin1"), "latin1")
            if kind is bytearray:
                self.code += b"\x85R"
        elif kind.__module__ == "numpy" and hasattr(x, "dtype") and getattr(x, "shape", None) == ():
            self.numpy_number(x)
        elif kind is tensorrs.Size:
            self.call("torch", "Size", tuple(x))
        elif kind is tensorrs.dtype:
            self.name_global("torch", _name(x, "obj"))
        elif kind is tensorrs.device:
            self.call("torch", "device", *([x.type] if x.index is None else [x.type, x.index]))
        else:
            return False
        return True

    def numpy_number(self, x: Any) -> None:
        """As NumPy's own `__reduce__` says it."""
        make, (dtype, data) = x.__reduce__()
        self.name_global(make.__module__, "scalar")
        self.code += b"("
        self.call("numpy", "dtype", dtype.str.lstrip("<>|="), False, True)
        self.tuple_of((3, dtype.str[0], None, None, None, -1, -1, 0), "obj", ())
        self.code += b"b"
        self.put(data, "obj", ())
        self.code += b"tR"

    def container(self, x: Any, kind: type, path: str, parents: tuple[int, ...]) -> None:
        """Put a list, dict, set or tuple on the stack, or refuse any other object with its path."""
        if id(x) in parents:
            raise ValueError(f"tensorrs.save: {path} contains itself")
        if len(parents) >= _MAX_DEPTH:
            raise ValueError(f"tensorrs.save: {path} is nested more than {_MAX_DEPTH} levels deep")
        inside = (*parents, id(x))
        if kind is tuple:
            self.tuple_of(x, path, inside)
            self.remember(x)
        elif kind is list:
            self.code += b"]"
            self.remember(x)
            self.code += b"("
            for i, item in enumerate(x):
                self.put(item, f"{path}[{i}]", inside)
            self.code += b"e"
        elif kind is set or kind is frozenset:
            self.name_global("__builtin__", kind.__name__)
            self.container(list(x), list, path, inside)
            self.code += b"\x85R"
            self.remember(x)
        elif kind in (dict, OrderedDict, Counter):
            self.mapping(x, kind, path, inside)
        else:
            raise TypeError(
                f"tensorrs.save: cannot save {path} of type {_typename(kind)}{_advice(x)}; it takes {_SUPPORTED}"
            )

    def mapping(self, x: Any, kind: type, path: str, inside: tuple[int, ...]) -> None:
        """Put a dict or one of its kin on the stack."""
        if kind is dict:
            self.code += b"}"
        else:
            self.call("collections", kind.__name__)
        self.remember(x)
        self.code += b"("
        for key, value in x.items():
            self.put(key, f"a key of {path}", inside)
            self.put(value, f"{path}[{key!r}]", inside)
        self.code += b"u"
        # The version numbers that `Module.state_dict` hangs on its result.
        if kind is OrderedDict and getattr(x, "_metadata", None) is not None:
            self.mapping({"_metadata": x._metadata}, dict, path, inside)
            self.code += b"b"

    def tensor(self, x: Tensor, path: str) -> None:
        """Put a tensor on the stack: a view of memory that is an entry of its own."""
        if type(x) is tensorrs.nn.Parameter:
            self.name_global("torch._utils", "_rebuild_parameter")
            self.code += b"("
            self.view(x.detach(), path)
            self.put(x.requires_grad, path, ())
            self.call("collections", "OrderedDict")
            self.code += b"tR"
        elif type(x) is Tensor:
            self.view(x, path)
        else:
            raise TypeError(f"tensorrs.save: cannot save {path} of type {_typename(type(x))}, a subclass of Tensor")

    def view(self, x: Tensor, path: str) -> None:
        """A tensor as a view of its memory."""
        name = _name(x.dtype, path)
        number, data, low = self.place(x.detach())
        offset, stride = (0, data.stride()) if low < 0 else (x.storage_offset() - low, x.stride())
        self.name_global("torch._utils", "_rebuild_tensor_v2")
        self.code += b"(("
        self.text("storage")
        self.name_global("torch", STORAGES[name])
        self.text(str(number))
        self.text(str(x.device))
        self.integer(data.numel())
        self.code += b"tQ"
        self.integer(offset if x.numel() else 0)
        self.tuple_of(tuple(x.shape), path, ())
        self.tuple_of(tuple(stride), path, ())
        self.put(x.requires_grad, path, ())
        self.call("collections", "OrderedDict")
        self.code += b"tR"

    def place(self, x: Tensor) -> tuple[int, Tensor, int]:
        """The number of the memory of `x`, what is written of it, and which element of it comes first (-1: a copy)."""
        key = _memory(x)
        if key not in self.memory:
            low, high, members = self.spans[key] if x.numel() else (0, 0, 2)
            if members == 1 and high - low > x.numel():
                # Alone and with gaps: only its own elements are written.
                self.memory[key] = len(self.memory), x.contiguous(), -1
            else:
                self.memory[key] = len(self.memory), x.as_strided((high - low,), (1,), low), low
        return self.memory[key]

    # The archive

    def write(self, f: Any) -> None:
        """All entries, uncompressed, the tensors' bytes straight from their memory."""
        archive = ZipWriter(f)
        archive.add(f"{self.name}/data.pkl", bytes(self.code))
        archive.add(f"{self.name}/.format_version", b"1")
        archive.add(f"{self.name}/.storage_alignment", b"64")
        archive.add(f"{self.name}/byteorder", b"little")
        for number, data, _ in self.memory.values():
            archive.add(f"{self.name}/data/{number}", data.cpu().reshape(-1).view(dtype=tensorrs.uint8))
        archive.add(f"{self.name}/version", b"3\n")
        archive.close()


def _memory(x: Tensor) -> Any:
    """What tells the memory of a tensor from that of another: tensors of one dtype share it."""
    own = x.untyped_storage().data_ptr() if x.numel() else "empty"
    return str(x.device), own, str(x.dtype)


def _spans(obj: Any) -> dict[Any, list[int]]:
    """For each memory: the first element that is used, the one after the last, and the number of tensors."""
    spans: dict[Any, list[int]] = {}
    seen: set[int] = set()
    todo = [obj]
    while todo:
        x = todo.pop()
        if isinstance(x, Tensor):
            if id(x) in seen:
                continue
            low, high = x.storage_offset(), x.storage_offset() + _span(x)
            span = spans.setdefault(_memory(x), [low, high, 0])
            span[:] = min(span[0], low), max(span[1], high), span[2] + 1
        elif isinstance(x, (list, tuple, set, frozenset, dict)) and id(x) not in seen:
            todo.extend([*x, *x.values()] if isinstance(x, dict) else x)
        seen.add(id(x))
    return spans


def _span(x: Tensor) -> int:
    """How many elements of memory lie from the first element of `x` to its last."""
    if x.numel() == 0:
        return 0
    last: int = sum((size - 1) * stride for size, stride in zip(x.shape, x.stride(), strict=True))
    return last + 1


def _name(dtype: Any, path: str) -> str:
    name = str(dtype).rpartition(".")[2]
    if name not in STORAGES:
        raise TypeError(f"tensorrs.save: cannot save {path} of dtype {dtype}")
    return name


def _typename(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _advice(x: Any) -> str:
    if callable(getattr(x, "state_dict", None)):
        return " (save its state_dict() instead)"
    if type(x).__module__ == "numpy":
        return " (save tensorrs.from_numpy(array), or the Python number from .item())"
    return ""


def replace_file(path: str | bytes, write: Callable[[Any], None]) -> None:
    """Write a file beside `path` and put it in the place of `path` when it is complete."""
    # Through a link the file that it names is replaced, not the link.
    path = os.path.realpath(os.fsdecode(path))
    if os.path.exists(path) and not os.path.isfile(path):
        # A pipe or a device cannot be replaced; a folder raises here.
        with open(path, "wb") as f:
            write(f)
        return
    temporary = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    try:
        with io.BufferedWriter(_Flowing(temporary, "xb")) as f:
            write(f)
            f.flush()
            os.fsync(f.fileno())
        if os.path.exists(path):
            os.chmod(temporary, os.stat(path).st_mode & 0o7777)
        _rename(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    if os.name == "posix":
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class _Flowing(io.FileIO):
    """A file whose bytes start for the disk while it is being written, so that `fsync` at its end is short."""

    def write(self, data: Any) -> int:
        """Write up to 4 MiB of the data."""
        begin = self.tell() if len(data) >= 1 << 20 else -1
        size = super().write(memoryview(data)[: 4 << 20])
        if begin >= 0:
            _C.start_writing(self.fileno(), begin, size)
        return size


def _rename(temporary: str, path: str) -> None:
    """Put a file in the place of another one, which is freed behind the caller's back if it is large."""
    old = None
    if os.name == "posix" and os.path.exists(path) and os.stat(path).st_size >= 1 << 20:
        # While it is open the file stays; giving back its blocks takes as long as writing them.
        old = os.open(path, os.O_RDONLY)
    try:
        os.replace(temporary, path)
    finally:
        if old is not None:
            _thread.start_new_thread(os.close, (old,))
