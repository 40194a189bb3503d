"""Which kernel `scaled_dot_product_attention` may use: names of PyTorch's. Here one kernel serves all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import IntEnum

from tensorrs.backends import cuda
from tensorrs.backends._switches import switched

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(IntEnum):
    """The kernels PyTorch chooses from."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    __repr__ = IntEnum.__str__


@contextmanager
def sdpa_kernel(backends: SDPBackend | Iterable[SDPBackend], set_priority: bool = False) -> Iterator[None]:
    """Allow only these kernels for a while. It is kept for those who ask, and changes no result.

    Raises AssertionError for anything but an `SDPBackend` or a list of them.
    """
    given = [backends] if isinstance(backends, SDPBackend) else backends
    assert isinstance(given, list), (
        f"Backend must be an instance of SDPBackend or a list of SDPBackend instances, got {type(backends).__name__}"
    )
    with switched(
        cuda._attention,
        flash=SDPBackend.FLASH_ATTENTION in given,
        mem_efficient=SDPBackend.EFFICIENT_ATTENTION in given,
        math=SDPBackend.MATH in given,
    ):
        yield
