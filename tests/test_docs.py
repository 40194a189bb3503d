"""Every public function, class and method has a docstring; those written in Python say the type of every argument."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import tensorrs


def modules() -> Iterator[ModuleType]:
    """The package and all modules in it whose path has no underscore."""
    yield tensorrs
    for found in pkgutil.walk_packages(tensorrs.__path__, "tensorrs."):
        if "._" not in found.name:
            try:
                yield importlib.import_module(found.name)
            except ImportError:
                assert found.name == "tensorrs.utils.tensorboard", "only this one needs a package that is optional"


def ours(item: Any) -> bool:
    return str(getattr(item, "__module__", None) or "tensorrs").startswith(("tensorrs", "builtins"))


def public() -> Iterator[tuple[str, Any]]:
    """(path, function, class, method or attribute) of everything a user may call or read."""
    seen: set[int] = set()
    for module in modules():
        names = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
        for name in names:
            item = getattr(module, name)
            if id(item) in seen or isinstance(item, ModuleType) or not callable(item) or not ours(item):
                continue
            seen.add(id(item))
            yield f"{module.__name__}.{name}", item
            if isinstance(item, type):
                for inner, member in vars(item).items():
                    if not inner.startswith("_") and not isinstance(member, type):
                        yield f"{module.__name__}.{name}.{inner}", (item, inner, member)


def documented(item: Any) -> bool:
    if not isinstance(item, tuple):
        return bool(item.__doc__)
    owner, name, member = item
    called = callable(member) or isinstance(member, (property, classmethod, staticmethod))
    if not ours(member) or not (called or inspect.isgetsetdescriptor(member)):
        return True  # a constant of the class, a slot
    # What a class inherits it may leave unsaid: `forward`, `step`.
    return any(getattr(inspect.getattr_static(kind, name, None), "__doc__", None) for kind in owner.__mro__)


def arguments_without_types(item: Any) -> list[str]:
    """The arguments (and `return`) that a function written in Python says nothing about."""
    if isinstance(item, tuple):
        item = item[2]
        item = item.fget if isinstance(item, property) else getattr(item, "__func__", item)
    elif isinstance(item, type):
        item = vars(item).get("__init__")
    function = inspect.unwrap(item) if callable(item) else None
    if not inspect.isfunction(function) or not ours(function) or "<lambda>" in function.__qualname__:
        return []
    listed = list(inspect.signature(function, follow_wrapped=False).parameters.values())
    first = {"self", "cls"} | ({listed[0].name} if listed and function.__name__ == "__new__" else set())
    silent = [p.name for p in listed if p.annotation is p.empty and p.name not in first]
    return silent + ([] if "return" in function.__annotations__ else ["return"])


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    found = dict(public())
    assert len(found) > 2000
    return found


def test_everything_public_is_documented(names: dict[str, Any]) -> None:
    assert not [path for path, item in names.items() if not documented(item)]


def test_everything_written_in_python_is_typed(names: dict[str, Any]) -> None:
    silent = {path: arguments_without_types(item) for path, item in names.items()}
    assert not {path: missing for path, missing in silent.items() if missing}


def test_a_function_of_the_module_shows_its_methods_text() -> None:
    assert tensorrs.exp.__doc__ == tensorrs.Tensor.exp.__doc__
    assert "alpha * other" in str(tensorrs.add.__doc__)
