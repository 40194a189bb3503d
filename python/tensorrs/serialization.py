"""`save` and `load`: tensors and plain containers in one file that cannot run code.

The file, in the manner of safetensors::

    8 bytes   length of the header, little-endian
    header    JSON: {"format": "tensorrs", "version": 1, "storages": [...], "tensors": [...], "tree": ...}
    data      raw little-endian elements; each storage begins at a multiple of 64 bytes

`storages` lists dtype, begin and end (bytes from the start of the data). `tensors` lists views of them; tensors that
shared memory when they were saved share it again. `tree` is the saved object: JSON values stand for themselves (an
array for a list), everything else is an object with one tag, such as {"tuple": [...]} or {"tensor": 3}.
"""

from __future__ import annotations

import math
import os
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import tensorrs
from tensorrs import _C
from tensorrs._C import Tensor

__all__ = ["load", "save"]

_ALIGN = 64
_MAX_HEADER = 256 << 20
_MAX_DEPTH = 200
_CHUNK = 64 << 20
_DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")
_MAPPINGS: dict[str, Any] = {"dict": dict, "ordered": OrderedDict, "counter": Counter}
_SUPPORTED = (
    "tensors, parameters, numbers, strings, bytes, None, dtypes, devices, sizes, and lists, tuples and dicts of these"
)


def save(obj: Any, f: Any, pickle_module: Any = None, pickle_protocol: int | None = None) -> None:
    """Write `obj` to `f`, a path or a file object open for writing bytes.

    `obj` is a tensor or a list, tuple, dict, OrderedDict (a `state_dict`) of tensors, numbers, strings, bytes, None,
    dtypes, devices and sizes, nested in any way. Anything else is a TypeError that names where it is. A path is
    replaced at the end in one step: a crash while writing leaves the old file. The two `pickle` arguments have no
    effect; nothing is pickled.
    """
    plan = _Plan(obj)
    if hasattr(f, "write"):
        plan.write(f)
        return
    if not isinstance(f, (str, os.PathLike)):
        raise AttributeError(
            f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, got {type(f).__name__}"
        )
    _write_file(os.fspath(f), plan)


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = True,
    mmap: bool | None = None,
) -> Any:
    """Read what `save` wrote, from a path or a file object open for reading bytes.

    `map_location` moves the tensors: a device, a dict from saved to wanted device, or a function of (tensor, saved
    device). `weights_only` changes nothing, since such a file holds no code, and `mmap` only says that it may be
    mapped. A file that is cut off, damaged or of another kind is a RuntimeError that says so.
    """
    if hasattr(f, "read"):
        if mmap:
            raise ValueError("f must be a file path in order to use the mmap argument")
        return _read(f, str(getattr(f, "name", "the file")), map_location)
    if not isinstance(f, (str, os.PathLike)):
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object, got {type(f).__name__}")
    with open(f, "rb") as file:
        return _read(file, os.fspath(f), map_location)


# writing


