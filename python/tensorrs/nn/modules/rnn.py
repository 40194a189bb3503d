"""Recurrent layers: RNN, LSTM and GRU over whole sequences. The work is one call into the core."""

from __future__ import annotations

import math
import warnings
from typing import Any

import tensorrs
from tensorrs import _C
from tensorrs._C import Tensor
from tensorrs.nn import init
from tensorrs.nn.parameter import Parameter
from tensorrs.nn.utils.rnn import PackedSequence

from .module import Module
from .rnn_cell import GRUCell, LSTMCell, RNNCell, RNNCellBase

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


class RNNBase(Module):
    """What the recurrent layers share: their parameters, the checks of their arguments, packing and unpacking.

    Layer `k` has `weight_ih_lk` (gates * hidden_size, features) and `weight_hh_lk` (gates * hidden_size, hidden), the
    biases `bias_ih_lk` and `bias_hh_lk`, and with `proj_size` `weight_hr_lk`; the reverse direction has the same with
    the suffix `_reverse`. All begin uniform within `1 / sqrt(hidden_size)`.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        _check_flags(bias=bias, batch_first=batch_first)
        sizes = {"input_size": input_size, "hidden_size": hidden_size}
        _check_sizes(mode, sizes, num_layers, dropout, proj_size)
        gates = _GATES[mode] * hidden_size
        hidden = proj_size or hidden_size
        directions = 2 if bidirectional else 1
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            features = input_size if layer == 0 else hidden * directions
            for direction in range(directions):
                suffix = f"_l{layer}" + ("_reverse" if direction else "")
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, features), "weight_hh": (gates, hidden)}
                if bias:
                    shapes.update(bias_ih=(gates,), bias_hh=(gates,))
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                for name, shape in shapes.items():
                    setattr(self, name + suffix, Parameter(tensorrs.empty(shape, device=device, dtype=dtype)))
                self._all_weights.append([name + suffix for name in shapes])
        self.reset_parameters()

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Tensor]:
        return [getattr(self, name) for names in self._all_weights for name in names]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, one list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Nothing to do: this is for the memory of CUDA's kernels."""

    def reset_parameters(self) -> None:
        """Draws the initial weights anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raises if the input's dtype or last dimension is not the layer's."""
        dtype = self._flat_weights[0].dtype
        if input.dtype != dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). "
                f"Convert input: input.to({dtype}), or convert model: model.to({input.dtype})"
            )
        expected = 2 if batch_sizes is not None else 3
        if input.dim() != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )

    def _state_size(self, input: Tensor, batch_sizes: Tensor | None, features: int) -> tuple[int, int, int]:
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.size(0) if self.batch_first else input.size(1)
        return self.num_layers * (2 if self.bidirectional else 1), batch, features

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape of the hidden state that belongs to an input: (layers * directions, batch, features)."""
        return self._state_size(input, batch_sizes, self.proj_size or self.hidden_size)

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raises if a state has another shape than it should."""
        if hx.size() != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.size())))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raises if input or hidden state do not fit the layer."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The state with its sequences in another order."""
        return hx if permutation is None else hx.index_select(1, permutation)

    def _run(self, input: Tensor, batch_sizes: Tensor | None, hx: list[Tensor]) -> list[Tensor]:
        made: list[Tensor] = _C.recurrent(
            self.mode,
            input,
            batch_sizes,
            hx,
            self._flat_weights,
            self.bias,
            self.num_layers,
            self.dropout,
            self.training,
            self.bidirectional,
            self.batch_first,
        )
        return made

    def _start(self, size: tuple[int, int, int], like: Tensor) -> Tensor:
        return tensorrs.zeros(size, dtype=like.dtype, device=like.device)

    def _check_rank(self, input: Tensor, what: str) -> bool:
        """Whether the input is a batch."""
        if input.dim() not in (2, 3):
            raise ValueError(f"{self._get_name()}: Expected input to be 2D or 3D, got {input.dim()}D {what}")
        return bool(input.dim() == 3)

    def _forward_one_state(self, input: Any, hx: Tensor | None) -> tuple[Any, Tensor]:
        """`forward` of the layers whose state is one tensor."""
        packed: PackedSequence | None = None
        batched = True
        batch_sizes = sorted_indices = unsorted_indices = None
        if isinstance(input, PackedSequence):
            packed = input
            input, batch_sizes, sorted_indices, unsorted_indices = packed
        else:
            batched = self._check_rank(input, "tensor instead" if self.mode.startswith("RNN") else "instead")
            if hx is not None and hx.dim() != input.dim():
                kind, want = ("batched", 3) if batched else ("unbatched", 2)
                raise RuntimeError(f"For {kind} {want}-D input, hx should also be {want}-D but got {hx.dim()}-D tensor")
            if not batched:
                where = 0 if self.batch_first else 1
                input = input.unsqueeze(where)
                hx = None if hx is None else hx.unsqueeze(1)
        if hx is None:
            hx = self._start(self.get_expected_hidden_size(input, batch_sizes), input)
        else:
            hx = self.permute_hidden(hx, sorted_indices)
        self.check_forward_args(input, hx, batch_sizes)
        output, hidden = self._run(input, batch_sizes, [hx])
        if packed is not None:
            made = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
            return made, self.permute_hidden(hidden, unsorted_indices)
        if not batched:
            return output.squeeze(where), hidden.squeeze(1)
        return output, hidden

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        for name, default in defaults.items():
            value = getattr(self, name)
            if value != default:
                text += f", {name}={value}"
        return text


