"""Hooks of modules: the registries, how they are registered and in which order a call runs them.

Order of a call: forward pre-hooks, `forward`, forward hooks; at each place the global hooks come first.
"""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tensorrs._C import Tensor
from tensorrs.utils.hooks import RemovableHandle

if TYPE_CHECKING:
    from .module import Module

Hook = Callable[..., Any]

# Run before a buffer, a submodule or a parameter is registered on any module; a result replaces what is registered.
buffer_registration_hooks: OrderedDict[int, Hook] = OrderedDict()
module_registration_hooks: OrderedDict[int, Hook] = OrderedDict()
parameter_registration_hooks: OrderedDict[int, Hook] = OrderedDict()

# Run around the call of any module.
global_forward_pre_hooks: OrderedDict[int, Hook] = OrderedDict()
global_forward_hooks: OrderedDict[int, Hook] = OrderedDict()
global_forward_hooks_with_kwargs: OrderedDict[int, bool] = OrderedDict()
global_forward_hooks_always_called: OrderedDict[int, bool] = OrderedDict()
global_backward_pre_hooks: OrderedDict[int, Hook] = OrderedDict()
global_backward_hooks: OrderedDict[int, Hook] = OrderedDict()
# Whether the hooks in `global_backward_hooks` are full ones; None while none was registered.
global_backward_kind: dict[str, bool | None] = {"full": None}

_NOT_BOTH = (
    "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of them."
)
_NOT_BOTH_GLOBAL = (
    "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only one of "
    "them."
)


def _add(hooks: OrderedDict[int, Hook], hook: Hook, *flags: tuple[OrderedDict[int, bool], bool]) -> RemovableHandle:
    """Registers `hook`; each flag is a dictionary to mark it in, and whether to."""
    handle = RemovableHandle(hooks, extra_dict=[marked for marked, _ in flags])
    hooks[handle.id] = hook
    for marked, wanted in flags:
        if wanted:
            marked[handle.id] = True
    return handle


