"""The random streams: PyTorch's CPU generator, bit for bit.

The same seed gives the numbers PyTorch gives: initial weights, dropout masks, the order of a shuffled loader.
"""

from __future__ import annotations

from tensorrs import _C
from tensorrs._C import Generator, Tensor
from tensorrs.autograd.grad_mode import _Mode

__all__ = [
    "Generator",
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]

default_generator = _C._default_generator()


def manual_seed(seed: int) -> Generator:
    """Start the default stream of a seed, from -2^63 to 2^64 - 1; returns the default generator."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator from the operating system; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed the default stream began with."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator, as 5056 bytes."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Go on where `get_rng_state` was called."""
    default_generator.set_state(new_state)


class fork_rng(_Mode):
    """Put the default generator back as it was when the block, or the decorated function, ends."""

    def __init__(self, devices: object = None, enabled: bool = True) -> None:
        self.enabled = enabled
        self._before: list[Tensor] = []

    def __enter__(self) -> None:
        if self.enabled:
            self._before.append(get_rng_state())

    def __exit__(self, *exc: object) -> None:
        if self._before:
            set_rng_state(self._before.pop())

    def clone(self) -> fork_rng:
        """The same context anew."""
        return fork_rng(enabled=self.enabled)


def _rebuild_generator(state: Tensor, seed: int) -> Generator:
    generator = Generator()
    generator.manual_seed(seed)
    generator.set_state(state)
    return generator
