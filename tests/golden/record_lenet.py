"""Record the losses of LeNet-5's first 100 steps on Fashion-MNIST in PyTorch: writes lenet.json.

`python record_lenet.py FOLDER`, where FOLDER holds the IDX files. The net and the loop are those of examples/seeds/lenet.py.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

STEPS, BATCH, SEED, RATE = 100, 256, 0, 0.9


def idx(path: Path) -> torch.Tensor:
    """The numbers of an IDX file, as uint8."""
    raw = gzip.decompress(path.read_bytes())
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape).copy())


def lenet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 6, kernel_size=5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Conv2d(6, 16, kernel_size=5),
        nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    )


def init_weights(module: nn.Module) -> None:
    if type(module) in (nn.Linear, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)


def main() -> None:
    folder = Path(sys.argv[1])
    images = idx(folder / "train-images-idx3-ubyte.gz").unsqueeze(1).float() / 255
    labels = idx(folder / "train-labels-idx1-ubyte.gz").long()
    torch.manual_seed(SEED)
    net = lenet()
    net.apply(init_weights)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    order = torch.randperm(len(labels))
    losses = []
    for step in range(STEPS):
        batch = order[step * BATCH : (step + 1) * BATCH]
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(images[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        losses.append(round(loss.item(), 7))
    record = {"torch": torch.__version__, "steps": STEPS, "batch": BATCH, "seed": SEED, "lr": RATE, "losses": losses}
    Path(__file__).with_name("lenet.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
