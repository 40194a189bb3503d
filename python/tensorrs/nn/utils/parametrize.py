"""Tensors of a module as the result of modules: `register_parametrization` puts `module.weight = f(original)` in place.

The module gets a class of its own with a property under the tensor's name, and a child `parametrizations` that holds,
for each name, the original and the chain of modules.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast

import tensorrs
from tensorrs._C import Tensor
from tensorrs.nn.modules.container import ModuleDict, ModuleList
from tensorrs.nn.modules.module import Module
from tensorrs.nn.parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_cache_depth = 0
_cache: dict[tuple[int, str], Tensor] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Within it every parametrized tensor is computed once, when it is first asked for.

    For modules that use a weight several times in a forward, as recurrent ones do.
    """
    global _cache_depth
    _cache_depth += 1
    try:
        yield
    finally:
        _cache_depth -= 1
        if not _cache_depth:
            _cache.clear()


def _register(module: Module, name: str, x: Tensor) -> None:
    if isinstance(x, Parameter):
        module.register_parameter(name, x)
    else:
        module.register_buffer(name, x)


def _give(target: Tensor, value: Tensor) -> None:
    """Makes `target` stand for the memory of `value`, with the requirement of a gradient it had."""
    target.data = value.detach()


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, first to last, and what they start from: `original`, or `original0`, ….

    Made by `register_parametrization`. The original is what `right_inverse` of the modules, last to first, makes of
    the tensor; a module without it takes the tensor as it is.
    """

    original: Tensor
    unsafe: bool

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with tensorrs.no_grad():
            new: Any = original
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with suppress(NotImplementedError):
                        new = module.right_inverse(new)
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if isinstance(new, Tensor):
            if original.dtype != new.dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {new.dtype}"
                )
            with tensorrs.no_grad():
                _give(original, new)
            _register(self, "original", original)
        else:
            for i, part in enumerate(new):
                if not isinstance(part, Tensor):
                    raise ValueError(
                        "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                        f"Got element {i} of the sequence with type {type(part).__name__}."
                    )
                if isinstance(original, Parameter):
                    part = Parameter(part, original.requires_grad)
                part.requires_grad_(original.requires_grad)
                _register(self, f"original{i}", part)
        if unsafe:
            return
        z = self()
        if not isinstance(z, Tensor):
            raise ValueError(f"A parametrization must return a tensor. Got {type(z).__name__}.")
        for what, before, after in (("dtype", dtype, z.dtype), ("shape", shape, z.shape)):
            if before != after:
                raise ValueError(
                    f"Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag is "
                    f"enabled.\nunparametrized {what}: {before}\nparametrized {what}: {after}"
                )

    def _originals(self) -> list[Tensor]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Sets the originals so that the parametrized tensor is `value`, as far as the modules allow."""
        with tensorrs.no_grad():
            new: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                new = module.right_inverse(new)
            if self.is_tensor:
                if not isinstance(new, Tensor):
                    raise ValueError(f"`right_inverse` should return a tensor. Got {type(new).__name__}")
                if self.original.dtype != new.dtype:
                    raise ValueError(
                        f"The tensor `value` must have dtype {self.original.dtype}. Got {new.dtype} instead"
                    )
                _give(self.original, new)
                return
            if not isinstance(new, Sequence):
                raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(new)}.")
            if len(new) != self.ntensors:
                raise ValueError(
                    f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. "
                    f"Got a sequence of length {len(new)}."
                )
            for i, (part, original) in enumerate(zip(new, self._originals(), strict=True)):
                if not isinstance(part, Tensor):
                    raise ValueError(
                        "`right_inverse` must return a sequence of tensors. "
                        f"Got element {i} of type {type(part).__name__}"
                    )
                if original.dtype != part.dtype:
                    raise ValueError(
                        f"Tensor {i} returned by `right_inverse` has dtype {part.dtype} while `original{i}` has "
                        f"dtype {original.dtype}"
                    )
                _give(original, part)

    def forward(self) -> Tensor:
        first, *rest = list(self)
        x: Tensor = first(*self._originals())
        for module in rest:
            x = module(x)
        return x


