"""Reading `.pth` files: the zip format, the format before PyTorch 1.6, and what their pickles may name.

No file decides how much memory is taken: a tensor's memory is at most what lies in the file for it.
"""

from __future__ import annotations

import io
import math
import os

import tensorrs
from tensorrs import _C
from tensorrs._C import Tensor
from tensorrs.serialization.known import Refused, globals_of, storage_dtype

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["read_file", "read_stream"]

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


def read_file(path: str | bytes, map_location: Any, mapped: bool) -> Any:
    """What the file at `path` holds; with `mapped` its tensors lie in the mapped file."""
    with open(path, "rb") as file:
        memory = None
        if mapped:
            import mmap

            if os.fstat(file.fileno()).st_size:
                memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return _read(file, os.fsdecode(path), map_location, memory)


def read_stream(file: Any, map_location: Any) -> Any:
    """What a file object holds."""
    name = str(getattr(file, "name", "the file"))
    if not (hasattr(file, "seek") and (not hasattr(file, "seekable") or file.seekable())):
        file = io.BytesIO(file.read())
    return _read(file, name, map_location, None)


def _read(file: Any, name: str, map_location: Any, memory: Any) -> Any:
    begin = file.tell()
    start = file.read(9)
    file.seek(begin)
    if not start:
        raise EOFError(f"tensorrs.load: {name} is empty")
    try:
        if start[:4] == b"PK\x03\x04":
            return _Zip(file, name, map_location, memory).read()
        if start[:1] == b"\x80":
            return _Legacy(file, name, map_location).read()
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise _broken(name, str(error)) from None
    if start[8:] == b"{":
        from tensorrs import safetensors

        return safetensors.load(file.read())
    if start[:6] == b"\x93NUMPY":
        raise RuntimeError(f"tensorrs.load: this is a NumPy file: {name}. Use numpy.load and tensorrs.from_numpy")
    raise _broken(name, "it is no file of tensorrs or PyTorch")


class _Source:
    """A pickle with the memory of its tensors beside it."""

    def __init__(self, name: str, map_location: Any) -> None:
        self.name = name
        self.map_location = map_location
        self.bases: dict[str, Tensor] = {}
        self.globals = globals_of(self)

    def unpickle(self, data: bytes, start: int = 0) -> tuple[Any, int]:
        """The object of the pickle at `start`, and where the pickle ends."""
        try:
            return _C.unpickle(data, start, self.find, self.persistent, self.build)
        except RuntimeError as error:
            if str(error).startswith("tensorrs.load"):
                raise
            raise self.broken(str(error)) from None

    def find(self, module: str, name: str) -> Any:
        known = self.globals.get(f"{module}.{name}")
        if known is None:
            raise Refused(
                f"tensorrs.load: {self.name} names {module}.{name}, which is not among the types that load without"
                " running code: tensors, numbers, strings and plain containers. Save a state_dict() instead of the"
                " object itself"
            )
        return known

    def build(self, made: Any, state: Any) -> None:
        """Set the state of what a global made: the version numbers of a `state_dict`, the byte order of a dtype."""
        from collections import OrderedDict

        if type(made) is OrderedDict and isinstance(state, dict):
            if "_metadata" in state:
                made._metadata = state["_metadata"]  # type: ignore[attr-defined]
        elif hasattr(made, "set_state"):
            made.set_state(state)
        else:
            raise Refused(f"tensorrs.load: {self.name} sets the state of a {type(made).__name__}")

    def persistent(self, entry: Any) -> Any:
        """The memory that `('storage', type, key, location, numel)` stands for."""
        if not isinstance(entry, tuple) or len(entry) < 5 or entry[0] != "storage":
            raise self.broken(f"it refers to {entry!r}")
        _, kind, key, location, numel = entry[:5]
        dtype = storage_dtype(kind)
        if not isinstance(key, str) or not isinstance(location, str) or type(numel) is not int or numel < 0:
            raise self.broken(f"it refers to a storage {entry[2:]!r}")
        if key not in self.bases:
            base = self.memory(key, tensorrs.uint8 if dtype is None else dtype, numel)
            self.bases[key] = self.placed(base, location)
        return self.bases[key]

    def memory(self, key: str, dtype: Any, numel: int) -> Tensor:
        """A flat tensor over the memory `key`."""
        raise NotImplementedError

    def placed(self, base: Tensor, location: str) -> Tensor:
        wanted = self.map_location
        if callable(wanted):
            moved = wanted(base.untyped_storage(), location)
            wanted = None if moved is None else moved.device
        elif isinstance(wanted, dict):
            wanted = wanted.get(location)
        target = location if wanted is None else str(wanted)
        if target.startswith("cuda"):
            raise RuntimeError(
                f"tensorrs.load: {self.name}: Attempting to deserialize object on a CUDA device, and there is none."
                " Use tensorrs.load with map_location=tensorrs.device('cpu') to map your storages to the CPU."
            )
        return base if target == "cpu" else base.to(target)

    def broken(self, why: str) -> RuntimeError:
        return _broken(self.name, why)