class _Plan:
    """What will be written: the header, and for each storage its place and a one-line view of its elements."""

    def __init__(self, obj: Any) -> None:
        self.tensors: list[Tensor] = []
        self.index: dict[int, int] = {}
        self.chunks: list[tuple[int, Any]] = []
        self.end = 0
        tree = self.encode(obj, "obj", ())
        storages: list[dict[str, Any]] = []
        views: list[dict[str, Any]] = [{} for _ in self.tensors]
        for members in self.by_memory():
            self.add_storage(members, storages, views)
        self.header = {
            "format": "tensorrs",
            "version": 1,
            "storages": storages,
            "tensors": views,
            "tree": tree,
        }

    def encode(self, x: Any, path: str, parents: tuple[int, ...]) -> Any:
        """The JSON for `x`. `parents` are the containers around it."""
        kind = type(x)
        if x is None or kind is bool or kind is str:
            return x
        if kind is int:
            return x if -(2**63) <= x < 2**63 else {"int": hex(x)}
        if kind is float:
            return x if math.isfinite(x) else {"float": repr(x)}
        if kind is complex:
            return {"complex": [repr(x.real), repr(x.imag)]}
        if kind is bytes:
            return {"bytes": self.place(x, len(x))}
        if isinstance(x, Tensor):
            return {"tensor": self.add_tensor(x, path)}
        if kind is tensorrs.Size:
            return {"size": list(x)}
        if kind is tensorrs.dtype:
            return {"dtype": _name(x, path)}
        if kind is tensorrs.device:
            return {"device": str(x)}
        if id(x) in parents:
            raise ValueError(f"tensorrs.save: {path} contains itself")
        if len(parents) >= _MAX_DEPTH:
            raise ValueError(f"tensorrs.save: {path} is nested more than {_MAX_DEPTH} levels deep")
        inside = (*parents, id(x))
        if kind is list or kind is tuple:
            items = [self.encode(item, f"{path}[{i}]", inside) for i, item in enumerate(x)]
            return items if kind is list else {"tuple": items}
        for tag, mapping in _MAPPINGS.items():
            if kind is mapping:
                pairs = [
                    [self.encode(key, f"a key of {path}", inside), self.encode(value, f"{path}[{key!r}]", inside)]
                    for key, value in x.items()
                ]
                # The version numbers that `Module.state_dict` hangs on its result.
                extra = getattr(x, "_metadata", None) if kind is OrderedDict else None
                return {tag: pairs} if extra is None else {tag: pairs, "metadata": self.encode(extra, path, inside)}
        raise TypeError(
            f"tensorrs.save: cannot save {path} of type {_typename(kind)}{_advice(x)}; it takes {_SUPPORTED}"
        )

    def add_tensor(self, x: Tensor, path: str) -> int:
        if type(x) not in (Tensor, tensorrs.nn.Parameter):
            raise TypeError(f"tensorrs.save: cannot save {path} of type {_typename(type(x))}, a subclass of Tensor")
        _name(x.dtype, path)
        if id(x) not in self.index:
            self.index[id(x)] = len(self.tensors)
            self.tensors.append(x)
        return self.index[id(x)]

    def by_memory(self) -> list[list[int]]:
        """The tensors in groups of the same memory and dtype, in the order in which they were met."""
        groups: dict[Any, list[int]] = {}
        for i, x in enumerate(self.tensors):
            own = x.untyped_storage().data_ptr() if x.numel() else f"empty {i}"
            groups.setdefault((str(x.device), own, str(x.dtype)), []).append(i)
        return list(groups.values())

    def add_storage(self, members: list[int], storages: list[Any], views: list[dict[str, Any]]) -> None:
        group = [self.tensors[i] for i in members]
        first = group[0].detach()
        low = min(x.storage_offset() for x in group)
        high = max(x.storage_offset() + _span(x) for x in group)
        # Alone and with gaps: only its own elements are written. Otherwise all memory that the group covers.
        alone = len(group) == 1 and (first.is_contiguous() or high - low > first.numel())
        data = first if alone else first.as_strided((high - low,), (1,), low)
        begin, end = self.place(data, data.numel() * data.element_size())
        storage = {"dtype": _name(first.dtype, "obj"), "begin": begin, "end": end}
        if first.device.type != "cpu":
            storage["device"] = str(first.device)
        for i, x in zip(members, group, strict=True):
            view = views[i]
            view.update(storage=len(storages), shape=list(x.shape))
            if not alone:
                view.update(stride=list(x.stride()), offset=x.storage_offset() - low)
            if x.requires_grad:
                view["requires_grad"] = True
            if type(x) is tensorrs.nn.Parameter:
                view["parameter"] = True
        storages.append(storage)

    def place(self, data: Any, size: int) -> list[int]:
        begin = -(-self.end // _ALIGN) * _ALIGN
        self.end = begin + size
        self.chunks.append((begin, data))
        return [begin, self.end]

    def write(self, f: Any) -> None:
        import json

        header = json.dumps(self.header, separators=(",", ":"), allow_nan=False).encode()
        header += b" " * (-(8 + len(header)) % _ALIGN)
        f.write(len(header).to_bytes(8, "little"))
        f.write(header)
        written = 0
        for begin, data in self.chunks:
            f.write(bytes(begin - written))
            data = data if isinstance(data, bytes) else _C.tensor_to_bytes(data.cpu())
            f.write(data)
            written = begin + len(data)


def _write_file(path: str | bytes, plan: _Plan) -> None:
    # Through a link the file that it names is replaced, not the link.
    path = os.path.realpath(os.fsdecode(path))
    if os.path.exists(path) and not os.path.isfile(path):
        # A pipe or a device cannot be replaced; a folder raises here.
        with open(path, "wb") as f:
            plan.write(f)
        return
    temporary = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    try:
        with open(temporary, "xb") as f:
            plan.write(f)
            f.flush()
            os.fsync(f.fileno())
        if os.path.exists(path):
            os.chmod(temporary, os.stat(path).st_mode & 0o7777)
        os.replace(temporary, path)
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


def _span(x: Tensor) -> int:
    """How many elements of memory lie from the first element of `x` to its last."""
    if x.numel() == 0:
        return 0
    last: int = sum((size - 1) * stride for size, stride in zip(x.shape, x.stride(), strict=True))
    return last + 1


def _name(dtype: Any, path: str) -> str:
    name = str(dtype).rpartition(".")[2]
    if name not in _DTYPES:
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


# reading


def _read(f: Any, name: str, map_location: Any) -> Any:
    import json

    start = f.read(8)
    _refuse_foreign(start, name)
    if len(start) < 8:
        raise _broken(name, f"it ends after {len(start)} bytes")
    length = int.from_bytes(start, "little")
    if length > _MAX_HEADER:
        raise _broken(name, f"its first 8 bytes announce a header of {length} bytes: this is no tensorrs file")
    text = _read_exactly(f, length, name)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _broken(name, f"its header is not JSON ({error})") from None
    if not isinstance(header, dict) or header.get("format") != "tensorrs":
        kind = "a safetensors file" if isinstance(header, dict) else "no tensorrs file"
        raise _broken(name, f"this is {kind}")
    if header.get("version") != 1:
        raise _broken(name, f"its version is {header.get('version')!r}, and this release reads version 1")
    return _Reader(header, name, map_location).read(f)


class _Reader:
    """Builds the saved object from a header, distrusting every number in it."""

    def __init__(self, header: dict[str, Any], name: str, map_location: Any) -> None:
        self.name = name
        self.map_location = map_location
        self.storages = self.list_of(header, "storages")
        self.views = self.list_of(header, "tensors")
        self.tree = header.get("tree")
        self.strings: dict[tuple[int, int], bytes] = {}
        self.tensors: dict[int, Tensor] = {}

    def list_of(self, header: dict[str, Any], key: str) -> list[Any]:
        entries = header.get(key)
        if not isinstance(entries, list):
            raise self.broken(f"its header has no list of {key}")
        return entries

    def read(self, f: Any) -> Any:
        extents = [self.extent(storage) for storage in self.storages]
        strings = set(self.byte_strings(self.tree, 0))
        bases: dict[int, Tensor] = {}
        at = 0
        for begin, end in sorted({*extents, *strings}):
            if begin < at or begin - at > _ALIGN:
                raise self.broken(f"its data from byte {begin} to {end} does not follow on byte {at}")
            _read_exactly(f, begin - at, self.name)
            data = _read_exactly(f, end - begin, self.name)
            at = end
            # Made at once, so that no more than one storage is in memory twice.
            bases.update((i, self.base(self.storages[i], data)) for i, e in enumerate(extents) if e == (begin, end))
            if (begin, end) in strings:
                self.strings[begin, end] = bytes(data)
        self.tensors = {i: self.tensor(view, bases) for i, view in enumerate(self.views)}
        return self.decode(self.tree)

    def extent(self, entry: Any) -> tuple[int, int]:
        pair = [entry.get("begin"), entry.get("end")] if isinstance(entry, dict) else entry
        begin, end = pair if isinstance(pair, list) and len(pair) == 2 else (None, None)
        if type(begin) is int and type(end) is int and 0 <= begin <= end < 2**62 and begin % _ALIGN == 0:
            return begin, end
        raise self.broken(f"bad offsets {pair!r}")

    def byte_strings(self, node: Any, depth: int) -> Iterator[tuple[int, int]]:
        if depth > 4 * _MAX_DEPTH:
            raise self.broken("its tree is too deep")
        if isinstance(node, dict) and "bytes" in node:
            yield self.extent(node["bytes"])
        elif isinstance(node, (dict, list)):
            for part in node.values() if isinstance(node, dict) else node:
                yield from self.byte_strings(part, depth + 1)

    def base(self, storage: dict[str, Any], data: bytearray) -> Tensor:
        dtype = self.dtype(storage.get("dtype"))
        count, rest = divmod(len(data), int(dtype.itemsize))
        if rest:
            raise self.broken(f"{len(data)} bytes are no whole number of {dtype}")
        return _move(_C.tensor_from_bytes(data, dtype, (count,)), storage.get("device", "cpu"), self.map_location)

    def tensor(self, view: Any, bases: dict[int, Tensor]) -> Tensor:
        if not isinstance(view, dict) or view.get("storage") not in bases:
            raise self.broken(f"a tensor is described by {view!r}, and there are {len(bases)} storages")
        base = bases[view["storage"]]
        shape: Any = view.get("shape")
        stride: Any = view.get("stride")
        offset: Any = view.get("offset", 0)
        if not _are_counts(shape) or not _are_counts([offset]) or not (stride is None or _are_counts(stride)):
            raise self.broken(f"a tensor has shape {shape!r}, stride {stride!r}, offset {offset!r}")
        fits = math.prod(shape) == base.numel() if stride is None else self.last(shape, stride, offset) < base.numel()
        if not fits:
            raise self.broken(f"a tensor of shape {shape} does not fit its {base.numel()} elements")
        x: Tensor = base.view(shape) if stride is None else base.as_strided(shape, stride, offset)
        grad = view.get("requires_grad") is True
        if view.get("parameter") is True:
            x = tensorrs.nn.Parameter(x, requires_grad=grad)
        elif grad:
            x.requires_grad_()
        return x

    def last(self, shape: list[int], stride: list[int], offset: int) -> int:
        if len(shape) != len(stride):
            raise self.broken(f"a tensor has shape {shape} and stride {stride}")
        if 0 in shape:
            return offset - 1
        return offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))

    def dtype(self, name: Any) -> Any:
        if name not in _DTYPES:
            raise self.broken(f"unknown dtype {name!r}")
        return getattr(tensorrs, name)

    def decode(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.decode(item) for item in node]
        if not isinstance(node, dict):
            return node
        tag: str
        value: Any
        tag, value = next(iter(node.items()), ("nothing", None))
        try:
            if tag in _MAPPINGS:
                result = _MAPPINGS[tag]({self.decode(key): self.decode(item) for key, item in value})
                if tag == "ordered" and "metadata" in node:
                    result._metadata = self.decode(node["metadata"])
                return result
            if tag in _DECODERS:
                return _DECODERS[tag](self, value)
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise self.broken(f"bad {tag} in its tree ({error})") from None
        raise self.broken(f"unknown tag {tag!r} in its tree")

    def broken(self, why: str) -> RuntimeError:
        return _broken(self.name, why)


