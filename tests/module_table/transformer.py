"""Rows of attention and the transformer. Inputs are (steps, batch, features)."""

from __future__ import annotations

from module_table.row import layer

X = (3, 2, 4)
Y = (2, 2, 4)
PLAIN = {"dim_feedforward": 3, "dropout": 0.0}

ROWS = [
    layer("MultiheadAttention", 4, 2, on=[Y, X, X]),
    layer("MultiheadAttention", 4, 2, bias=False, batch_first=True, on=[Y, (2, 3, 4), (2, 3, 4)]),
    layer(
        "MultiheadAttention", 4, 2, kdim=3, vdim=2, add_bias_kv=True, add_zero_attn=True, on=[Y, (3, 2, 3), (3, 2, 2)]
    ),
    layer("MultiheadAttention", 4, 2, dropout=0.5, on=[Y, X, X], rough=True),
    layer("TransformerEncoderLayer", 4, 2, **PLAIN, on=X),
    layer("TransformerEncoderLayer", 4, 2, 3, on=X, rough=True),
    layer(
        "TransformerEncoderLayer", 4, 2, **PLAIN, activation="gelu", norm_first=True, batch_first=True, bias=False, on=Y
    ),
    layer("TransformerDecoderLayer", 4, 2, **PLAIN, on=[Y, X]),
    layer("TransformerDecoderLayer", 4, 2, **PLAIN, norm_first=True, on=[Y, X]),
    layer("Transformer", 4, 2, 1, 1, 3, 0.0, batch_first=True, on=[(2, 3, 4), Y]),
]