def register_module_buffer_registration_hook(hook: Hook) -> RemovableHandle:
    """`hook(module, name, buffer)` runs whenever a buffer is registered on any module."""
    return _add(buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Hook) -> RemovableHandle:
    """`hook(module, name, submodule)` runs whenever a submodule is registered on any module."""
    return _add(module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook: Hook) -> RemovableHandle:
    """`hook(module, name, parameter)` runs whenever a parameter is registered on any module."""
    return _add(parameter_registration_hooks, hook)


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """`hook(module, args)` runs before `forward` of every module; a result replaces `args`."""
    return _add(global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """`hook(module, args, output)` runs after `forward` of every module; a result replaces `output`."""
    return _add(
        global_forward_hooks,
        hook,
        (global_forward_hooks_with_kwargs, with_kwargs),
        (global_forward_hooks_always_called, always_call),
    )


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """`hook(module, grad_output)` runs before the backward pass of every module; a result replaces `grad_output`."""
    return _add(global_backward_pre_hooks, hook)


def register_module_backward_hook(hook: Hook) -> RemovableHandle:
    """`hook(module, grad_input, grad_output)` runs with the gradients of the last op of every module. Deprecated."""
    if global_backward_kind["full"] is True:
        raise RuntimeError(_NOT_BOTH_GLOBAL)
    global_backward_kind["full"] = False
    return _add(global_backward_hooks, hook)


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """`hook(module, grad_input, grad_output)` runs after the backward pass of every module."""
    if global_backward_kind["full"] is False:
        raise RuntimeError(_NOT_BOTH_GLOBAL)
    global_backward_kind["full"] = True
    return _add(global_backward_hooks, hook)


class WrappedHook:
    """A hook that is handed its module first, without keeping that module alive; it can be pickled and copied."""

    def __init__(self, hook: Hook, module: Module | None = None) -> None:
        self.hook = hook
        self.module = None if module is None else weakref.ref(module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.module is None:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> tuple[Hook, bool, Module | None]:
        return self.hook, self.module is not None, None if self.module is None else self.module()

    def __setstate__(self, state: tuple[Hook, bool, Module | None]) -> None:
        self.hook, with_module, module = state
        if with_module and module is None:
            raise RuntimeError("You are trying to revive the hook of a dead Module!")
        self.module = None if module is None else weakref.ref(module)


class HookMixin:
    """The part of `Module` that registers hooks."""

    _forward_pre_hooks: OrderedDict[int, Hook]
    _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks: OrderedDict[int, Hook]
    _forward_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks_always_called: OrderedDict[int, bool]
    _backward_pre_hooks: OrderedDict[int, Hook]
    _backward_hooks: OrderedDict[int, Hook]
    _is_full_backward_hook: bool | None

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """`hook(module, args)` runs before `forward`; a result (a tuple or one value) replaces `args`.

        With `with_kwargs`, `hook(module, args, kwargs)`, and a result is the pair `(args, kwargs)`.
        """
        handle = _add(self._forward_pre_hooks, hook, (self._forward_pre_hooks_with_kwargs, with_kwargs))
        if prepend:
            self._forward_pre_hooks.move_to_end(handle.id, last=False)
        return handle

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """`hook(module, args, output)` runs after `forward`; a result replaces `output`.

        With `with_kwargs`, `hook(module, args, kwargs, output)`. With `always_call` it runs even if `forward` raised.
        """
        handle = _add(
            self._forward_hooks,
            hook,
            (self._forward_hooks_with_kwargs, with_kwargs),
            (self._forward_hooks_always_called, always_call),
        )
        if prepend:
            self._forward_hooks.move_to_end(handle.id, last=False)
        return handle

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """`hook(module, grad_output)` runs when the gradients of the outputs are known; a result replaces them."""
        handle = _add(self._backward_pre_hooks, hook)
        if prepend:
            self._backward_pre_hooks.move_to_end(handle.id, last=False)
        return handle

    def register_backward_hook(self, hook: Hook) -> RemovableHandle:
        """`hook(module, grad_input, grad_output)` runs with the gradients of the module's last op. Deprecated.

        `register_full_backward_hook` gives the gradients of the module.
        """
        if self._is_full_backward_hook is True:
            raise RuntimeError(_NOT_BOTH)
        self._is_full_backward_hook = False
        return _add(self._backward_hooks, hook)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """`hook(module, grad_input, grad_output)` runs when the gradients of the inputs are known.

        A result replaces `grad_input`. Entries that belong to no tensor are None.
        """
        if self._is_full_backward_hook is False:
            raise RuntimeError(_NOT_BOTH)
        self._is_full_backward_hook = True
        handle = _add(self._backward_hooks, hook)
        if prepend:
            self._backward_hooks.move_to_end(handle.id, last=False)
        return handle


class HookedCall:
    """One call of a module that has hooks."""

    def __init__(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result: Any = None
        self.always_called: set[int] = set()
        self.plain_hooks: list[Hook] = []

    def run(self) -> Any:
        """The result of the call, hooks and all."""
        try:
            self._before()
            gates = self._gates()
            self.result = self.module.forward(*self.args, **self.kwargs)
            self._after()
            if gates is not None:
                if not isinstance(self.result, (Tensor, tuple)):
                    warnings.warn(
                        "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors "
                        f"but received {type(self.result)}",
                        stacklevel=2,
                    )
                self.result = gates.setup_output_hook(self.result)
            if self.plain_hooks:
                from tensorrs.nn._plain_backward_hook import hang

                hang(module=self.module, hooks=self.plain_hooks, args=self.args, result=self.result)
            return self.result
        except Exception:
            self._rescue()
            raise

    def _before(self) -> None:
        module = self.module
        for key, hook in (*global_forward_pre_hooks.items(), *module._forward_pre_hooks.items()):
            if key in module._forward_pre_hooks_with_kwargs:
                out = hook(module, self.args, self.kwargs)
                if out is None:
                    continue
                if not (isinstance(out, tuple) and len(out) == 2):
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {out}."
                    )
                self.args, self.kwargs = out
            else:
                out = hook(module, self.args)
                if out is not None:
                    self.args = out if isinstance(out, tuple) else (out,)

    def _gates(self) -> Any:
        module = self.module
        hooks: list[Hook] = []
        for found, full in (
            (global_backward_hooks, global_backward_kind["full"]),
            (module._backward_hooks, module._is_full_backward_hook),
        ):
            (self.plain_hooks if full is False else hooks).extend(found.values())
        pre_hooks = [*global_backward_pre_hooks.values(), *module._backward_pre_hooks.values()]
        if not (hooks or pre_hooks):
            return None
        from tensorrs.nn._backward_hook import BackwardHook

        gates = BackwardHook(module, hooks, pre_hooks)
        self.args = gates.setup_input_hook(self.args)
        return gates

    def _after(self) -> None:
        module = self.module
        for key, hook in (*global_forward_hooks.items(), *module._forward_hooks.items()):
            if key in module._forward_hooks_always_called or key in global_forward_hooks_always_called:
                self.always_called.add(key)
            self._call_forward_hook(
                hook, key in module._forward_hooks_with_kwargs or key in global_forward_hooks_with_kwargs
            )

    def _call_forward_hook(self, hook: Hook, with_kwargs: bool) -> None:
        extra = (self.kwargs,) if with_kwargs else ()
        out = hook(self.module, self.args, *extra, self.result)
        if out is not None:
            self.result = out

    def _rescue(self) -> None:
        """Something raised: the hooks that are always called and had no turn yet get it now."""
        module = self.module
        for scope, hooks, always, with_kwargs in (
            ("global module", global_forward_hooks, global_forward_hooks_always_called, {}),
            ("module", module._forward_hooks, module._forward_hooks_always_called, module._forward_hooks_with_kwargs),
        ):
            for key, hook in hooks.items():
                if key not in always or key in self.always_called:
                    continue
                try:
                    self._call_forward_hook(hook, key in with_kwargs)
                except Exception as error:  # noqa: BLE001 - the error of `forward` is the one to raise
                    warnings.warn(
                        f"{scope} forward hook with ``always_call=True`` raised an exception that was silenced as "
                        f"another error was raised in forward: {error}",
                        stacklevel=2,
                    )
