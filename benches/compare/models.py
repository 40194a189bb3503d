"""The models of the training, inference, memory and busy rows, written once for both libraries: T is either.

Each `Task` builds a model, its inputs and targets; a step is zero_grad, forward, loss, backward, optimiser step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from compare import networks
from compare.row import Program
from compare.side import Side


@dataclass(frozen=True)
class Task:
    """`inputs` and `targets` make a batch on a side; `adam` or SGD with momentum; `layouts`: images of channels."""

    name: str
    build: Callable[[Any], Any]
    inputs: Callable[[Side], Any]
    targets: Callable[[Side, Any], Any]
    loss: str = "cross_entropy"
    adam: bool = True
    layouts: bool = False


def images(*shape: int) -> Callable[[Side], Any]:
    return lambda side: side.numbers(*shape)


def tokens(batch: int, length: int, below: int) -> Callable[[Side], Any]:
    return lambda side: side.indices(batch, length, below=below)


def classes(count: int) -> Callable[[Side, Any], Any]:
    return lambda side, x: side.indices(x.shape[0], below=count)


def values(*shape: int) -> Callable[[Side, Any], Any]:
    return lambda side, x: side.numbers(*shape, seed=1)


def itself(side: Side, x: Any) -> Any:
    return x


TASKS = [
    Task("linear regression 3x1 b32", networks.linear, images(32, 3), values(32, 1), "mse_loss", adam=False),
    Task("tiny MLP 2-16-16-2 b32", networks.tiny, images(32, 2), classes(2)),
    Task("MLP 784-256-128-10 b128", networks.mlp, images(128, 784), classes(10)),
    Task("LeNet b1", networks.lenet, images(1, 1, 28, 28), classes(10), adam=False, layouts=True),
    Task("LeNet b256", networks.lenet, images(256, 1, 28, 28), classes(10), adam=False, layouts=True),
    Task("CIFAR CNN b1", networks.cifar, images(1, 3, 32, 32), classes(10), layouts=True),
    Task("CIFAR CNN b64", networks.cifar, images(64, 3, 32, 32), classes(10), layouts=True),
    Task("dog/cat CNN 3x128x128 b128", networks.pets, images(128, 3, 128, 128), classes(2), layouts=True),
    Task("ResNet-18 3x32x32 b16", networks.resnet18, images(16, 3, 32, 32), classes(10), adam=False, layouts=True),
    Task("MobileNet-like 3x64x64 b8", networks.mobilenet, images(8, 3, 64, 64), classes(10), layouts=True),
    Task("AlexNet 3x224x224 b2", networks.alexnet, images(2, 3, 224, 224), classes(100), adam=False, layouts=True),
    Task("LSTM 64-128 T50 b32", networks.lstm, images(32, 50, 64), classes(10)),
    Task("GRU 64-128 T50 b32", networks.gru, images(32, 50, 64), classes(10)),
    Task("GPT d128 L4 H4 T128 b16", networks.gpt, tokens(16, 128, 65), lambda side, x: (x.view(-1) + 1).remainder(65)),
    Task("autoencoder 784-32-784 b128", networks.autoencoder, images(128, 784), itself, "mse_loss"),
]


def training(task: Task, side: Side) -> Program:
    """A step; gives the loss and the gradients of the first and last parameter."""
    model, x = side.model(task.build), task.inputs(side)
    y, T = task.targets(side, x), side.T
    parameters = list(model.parameters())
    if task.adam:
        optimizer = T.optim.Adam(parameters, lr=1e-4)
    else:
        optimizer = T.optim.SGD(parameters, lr=1e-3, momentum=0.9)
    loss_of = getattr(T.nn.functional, task.loss)

    def run() -> Any:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return [loss, parameters[0].grad, parameters[-1].grad]

    return run


def inference(task: Task, side: Side) -> Program:
    model, x, T = side.model(task.build).eval(), task.inputs(side), side.T

    def run() -> Any:
        with T.inference_mode():
            return model(x)

    return run
