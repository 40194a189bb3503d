"""Input and output: a pass of the DataLoader over 20,000 samples, a state of 40 MB saved and loaded."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from compare.row import Group, Program
from compare.side import Side

GROUP = Group("io", "loading data, saving states", 0.5)
COUNT = 20_000


@GROUP.row("DataLoader over 20,000 samples of 1x28x28, batches of 64, shuffled")
def _(s: Side) -> Program:
    data, T = s.T.utils.data, s.T
    x, y = s.numbers(COUNT, 1, 28, 28), s.indices(COUNT, below=10)
    loader = data.DataLoader(data.TensorDataset(x, y), batch_size=64, shuffle=True)

    def run() -> Any:
        labels, sums = [], 0.0
        for images, targets in loader:
            labels.append(targets)
            sums += float(images[0, 0, 0, 0])
        return [T.cat(labels), sums]

    return run


@GROUP.row("DataLoader over 20,000 samples of a Dataset of one's own, batches of 64")
def _(s: Side) -> Program:
    data, T = s.T.utils.data, s.T
    x, y = s.numbers(COUNT, 16), s.indices(COUNT, below=10)

    class Pairs(data.Dataset):  # type: ignore[misc, name-defined]
        def __len__(self) -> int:
            return COUNT

        def __getitem__(self, at: int) -> Any:
            return x[at], y[at]

    loader = data.DataLoader(Pairs(), batch_size=64)
    return lambda: T.cat([targets for _, targets in loader])


@GROUP.row("save and load 40 MB, 10 tensors")
def _(s: Side) -> Program:
    state = {f"layer{k}.weight": s.numbers(1024, 1000, seed=k) for k in range(10)}
    folder = tempfile.TemporaryDirectory()
    path = str(Path(folder.name) / "state.pth")

    def run(folder: Any = folder) -> Any:
        s.T.save(state, path)
        return s.T.load(path)["layer9.weight"]

    return run