def _check_flags(**flags: Any) -> None:
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise TypeError(f"{name} should be of type bool, got: {type(flag).__name__}")


def _check_sizes(mode: str, sizes: dict[str, Any], num_layers: Any, dropout: Any, proj_size: int) -> None:
    if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
            f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )
    for name, size in sizes.items():
        if not isinstance(size, int):
            raise TypeError(f"{name} should be of type int, got: {type(size).__name__}")
    for name, size in sizes.items():
        if size <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= sizes["hidden_size"]:
        raise ValueError("proj_size has to be smaller than hidden_size")
    if mode not in _GATES:
        raise ValueError(f"Unrecognized RNN mode: {mode}")


class RNN(RNNBase):
    """`h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)`, or relu with `nonlinearity="relu"`, stacked in layers.

    input (steps, batch, input_size), or (batch, steps, input_size) with `batch_first`, or (steps, input_size), or a
    `PackedSequence`; hx (layers * directions, batch, hidden_size), zero by default. Gives the output
    (steps, batch, directions * hidden_size) and the last hidden states.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            self.nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self.nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if self.nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{self.nonlinearity.upper()}", *args, **kwargs)

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        return self._forward_one_state(input, hx)


class GRU(RNNBase):
    """Gated recurrent units, stacked in layers.

    `r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)`, `z` likewise, `n = tanh(W_in x + b_in + r * (W_hn h + b_hn))`,
    `h' = (1 - z) * n + z * h`. Shapes as those of `RNN`. Cho et al., arXiv:1406.1078.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        return self._forward_one_state(input, hx)


class LSTM(RNNBase):
    """Long short-term memory, stacked in layers.

    `i, f, o = sigmoid(W_i. x + b_i. + W_h. h + b_h.)`, `g = tanh(...)`, `c' = f * c + i * g`, `h' = o * tanh(c')`, and
    with `proj_size` `h' = W_hr h'`. Input as that of `RNN`; hx is the pair (h_0, c_0) of
    (layers * directions, batch, hidden_size), h_0 with proj_size features where that is given. Gives the output and
    the pair (h_n, c_n). Hochreiter and Schmidhuber, doi:10.1162/neco.1997.9.8.1735.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape of the cell state that belongs to an input."""
        return self._state_size(input, batch_sizes, self.hidden_size)

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        self.check_input(input, batch_sizes)
        h_size = self.get_expected_hidden_size(input, batch_sizes)
        self.check_hidden_size(hidden[0], h_size, "Expected hidden[0] size {}, got {}")
        c_size = self.get_expected_cell_size(input, batch_sizes)
        self.check_hidden_size(hidden[1], c_size, "Expected hidden[1] size {}, got {}")

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        if permutation is None:
            return hx
        return hx[0].index_select(1, permutation), hx[1].index_select(1, permutation)

    def forward(self, input: Any, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Any, tuple[Tensor, Tensor]]:
        packed: PackedSequence | None = None
        batched = True
        batch_sizes = sorted_indices = unsorted_indices = None
        if isinstance(input, PackedSequence):
            packed = input
            input, batch_sizes, sorted_indices, unsorted_indices = packed
        else:
            batched = self._check_rank(input, "instead")
            if not batched:
                where = 0 if self.batch_first else 1
                input = input.unsqueeze(where)
            if hx is not None:
                want, kind = (3, "batched") if batched else (2, "unbatched")
                if hx[0].dim() != want or hx[1].dim() != want:
                    raise RuntimeError(
                        f"For {kind} {want}-D input, hx and cx should also be {want}-D but got "
                        f"({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
                    )
                if not batched:
                    hx = hx[0].unsqueeze(1), hx[1].unsqueeze(1)
        if hx is None:
            h = self._start(self.get_expected_hidden_size(input, batch_sizes), input)
            hx = h, self._start(self.get_expected_cell_size(input, batch_sizes), input)
        else:
            hx = self.permute_hidden(hx, sorted_indices)
        self.check_forward_args(input, hx, batch_sizes)
        output, h_n, c_n = self._run(input, batch_sizes, list(hx))
        if packed is not None:
            made = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
            return made, self.permute_hidden((h_n, c_n), unsorted_indices)
        if not batched:
            return output.squeeze(where), (h_n.squeeze(1), c_n.squeeze(1))
        return output, (h_n, c_n)
