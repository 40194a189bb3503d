"""Switches of the tape, as context managers and as decorators."""

from __future__ import annotations

from tensorrs import _C
from tensorrs._C import is_grad_enabled, is_inference_mode_enabled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, TypeVar, overload

    _F = TypeVar("_F", bound=Callable[..., Any])

__all__ = [
    "enable_grad",
    "enforce_grad_layout_policy",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "is_multithreading_enabled",
    "no_grad",
    "set_grad_enabled",
    "set_multithreading_enabled",
]

# `inspect.CO_GENERATOR`: `inspect` is too large a module to import for it.
_IS_GENERATOR = 0x20


class _Mode:
    """A context manager that also decorates functions and generators."""

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(self, *exc: object) -> None:
        raise NotImplementedError

    def clone(self) -> _Mode:
        """The same mode anew: what a decorated function enters at each call."""
        return type(self)()

    def __call__(self, func: _F) -> _F:
        if getattr(getattr(func, "__code__", None), "co_flags", 0) & _IS_GENERATOR:
            decorated: _F = self._wrap_generator(func)
            return decorated
        from functools import wraps  # here, not above: it would be a tenth of the time that `import tensorrs` takes

        @wraps(func)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return func(*args, **kwargs)

        decorated = inside  # type: ignore[assignment]  # `wraps` gives it the look of `func`
        return decorated

    def _wrap_generator(self, func: Callable[..., Any]) -> Any:
        """The mode holds while the generator runs, not while its caller does."""
        from functools import wraps

        @wraps(func)
        def inside(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            generator = func(*args, **kwargs)
            step, value = generator.send, None
            while True:
                try:
                    with self.clone():
                        item = step(value)
                except StopIteration as stop:
                    return stop.value
                try:
                    value = yield item
                    step = generator.send
                except GeneratorExit:
                    with self.clone():
                        generator.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - it is handed on to the generator
                    value, step = error, generator.throw

        return inside


class _Fixed(_Mode):
    """A mode with one setting; `@no_grad` without parentheses works too."""

    _on = False

    if TYPE_CHECKING:

        @overload
        def __new__(cls, func: None = None) -> _Fixed: ...
        @overload
        def __new__(cls, func: _F) -> _F: ...  # type: ignore[misc]  # with a function it is a decorator
        def __new__(cls, func: Any = None) -> Any: ...
    else:

        def __new__(cls, func: Callable[..., Any] | None = None) -> Any:
            self = super().__new__(cls)
            return self if func is None else self(func)

    def __init__(self, func: Callable[..., Any] | None = None) -> None:
        self._before = False

    def __enter__(self) -> None:
        self._before = is_grad_enabled()
        _C._set_grad_enabled(self._on)

    def __exit__(self, *exc: object) -> None:
        _C._set_grad_enabled(self._before)


class no_grad(_Fixed):
    """Do not record: results have `requires_grad=False`, whatever their inputs."""

    _on = False


class enable_grad(_Fixed):
    """Record again inside a `no_grad` block."""

    _on = True

    def __new__(cls, orig_func: Callable[..., Any] | None = None) -> Any:
        return super().__new__(cls, orig_func)

    def __init__(self, orig_func: Callable[..., Any] | None = None) -> None:
        super().__init__()


class set_grad_enabled(_Mode):
    """Record or not, from here on, or inside a `with` block."""

    def __init__(self, mode: bool) -> None:
        self._before = is_grad_enabled()
        self.mode = mode
        _C._set_grad_enabled(mode)

    def __call__(self, func: _F) -> _F:
        _C._set_grad_enabled(self._before)
        return super().__call__(func)

    def __enter__(self) -> None:
        _C._set_grad_enabled(self.mode)

    def __exit__(self, *exc: object) -> None:
        _C._set_grad_enabled(self._before)

    def clone(self) -> set_grad_enabled:
        """The same mode anew."""
        return set_grad_enabled(self.mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mode={self.mode})"


class inference_mode(_Mode):
    """As `no_grad`, and the results can never take part in recorded work."""

    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:
        self = super().__new__(cls)
        if isinstance(mode, bool):
            return self
        self.__init__()  # type: ignore[misc]
        return self(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode
        self._before = (True, False)

    def __enter__(self) -> None:
        self._before = (is_grad_enabled(), is_inference_mode_enabled())
        _C._set_grad_enabled(not self.mode)
        _C._set_inference_mode(self.mode)

    def __exit__(self, *exc: object) -> None:
        grad, inference = self._before
        _C._set_grad_enabled(grad)
        _C._set_inference_mode(inference)

    def clone(self) -> inference_mode:
        """The same mode anew."""
        return inference_mode(self.mode)


_multithreading = True


def is_multithreading_enabled() -> bool:
    """What `set_multithreading_enabled` was last told."""
    return _multithreading


class set_multithreading_enabled(_Mode):
    """Whether backward passes on other devices have threads of their own. On the CPU they run on the caller's."""

    def __init__(self, mode: bool) -> None:
        global _multithreading
        self.prev, self.mode = _multithreading, mode
        _multithreading = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        global _multithreading
        _multithreading = self.prev

    def clone(self) -> set_multithreading_enabled:
        """A mode with the same setting."""
        return type(self)(self.mode)


class enforce_grad_layout_policy(_Mode):
    """Whether gradients get the strides of their parameters, which is all that PyTorch may do with it. Here a gradient
    keeps the strides it comes with, whatever is said."""

    def __init__(self, enable: bool = True) -> None:
        self.enable = enable

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass

    def clone(self) -> enforce_grad_layout_policy:
        """A mode with the same setting."""
        return type(self)(self.enable)
