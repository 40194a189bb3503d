"""Sequences of different lengths: packed for recurrent layers, or padded to one length.

A packed batch holds the elements of all sequences step by step: first the first elements of all, then the second ones
of those that have two, and so on; sequences are sorted by length, the longest first.
"""

from __future__ import annotations

import itertools
from collections import namedtuple
from collections.abc import Iterable
from typing import Any

import tensorrs
from tensorrs._C import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

PackedSequence_ = namedtuple("PackedSequence_", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"])
PackedSequence_.__annotations__ = {
    "data": Tensor,
    "batch_sizes": Tensor,
    "sorted_indices": "Tensor | None",
    "unsorted_indices": "Tensor | None",
}


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another: `inverse[permutation[i]] = i`."""
    if permutation is None:
        return None
    inverse = tensorrs.empty_like(permutation)
    inverse.scatter_(0, permutation, tensorrs.arange(0, permutation.numel(), device=permutation.device))
    return inverse


class PackedSequence(PackedSequence_):
    """A packed batch, as `pack_padded_sequence` and `pack_sequence` make it.

    `data` holds the elements, `batch_sizes` how many there are at each step; `sorted_indices` is the order in which
    the sequences were put, None if they were sorted, and `unsorted_indices` leads back.
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. "
                "They should be instantiated by functions like pack_sequence and pack_padded_sequences in nn.utils.rnn."
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """As `Tensor.to` of the data; itself if nothing changes. The indices follow to another device."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        sorted_indices, unsorted_indices = (
            None if i is None else i.to(data.device) for i in (self.sorted_indices, self.unsorted_indices)
        )
        return type(self)(data, self.batch_sizes, sorted_indices, unsorted_indices)

    def pin_memory(self) -> PackedSequence:
        """Itself: there is no device for which memory would be pinned."""
        return self

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """On the CPU."""
        return self.to(*args, device="cpu", **kwargs)

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """On a CUDA device, which this library does not have: raises."""
        return self.to(*args, device="cuda", **kwargs)

    def double(self) -> PackedSequence:
        """With data in float64."""
        return self.to(dtype=tensorrs.double)

    def float(self) -> PackedSequence:
        """With data in float32."""
        return self.to(dtype=tensorrs.float)

    def half(self) -> PackedSequence:
        """With data in float16."""
        return self.to(dtype=tensorrs.half)

    def long(self) -> PackedSequence:
        """With data in int64."""
        return self.to(dtype=tensorrs.long)

    def int(self) -> PackedSequence:
        """With data in int32."""
        return self.to(dtype=tensorrs.int)

    def short(self) -> PackedSequence:
        """With data in int16."""
        return self.to(dtype=tensorrs.short)

    def char(self) -> PackedSequence:
        """With data in int8."""
        return self.to(dtype=tensorrs.int8)

    def byte(self) -> PackedSequence:
        """With data in uint8."""
        return self.to(dtype=tensorrs.uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether the data are on a CUDA device."""
        return bool(self.data.is_cuda)

    def is_pinned(self) -> bool:
        """Whether the data are in pinned memory: never."""
        return False


def _as_lengths(lengths: Any) -> Tensor:
    if isinstance(lengths, Tensor):
        return lengths.to(dtype=tensorrs.int64)
    return tensorrs.as_tensor(list(lengths), dtype=tensorrs.int64, device="cpu")


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packs padded sequences (steps, batch, *), or (batch, steps, *) with `batch_first`, of the given `lengths`.

    They must be sorted, the longest first, unless `enforce_sorted` is False.
    """
    lengths = _as_lengths(lengths)
    if lengths.dim() != 1:
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.dim()}D cpu Long tensor"
        )
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = lengths.sort(descending=True)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    if input.numel() == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    if batch_first:
        input = input.transpose(0, 1)
    numbers: list[Any] = lengths.tolist()
    if len(numbers) != input.size(1):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(numbers)} (batch_size={input.size(1)})"
        )
    if numbers[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if any(a < b for a, b in itertools.pairwise(numbers)):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
            "do not need ONNX exportability."
        )
    steps = numbers[0]
    if steps > input.size(0):
        raise RuntimeError(
            f"Expected sequence length to be at most {input.size(0)}, the number of steps, but got {steps}"
        )
    sizes = _batch_sizes(numbers)
    # Steps with equally many sequences are cut out together.
    parts, start = [], 0
    while start < steps:
        end = start
        while end < steps and sizes[end] == sizes[start]:
            end += 1
        parts.append(input[start:end, : sizes[start]].reshape(-1, *input.shape[2:]))
        start = end
    data = tensorrs.cat(parts) if len(parts) > 1 else parts[0].clone()
    return PackedSequence(data, tensorrs.tensor(sizes, dtype=tensorrs.int64), sorted_indices, None)


def _batch_sizes(lengths: list[Any]) -> list[Any]:
    """How many of the sequences, the longest first, are still there at each step."""
    sizes = []
    alive = len(lengths)
    for step in range(lengths[0]):
        while lengths[alive - 1] <= step:
            alive -= 1
        sizes.append(alive)
    return sizes


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """A packed batch as a padded one, (steps, batch, *) or with `batch_first` (batch, steps, *), and the lengths.

    With `total_length` there are that many steps. The sequences come back in the order they had before packing.
    """
    sizes: list[Any] = sequence.batch_sizes.tolist()
    steps, batch = len(sizes), sizes[0]
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    data = sequence.data
    padded = tensorrs.full((steps, batch, *data.shape[1:]), padding_value, dtype=data.dtype, device=data.device)
    start, row = 0, 0
    while start < len(sizes):
        end = start
        while end < len(sizes) and sizes[end] == sizes[start]:
            end += 1
        rows = (end - start) * sizes[start]
        block = data[row : row + rows].reshape(end - start, sizes[start], *data.shape[1:])
        padded[start:end, : sizes[start]] = block
        start, row = end, row + rows
    lengths = tensorrs.tensor([sum(size > i for size in sizes) for i in range(batch)], dtype=tensorrs.int64)
    if batch_first:
        padded = padded.transpose(0, 1)
    order = sequence.unsorted_indices
    if order is not None:
        return padded.index_select(0 if batch_first else 1, order), lengths[order.cpu()]
    return padded, lengths


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences (length, *) stacked into (longest, batch, *), or with `batch_first` (batch, longest, *).

    What is missing is `padding_value`, after the sequences or, with `padding_side="left"`, before them.
    """
    if isinstance(sequences, Tensor):
        sequences = sequences.unbind(0)
    elif not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    listed = list(sequences)
    if not listed:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    first = listed[0]
    longest = max(s.size(0) for s in listed)
    lead = (len(listed), longest) if batch_first else (longest, len(listed))
    out = tensorrs.full((*lead, *first.shape[1:]), padding_value, dtype=first.dtype, device=first.device)
    for i, s in enumerate(listed):
        start = longest - s.size(0) if padding_side == "left" else 0
        part = slice(start, start + s.size(0))
        if batch_first:
            out[i, part] = s
        else:
            out[part, i] = s
    return out


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded batch, each with its own length."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [s[: int(n)] for s, n in zip(padded_sequences, lengths, strict=True)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs sequences (length, *); they must be sorted, the longest first, unless `enforce_sorted` is False."""
    lengths = tensorrs.tensor([s.size(0) for s in sequences], dtype=tensorrs.int64)
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a packed batch, in the order they had before packing."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
