"""A module called with other tensors in the place of its parameters and buffers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tensorrs._C import Tensor
from tensorrs.nn.modules.module import Module

__all__ = ["functional_call"]

_ABSENT = object()


def _swap(module: Module, name: str, value: Any) -> Any:
    """Puts a tensor in the place of another; gives back what was there, or `_ABSENT`."""
    held: Any
    for held in (module._parameters, module._buffers, module.__dict__):
        if name in held:
            old = held[name]
            if value is _ABSENT:
                del held[name]
            else:
                held[name] = value
            return old
    if value is not _ABSENT:
        module.__dict__[name] = value
    return _ABSENT


def _tied(module: Module, given: dict[str, Any]) -> dict[str, Any]:
    """`given`, with the names of tied tensors added: who replaces one name replaces all of them."""
    groups: dict[int, list[str]] = {}
    whole = [*module.named_parameters(remove_duplicate=False)]
    for owner, part in module.named_modules(remove_duplicate=False):
        whole += [
            (f"{owner}.{name}" if owner else name, buffer)  # type: ignore[misc]
            for name, buffer in part._buffers.items()
            if buffer is not None
        ]
    for name, tensor in whole:
        groups.setdefault(id(tensor), []).append(name)
    result = {name: given[name] for name in given.keys()}  # noqa: SIM118 - whatever else it is has no keys
    for names in groups.values():
        said = [name for name in names if name in given]
        values = {id(given[name]) for name in said}
        if len(values) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(said)}, which are tied. Consider using "
                "tie_weights=False"
            )
        if said:
            result.update(dict.fromkeys(names, given[said[0]]))
    return result


@contextmanager
def _reparametrize_module(
    module: Module, parameters_and_buffers: dict[str, Any], *, tie_weights: bool = False, strict: bool = False
) -> Iterator[None]:
    given = _tied(module, parameters_and_buffers) if tie_weights else parameters_and_buffers
    if strict:
        known = {name for name, _ in module.named_parameters(remove_duplicate=False)}
        known |= {name for name, _ in module.named_buffers()}
        problems = []
        for label, names in (("Unexpected", given.keys() - known), ("Missing", known - given.keys())):
            if names:
                problems.append(f"{label} key(s): {', '.join(map(repr, sorted(names)))}.")
        if problems:
            raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t" + "\n\t".join(problems))
    swapped: list[tuple[str, Module, str, Any]] = []
    try:
        for key, tensor in given.items():
            path, _, name = key.rpartition(".")
            if not isinstance(tensor, Tensor):
                raise TypeError(f"{tensor} is not an instance of tensorrs.Tensor")
            owner = module.get_submodule(path)
            swapped.append((key, owner, name, _swap(owner, name, tensor)))
        yield
    finally:
        for key, owner, name, old in reversed(swapped):
            current = _swap(owner, name, old)
            # A buffer that the module has replaced by another one, as a running statistic, is the caller's now.
            if key in parameters_and_buffers:
                parameters_and_buffers[key] = current


def _functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Any],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights=tie_weights, strict=strict):
        return module(*args, **(kwargs or {}))


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Deprecated: `tensorrs.func.functional_call` does the same."""
    warnings.warn(
        "`tensorrs.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future "
        "version of PyTorch. Please use `tensorrs.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)
