"""Write `python/tensorrs/_C.pyi` and `_functions.pyi` from the compiled module: names, arguments, types.

`--check` writes nothing and fails where a file would change. Argument names and defaults come from the module itself
(`__text_signature__`), annotations from methods written in Python; all other types are in `stub_types.py`.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stub_types import (
    ARGUMENTS,
    FACTORIES,
    FUNCTIONS_HEAD,
    HEAD,
    MANY_DIMS,
    OF_CLASS,
    OPTIONS,
    OVERLOADS,
    PLAIN,
    RETURNS,
    SETTABLE,
    SIGNATURES,
    SPECIAL,
    VARIADIC,
)

from tensorrs._tensor import _OF_LINALG

PACKAGE = Path(__file__).parent.parent / "python" / "tensorrs"
# What Python gives every class, and what is no part of an interface.
SILENT = {
    *dir(object),
    "__module__",
    "__weakref__",
    "__dict__",
    "__buffer__",
    "__release_buffer__",
    "__class_getitem__",
}
SHOWN = {
    "__repr__",
    "__eq__",
    "__ne__",
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
    "__format__",
    "__reduce__",
    "__reduce_ex__",
}
# Python's own types are named in full, because a tensor has methods of the same names.
OWN = re.compile(r"(?<![.\w])(bool|int|float|complex|str|bytes|tuple|list|dict|type|object|slice)\b")
KNOWN = re.compile(
    r"(?:[\s|,.\[\]]|builtins\.\w+|Tensor|Any|None|Size|UntypedStorage|Callable|Iterator|Sequence|_Handle)+"
)
Kind = inspect.Parameter


def in_full(annotation: object) -> str:
    """The annotation of a method written in Python, where it names nothing but what the stub knows."""
    text = OWN.sub(r"builtins.\1", str(annotation))
    return text if KNOWN.fullmatch(text) else "Any"


def argument(function: str, p: Kind) -> str:
    """The type of an argument: annotated, or special to the function, or told by its name, or by its default."""
    if p.annotation is not Kind.empty:
        return in_full(p.annotation)
    kind = SPECIAL.get((function, p.name)) or ARGUMENTS.get(p.name)
    if p.name == "dim" and function in MANY_DIMS:
        kind = "_Ints"
    if isinstance(p.default, (bool, int, float, str)) and not (kind and "_" in kind):
        kind = kind if kind and type(p.default) is int else f"builtins.{type(p.default).__name__}"
    if kind is None or kind == "Any" or p.kind in (Kind.VAR_POSITIONAL, Kind.VAR_KEYWORD):
        return VARIADIC.get(p.name, "Any") if p.kind == Kind.VAR_POSITIONAL else "Any"
    return f"{kind} | None" if p.default is None and "None" not in kind else kind


def result(name: str, item: Any, tensors: bool) -> str:
    item = _as_function(name, item)
    annotation = getattr(item, "__annotations__", {}).get("return")
    if annotation is not None:
        return in_full(annotation)
    if name in RETURNS:
        return RETURNS[name]
    if name in PLAIN or not tensors or (name.startswith("_") and not name.startswith("__")):
        return "Any"
    return "Tensor"


def parameters(name: str, item: Any, first: str = "") -> list[str]:
    """The arguments as a stub writes them; `first` takes the place of `self`."""
    if name in SIGNATURES:
        return [*([first] if first else []), SIGNATURES[name]]
    whole = _as_function(name, item)
    try:
        listed = list(inspect.signature(whole).parameters.values())
    except (ValueError, TypeError):
        return [*([first] if first else []), "*args: Any", "**kwargs: Any"]
    parts: list[str] = []
    marked = starred = False
    for p in listed:
        if p.kind == Kind.VAR_KEYWORD and name in FACTORIES:
            parts += ([] if starred else ["*"]) + OPTIONS
            continue
        if not parts and (p.name == "self" or whole is not item):
            parts.append(first or "self")
            continue
        if p.kind == Kind.POSITIONAL_ONLY:
            marked = True
        elif marked:
            parts.append("/")
            marked = False
        if p.kind == Kind.VAR_POSITIONAL:
            starred = True
        elif p.kind == Kind.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        shown = {Kind.VAR_POSITIONAL: "*", Kind.VAR_KEYWORD: "**"}.get(p.kind, "") + p.name
        shown += f": {argument(name, p)}"
        if p.default is not Kind.empty:
            plain = p.default is None or isinstance(p.default, (bool, int, float, str))
            shown += " = " + (repr(p.default) if plain else "...")
        parts.append(shown)
    return [*parts, "/"] if marked else parts


def _as_function(name: str, item: Any) -> Any:
    """A method that passes everything on to a function of `linalg` has that function's arguments and result."""
    from tensorrs.linalg import _legacy

    return getattr(_legacy, name) if getattr(item, "__qualname__", None) in _OF_LINALG else item


