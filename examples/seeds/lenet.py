"""LeNet-5 as it was: sigmoids, average pooling, Xavier weights, plain SGD with a rate of 0.9, on Fashion-MNIST.

`python examples/seeds/lenet.py --data DIR`, where DIR holds the four IDX files. Runs with PyTorch
too: change the import.

LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE 86 (1998).
"""

from __future__ import annotations

import argparse
import time

import tensorrs as torch
from tensorrs import nn


class Reshape(nn.Module):
    """Flat images to 1 x 28 x 28."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(-1, 1, 28, 28)


def lenet() -> nn.Sequential:
    """6 and 16 channels, 120 and 84 units, 10 classes."""
    return nn.Sequential(
        Reshape(),
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
    """Glorot and Bengio's uniform weights."""
    if type(module) in (nn.Linear, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)


def accuracy(net: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of images whose largest output is their label's."""
    net.eval()
    with torch.no_grad():
        hits = sum(
            (net(images[i : i + 256]).argmax(1) == labels[i : i + 256]).sum().item() for i in range(0, len(labels), 256)
        )
    net.train()
    return hits / len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder of the IDX files")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    train = torch.datasets.FashionMNIST(args.data, train=True)
    test = torch.datasets.FashionMNIST(args.data, train=False)
    images, labels = train.data.unsqueeze(1).float() / 255, train.targets
    test_images, test_labels = test.data.unsqueeze(1).float() / 255, test.targets

    print("layer by layer:")
    net = lenet()
    x = torch.rand(1, 1, 28, 28)
    for layer in net:
        x = layer(x)
        print(f"{type(layer).__name__:>10} {tuple(x.shape)}")

    net.apply(init_weights)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.9)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(args.epochs):
        start, total = time.perf_counter(), 0.0
        order = torch.randperm(len(labels))
        for i in range(0, len(labels), 256):
            batch = order[i : i + 256]
            optimizer.zero_grad()
            loss = criterion(net(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        seconds = time.perf_counter() - start
        print(
            f"epoch {epoch + 1}: loss {total / len(labels):.4f}, test accuracy"
            f" {accuracy(net, test_images, test_labels):.4f}, {len(labels) / seconds:.0f} images/s"
        )


if __name__ == "__main__":
    main()
