"""Converting modules: dtypes, devices, training mode, gradients on and off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import tensorrs
from tensorrs._C import Tensor
from tensorrs.nn._names import typename

if TYPE_CHECKING:
    from tensorrs.nn.parameter import Parameter

    from .module import Module

Self = TypeVar("Self", bound="ConvertMixin")


class ConvertMixin:
    """The part of `Module` that changes its tensors in place and hands the module back."""

    if TYPE_CHECKING:
        _parameters: dict[str, Parameter | None]
        _buffers: dict[str, Tensor | None]

        def children(self) -> Iterator[Module]: ...

        def parameters(self, recurse: bool = True) -> Iterator[Parameter]: ...

    training: bool

    def _apply(self: Self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Puts `fn(t)` in the place of every parameter, gradient and buffer; parameters stay the same objects."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            grad = parameter.grad
            with tensorrs.no_grad():
                converted = fn(parameter)
                if converted is not parameter:
                    parameter.data = converted
                if grad is not None:
                    grad.data = fn(grad)
                    parameter.grad = grad  # the same object, which now has other data
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def share_memory(self: Self) -> Self:
        """Moves parameters and buffers to memory that processes forked later share."""
        return self._apply(_shared)

    def to(self: Self, *args: Any, **kwargs: Any) -> Self:
        """`to(device=None, dtype=None)`, `to(dtype)` or `to(tensor)`.

        Only parameters and buffers of floating point change their dtype; all change their device.
        """
        device, dtype, non_blocking = _parse_to(args, kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )
        return self._apply(lambda t: t.to(device, dtype if t.is_floating_point() else None, non_blocking))

    def to_empty(self: Self, *, device: Any, recurse: bool = True) -> Self:
        """Moves to `device` without copying values."""
        return self._apply(lambda t: tensorrs.empty_like(t, device=device), recurse=recurse)

    def cpu(self: Self) -> Self:
        """Moves to the CPU."""
        return self._apply(lambda t: t.cpu())

    def cuda(self: Self, device: Any = None) -> Self:
        """Moves to a CUDA device; raises what the tensor raises where there is none."""
        return self._apply(lambda t: t.cuda(device))

    def type(self: Self, dst_type: Any) -> Self:
        """Casts all parameters and buffers, integers too."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self: Self) -> Self:
        """Casts what is of floating point to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self: Self) -> Self:
        """Casts what is of floating point to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self: Self) -> Self:
        """Casts what is of floating point to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self: Self) -> Self:
        """Casts what is of floating point to bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def train(self: Self, mode: bool = True) -> Self:
        """Training mode, on which dropout and batch norm depend, for this module and all below it."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: Self) -> Self:
        """Evaluation mode: `train(False)`."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Freezes (False) or thaws (True) all parameters."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients of all parameters, or fills them with zeros."""
        for parameter in self.parameters():
            grad = parameter.grad
            if grad is None:
                continue
            if set_to_none:
                parameter.grad = None
                continue
            if grad.grad_fn is not None:
                grad.detach_()
            else:
                grad.requires_grad_(False)
            grad.zero_()


_TO_FORMS = """
 * (tensorrs.device device = None, tensorrs.dtype dtype = None, bool non_blocking = False, bool copy = False, *, tensorrs.memory_format memory_format = None)
 * (tensorrs.dtype dtype, bool non_blocking = False, bool copy = False, *, tensorrs.memory_format memory_format = None)
 * (Tensor tensor, bool non_blocking = False, bool copy = False, *, tensorrs.memory_format memory_format = None)
"""  # noqa: E501


def _parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, bool]:
    """Device, dtype and non_blocking out of the arguments of `to`."""
    first = args[0] if args else None
    if isinstance(first, Tensor) or "tensor" in kwargs:
        names = ["tensor", "non_blocking", "copy"]
    elif isinstance(first, tensorrs.dtype):
        names = ["dtype", "non_blocking", "copy"]
    else:
        names = ["device", "dtype", "non_blocking", "copy"]
    given = dict(zip(names, args, strict=False))
    kinds: dict[str, Any] = {
        "tensor": Tensor,
        "dtype": (tensorrs.dtype, type(None)),
        "device": (tensorrs.device, str, int, type(None)),
        "non_blocking": bool,
        "copy": bool,
        # No layout but the usual one is known, so asking for any is accepted and changes nothing.
        "memory_format": object,
    }
    wrong = len(args) > len(names) or given.keys() & kwargs.keys() or not {*names, "memory_format"} >= kwargs.keys()
    given.update(kwargs)
    if wrong or not all(isinstance(value, kinds[name]) for name, value in given.items()):
        got = [typename(type(arg)) for arg in args] + [f"{k}={typename(type(v))}" for k, v in kwargs.items()]
        text = f"({', '.join(got)}{', ' if kwargs and not args else ''})"
        raise TypeError(
            f"to() received an invalid combination of arguments - got {text}, but expected one of:{_TO_FORMS}"
        )
    like = given.get("tensor")
    if like is not None:
        return like.device, like.dtype, given.get("non_blocking", False)
    device = given.get("device")
    if device is not None:
        device = tensorrs.device(device)
    return device, given.get("dtype"), given.get("non_blocking", False)


def _shared(t: Tensor) -> Tensor:
    """A copy in memory that forked processes share."""
    import mmap

    if t.numel() == 0:
        return t
    block = mmap.mmap(-1, t.numel() * t.element_size())
    made = tensorrs.frombuffer(block, dtype=t.dtype).view(t.shape)
    return made.copy_(t.detach())
