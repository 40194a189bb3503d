"""Modules that learn the sizes of their parameters from their first input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorrs
from tensorrs._C import Tensor
from tensorrs.nn.parameter import MaterializedBuffer, is_lazy

__all__ = ["LazyModuleMixin"]


class LazyModuleMixin:
    """Put before a module class, delays what depends on the size of the input until the first call.

    The class holds `UninitializedParameter`s and `UninitializedBuffer`s and defines `initialize_parameters`, which is
    given the arguments of `forward` and calls `materialize` on each. After that the module is of class
    `cls_to_become`. A state dict with sizes, loaded before the first call, sets them too.
    """

    cls_to_become: type | None = None

    if TYPE_CHECKING:
        _parameters: dict[str, Any]
        _buffers: dict[str, Any]
        _non_persistent_buffers_set: set[str]
        _load_hook: Any
        _initialize_hook: Any

        def _get_name(self) -> str: ...

        def _register_load_state_dict_pre_hook(self, hook: Any, with_module: bool = False) -> Any: ...

        def register_forward_pre_hook(self, hook: Any, *, prepend: bool = False, with_kwargs: bool = False) -> Any: ...

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        # As in `Module`, but what has no shape cannot be detached.
        hidden = self._non_persistent_buffers_set
        own = [*self._parameters.items(), *(b for b in self._buffers.items() if b[0] not in hidden)]
        for name, tensor in own:
            if tensor is not None:
                destination[prefix + name] = tensor if keep_vars or is_lazy(tensor) else tensor.detach()

    def _lazy_load_hook(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        """Gives what is loaded the shape it has in the state dict."""
        for name, tensor in (*self._parameters.items(), *self._buffers.items()):
            value = state_dict.get(prefix + name)
            if is_lazy(tensor) and isinstance(value, Tensor) and not is_lazy(value):
                with tensorrs.no_grad():
                    tensor.materialize(value.shape)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Gives the parameters their shapes from the arguments of the first call; a subclass defines it."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether anything still waits for its shape."""
        return any(is_lazy(tensor) for tensor in (*self._parameters.values(), *self._buffers.values()))

    def _infer_parameters(self, module: Any, args: Any, kwargs: Any = None) -> None:
        """Runs before the first call: afterwards the module is an ordinary one."""
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        for name, buffer in module._buffers.items():
            if type(buffer) is MaterializedBuffer:
                module._buffers[name] = buffer.plain()
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self) -> Any:
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. Run a dummy forward pass to "
            "correctly initialize the modules"
        )
