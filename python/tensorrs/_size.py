"""`tensorrs.Size`: the tuple that a shape is returned as."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import SupportsIndex, overload


class Size(tuple[int, ...]):
    """A shape. Slices and sums of sizes are sizes; `numel()` is the product."""

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        n = 1
        for size in self:
            n *= size
        return n

    def __repr__(self) -> str:
        return f"tensorrs.Size([{', '.join(map(str, self))}])"

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: SupportsIndex) -> int: ...
        @overload
        def __getitem__(self, index: slice) -> Size: ...

    def __getitem__(self, index: SupportsIndex | slice) -> int | Size:
        item = super().__getitem__(index)
        return Size(item) if isinstance(item, tuple) else item

    def __add__(self, other: tuple[int, ...]) -> Size:  # type: ignore[override]
        return Size(super().__add__(other))

    def __mul__(self, n: SupportsIndex) -> Size:
        return Size(super().__mul__(n))

    __rmul__ = __mul__