class _Zip(_Source):
    """The format since PyTorch 1.6: entries `data.pkl`, `byteorder`, `data/0`, ..."""

    def __init__(self, file: Any, name: str, map_location: Any, memory: Any) -> None:
        super().__init__(name, map_location)
        self.file = file
        self.mapped = memory
        import zipfile

        try:
            entries = zipfile.ZipFile(file).infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError) as error:
            raise self.broken(f"failed reading zip archive: {error}; the file is truncated or damaged") from None
        self.entries = {entry.filename: entry for entry in entries}
        file.seek(0, os.SEEK_END)
        self.size = self.left = file.tell()
        pickles = [name for name in self.entries if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise self.broken("this zip archive has no data.pkl")
        self.folder = pickles[0][: -len("data.pkl")]
        if self.folder + "constants.pkl" in self.entries:
            raise self.broken("this is a TorchScript archive")

    def read(self) -> Any:
        order = self.folder + "byteorder"
        if order in self.entries and bytes(self.entry("byteorder")) != b"little":
            raise self.broken("its numbers are big-endian")
        return self.unpickle(bytes(self.entry("data.pkl")))[0]

    def entry(self, name: str) -> bytearray:
        """The bytes of an entry, read where they lie."""
        import zlib

        offset, size = self.place(name)
        self.file.seek(offset)
        data = bytearray(size)
        if self.file.readinto(data) != size:
            raise self.broken(f"entry {name} is truncated")
        crc = self.entries[self.folder + name].CRC
        # PyTorch can be told to leave the sums out; then they are 0.
        if crc and zlib.crc32(data) != crc:
            raise self.broken(f"entry {name} is damaged: its checksum is wrong")
        return data

    def fill(self, x: Tensor, name: str) -> Tensor:
        """Read an entry straight into the memory of a tensor."""
        offset, size = self.place(name)
        self.file.seek(offset)
        if self.file.readinto(memoryview(x.view(tensorrs.uint8))) != size:  # type: ignore[arg-type]
            raise self.broken(f"entry {name} is truncated")
        crc = self.entries[self.folder + name].CRC
        if crc and _C.crc32(x) != crc:
            raise self.broken(f"entry {name} is damaged: its checksum is wrong")
        return x

    def place(self, name: str) -> tuple[int, int]:
        info = self.entries.get(self.folder + name)
        if info is None:
            raise self.broken(f"it lacks entry {name}")
        if info.compress_type or info.flag_bits & 1 or info.file_size != info.compress_size:
            raise self.broken(f"entry {name} is compressed or encrypted, as PyTorch never writes it")
        self.file.seek(info.header_offset)
        header = self.file.read(30)
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise self.broken(f"entry {name} is not where the archive says")
        offset = info.header_offset + 30 + int.from_bytes(header[26:28], "little")
        offset += int.from_bytes(header[28:30], "little")
        self.left -= info.file_size
        # Entries that lie on top of each other could ask for many times the size of the file.
        if offset + info.file_size > self.size or self.left < 0:
            raise self.broken(f"entry {name} ends after the file")
        return offset, info.file_size

    def memory(self, key: str, dtype: Any, numel: int) -> Tensor:
        name = f"data/{key}"
        info = self.entries.get(self.folder + name)
        if info is not None and info.file_size != numel * dtype.itemsize:
            raise self.broken(f"entry {name} has {info.file_size} bytes for {numel} numbers of {dtype}")
        if self.mapped is not None and numel:
            offset = self.place(name)[0]
            if offset % dtype.itemsize == 0 and dtype is not tensorrs.bool:
                return _C.frombuffer(self.mapped, dtype=dtype, count=numel, offset=offset)
            self.left += numel * dtype.itemsize
        if info is None or numel == 0 or dtype is tensorrs.bool:
            # What is not there is told, and of a bool it is looked at whether it is one.
            return _C.tensor_from_bytes(self.entry(name), dtype, (numel,))
        return self.fill(_C.empty(numel, dtype=dtype), name)


class _Legacy(_Source):
    """The format before PyTorch 1.6: pickles one after another, then the memory of the tensors."""

    def __init__(self, file: Any, name: str, map_location: Any) -> None:
        super().__init__(name, map_location)
        self.data = file.read()
        self.left = len(self.data)
        self.flat: dict[str, Tensor] = {}

    def read(self) -> Any:
        magic, at = self.unpickle(self.data)
        if magic != _MAGIC:
            raise self.broken("this is a pickle, but not one of PyTorch's files")
        protocol, at = self.unpickle(self.data, at)
        if protocol != _PROTOCOL:
            raise self.broken(f"its protocol is {protocol!r}")
        system, at = self.unpickle(self.data, at)
        if isinstance(system, dict) and system.get("little_endian") is False:
            raise self.broken("its numbers are big-endian")
        obj, at = self.unpickle(self.data, at)
        keys, at = self.unpickle(self.data, at)
        if not isinstance(keys, list):
            raise self.broken("its list of storages is missing")
        for key in keys:
            at = self.fill(key, at)
        return obj

    def persistent(self, entry: Any) -> Any:
        base = super().persistent(entry)
        part = entry[5] if isinstance(entry, tuple) and len(entry) > 5 else None
        if part is None:
            return base
        # A storage that is a part of another one.
        _, offset, size = part
        return base[offset : offset + size]

    def memory(self, key: str, dtype: Any, numel: int) -> Tensor:
        self.left -= numel * dtype.itemsize
        if self.left < 0:
            raise self.broken(f"unexpected EOF, its storages are {-self.left} bytes larger than the file")
        self.flat[key] = tensorrs.zeros(numel, dtype=dtype)
        return self.flat[key]

    def fill(self, key: Any, at: int) -> int:
        """Read the memory `key`: the number of its elements, then the elements."""
        base = self.flat.get(key) if isinstance(key, str) else None
        if base is None:
            raise self.broken(f"it lists a storage {key!r} that no tensor lies in")
        size = base.numel() * base.element_size()
        if int.from_bytes(self.data[at : at + 8], "little") != base.numel():
            raise self.broken(f"storage {key} has another size than its tensor says")
        data = self.data[at + 8 : at + 8 + size]
        if len(data) < size:
            raise self.broken(f"unexpected EOF, expected {size - len(data)} more bytes. The file might be corrupted.")
        base.copy_(_C.tensor_from_bytes(data, base.dtype, (base.numel(),)))
        return at + 8 + size


def _broken(name: str, why: str) -> RuntimeError:
    return RuntimeError(f"tensorrs.load: cannot read {name}: {why}")


def view_of(base: Any, offset: Any, shape: Any, stride: Any) -> Tensor:
    """A tensor on the flat tensor `base`, if it fits."""
    numbers = [offset, *shape, *stride]
    if not isinstance(base, Tensor) or any(type(n) is not int or not 0 <= n < 2**62 for n in numbers):
        raise ValueError(f"a tensor has shape {shape!r}, stride {stride!r}, offset {offset!r}")
    if len(shape) != len(stride):
        raise ValueError(f"a tensor has shape {shape} and stride {stride}")
    last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    if math.prod(shape) and last >= base.numel():
        raise ValueError(f"a tensor of shape {shape} and stride {stride} does not fit its {base.numel()} elements")
    return base.as_strided(shape, stride, offset if math.prod(shape) else 0)
