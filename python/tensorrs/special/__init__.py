"""`tensorrs.special`: functions of mathematics and statistics, element by element, under SciPy's names.

Those of Bessel, the normal distribution's and the orthogonal polynomials have kernels of their own (`_C._special`); the
others are functions of the module by other names. Integers become the default float type. The polynomials, `airy_ai`,
`spherical_bessel_j0` and the scaled K functions have no derivative, as in PyTorch.
"""

from __future__ import annotations

from tensorrs import _C
from tensorrs._C import Tensor
from tensorrs._functions import (
    digamma,
    erf,
    erfc,
    erfinv,
    exp2,
    expm1,
    i0,
    igamma,
    igammac,
    lgamma,
    log1p,
    logit,
    logsumexp,
    mvlgamma,
    polygamma,
    round,
    sigmoid,
    sinc,
    xlogy,
)
from tensorrs._functions import (
    log_softmax as _log_softmax,
)
from tensorrs._functions import (
    softmax as _softmax,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

expit = sigmoid
gammainc = igamma
gammaincc = igammac
gammaln = lgamma
multigammaln = mvlgamma
psi = digamma


def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """`exp(x) / sum(exp(x))` along `dim`, computed in `dtype` if one is given."""
    return _softmax(input, dim, dtype=dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """`log(softmax(x))` along `dim`, computed in `dtype` if one is given."""
    return _log_softmax(input, dim, dtype=dtype)


def airy_ai(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Airy's function Ai, the solution of `f'' = x f` that goes to 0."""
    return _C._special("airy_ai", input, out)


def bessel_j0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Bessel function of the first kind of order 0."""
    return _C._special("bessel_j0", input, out)


def bessel_j1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Bessel function of the first kind of order 1."""
    return _C._special("bessel_j1", input, out)


def bessel_y0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Bessel function of the second kind of order 0; NaN below 0."""
    return _C._special("bessel_y0", input, out)


def bessel_y1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Bessel function of the second kind of order 1; NaN below 0."""
    return _C._special("bessel_y1", input, out)


def entr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Entropy: `-x log(x)` above 0, 0 at 0, `-inf` below."""
    return _C._special("entr", input, out)


def erfcx(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The scaled complementary error function `exp(x^2) erfc(x)`."""
    return _C._special("erfcx", input, out)


def i0e(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`exp(-|x|) i0(x)`."""
    return _C._special("i0e", input, out)


def i1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the first kind of order 1."""
    return _C._special("i1", input, out)


def i1e(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`exp(-|x|) i1(x)`."""
    return _C._special("i1e", input, out)


def log_ndtr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of `ndtr`, exact in the lower tail."""
    return _C._special("log_ndtr", input, out)


def modified_bessel_i0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the first kind of order 0."""
    return _C._special("modified_bessel_i0", input, out)


def modified_bessel_i1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the first kind of order 1."""
    return _C._special("modified_bessel_i1", input, out)


def modified_bessel_k0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the second kind of order 0."""
    return _C._special("modified_bessel_k0", input, out)


def modified_bessel_k1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the second kind of order 1."""
    return _C._special("modified_bessel_k1", input, out)


def ndtr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The area under the standard normal density left of x: `(1 + erf(x / sqrt(2))) / 2`."""
    return _C._special("ndtr", input, out)


def ndtri(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `ndtr`; NaN outside of [0, 1]."""
    return _C._special("ndtri", input, out)


def scaled_modified_bessel_k0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`exp(x) modified_bessel_k0(x)`."""
    return _C._special("scaled_modified_bessel_k0", input, out)


def scaled_modified_bessel_k1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`exp(x) modified_bessel_k1(x)`."""
    return _C._special("scaled_modified_bessel_k1", input, out)


def spherical_bessel_j0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The spherical Bessel function of order 0: `sin(x) / x`."""
    return _C._special("spherical_bessel_j0", input, out)


def chebyshev_polynomial_t(x: Tensor | float, n: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """Chebyshev's polynomial of the first kind: `T_{k+1} = 2 x T_k - T_{k-1}`, `T_1 = x`.

    `n` is the degree; below 0 the result is 0. One of the two may be a number.
    """
    return _C._special_pair("chebyshev_polynomial_t", x, n, out)


def chebyshev_polynomial_u(x: Tensor | float, n: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """Chebyshev's polynomial of the second kind: `U_{k+1} = 2 x U_k - U_{k-1}`, `U_1 = 2 x`.

    `n` is the degree; below 0 the result is 0. One of the two may be a number.
    """
    return _C._special_pair("chebyshev_polynomial_u", x, n, out)


def chebyshev_polynomial_v(x: Tensor | float, n: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """Chebyshev's polynomial of the third kind: `V_{k+1} = 2 x V_k - V_{k-1}`, `V_1 = 2 x - 1`.

    `n` is the degree; below 0 the result is 0. One of the two may be a number.
    """
    return _C._special_pair("chebyshev_polynomial_v", x, n, out)


def chebyshev_polynomial_w(x: Tensor | float, n: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """Chebyshev's polynomial of the fourth kind: `W_{k+1} = 2 x W_k - W_{k-1}`, `W_1 = 2 x + 1`.

    `n` is the degree; below 0 the result is 0. One of the two may be a number.
    """
    return _C._special_pair("chebyshev_polynomial_w", x, n, out)


def hermite_polynomial_h(x: Tensor | float, n: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """The physicists' Hermite polynomial: `H_{k+1} = 2 x H_k - 2 k H_{k-1}`.

    `n` is the degree; below 0 the result is 0. One of the two may be a number.
    """
    return _C._special_pair("hermite_polynomial_h", x, n, out)


def hermite_polynomial_he(x: Tensor | float, n: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """The probabilists' Hermite polynomial: `He_{k+1} = x He_k - k He_{k-1}`.

    `n` is the degree; below 0 the result is 0. One of the two may be a number.
    """
    return _C._special_pair("hermite_polynomial_he", x, n, out)


def laguerre_polynomial_l(x: Tensor | float, n: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """Laguerre's polynomial: `(k + 1) L_{k+1} = (2 k + 1 - x) L_k - k L_{k-1}`.

    `n` is the degree; below 0 the result is 0. One of the two may be a number.
    """
    return _C._special_pair("laguerre_polynomial_l", x, n, out)


def legendre_polynomial_p(x: Tensor | float, n: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """Legendre's polynomial: `(k + 1) P_{k+1} = (2 k + 1) x P_k - k P_{k-1}`.

    `n` is the degree; below 0 the result is 0. One of the two may be a number.
    """
    return _C._special_pair("legendre_polynomial_p", x, n, out)


def shifted_chebyshev_polynomial_t(x: Tensor | float, n: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """`chebyshev_polynomial_t` of `2 x - 1`.

    `n` is the degree; below 0 the result is 0. One of the two may be a number.
    """
    return _C._special_pair("shifted_chebyshev_polynomial_t", x, n, out)


def shifted_chebyshev_polynomial_u(x: Tensor | float, n: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """`chebyshev_polynomial_u` of `2 x - 1`.

    `n` is the degree; below 0 the result is 0. One of the two may be a number.
    """
    return _C._special_pair("shifted_chebyshev_polynomial_u", x, n, out)


def shifted_chebyshev_polynomial_v(x: Tensor | float, n: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """`chebyshev_polynomial_v` of `2 x - 1`.

    `n` is the degree; below 0 the result is 0. One of the two may be a number.
    """
    return _C._special_pair("shifted_chebyshev_polynomial_v", x, n, out)


def shifted_chebyshev_polynomial_w(x: Tensor | float, n: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """`chebyshev_polynomial_w` of `2 x - 1`.

    `n` is the degree; below 0 the result is 0. One of the two may be a number.
    """
    return _C._special_pair("shifted_chebyshev_polynomial_w", x, n, out)


def xlog1py(input: Tensor | float, other: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """`x log(1 + y)`: 0 where x is 0, NaN where y is."""
    return _C._special_pair("xlog1py", input, other, out)


def zeta(input: Tensor | float, other: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """Hurwitz' zeta function, the sum of `(q + k)^-x` over k from 0 on; differentiable by q alone."""
    return _C._special_pair("zeta", input, other, out)


__all__ = [
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
    "sinc",
    "softmax",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
    "zeta",
]