_DECODERS: dict[str, Callable[[_Reader, Any], Any]] = {
    "tuple": lambda reader, value: tuple(reader.decode(item) for item in value),
    "tensor": lambda reader, value: reader.tensors[value],
    "bytes": lambda reader, value: reader.strings[value[0], value[1]],
    "int": lambda reader, value: int(value, 16),
    "float": lambda reader, value: float(value),
    "complex": lambda reader, value: complex(float(value[0]), float(value[1])),
    "size": lambda reader, value: tensorrs.Size(value),
    "dtype": lambda reader, value: reader.dtype(value),
    "device": lambda reader, value: tensorrs.device(value),
}


def _move(x: Tensor, device: str, map_location: Any) -> Tensor:
    if callable(map_location):
        moved = map_location(x, device)
        return x if moved is None else moved
    if isinstance(map_location, dict):
        map_location = map_location.get(device)
    target = device if map_location is None else map_location
    return x if str(target) == "cpu" else x.to(target)


def _read_exactly(f: Any, size: int, name: str) -> bytearray:
    """`size` bytes, read in pieces: a damaged length must not reserve all memory at once."""
    data = bytearray()
    while len(data) < size:
        piece = f.read(min(size - len(data), _CHUNK))
        if not piece:
            raise _broken(name, f"it is truncated: {size - len(data)} bytes are missing")
        data += piece
    return data


def _refuse_foreign(start: bytes, name: str) -> None:
    if start[:4] == b"PK\x03\x04" or start[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
        raise RuntimeError(
            f"tensorrs.load: this is a PyTorch zip/pickle file: {name}. It could run code when it is read, and "
            "tensorrs reads only what tensorrs.save wrote"
        )
    if start[:6] == b"\x93NUMPY":
        raise RuntimeError(f"tensorrs.load: this is a NumPy file: {name}. Use numpy.load and tensorrs.from_numpy")


def _broken(name: str, why: str) -> RuntimeError:
    return RuntimeError(f"tensorrs.load: cannot read {name}: {why}")


def _are_counts(numbers: Any) -> bool:
    return isinstance(numbers, list) and all(type(n) is int and 0 <= n < 2**62 for n in numbers)
