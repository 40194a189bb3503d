"""Activations: pointwise functions and the softmax family."""

from __future__ import annotations

import warnings

import tensorrs
from tensorrs import _C
from tensorrs._C import Tensor

# Bound as they are: nothing stands between the caller and the core.
gelu = _C.gelu
hardshrink = _C.hardshrink
softshrink = _C.softshrink
logsigmoid = _C.logsigmoid
softplus = _C.softplus
relu_ = _C.relu_
leaky_relu_ = _C.leaky_relu_
elu_ = _C.elu_
selu_ = _C.selu_
celu_ = _C.celu_
hardtanh_ = _C.hardtanh_
threshold_ = _C.threshold_
prelu = _C.prelu
rrelu_ = _C.rrelu_


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """`max(0, x)`, element by element."""
    return _C.relu_(input) if inplace else _C.relu(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """`x` where positive, `negative_slope * x` elsewhere."""
    return _C.leaky_relu_(input, negative_slope) if inplace else _C.leaky_relu(input, negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """`x` where positive, `alpha * (exp(x) - 1)` elsewhere. Clevert et al., arXiv:1511.07289."""
    return _C.elu_(input, alpha) if inplace else _C.elu(input, alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """`elu` scaled so that layers keep mean 0 and variance 1. Klambauer et al., arXiv:1706.02515."""
    return _C.selu_(input) if inplace else _C.selu(input)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """`max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`. Barron, arXiv:1704.07483."""
    return _C.celu_(input, alpha) if inplace else _C.celu(input, alpha)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """`x` between `min_val` and `max_val`, the nearer of the two elsewhere."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _C.hardtanh_(input, min_val, max_val) if inplace else _C.hardtanh(input, min_val, max_val)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """`min(max(0, x), 6)`."""
    return _C.hardtanh_(input, 0.0, 6.0) if inplace else _C.hardtanh(input, 0.0, 6.0)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """`x` where it is greater than `threshold`, `value` elsewhere."""
    return _C.threshold_(input, threshold, value) if inplace else _C.threshold(input, threshold, value)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """`x * sigmoid(x)`, also called swish. Hendrycks and Gimpel, arXiv:1606.08415."""
    return _C.silu_(input) if inplace else _C.silu(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """`x * tanh(softplus(x))`. Misra, arXiv:1908.08681."""
    return _C.mish_(input) if inplace else _C.mish(input)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """`min(max(0, x + 3), 6) / 6`."""
    return _C.hardsigmoid_(input) if inplace else _C.hardsigmoid(input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """`x * hardsigmoid(x)`. Howard et al., arXiv:1905.02244."""
    return _C.hardswish_(input) if inplace else _C.hardswish(input)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """`a * sigmoid(b)` for the two halves of the input along `dim`. Dauphin et al., arXiv:1612.08083."""
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    return _C.glu(input, dim)


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """`x` where positive, `a * x` elsewhere; in training `a` is drawn for each element between the bounds.

    Otherwise it is their mean. Xu et al., arXiv:1505.00853.
    """
    return _C.rrelu_(input, lower, upper, training) if inplace else _C.rrelu(input, lower, upper, training)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of `softmax((x + g) / tau)` with Gumbel noise g, along `dim`. Jang et al., arXiv:1611.01144.

    With `hard` the result is one-hot and the gradient that of the soft sample. `eps` has no effect.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -tensorrs.empty_like(logits).exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    return tensorrs.zeros_like(logits).scatter_(dim, index, 1.0) - soft.detach() + soft


def sigmoid(input: Tensor) -> Tensor:
    """`1 / (1 + exp(-x))`."""
    return input.sigmoid()


def tanh(input: Tensor) -> Tensor:
    """`(exp(x) - exp(-x)) / (exp(x) + exp(-x))`."""
    return input.tanh()


def softsign(input: Tensor) -> Tensor:
    """`x / (1 + |x|)`."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """`x - tanh(x)`."""
    return input - input.tanh()


def _implicit_dim(name: str, rank: int, stacklevel: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if rank in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: _C.dtype | None = None) -> Tensor:
    """`exp(x) / sum(exp(x))` along `dim`; with `dtype`, computed after a cast to it."""
    if dim is None:
        dim = _implicit_dim("softmax", input.dim(), _stacklevel)
    return input.softmax(dim) if dtype is None else input.softmax(dim, dtype=dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: _C.dtype | None = None) -> Tensor:
    """`softmax(-x)` along `dim`."""
    if dim is None:
        dim = _implicit_dim("softmin", input.dim(), _stacklevel)
    return (-input).softmax(dim) if dtype is None else (-input).softmax(dim, dtype=dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: _C.dtype | None = None) -> Tensor:
    """`log(softmax(x))` along `dim`, without the loss of digits of the two steps."""
    if dim is None:
        dim = _implicit_dim("log_softmax", input.dim(), _stacklevel)
    return input.log_softmax(dim) if dtype is None else input.log_softmax(dim, dtype=dtype)
