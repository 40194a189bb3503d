"""`special`: functions under SciPy's names, and reductions of segments."""

from __future__ import annotations

from typing import Any

from op_table.row import Op, bad, idx, lit, op, plain, pos, s, x
from under_test import FLOATS

TOL = {"float32": (2e-5, 2e-6), "float64": (1e-12, 1e-12), "float16": (2e-3, 2e-3), "bfloat16": (1.6e-2, 1.6e-2)}
WHY = "PyTorch computes float32 in float32, with coefficients of its own"
# Far from 0 PyTorch's own float32 has few digits: such values are looked at in float64 alone.
FAR = [-0.0, 1e-6, 0.2, 1.5, 6.0, 9.0, 24.0, 26.0, 40.0, 101.5]
# PyTorch's Bessel and Airy functions err by up to 7e-7 between 2 and 12, its polygamma by 1e-10; the kernels' own tests
# hold ours against integrals and Wronskians.
ROUGH = {**TOL, "float32": (2e-5, 1e-5), "float64": (1e-5, 2e-6)}
TRIGAMMA = {**TOL, "float64": (1e-8, 1e-9)}
ALIASES = ("erf", "erfc", "exp2", "expit", "expm1", "i0", "sinc")
UNIT = ("erfinv", "logit")


def one(name: str, *samples: Any, **how: Any) -> Op:
    return op(f"special.{name}", *samples, **{"tol": TOL, "why": WHY, "out": True, **how})


def far(name: str, sign: float = 1.0, **how: Any) -> Op:
    """Both branches of an approximation, its zero and what lies beyond."""
    values = [sign * v for v in FAR] + [float("inf"), float("nan")]
    return op(f"special.{name}.far", plain(lit(values)), fn=f"special.{name}", dtypes=("float64",), **{"tol": TOL, "why": WHY, **how})


def pair(name: str, *samples: Any, **how: Any) -> Op:
    return one(name, *samples, **{"errors": [bad(x(3), x(2))], **how})


DEGREES = lit([[0.0], [1.0], [2.0], [5.0], [11.0], [-1.0]])
EDGES = lit([-1.0, -0.7, 0.0, 0.3, 1.0, 1.5])
INNER = lit([0.0, 0.1, 0.5, 0.8, 1.0, 1.2])
POLYNOMIALS = ("chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w",
               "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p")
DATA = x(5, 3)

