"""`tensorrs.compiler` and `tensorrs.compile`: programs written for PyTorch's compiler, run as plain Python.

Nothing is compiled: an op costs a fraction of a microsecond here, which is most of what compiling saves on a CPU.
Functions and modules are given back as they are, so results are the same with and without.
"""

from __future__ import annotations

from typing import Any, TypeVar

__all__ = [
    "allow_in_graph",
    "compile",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "reset",
]

T = TypeVar("T")


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
    **other: Any,
) -> Any:
    """`model`, a function or a module, as it is; without one a decorator, as `@compile(fullgraph=True)`.

    `mode` and `options` exclude each other, as in PyTorch; no argument changes a result.
    Raises RuntimeError for a `mode` that PyTorch does not have, or for both.
    """
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    modes = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")
    if mode is not None and mode not in modes:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(modes)}")
    if model is None:
        return lambda fn: fn
    return model


def is_compiling() -> bool:
    """Whether the program runs compiled: False, always."""
    return False


def is_dynamo_compiling() -> bool:
    """Whether a compiler reads the program: False, always."""
    return False


def is_exporting() -> bool:
    """Whether the program is being exported: False, always."""
    return False


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """Mark a function that stays out of a compiled program, as `@disable` or `@disable(...)`."""
    return fn if fn is not None else lambda found: found


def allow_in_graph(fn: T) -> T:
    """Mark a function that a compiler takes whole; `fn` as it is."""
    return fn


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """The compilers to choose from: none."""
    return []


def reset() -> None:
    """Forget compiled programs; there are none."""
