"""One library as a row sees it: the module, the dtype and the memory format in which it is asked to compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Side:
    """`T` is the library. `plain` draws inputs by the library itself, so that NumPy's memory is not counted."""

    T: Any
    dtype: str = "float32"
    channels_last: bool = False
    plain: bool = False

    def numbers(self, *shape: int, seed: int = 0, grad: bool = False, dtype: str = "") -> Any:
        """The same normal numbers for every side; 4-d ones in its memory format."""
        if self.plain:
            self.T.manual_seed(seed)
            x = self.T.randn(shape)
        else:
            import numpy as np

            x = self.T.from_numpy(np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)).clone()
        return self.formed(x.to(getattr(self.T, dtype or self.dtype))).requires_grad_(grad)

    def indices(self, *shape: int, below: int, seed: int = 0) -> Any:
        """The same int64 numbers in [0, below) for every side."""
        count = 1
        for n in shape:
            count *= n
        return (self.T.arange(count) * 7919 + 31 * seed).remainder(below).view(shape)

    def formed(self, x: Any) -> Any:
        if self.channels_last and x.dim() == 4:
            return x.to(memory_format=self.T.channels_last)
        return x

    def model(self, build: Callable[[Any], Any]) -> Any:
        """`build(T)` with seed 0: both libraries draw the same weights."""
        self.T.manual_seed(0)
        model = build(self.T).to(getattr(self.T, self.dtype))
        return model.to(memory_format=self.T.channels_last) if self.channels_last else model

    def grad(self, result: Any, inputs: list[Any], by: Any = None) -> Any:
        """The gradients of `result` (weighed with `by`) with respect to `inputs`."""
        return self.T.autograd.grad(result, inputs, by)
