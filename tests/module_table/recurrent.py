"""Rows of the recurrent layers and cells. Inputs are (steps, batch, features)."""

from __future__ import annotations

from module_table.row import layer

STEPS = (3, 2, 2)
BATCH = (2, 2)

ROWS = [
    layer("RNN", 2, 3, on=STEPS),
    layer("RNN", 2, 3, nonlinearity="relu", bias=False, on=BATCH),
    layer("RNN", 2, 2, 2, bidirectional=True, on=STEPS),
    layer("GRU", 2, 3, on=[STEPS, (1, 2, 3)]),
    layer("GRU", 2, 2, 2, bidirectional=True, batch_first=True, on=(2, 3, 2)),
    layer("LSTM", 2, 3, on=STEPS),
    layer("LSTM", 2, 3, bias=False, batch_first=True, on=(3, 2)),
    layer("LSTM", 2, 3, 2, proj_size=1, bidirectional=True, on=STEPS),
    layer("LSTM", 2, 3, 2, dropout=0.5, on=STEPS, rough=True),
    layer("RNNCell", 2, 3, on=[BATCH, (2, 3)]),
    layer("RNNCell", 2, 3, bias=False, nonlinearity="relu", on=(2,)),
    layer("LSTMCell", 2, 3, on=BATCH),
    layer("GRUCell", 2, 3, on=[BATCH, (2, 3)]),
]
