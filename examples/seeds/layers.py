"""One layer at a time: what a convolution, a pool, an activation, a linear layer and three losses do to numbers.

With `--log DIR` the batches before and after each layer go to TensorBoard (`pip install tensorboardX`):
`python examples/seeds/layers.py --log runs/layers --data DIR` with DIR the folder of `cifar-10-batches-py`; without
`--data` the pictures are made up. Runs with PyTorch too: change the imports.
"""

from __future__ import annotations

import argparse

import tensorrs as torch
import tensorrs.nn.functional as F
from tensorrs import nn
from tensorrs.datasets import CIFAR10, FakeData
from tensorrs.transforms import ToTensor
from tensorrs.utils.data import DataLoader, Dataset


class AddOne(nn.Module):
    """The least a module can be: it may be called with a plain number as well."""

    def forward(self, x: float) -> float:
        return x + 1


def numbers() -> None:
    """A 5 x 5 picture under a 3 x 3 kernel, by steps of one and two and with a border of zeros; its largest parts."""
    picture = torch.Tensor([[1, 2, 0, 3, 1], [0, 1, 2, 3, 1], [1, 2, 1, 0, 0], [5, 2, 3, 1, 1], [2, 1, 0, 1, 1]])
    kernel = torch.Tensor([[1, 2, 1], [0, 1, 0], [2, 1, 0]])
    print(picture.shape, kernel.shape)
    x, w = torch.reshape(picture, (1, 1, 5, 5)), torch.reshape(kernel, (1, 1, 3, 3))
    print("stride 1:", F.conv2d(x, w, stride=1))
    print("stride 2:", F.conv2d(x, w, stride=2))
    print("stride 2, padding 1:", F.conv2d(x, w, stride=2, padding=1))
    print("pool, with the rest:", nn.MaxPool2d(kernel_size=3, ceil_mode=True)(x))
    print("pool, without it:", nn.MaxPool2d(kernel_size=3, ceil_mode=False)(x))

    whole = torch.tensor([[1, -1], [2, -3]])
    print("relu of integers:", nn.ReLU()(whole))
    changed = torch.tensor([1.0, -1.0])
    nn.ReLU(inplace=True)(changed)
    print("relu in place:", changed)


def losses() -> None:
    """The mean distance, the mean square, and the cross entropy of one sample."""
    x, y = torch.tensor([2.0, 3.0, 4.0]), torch.tensor([2.0, 3.0, 7.0])
    print("l1:", nn.L1Loss()(x, y))
    print("mse:", nn.MSELoss()(x, y))
    scores, target = torch.tensor([[0.1, 0.2, 0.3]]), torch.tensor([1])
    print("cross entropy:", nn.CrossEntropyLoss()(scores, target))


def batches(images: Dataset, log: str | None, batch_size: int = 16) -> None:
    """Each layer on batches of pictures: shapes printed, pictures logged."""
    layers = {
        "conv": nn.Conv2d(in_channels=3, out_channels=6, kernel_size=3, stride=1, padding=1),
        "pool": nn.MaxPool2d(kernel_size=3, ceil_mode=True),
        "sigmoid": nn.Sigmoid(),
    }
    linear = nn.Linear(batch_size * 3 * 32 * 32, 200)
    writer = None
    if log is not None:
        from tensorrs.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(log)
    for step, (pictures, _) in enumerate(DataLoader(images, batch_size=batch_size, shuffle=True, drop_last=True)):
        if writer is not None:
            writer.add_images("before", pictures, step)
        for name, layer in layers.items():
            made = layer(pictures)
            if step == 0:
                print(name, tuple(pictures.shape), "->", tuple(made.shape))
            if writer is not None:
                # A picture has three channels: six become twice as many pictures.
                writer.add_images(f"after {name}", torch.reshape(made, (-1, 3, *made.shape[2:])), step)
        if step == 0:
            print("linear", tuple(torch.flatten(pictures).shape), "->", tuple(linear(torch.flatten(pictures)).shape))
    if writer is not None:
        writer.close()


def main(data: str | None = None, log: str | None = None) -> None:
    torch.manual_seed(0)
    print(AddOne()(1.0))
    numbers()
    losses()
    images: Dataset
    if data is None:
        images = FakeData(64, (3, 32, 32), transform=ToTensor())
    else:
        images = CIFAR10(data, train=False, transform=ToTensor())
    batches(images, log)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder of cifar-10-batches-py")
    parser.add_argument("--log", help="folder for TensorBoard")
    arguments = parser.parse_args()
    main(arguments.data, arguments.log)
