"""Finite differences: is the derivative by the tape the derivative by definition?

`gradcheck` compares the analytical Jacobian, one backward pass per output element, with the numerical one,
`(f(x + eps) - f(x - eps)) / (2 eps)` per input element. `gradgradcheck` does the same for the backward pass.
Inputs should be float64: in float32 the difference quotient has too few digits.
"""

from __future__ import annotations

from tensorrs import _C
from tensorrs._C import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias

    _Inputs: TypeAlias = Tensor | Sequence[Any]

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """Raised when the two derivatives differ."""


def _as_tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, tuple | list) else (x,)


def _wanted(inputs: tuple[Any, ...]) -> list[Tensor]:
    return [t for t in inputs if isinstance(t, Tensor) and t.requires_grad]


def _float_outputs(outputs: Any) -> list[Tensor]:
    return [t for t in _as_tuple(outputs) if isinstance(t, Tensor) and t.is_floating_point()]


def _numerical(fn: Callable[..., Any], inputs: tuple[Any, ...], x: Tensor, eps: float) -> list[list[list[float]]]:
    """d output / d x by central differences: for each output, one row per element of x."""
    rows: list[list[list[float]]] = []
    data = x.data
    flat = data.reshape(-1) if data.is_contiguous() else None
    for i in range(x.numel()):
        at = _place(data, i) if flat is None else None
        before = (flat[i] if flat is not None else data[at]).item()
        values = []
        for shift in (eps, -eps):
            _put(flat, data, i, at, before + shift)
            values.append([t.detach().clone() for t in _float_outputs(fn(*inputs))])
        _put(flat, data, i, at, before)
        plus, minus = values
        columns = [((p - m) / (2 * eps)).reshape(-1).tolist() for p, m in zip(plus, minus, strict=True)]
        if not rows:
            rows = [[] for _ in columns]
        for row, column in zip(rows, columns, strict=True):
            row.append(column)
    return rows


def _put(flat: Tensor | None, data: Tensor, i: int, at: Any, value: float) -> None:
    if flat is not None:
        flat[i] = value
    else:
        data[at] = value


def _place(x: Tensor, i: int) -> tuple[int, ...]:
    """The index of the i-th element, row-major."""
    place = []
    for n in reversed(x.shape):
        place.append(i % n)
        i //= n
    return tuple(reversed(place))


def _analytical(output: Tensor, x: Tensor, nondet_tol: float) -> list[list[float]]:
    """d output / d x by the tape: one row per element of x."""
    from tensorrs import autograd, zeros_like

    columns = []
    for j in range(output.numel()):
        seed = zeros_like(output)
        seed[_place(output, j)] = 1.0
        (g,) = autograd.grad(output, [x], [seed], retain_graph=True, allow_unused=True)
        if g is not None and nondet_tol == 0.0 and j == 0:
            (again,) = autograd.grad(output, [x], [seed], retain_graph=True, allow_unused=True)
            if not bool((_same(g, again)).all()):
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output"
                )
        columns.append([0.0] * x.numel() if g is None else g.reshape(-1).tolist())
    return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in range(x.numel())]


def _same(a: Tensor, b: Tensor) -> Tensor:
    return (a == b) | ((a != a) & (b != b))


def _differs(a: float, b: float, atol: float, rtol: float) -> bool:
    if a != a or b != b:
        return (a != a) != (b != b)
    if a in (float("inf"), float("-inf")) or b in (float("inf"), float("-inf")):
        return a != b
    return abs(a - b) > atol + rtol * abs(b)


def gradcheck(
    func: Callable[..., Any],
    inputs: _Inputs,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the gradients of `func(*inputs)` with finite differences.

    Args:
        func: takes tensors, returns a tensor or several.
        inputs: those that require gradients are checked; they should be float64.
        eps: the step of the difference quotient.
        atol, rtol: the derivatives may differ by `atol + rtol * |numerical|`.
        raise_exception: raise a `GradcheckError` that shows both, instead of returning False.

    Returns:
        True if all gradients agree.
    """
    given = _as_tuple(inputs)
    try:
        return _check(func, given, eps, atol, rtol, nondet_tol)
    except GradcheckError:
        if raise_exception:
            raise
        return False


def _check(
    func: Callable[..., Any], inputs: tuple[Any, ...], eps: float, atol: float, rtol: float, nondet_tol: float
) -> bool:
    wanted = _wanted(inputs)
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have"
            " requires_grad=True."
        )
    outputs = _float_outputs(func(*inputs))
    for x in wanted:
        x_number = next(k for k, t in enumerate(inputs) if t is x)
        numerical = _numerical(func, inputs, x, eps)
        for j, out in enumerate(outputs):
            expected = numerical[j] if numerical else []
            if not out.requires_grad:
                if any(v != 0 for row in expected for v in row):
                    raise GradcheckError(
                        f"Numerical gradient for function expected to be zero, but output {j} does not require grad"
                    )
                continue
            got = _analytical(out, x, nondet_tol)
            for row_got, row_expected in zip(got, expected, strict=True):
                if any(_differs(a, n, atol, rtol) for a, n in zip(row_got, row_expected, strict=True)):
                    raise GradcheckError(
                        f"Jacobian mismatch for output {j} with respect to input {x_number},\n"
                        f"numerical:{_C.tensor(expected)}\nanalytical:{_C.tensor(got)}\n"
                    )
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: _Inputs,
    grad_outputs: _Inputs | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Compare second derivatives of `func(*inputs)` with finite differences of its gradients.

    Args:
        grad_outputs: the vectors of the first backward pass; fixed numbers without symmetry by default.
        The others are those of `gradcheck`.
    """
    from tensorrs import autograd

    given = _as_tuple(inputs)
    if grad_outputs is None:
        outputs = [t for t in _float_outputs(func(*given)) if t.requires_grad]
        vectors = [_direction(t) for t in outputs]
    else:
        vectors = list(_as_tuple(grad_outputs))
    count = len(given)

    def gradient(*args: Any) -> tuple[Tensor, ...]:
        xs, vs = args[:count], args[count:]
        outs = [t for t in _float_outputs(func(*xs)) if t.requires_grad]
        grads = autograd.grad(outs, _wanted(xs), vs, create_graph=True, allow_unused=True)
        return tuple(g for g in grads if g is not None)

    return gradcheck(
        gradient,
        (*given, *vectors),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
    )


def _direction(t: Tensor) -> Tensor:
    numbers = [((i * 7 + 3) % 11) / 5.0 - 0.9 for i in range(t.numel())]
    v = _C.tensor(numbers, dtype=t.dtype).reshape(t.shape)
    v.requires_grad = True
    return v
