"""Weights of convolutions in another order in memory."""

from __future__ import annotations

from typing import Any, TypeVar

from tensorrs.nn.modules.module import Module

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]

M = TypeVar("M", bound=Module)


def _convert(module: Any, names: tuple[str, ...], memory_format: Any) -> None:
    if type(module).__name__ in names:
        module.weight.data = module.weight.detach().clone().contiguous(memory_format=memory_format)
    for child in module.children():
        _convert(child, names, memory_format)


def convert_conv2d_weight_memory_format(module: M, memory_format: Any) -> M:
    """Lays the weights of all 2-d convolutions of the module out in `memory_format`. Returns the module."""
    _convert(module, ("Conv2d", "ConvTranspose2d"), memory_format)
    return module


def convert_conv3d_weight_memory_format(module: M, memory_format: Any) -> M:
    """Lays the weights of all 3-d convolutions of the module out in `memory_format`. Returns the module."""
    _convert(module, ("Conv3d", "ConvTranspose3d"), memory_format)
    return module
