"""`tensorrs.jit`: programs written for TorchScript, run as plain Python.

There is no second language here: an op costs a fraction of a microsecond, so a program runs as it is written. The
decorators mark functions as they do in PyTorch and give back what they get; `script` and `trace` give back the function
or module itself. What needs a compiled program (`save`, `load`, `freeze`, graphs) does not exist.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

__all__ = [
    "Final",
    "annotate",
    "export",
    "ignore",
    "is_scripting",
    "is_tracing",
    "script",
    "script_if_tracing",
    "script_method",
    "trace",
    "unused",
]

T = TypeVar("T")


def is_scripting() -> bool:
    """Whether the program runs compiled: False, always."""
    return False


def is_tracing() -> bool:
    """Whether a call is being traced: False, always."""
    return False


def script(obj: T, optimize: None = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None) -> T:
    """`obj`, a function, a class or a module, as it is."""
    return obj


def script_if_tracing(fn: T) -> T:
    """`fn` as it is."""
    return fn


def script_method(fn: T) -> T:
    """`fn` as it is."""
    return fn


def trace(func: T, example_inputs: Any = None, **options: Any) -> T:
    """`func`, a function or a module, as it is; it is called once with `example_inputs`, a tensor or a tuple of them.

    PyTorch's other arguments are accepted; none changes anything.
    Raises what the call raises.
    """
    if example_inputs is not None and callable(func):
        from tensorrs._C import Tensor
        from tensorrs.autograd import no_grad

        with no_grad():
            func(*([example_inputs] if isinstance(example_inputs, Tensor) else example_inputs))
    return func


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Mark a function that a compiler should leave in Python, as `@ignore` or `@ignore(drop=...)`."""
    return drop if callable(drop) else lambda fn: fn


def unused(fn: T) -> T:
    """Mark a function that a compiler should replace by an error; `fn` as it is."""
    return fn


def export(fn: T) -> T:
    """Mark a method that a compiler should include; `fn` as it is."""
    return fn


def annotate(the_type: Any, the_value: T) -> T:
    """`the_value`; `the_type` is for a compiler."""
    return the_value
