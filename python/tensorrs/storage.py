"""`UntypedStorage`: the bytes that a tensor and its views lie in; what pickling and copying keep shared."""

from __future__ import annotations

from weakref import WeakValueDictionary

from tensorrs import _C
from tensorrs._C import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["UntypedStorage"]

# One object for each memory as long as somebody holds it: picklers and `deepcopy` know a thing by its identity.
_living: WeakValueDictionary[int, UntypedStorage] = WeakValueDictionary()


class UntypedStorage:
    """The bytes that a tensor, and its views, lie in: `x.untyped_storage()`, or `UntypedStorage(size)`."""

    _bytes: Tensor

    def __init__(self, size: int = 0) -> None:
        self._bytes = _C.empty(size, dtype=_C.uint8)

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self._bytes.data_ptr()

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._bytes.numel()

    size = nbytes

    def element_size(self) -> int:
        """The size of a byte: 1."""
        return 1

    @property
    def device(self) -> Any:
        """Where the bytes are."""
        return self._bytes.device

    def tolist(self) -> list[int]:
        """The bytes as numbers from 0 to 255."""
        numbers: list[int] = self._bytes.tolist()
        return numbers

    def clone(self) -> UntypedStorage:
        """A copy of the bytes."""
        return of(self._bytes.clone())

    def __len__(self) -> int:
        return self.nbytes()

    def __getitem__(self, index: int | slice) -> Any:
        part = self._bytes[index]
        return of(part.clone()) if isinstance(index, slice) else part.item()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and self._bytes.is_set_to(other._bytes)

    def __hash__(self) -> int:
        return hash(self.data_ptr())

    def __deepcopy__(self, memo: dict[int, Any]) -> UntypedStorage:
        return self.clone()

    def __reduce__(self) -> Any:
        return _from_bytes, (_C.tensor_to_bytes(self._bytes),)

    def __repr__(self) -> str:
        rows = "".join(f" {byte}\n" for byte in self.tolist())
        return f"{rows}[tensorrs.storage.UntypedStorage(device={self.device}) of size {len(self)}]"


def _from_bytes(data: bytes) -> UntypedStorage:
    return of(_C.tensor_from_bytes(data, _C.uint8, (len(data),)))


def of(tensor: Tensor) -> UntypedStorage:
    """The memory of a tensor."""
    address, size = tensor._storage()
    lies_somewhere = size and address  # neither empty nor on the meta device
    found = _living.get(address) if lies_somewhere else None
    if found is None or found.nbytes() != size:
        found = UntypedStorage.__new__(UntypedStorage)
        found._bytes = _C.tensor_over(tensor, _C.uint8, 0, (size,), (1,))
        if lies_somewhere:
            _living[address] = found
    return found