def function(name: str, item: Any, indent: str, first: str, tensors: bool) -> Iterator[str]:
    for form in OVERLOADS.get(name, ()):
        yield f"{indent}@overload"
        yield f"{indent}def {name}{form.format(x=first)}: ..."
    if name not in OVERLOADS:
        shown, note = ", ".join(parameters(name, item, first)), ""
        if tensors and name in ("__eq__", "__ne__"):
            shown, note = "self, value: object, /", "  # type: ignore[override]"
        elif name == "__ipow__":
            note = "  # type: ignore[misc]"
        yield f"{indent}def {name}({shown}) -> {result(name, item, tensors)}: ...{note}"


def members(kind: type) -> Iterator[str]:
    tensors = kind.__name__ == "Tensor"
    shown = False
    for name in sorted(vars(kind)):
        item = inspect.getattr_static(kind, name)
        if (name in SILENT and not (name in SHOWN and tensors)) or keyword.iskeyword(name):
            continue
        shown = True
        if inspect.isgetsetdescriptor(item) or inspect.ismemberdescriptor(item):
            yield "    @property"
            kind_of = OF_CLASS.get((kind.__name__, name)) or result(name, item, tensors)
            yield f"    def {name}(self) -> {kind_of}: ..."
            if tensors and name in SETTABLE:
                yield f"    @{name}.setter"
                yield f"    def {name}(self, value: {SETTABLE[name]}) -> None: ..."
        elif isinstance(item, (staticmethod, classmethod)) or inspect.isbuiltin(item):
            yield f"    @{'classmethod' if isinstance(item, classmethod) else 'staticmethod'}"
            yield from function(name, getattr(kind, name), "    ", "", tensors)
        elif callable(item):
            yield from function(name, item, "    ", "self", tensors)
        elif isinstance(item, property):
            yield "    @property"
            known = "builtins.bool" if name.startswith("is_") else result(name, item.fget, tensors=False)
            yield f"    def {name}(self) -> {OF_CLASS.get((kind.__name__, name), known)}: ..."
        else:
            yield f"    {name}: {OF_CLASS.get((kind.__name__, name), 'Any')}"
    yield from construction(kind)
    if not shown:
        yield "    ..."


def construction(kind: type) -> Iterator[str]:
    """`__init__`, by the arguments that the class takes."""
    try:
        inspect.signature(kind)
    except (ValueError, TypeError):
        return
    listed = [p for p in parameters(kind.__name__, kind) if p not in ("cls: Any", "/") or kind.__name__ != "Node"]
    yield f"    def __init__({', '.join(['self', *listed])}) -> None: ..."


def compiled(module: Any) -> str:
    names = sorted(n for n in dir(module) if not (n.startswith("__") and n != "__version__"))
    classes = [n for n in names if isinstance(getattr(module, n), type)]
    lines: list[str] = []
    for name in names:
        item = getattr(module, name)
        if name in classes:
            bases = [f"builtins.{base.__name__}" for base in item.__bases__ if base is not object]
            lines += ["", f"class {name}{f'({bases[0]})' if bases else ''}:", *members(item), ""]
        elif callable(item):
            lines += function(name, item, "", "input: Tensor", True)
        elif name == "__version__":
            lines.append("__version__: builtins.str")
        else:
            kind = type(item).__name__
            lines.append(f"{name}: {'_Dtype' if kind == 'dtype' else kind if kind in classes else 'Any'}")
    return HEAD + re.sub(r"\n{3,}", "\n\n", "\n".join(lines).strip()) + "\n"


def functions(module: Any, public: Any) -> str:
    """The functions of the package: methods that take their tensor as `input`, and what is native as it is."""
    native: list[str] = []
    lines: list[str] = []
    for name in sorted(public.__all__):
        item = getattr(public, name)
        if isinstance(item, module.Function):
            lines += taking_input(name, inspect.getattr_static(module.Tensor, name))
        elif item is getattr(module, name, None):
            native.append(f"from tensorrs._C import {name} as {name}")
        else:
            lines += function(name, item, "", "", True)
    everything = [f"__all__ = {list(public.__all__)!r}"]
    return FUNCTIONS_HEAD + "\n".join([*native, "", *everything, "", *lines]) + "\n"


def taking_input(name: str, method: Any) -> Iterator[str]:
    first = "input: Tensor"
    if name in OVERLOADS:
        yield from function(name, method, "", first, True)
        return
    parts = [p for p in parameters(name, method, first) if p != "/"]
    if (
        not any(p.startswith("**") for p in parts)
        and not name.endswith("_")
        and not any(p.startswith("out:") for p in parts)
    ):
        parts += ["out: Any = None"] if any(p.startswith("*") for p in parts) else ["*", "out: Any = None"]
    yield f"def {name}({', '.join(parts)}) -> {result(name, method, True)}: ..."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where a file would change")
    check = parser.parse_args().check
    import tensorrs._C as module
    import tensorrs._functions as public

    stale = False
    for name, text in (("_C.pyi", compiled(module)), ("_functions.pyi", functions(module, public))):
        path = PACKAGE / name
        old = path.read_text() if path.exists() else ""
        if not check:
            path.write_text(text)
            print(f"{name}: {len(text.splitlines())} lines")
        elif text != old:
            sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), text.splitlines(True), "now", "anew", n=1))
            stale = True
    if stale:
        print("the stubs are stale: run `make stubs`", file=sys.stderr)
    return int(stale)


if __name__ == "__main__":
    raise SystemExit(main())
