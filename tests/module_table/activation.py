"""Rows of activations."""

from __future__ import annotations

from module_table.row import IMAGE, SMALL, layer

PLAIN_ACTIVATIONS = (
    *("ReLU", "ReLU6", "LeakyReLU", "ELU", "GELU", "SiLU", "Sigmoid"),
    *("Tanh", "Softplus", "LogSigmoid", "Hardtanh", "Softsign", "Tanhshrink"),
)
ROWS = [
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
