"""A data set whose items are what the random generators of its worker say; recorded and tested."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from under_test import T


class Draws(T.utils.data.Dataset):  # type: ignore[name-defined,misc]
    """Item i: numbers of the library, of `random` and of NumPy."""

    def __getitem__(self, index: int) -> Any:
        info = T.utils.data.get_worker_info()
        seed = None if info is None else info.seed
        return index, T.rand(1).item(), T.randn(20)[17].item(), random.random(), np.random.rand(), seed

    def __len__(self) -> int:
        return 8


def passes() -> list[Any]:
    """Two passes of two workers, then the next number of the main process."""
    T.manual_seed(5)
    loader = T.utils.data.DataLoader(
        Draws(), batch_size=2, shuffle=True, num_workers=2, collate_fn=list, multiprocessing_context="fork"
    )
    said: list[Any] = [[list(map(list, batch)) for batch in loader] for _ in range(2)]
    return [*said, T.rand(1).item()]
