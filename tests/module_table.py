"""The table of layers: one row for each way to build a layer, with what it is called on.

`test_nn.py` runs every row over what a layer promises; `golden/record_modules.py` records what PyTorch says for the
same rows. A new layer is a row here.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from under_test import T, tensor

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class In:
    """One argument of a call. `kind` is `normal`, `unit` (0 to 1), `classes` or `share` (each row sums to 1)."""

    shape: tuple[int, ...]
    kind: str = "normal"
    classes: int = 0

    def array(self, seed: int) -> Array:
        # RandomState's numbers are frozen for all versions of NumPy, so no input has to be stored.
        numbers = np.random.RandomState(seed)
        if self.kind == "classes":
            return np.asarray(numbers.randint(0, self.classes, self.shape), dtype=np.int64)
        if self.kind == "normal":
            return np.asarray(numbers.standard_normal(self.shape))
        shares = np.asarray(numbers.uniform(0.05, 0.95, self.shape))
        return shares if self.kind == "unit" else shares / shares.sum(1, keepdims=True)


@dataclass(frozen=True)
class Row:
    """A layer: its class, the arguments of the class, the arguments of a call."""

    layer: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[In, ...]
    # Finite differences mean nothing: the result depends on the generator, or the gradient is another on purpose.
    rough: bool = False
    # What the class takes as tensors, by name.
    tensors: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        said = [str(a) for a in self.args] + [f"{k}={v}" for k, v in {**self.kwargs, **self.tensors}.items()]
        shapes = "x".join("[" + ",".join(map(str, i.shape)) + "]" for i in self.inputs)
        return f"{self.layer}({', '.join(said)}){shapes}".replace(" ", "")

    @property
    def seed(self) -> int:
        return zlib.crc32(self.name.encode())

    def build(self) -> Any:
        """The layer in float32, with the weights that `manual_seed(0)` gives."""
        T.manual_seed(0)
        given = {name: T.tensor(list(values)) for name, values in self.tensors.items()}
        return getattr(T.nn, self.layer)(*self.args, **self.kwargs, **given)

    def arguments(self, dtype: str, grad: bool = True) -> list[Any]:
        """The arguments of a call; those of floating point ask for a gradient."""
        made = []
        for i, given in enumerate(self.inputs):
            array = given.array(self.seed + i)
            if given.kind == "classes":
                made.append(tensor(array))
            else:
                made.append(tensor(array, dtype).requires_grad_(grad and given.kind in ("normal", "unit")))
        return made


def layer(name: str, *args: Any, on: Any, rough: bool = False, tensors: Any = None, **kwargs: Any) -> Row:
    """A row; `on` is a shape, an `In`, or a list of them."""
    listed = on if isinstance(on, list) else [on]
    inputs = tuple(i if isinstance(i, In) else In(i) for i in listed)
    return Row(name, args, kwargs, inputs, rough, tensors or {})


IMAGE = (2, 4, 6, 5)
SMALL = (3, 4)
LOGITS = [SMALL, In((3,), "classes", 4)]
MAPS = [(2, 4, 2, 3), In((2, 2, 3), "classes", 4)]
SHARES = [SMALL, In(SMALL, "share")]
ODDS = [SMALL, In(SMALL, "unit")]
WEIGHT = {"weight": (0.5, 1.0, 2.0, 0.25)}
REDUCTIONS = ("mean", "sum", "none")

LINEAR = [
    layer("Identity", 54, unused=0.1, on=SMALL),
    layer("Linear", 4, 3, on=(2, 4)),
    layer("Linear", 4, 3, bias=False, on=(2, 3, 4)),
    layer("Linear", 4, 3, on=(4,)),
    layer("Linear", 20, 17, on=(2, 20)),
    layer("Flatten", on=IMAGE),
    layer("Flatten", 0, 2, on=IMAGE),
    layer("Unflatten", 1, (2, 2), on=SMALL),
    layer("Unflatten", 1, (2, -1), on=SMALL),
]

CONV = [
    layer("Conv2d", 4, 3, 3, on=IMAGE),
    layer("Conv2d", 4, 3, (3, 2), stride=(2, 1), padding=(1, 0), on=IMAGE),
    layer("Conv2d", 4, 3, 3, padding=2, dilation=2, on=IMAGE),
    layer("Conv2d", 4, 6, 3, groups=2, bias=False, on=IMAGE),
    layer("Conv2d", 4, 8, 3, padding=1, groups=4, on=IMAGE),
    layer("Conv2d", 4, 3, 1, on=IMAGE),
    layer("Conv2d", 4, 3, 3, padding="same", on=IMAGE),
    layer("Conv2d", 4, 3, 3, padding="same", dilation=2, on=IMAGE),
    layer("Conv2d", 4, 3, 3, padding="valid", on=IMAGE),
    *[
        layer("Conv2d", 4, 3, 3, padding=(2, 1), padding_mode=mode, on=IMAGE)
        for mode in ("reflect", "replicate", "circular")
    ],
    layer("Conv2d", 4, 3, 5, padding="same", padding_mode="circular", on=IMAGE),
    layer("Conv2d", 4, 3, 3, on=IMAGE[1:]),
    layer("Conv2d", 1, 6, 5, padding=2, on=(2, 1, 8, 8)),
    layer("Conv1d", 4, 3, 3, on=(2, 4, 7)),
    layer("Conv1d", 4, 2, 3, stride=2, padding=1, groups=2, on=(2, 4, 7)),
    layer("Conv1d", 4, 3, 3, padding="same", padding_mode="reflect", on=(2, 4, 7)),
]

POOLING = [
    layer("MaxPool2d", 2, on=IMAGE),
    layer("MaxPool2d", 3, 2, 1, on=IMAGE),
    layer("MaxPool2d", (2, 3), stride=(1, 2), ceil_mode=True, on=IMAGE),
    layer("MaxPool2d", 2, dilation=2, on=IMAGE),
    layer("MaxPool2d", 2, on=IMAGE[1:]),
    layer("AvgPool2d", 2, on=IMAGE),
    layer("AvgPool2d", 3, 2, 1, on=IMAGE),
    layer("AvgPool2d", 3, 2, 1, ceil_mode=True, count_include_pad=False, on=IMAGE),
    layer("AvgPool2d", (2, 3), divisor_override=5, on=IMAGE),
    layer("AdaptiveAvgPool2d", 1, on=IMAGE),
    layer("AdaptiveAvgPool2d", (4, 3), on=IMAGE),
    layer("AdaptiveAvgPool2d", (None, 2), on=IMAGE),
]

NORMALIZATION = [
    layer("BatchNorm1d", 4, on=(5, 4)),
    layer("BatchNorm1d", 4, momentum=None, on=(3, 4, 5)),
    layer("BatchNorm1d", 4, affine=False, on=(5, 4)),
    layer("BatchNorm1d", 4, bias=False, on=(5, 4)),
    layer("BatchNorm2d", 4, on=IMAGE),
    layer("BatchNorm2d", 4, eps=1e-3, momentum=0.3, on=IMAGE),
    layer("BatchNorm2d", 4, track_running_stats=False, on=IMAGE),
    layer("LayerNorm", 4, on=SMALL),
    layer("LayerNorm", (6, 5), on=IMAGE),
    layer("LayerNorm", [4], elementwise_affine=False, on=SMALL),
    layer("LayerNorm", 4, eps=1e-2, bias=False, on=(2, 3, 4)),
]

DROPOUT = [
    layer("Dropout", on=(7, 5), rough=True),
    layer("Dropout", 0.25, inplace=True, on=(7, 5), rough=True),
    layer("Dropout", 0.0, on=SMALL, rough=True),
    layer("Dropout", 1.0, on=SMALL, rough=True),
]

EMBEDDING = [
    layer("Embedding", 7, 3, on=In((2, 5), "classes", 7)),
    layer("Embedding", 7, 3, padding_idx=2, on=In((2, 5), "classes", 7), rough=True),
    layer("Embedding", 7, 3, padding_idx=-1, on=In((9,), "classes", 7), rough=True),
    layer("Embedding", 7, 3, scale_grad_by_freq=True, on=In((9,), "classes", 7), rough=True),
    layer("Embedding", 7, 3, max_norm=1.0, on=In((2, 3), "classes", 7), rough=True),
    layer("Embedding", 7, 3, max_norm=1.5, norm_type=1.0, on=In((2, 3), "classes", 7), rough=True),
]

PLAIN_ACTIVATIONS = (
    *("ReLU", "ReLU6", "LeakyReLU", "ELU", "GELU", "SiLU", "Sigmoid"),
    *("Tanh", "Softplus", "LogSigmoid", "Hardtanh", "Softsign", "Tanhshrink"),
)
ACTIVATION = [
    *[layer(name, on=SMALL) for name in PLAIN_ACTIVATIONS],
    layer("LeakyReLU", 0.2, on=SMALL),
    layer("ELU", 0.5, on=SMALL),
    layer("GELU", "tanh", on=SMALL),
    layer("Softplus", 2.0, 1.0, on=SMALL),
    layer("Hardtanh", -0.5, 2.0, on=SMALL),
    layer("Threshold", 0.1, 20.0, on=SMALL),
    layer("Softmax", dim=1, on=SMALL),
    layer("Softmax", dim=-3, on=IMAGE),
    layer("LogSoftmax", dim=0, on=SMALL),
    layer("Softmin", dim=1, on=SMALL),
    layer("Softmax2d", on=IMAGE),
]

LOSS = [
    *[layer(name, reduction=r, on=[SMALL, SMALL]) for name in ("MSELoss", "L1Loss") for r in REDUCTIONS],
    *[layer("CrossEntropyLoss", reduction=r, on=LOGITS, tensors=WEIGHT) for r in REDUCTIONS],
    layer("CrossEntropyLoss", on=LOGITS),
    layer("CrossEntropyLoss", ignore_index=2, label_smoothing=0.1, on=LOGITS),
    # Every target is ignored: the mean of nothing.
    layer("CrossEntropyLoss", ignore_index=0, on=[SMALL, In((3,), "classes", 1)], rough=True),
    layer("CrossEntropyLoss", on=SHARES),
    layer("CrossEntropyLoss", label_smoothing=0.2, on=SHARES, tensors=WEIGHT),
    layer("CrossEntropyLoss", on=MAPS, tensors=WEIGHT),
    layer("CrossEntropyLoss", on=[(4,), In((), "classes", 4)]),
    *[layer("NLLLoss", reduction=r, on=LOGITS, tensors=WEIGHT) for r in REDUCTIONS],
    layer("NLLLoss", ignore_index=2, on=MAPS),
    *[layer("BCEWithLogitsLoss", reduction=r, on=ODDS) for r in REDUCTIONS],
    layer("BCEWithLogitsLoss", on=ODDS, tensors={**WEIGHT, "pos_weight": (1.0, 2.0, 3.0, 0.5)}),
    *[layer("BCELoss", reduction=r, on=[In(SMALL, "unit"), In(SMALL, "unit")]) for r in REDUCTIONS],
    layer("BCELoss", on=[In(SMALL, "unit"), In(SMALL, "unit")], tensors=WEIGHT),
]

TABLE: dict[str, Row] = {
    row.name: row
    for row in (
        *LINEAR,
        *CONV,
        *POOLING,
        *NORMALIZATION,
        *DROPOUT,
        *EMBEDDING,
        *ACTIVATION,
        *LOSS,
    )
}


def differentiable(module: Any, arguments: list[Any]) -> dict[str, Any]:
    """What a gradient is asked of: arguments by number, parameters by name."""
    asked = {f"input{i}": a for i, a in enumerate(arguments) if a.requires_grad}
    return {**asked, **dict(module.named_parameters())}


def called(row: Row, module: Any, arguments: list[Any]) -> Any:
    """The layer's result. In-place layers write to a copy, since a leaf may not be written to."""
    T.manual_seed(1)
    if row.kwargs.get("inplace"):
        arguments = [a.clone() for a in arguments]
    return module(*arguments)


def cotangent(row: Row, result: Any, dtype: str) -> Any:
    """The gradient that is sent into the result."""
    return tensor(In(tuple(result.shape)).array(row.seed + 9), dtype)
