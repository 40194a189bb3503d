"""`tensorrs.cuda`: there is no CUDA here, and this says so to programs that ask before they use it.

As PyTorch without a GPU: questions are answered, seeding and emptying a cache do nothing, the rest raises.
"""

from __future__ import annotations

from tensorrs.cuda import amp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "amp",
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "seed",
    "seed_all",
    "set_device",
    "synchronize",
]


def is_available() -> bool:
    """Whether a GPU can be used: False."""
    return False


def is_initialized() -> bool:
    """Whether CUDA is at work: False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the GPU knows bfloat16: False."""
    return False


def device_count() -> int:
    """The number of GPUs: 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed the generator of the GPU, if there is one."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Seed the generators of all GPUs, if there are any."""
    int(seed)


def seed() -> None:
    """Seed the generator of the GPU from the operating system, if there is one."""


def seed_all() -> None:
    """Seed the generators of all GPUs from the operating system, if there are any."""


def empty_cache() -> None:
    """Give memory back that the GPU's cache holds: none."""


def memory_allocated(device: Any = None) -> int:
    """Bytes in use on a GPU: 0."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that were in use on a GPU: 0."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """Bytes that a GPU's cache holds: 0."""
    return 0


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes that a GPU's cache held: 0."""
    return 0


def _lacks() -> AssertionError:
    return AssertionError("tensorrs not compiled with CUDA enabled")


def synchronize(device: Any = None) -> None:
    """Wait for a GPU: there is none to wait for, which is an error as in PyTorch."""
    raise _lacks()


def current_device() -> int:
    """The index of the GPU in use: an error."""
    raise _lacks()


def set_device(device: Any) -> None:
    """Choose a GPU: an error."""
    raise _lacks()


def get_device_name(device: Any = None) -> str:
    """The name of a GPU: an error."""
    raise _lacks()
