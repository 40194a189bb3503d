"""Linear layers."""

from __future__ import annotations

import math
from typing import Any

import tensorrs
from tensorrs._C import Tensor
from tensorrs.nn import functional as F
from tensorrs.nn import init
from tensorrs.nn.parameter import Parameter, UninitializedParameter

from .lazy import LazyModuleMixin
from .module import Module

__all__ = ["Bilinear", "Identity", "LazyLinear", "Linear"]


class Identity(Module):
    """`y = x`, whatever the arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """`y = x @ weight.T + bias`. x: (*, in_features), y: (*, out_features).

    weight (out_features, in_features) and bias begin uniform within `1 / sqrt(in_features)`.
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(tensorrs.empty((out_features, in_features), device=device, dtype=dtype))
        if bias:
            self.bias: Parameter | None = Parameter(tensorrs.empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the initial weights anew."""
        reset_weight_and_bias(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class LazyLinear(LazyModuleMixin, Linear):
    """`Linear` that takes `in_features`, the last size, from its first input, and then is one."""

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        # Without a bias, which would have its shape already.
        super().__init__(0, 0, False, device, dtype)
        self.weight: Parameter = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draws the initial weights anew, once they have a shape."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """The last size of `input` is what the layer takes."""
        if not self.has_uninitialized_params():
            return
        self.in_features = input.shape[-1]
        for tensor, shape in ((self.weight, (self.out_features, self.in_features)), (self.bias, (self.out_features,))):
            if isinstance(tensor, UninitializedParameter):
                tensor.materialize(shape)
        self.reset_parameters()


class Bilinear(Module):
    """`y[o] = x1 @ weight[o] @ x2 + bias[o]`. x1: (*, in1_features), x2: (*, in2_features), y: (*, out_features).

    weight (out_features, in1_features, in2_features) and bias begin uniform within `1 / sqrt(in1_features)`.
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(tensorrs.empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias: Parameter | None = Parameter(tensorrs.empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the initial weights anew."""
        if self.in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got (in1_features={self.in1_features})")
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


def reset_weight_and_bias(weight: Tensor, bias: Tensor | None) -> None:
    """Uniform within `1 / sqrt(fan_in)`, weight first; the slope sqrt(5) makes the Kaiming bound just that."""
    init.kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        fan_in, _ = init._calculate_fan_in_and_fan_out(weight)
        bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
        init.uniform_(bias, -bound, bound)