def _own_class(module: Module) -> None:
    """Gives the module a subclass of its class, on which properties can be set for it alone."""
    kind = type(module)

    def __getstate__(self: Any) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(). See:\n"
            "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
            "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
        )

    def __deepcopy__(self: Any, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        replica = memo[id(self)] = self.__new__(type(self))
        replica.__dict__ = copy.deepcopy(self.__dict__, memo)
        return replica

    members: dict[str, Any] = {"__getstate__": __getstate__, "__module__": __name__}
    if not hasattr(kind, "__deepcopy__"):
        members["__deepcopy__"] = __deepcopy__
    module.__class__ = type(f"Parametrized{kind.__name__}", (kind,), members)


def _own_property(module: Module, tensor_name: str) -> None:
    def get(self: Any) -> Tensor:
        if not _cache_depth:
            made: Tensor = self.parametrizations[tensor_name]()
            return made
        key = (id(self), tensor_name)
        found = _cache.get(key)
        if found is None:
            found = _cache[key] = self.parametrizations[tensor_name]()
        return found

    def put(self: Any, value: Tensor) -> None:
        self.parametrizations[tensor_name].right_inverse(value)

    setattr(type(module), tensor_name, property(get, put))


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """From now on `module.<tensor_name>` is `parametrization(original)`, computed when it is asked for.

    Where there is a parametrization already, this one is applied after it. A method `right_inverse` of the
    parametrization makes the original from the tensor and lets the tensor be assigned to. Unless `unsafe`, it is
    checked that dtype and shape stay. Returns the module.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        _append(module, tensor_name, parametrization, unsafe)
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        made = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _own_class(module)
            module.parametrizations = ModuleDict()
        _own_property(module, tensor_name)
        cast(ModuleDict, module.parametrizations)[tensor_name] = made
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def _append(module: Module, tensor_name: str, parametrization: Module, unsafe: bool) -> None:
    made = cast(Any, module.parametrizations)[tensor_name]
    if not unsafe:
        y = getattr(module, tensor_name)
        x = parametrization(y)
        if not isinstance(x, Tensor):
            raise ValueError(f"A parametrization must return a tensor. Got {type(x).__name__}.")
        for what, before, after in (("dtype", y.dtype, x.dtype), ("shape", y.shape, x.shape)):
            if before != after:
                raise ValueError(
                    f"Registering a parametrization may not change the {what} of the tensor, unless the `unsafe` flag "
                    f"is enabled.\nmodule.{tensor_name}.{what}: {before}\n"
                    f"parametrization(module.{tensor_name}).{what}: {after}"
                )
        if hasattr(parametrization, "right_inverse"):
            z = parametrization.right_inverse(x)
            if not isinstance(z, Tensor):
                raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(z).__name__}")
            for what, before, after in (("dtype", y.dtype, z.dtype), ("shape", y.shape, z.shape)):
                if before != after:
                    raise ValueError(
                        f"The tensor returned by parametrization.right_inverse must have the same {what} as "
                        f"module.{tensor_name}, unless the `unsafe` flag is enabled.\n"
                        f"module.{tensor_name}.{what}: {before}\nreturned {what}: {after}"
                    )
    made.append(parametrization)
    made.unsafe = made.unsafe or unsafe


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the tensor of that name has a parametrization; without a name, whether any tensor has one."""
    found = getattr(module, "parametrizations", None)
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Takes the parametrizations of a tensor away. Returns the module.

    The tensor keeps the value it has, or with `leave_parametrized=False` that of its original.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    holder = cast(ModuleDict, module.parametrizations)
    made = cast(ParametrizationList, holder[tensor_name])
    if leave_parametrized:
        with tensorrs.no_grad():
            value = getattr(module, tensor_name)
        if made.is_tensor:
            original = made.original
            with tensorrs.no_grad():
                _give(original, value)
        else:
            asked = any(o.requires_grad for o in made._originals())
            kept = any(isinstance(o, Parameter) for o in made._originals())
            original = Parameter(value, asked) if kept else value
    elif made.is_tensor:
        original = made.original
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del holder[tensor_name]
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    _register(module, tensor_name, original)
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that the module had before it was parametrized."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Copies the parametrizations of one module, all or those of one tensor, and their originals to another one."""
    if is_parametrized(from_module):
        holder = cast(ModuleDict, from_module.parametrizations)
        names = list(holder) if tensor_name is None else [tensor_name]
        for name in names:
            made = cast(ParametrizationList, holder[name])
            if not hasattr(to_module, name):
                setattr(to_module, name, Parameter(getattr(from_module, name)))
            for parametrization in made:
                register_parametrization(to_module, name, copy.deepcopy(parametrization))
            target = cast(ParametrizationList, cast(ModuleDict, to_module.parametrizations)[name])
            for theirs, ours in zip(made._originals(), target._originals(), strict=True):
                _give(ours, theirs.clone())
    return to_module