ROWS = [
    *(one(name, s(x(5)), out=False) for name in ALIASES),
    *(one(name, s(x(5, low=0.1, high=0.9))) for name in UNIT),
    *(one(name, s(pos(5)), out=False, tol=TRIGAMMA) for name in ("digamma", "gammaln", "psi")),
    one("round", s(x(5)), s(x(5), decimals=1), dtypes=FLOATS),
    one("log1p", s(pos(5))),
    one("gammainc", s(pos(5, grad=False), pos(5)), dtypes=("float32", "float64")),
    one("gammaincc", s(pos(5, grad=False), pos(5)), dtypes=("float32", "float64")),
    one("multigammaln", s(pos(4, low=2.0, high=5.0), 2), dtypes=("float32", "float64"), tol=TRIGAMMA),
    one("polygamma", s(1, pos(4)), dtypes=("float32", "float64"), tol={**TRIGAMMA, "float32": (1e-4, 1e-4)}),
    one("logsumexp", s(x(2, 3), 1), s(x(2, 3), (0, 1), True)),
    one("softmax", s(x(2, 3), 1), s(x(2, 3), 0, dtype=None), out=False, dtypes=("float32", "float64")),
    one("log_softmax", s(x(2, 3), 1), out=False, dtypes=("float32", "float64")),
    one("xlogy", s(x(2, 3, grad=False), pos(3)), s(2.0, pos(3))),
    one("entr", s(pos(5)), plain(lit([0.0, -1.0, 2.0, 0.5]))),
    one("erfcx", s(x(5))),
    far("erfcx"),
    far("log_ndtr", -1.0),
    one("log_ndtr", s(x(5)), s(x(4, low=-12.0, high=3.0))),
    one("ndtr", s(x(5)), s(x(4, low=-6.0, high=6.0))),
    one("ndtri", s(x(6, low=0.02, high=0.98)), plain(lit([0.0, 1.0, 0.5, -0.1, 1.1, 1e-6, 0.1353, 0.85]))),
    one("i0e", s(x(5)), s(x(4, low=-40.0, high=40.0))),
    one("i1", s(x(5)), plain(lit([0.0, -9.0, 31.0]))),
    one("i1e", s(x(5)), s(x(4, low=-40.0, high=40.0)), plain(lit([0.0]))),
    *(one(f"bessel_{kind}", s(pos(5)), s(pos(4, low=5.0, high=40.0, ints=(5, 40))), tol=ROUGH) for kind in ("j0", "j1", "y0", "y1")),
    *(one(f"modified_bessel_{kind}", s(pos(5))) for kind in ("i0", "i1", "k0", "k1")),
    *(one(f"scaled_modified_bessel_{kind}", s(pos(5))) for kind in ("k0", "k1")),
    *(far(name, tol=ROUGH) for name in ("bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1")),
    *(far(name) for name in ("modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0",
                             "modified_bessel_k1", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "airy_ai", "i0e", "i1e")),
    one("spherical_bessel_j0", s(x(5)), s(lit([0.0, 1e-5, 30.0]))),
    one("airy_ai", s(x(5)), s(x(4, low=-6.0, high=6.0)), tol=ROUGH),
    op("special.airy_ai.below", plain(lit([-1.0, -2.5, -6.9, -7.1, -15.0, -60.0])), fn="special.airy_ai", dtypes=("float64",), tol=ROUGH, why=WHY),
    *(pair(f"{shifted}{name}", s(INNER if shifted else EDGES, DEGREES), s(0.3, idx([0, 2, 7])), s(lit([0.25, 0.5]), 3),
           tol={"float32": (2e-4, 2e-4), "float64": (1e-10, 1e-10)}, grad=0)
      for shifted in ("", "shifted_") for name in POLYNOMIALS if not shifted or name.startswith("chebyshev")),
    pair("xlog1py", s(x(2, 3, grad=False), pos(3)), s(x(3), pos(3)), s(2.0, pos(3)), s(x(3), 0.5), plain(lit([0.0, 0.0, 1.0]), lit([-1.0, float("nan"), -1.0]))),
    pair("zeta", s(pos(4, low=1.2, high=5.0, grad=False), pos(4)), s(2.0, pos(4)), plain(lit([1.0, 0.5, 2.0, 3.0, 2.5, 2.0]), lit([2.0, 2.0, 0.0, -1.5, -0.5, -1.0]))),
    *(op(f"segment_reduce.{how}", s(DATA, how, lengths=idx([2, 0, 3])), s(DATA, how, offsets=idx([0, 1, 5])), s(x(2, 3, 2), how, lengths=idx([[1, 2], [3, 0]]), axis=1), s(DATA, how, lengths=idx([1, 4]), initial=0.5),
         s(DATA, how, lengths=idx([1, 2]), unsafe=True), fn="segment_reduce", method=None, dtypes=("float32", "float64"), grad=1,
         errors=[bad(DATA, how, lengths=idx([1, 2])), bad(DATA, how), bad(DATA, "most", lengths=idx([5])), bad(DATA, how, lengths=idx([6, -1])), bad(DATA, how, lengths=idx([2, 3]), axis=1), bad(DATA, how, lengths=idx([5]), axis=2), bad(DATA, how, indices=idx([0])), bad(DATA, how, lengths=idx([5]), dtype="int64")])
      for how in ("sum", "mean", "prod", "max", "min")),
    op("norm_except_dim", s(x(2, 3, 4)), s(x(2, 3, 4), 3, 1), s(x(2, 3), 2, -1), method=None, dtypes=("float32", "float64"), tol={"float32": (1e-5, 1e-5)}, errors=[bad(x(2, 3), 2, 2)]),
    op("bilinear", s(x(3, 2), x(3, 4), x(5, 2, 4), x(5)), s(x(2), x(4), x(5, 2, 4)), method=None, dtypes=("float32", "float64"), tol={"float32": (1e-5, 1e-5)}, errors=[bad(x(3, 2), x(2, 4), x(5, 2, 4)), bad(x(3, 2), x(3, 3), x(5, 2, 4))]),
    op("nn.functional.grouped_mm", s(x(2, 3, 8), x(2, 8, 16)), s(x(6, 8), x(2, 8, 16), offs=idx([2, 6], "int32")), s(x(2, 4, 8), x(8, 8), offs=idx([3, 8], "int32")), s(x(4, 8), x(8, 8), offs=idx([4, 8], "int32")), dtypes=("float32",), tol={"float32": (1e-5, 1e-5)},
       errors=[bad(x(6, 8), x(2, 8, 16)), bad(x(2, 3, 8), x(2, 8, 16), offs=idx([2, 3], "int32")), bad(x(6, 8), x(2, 8, 16), offs=idx([2, 6])), bad(x(6, 8), x(3, 8, 16), offs=idx([2, 6], "int32")), bad(x(2, 3, 8), x(3, 8, 16)), bad(x(8), x(3, 8, 16)), bad(x(2, 3, 8), x(2, 8, 16), dtype="float64")]),
    op("adjoint", s(x(2, 3)), s(x(2, 3, 4)), view=True, errors=[bad(x(3))]),
    op("native_dropout", s(x(2, 3), 0.0, True), s(x(2, 3), 0.5, False), s(x(2, 3), 1.0, True), method=None, fn=lambda T, *a: list(T.native_dropout(*a)), dtypes=("float32", "float64"), grad=1, errors=[bad(x(2), 1.5, True)]),
]
