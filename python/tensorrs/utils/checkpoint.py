"""Activation checkpointing: keep only the inputs of a part of a model and run it again for the backward pass.

Chen, Xu, Zhang, Guestrin, "Training Deep Nets with Sublinear Memory Cost", arXiv 1604.06174.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import tensorrs
from tensorrs import Tensor, autograd

__all__ = ["CheckpointFunction", "checkpoint", "checkpoint_sequential"]


def _detached(args: Iterable[Any]) -> tuple[Any, ...]:
    out = []
    for a in args:
        if isinstance(a, Tensor):
            copy = a.detach()
            copy.requires_grad = a.requires_grad
            out.append(copy)
        else:
            out.append(a)
    return tuple(out)


class CheckpointFunction(autograd.Function):
    """Runs `run(*args)` without recording, and again with recording when the gradient arrives.

    The first tensor argument is a dummy that requires a gradient, so that the result does even if only parameters
    inside `run` do.
    """

    @staticmethod
    def forward(ctx: Any, run: Callable[..., Any], preserve_rng_state: bool, dummy: Tensor, *args: Any) -> Any:
        ctx.run = run
        ctx.autocast = {
            "dtype": tensorrs.get_autocast_dtype("cpu"),
            "enabled": tensorrs.is_autocast_enabled("cpu"),
            "cache_enabled": tensorrs.is_autocast_cache_enabled(),
        }
        ctx.rng_state = tensorrs.get_rng_state() if preserve_rng_state else None
        tensors = [a for a in args if isinstance(a, Tensor)]
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.others = [None if isinstance(a, Tensor) else a for a in args]
        ctx.save_for_backward(*tensors)
        return run(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        args = list(ctx.others)
        for i, t in zip(ctx.places, ctx.saved_tensors, strict=True):
            args[i] = t
        inputs = _detached(args)
        now = tensorrs.get_rng_state()
        if ctx.rng_state is not None:
            tensorrs.set_rng_state(ctx.rng_state)
        try:
            with autograd.enable_grad(), tensorrs.amp.autocast("cpu", **ctx.autocast):
                outputs = ctx.run(*inputs)
        finally:
            if ctx.rng_state is not None:
                tensorrs.set_rng_state(now)
        outs = outputs if isinstance(outputs, tuple) else (outputs,)
        pairs = [(o, g) for o, g in zip(outs, grads, strict=True) if isinstance(o, Tensor) and o.requires_grad]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        autograd.backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, None, *(a.grad if isinstance(a, Tensor) else None for a in inputs))


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Any = None,
    determinism_check: str = "default",
    debug: bool = False,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, whose intermediate tensors are computed again in the backward pass.

    Args:
        use_reentrant: with True, as in PyTorch, some argument must require a gradient; with False parameters suffice.
        preserve_rng_state: run again with the random numbers of the first run, so that dropout repeats.
    """
    if use_reentrant is None:
        warnings.warn(
            "tensorrs.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch"
            " 2.9, calling checkpoint without use_reentrant will raise an exception. use_reentrant=False is"
            " recommended.",
            stacklevel=2,
        )
        use_reentrant = True
    if use_reentrant and kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if use_reentrant and not any(isinstance(a, Tensor) and a.requires_grad for a in args):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)
        return CheckpointFunction.apply(function, preserve_rng_state, tensorrs.empty(0), *args)

    def run(*tensors: Any) -> Any:
        return function(*tensors, **kwargs)

    dummy = tensorrs.empty(0, requires_grad=True)
    return CheckpointFunction.apply(run, preserve_rng_state, dummy, *args)


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """A sequence of modules in `segments` checkpointed parts; the last part is run as it is."""
    layers = list(functions.children()) if isinstance(functions, tensorrs.nn.Sequential) else list(functions)
    size = len(layers) // segments
    end = -1

    def part(start: int, stop: int) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for layer in layers[start : stop + 1]:
                x = layer(x)
            return x

        return run

    for start in range(0, size * (segments - 1), size):
        end = start + size - 1
        input = checkpoint(part(start, end), input, use_reentrant=use_reentrant, preserve_rng_state=preserve_rng_state)
    return part(end + 1, len(layers) - 1)(input)
