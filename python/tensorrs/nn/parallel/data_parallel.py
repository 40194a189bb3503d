"""`DataParallel`: a module over the parts of a batch, one for each device. There is one device: the module runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorrs.nn.modules.module import Module

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """Splits a batch among CUDA devices; without any, as here, it calls `module` and nothing else.

    `device_ids`, `output_device` and `dim` are taken and not used. The entries of the state begin with `module.`.
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[Any] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Sequence[Any] | None = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: Any = None,
) -> Any:
    """`module(inputs, **module_kwargs)`: split among CUDA devices where there are some; here there is one device.

    `inputs` that are no tuple are one argument. PyTorch without CUDA raises here, though its `DataParallel` does not.
    """
    given = inputs if isinstance(inputs, tuple) else () if inputs is None else (inputs,)
    return module(*given, **(module_kwargs or {}))
