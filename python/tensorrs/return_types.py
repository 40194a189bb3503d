"""The named tuples that ops with several results return: `max`, `sort`, `topk`, …"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any


def _named(name: str, *fields: str) -> type:
    """A tuple class with fields by name, made from one sequence, that prints as PyTorch's do."""

    def show(self: tuple[Any, ...]) -> str:
        parts = ",\n".join(f"{f}={v!r}" for f, v in zip(fields, self, strict=True))
        return f"tensorrs.return_types.{name}(\n{parts})"

    def new(cls: type, parts: Iterable[Any]) -> Any:
        return tuple.__new__(cls, parts)

    def reduce(self: tuple[Any, ...]) -> Any:
        return type(self), (tuple(self),)

    about = f"What `{name.replace('linalg_', 'linalg.')}` returns: ({', '.join(fields)}), by position and by name."
    body: dict[str, Any] = {f: property(itemgetter(i)) for i, f in enumerate(fields)}
    body.update(__new__=new, __repr__=show, __reduce__=reduce, __slots__=(), _fields=fields)
    body.update(__module__=__name__, __doc__=about)
    return type(name, (tuple,), body)


_VALUES = "values", "indices"
aminmax = _named("aminmax", "min", "max")
cummax = _named("cummax", *_VALUES)
cummin = _named("cummin", *_VALUES)
frexp = _named("frexp", "mantissa", "exponent")
histogram = _named("histogram", "hist", "bin_edges")
histogramdd = _named("histogramdd", "hist", "bin_edges")
kthvalue = _named("kthvalue", *_VALUES)
max = _named("max", *_VALUES)
median = _named("median", *_VALUES)
min = _named("min", *_VALUES)
mode = _named("mode", *_VALUES)
nanmedian = _named("nanmedian", *_VALUES)
sort = _named("sort", *_VALUES)
topk = _named("topk", *_VALUES)
_lu_with_info = _named("_lu_with_info", "LU", "pivots", "info")
geqrf = _named("geqrf", "a", "tau")
linalg_cholesky_ex = _named("linalg_cholesky_ex", "L", "info")
linalg_eigh = _named("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_inv_ex = _named("linalg_inv_ex", "inverse", "info")
linalg_ldl_factor = _named("linalg_ldl_factor", "LD", "pivots")
linalg_ldl_factor_ex = _named("linalg_ldl_factor_ex", "LD", "pivots", "info")
linalg_lstsq = _named("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
linalg_lu = _named("linalg_lu", "P", "L", "U")
linalg_lu_factor = _named("linalg_lu_factor", "LU", "pivots")
linalg_lu_factor_ex = _named("linalg_lu_factor_ex", "LU", "pivots", "info")
linalg_polar = _named("linalg_polar", "U", "H")
linalg_qr = _named("linalg_qr", "Q", "R")
linalg_slogdet = _named("linalg_slogdet", "sign", "logabsdet")
linalg_solve_ex = _named("linalg_solve_ex", "result", "info")
linalg_svd = _named("linalg_svd", "U", "S", "Vh")
lu_unpack = _named("lu_unpack", "P", "L", "U")
slogdet = _named("slogdet", "sign", "logabsdet")
svd = _named("svd", "U", "S", "V")
triangular_solve = _named("triangular_solve", "solution", "cloned_coefficient")
