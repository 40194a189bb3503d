"""Recurrent layers and cells as functions: `lstm`, `gru`, `rnn_tanh`, `rnn_relu` and `*_cell`.

A layer is called in two ways: with a padded input and `batch_first`, or with the data and the batch sizes of a
`PackedSequence`. Which one it is shows in the second argument, for LSTM, or in the third.
"""

from __future__ import annotations

from tensorrs import _C
from tensorrs._C import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "gru",
    "gru_cell",
    "lstm",
    "lstm_cell",
    "rnn_relu",
    "rnn_relu_cell",
    "rnn_tanh",
    "rnn_tanh_cell",
]

_PADDED = ("input", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first")
_PACKED = ("data", "batch_sizes", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional")


def _layers(name: str, kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, ...]:
    third = args[2] if len(args) > 2 else kwargs.get("hx")
    second = args[1] if len(args) > 1 else kwargs.get("batch_sizes")
    packed = isinstance(second, Tensor) and (kind == "LSTM" or "data" in kwargs or isinstance(third, Tensor))
    packed = packed and "input" not in kwargs
    given = dict(zip(_PACKED if packed else _PADDED, args, strict=False))
    if given.keys() & kwargs.keys() or len(args) + len(kwargs) != 9 or not {*given, *kwargs} <= {*_PACKED, *_PADDED}:
        kinds = ", ".join(type(a).__name__ for a in args)
        hx = "tuple of Tensors hx" if kind == "LSTM" else "Tensor hx"
        rest = "tuple of Tensors params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional"
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({kinds}), but expected one of:\n"
            f" * (Tensor data, Tensor batch_sizes, {hx}, {rest})\n * (Tensor input, {hx}, {rest}, bool batch_first)\n"
        )
    given.update(kwargs)
    hx = given["hx"]
    return tuple(
        _C.recurrent(
            kind,
            given["data"] if packed else given["input"],
            given["batch_sizes"] if packed else None,
            [hx] if isinstance(hx, Tensor) else list(hx),
            list(given["params"]),
            given["has_biases"],
            given["num_layers"],
            given["dropout"],
            given["train"],
            given["bidirectional"],
            False if packed else given["batch_first"],
        )
    )


def rnn_tanh(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """`h' = tanh(W_ih x + b_ih + W_hh h + b_hh)` over all steps and layers: output and last hidden states.

    `rnn_tanh(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)` or
    `rnn_tanh(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)`.
    """
    output, h = _layers("rnn_tanh", "RNN_TANH", args, kwargs)
    return output, h


def rnn_relu(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """As `rnn_tanh` with relu in tanh's place."""
    output, h = _layers("rnn_relu", "RNN_RELU", args, kwargs)
    return output, h


def gru(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """Gated recurrent units over all steps and layers: output and last hidden states. Arguments as `rnn_tanh`'s.

    Cho et al., arXiv:1406.1078.
    """
    output, h = _layers("gru", "GRU", args, kwargs)
    return output, h


def lstm(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Long short-term memory over all steps and layers: output, last hidden and last cell states.

    Arguments as `rnn_tanh`'s, with `hx` the pair of both states. Hochreiter and Schmidhuber,
    doi:10.1162/neco.1997.9.8.1735.
    """
    output, h, c = _layers("lstm", "LSTM", args, kwargs)
    return output, h, c


def _one(kind: str, input: Tensor, hx: Tensor, *weights: Tensor | None) -> Tensor:
    h: Tensor
    (h,) = _C.recurrent_cell(kind, input, [hx], *weights)
    return h


def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """`tanh(w_ih @ x + b_ih + w_hh @ h + b_hh)`; input (batch, features), hx (batch, hidden)."""
    return _one("RNN_TANH", input, hx, w_ih, w_hh, b_ih, b_hh)


def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """As `rnn_tanh_cell` with relu in tanh's place."""
    return _one("RNN_RELU", input, hx, w_ih, w_hh, b_ih, b_hh)


def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of a gated recurrent unit: the new hidden state."""
    return _one("GRU", input, hx, w_ih, w_hh, b_ih, b_hh)


def lstm_cell(
    input: Tensor,
    hx: Any,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of long short-term memory: the new hidden state and cell state from the old pair `hx`."""
    if isinstance(hx, Tensor):
        raise TypeError("lstm_cell(): argument 'hx' (position 2) must be tuple of Tensors, not Tensor")
    h, c = _C.recurrent_cell("LSTM", input, list(hx), w_ih, w_hh, b_ih, b_hh)
    return h, c
