"""Write `python/tensorrs/_C.pyi` from the compiled module: names, signatures and the first line of each docstring.

`--check` writes nothing and fails where the file would change. Argument names and defaults come from the module itself
(`__text_signature__`); what a call returns is said here once: a tensor, unless the tables below name something else.
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

TARGET = Path(__file__).parent.parent / "python" / "tensorrs" / "_C.pyi"
HEAD = '''"""The compiled part of tensorrs. Written by `make stubs` from the module itself: edits are lost."""

from __future__ import annotations

import builtins
from typing import Any

'''
TAIL = """
# Names that attributes of a class hide inside it.
_Dtype = dtype
_Device = device
"""
NUMBERS = {name: "int" for name in (
    "dim ndimension numel nelement element_size data_ptr storage_offset get_num_threads get_num_interop_threads "
    "get_device __len__ __int__ __index__ __hash__ initial_seed seed"
).split()}  # fmt: skip
TRUTHS = {name: "bool" for name in (
    "is_contiguous is_floating_point is_complex is_signed is_inference is_same_size equal allclose __bool__ __contains__ "
    "is_grad_enabled is_inference_mode_enabled is_anomaly_enabled can_cast same_tensor requires_grad is_leaf "
    "retains_grad is_cpu is_cuda _is_view"
).split()}  # fmt: skip
RETURNS = {
    **NUMBERS,
    **TRUTHS,
    "__float__": "float", "__complex__": "complex", "__repr__": "str", "__str__": "str", "__format__": "str", "name": "str",
    "__setitem__": "None", "__delitem__": "None", "backward": "None", "set_num_threads": "None", "retain_grad": "None",
    "__init__": "None", "set_default_dtype": "None", "ndim": "int", "itemsize": "int", "nbytes": "int", "_version": "int", "output_nr": "int",
    "dtype": "dtype", "device": "device", "get_default_dtype": "dtype", "promote_types": "dtype", "result_type": "dtype",
}  # fmt: skip
TUPLES = (
    "split split_with_sizes chunk unbind tensor_split hsplit vsplit dsplit broadcast_tensors meshgrid sort topk kthvalue mode "
    "var_mean std_mean aminmax unique unique_consecutive cummax cummin max min median where nonzero"
).split()
PLAIN = (
    "item tolist numpy size stride shape grad_fn grad _base next_functions variable metadata untyped_storage storage type to "
    "register_hook register_post_accumulate_grad_hook __array__ __dlpack__ __dlpack_device__ __reduce__ __reduce_ex__ "
    "__getstate__ __deepcopy__ __iter__ __reversed__ layout names is_sparse print_options __getitem__ apply"
).split()
# What Python gives every class, and what is no part of an interface.
SILENT = {name for name in dir(object) if name not in ("__init__", "__repr__", "__hash__", "__eq__", "__ne__")} | {
    "__module__", "__weakref__", "__dict__", "__doc__", "__new__", "__buffer__", "__release_buffer__", "__init__",
    "__class_getitem__", "__ne__", "__hash__",
}  # fmt: skip


def returns(name: str, tensors: bool) -> str:
    if name in RETURNS:
        found = RETURNS[name]
        # `bool` is a dtype of the module and a method of a tensor: Python's own is named in full.
        return {"dtype": "_Dtype", "device": "_Device", "None": "None"}.get(found, f"builtins.{found}")
    if name in TUPLES or name in PLAIN or not tensors or (name.startswith("_") and not name.startswith("__")):
        return "Any"
    return "Tensor"


def parameters(item: Any, method: bool) -> str:
    """The parameters as a stub writes them: types are not known, defaults are."""
    try:
        signature = inspect.signature(item)
    except (ValueError, TypeError):
        return "self, *args: Any, **kwargs: Any" if method else "*args: Any, **kwargs: Any"
    parts: list[str] = []
    kinds = inspect.Parameter
    last = None
    for name, p in signature.parameters.items():
        if last == kinds.POSITIONAL_ONLY != p.kind:
            parts.append("/")
        if p.kind == kinds.KEYWORD_ONLY and last not in (kinds.KEYWORD_ONLY, kinds.VAR_POSITIONAL):
            parts.append("*")
        shown = {kinds.VAR_POSITIONAL: "*", kinds.VAR_KEYWORD: "**"}.get(p.kind, "") + name
        if not (name == "self" and not parts):
            shown += ": Any"
        if p.default is not kinds.empty:
            shown += " = " + (repr(p.default) if isinstance(p.default, (bool, int, float, str, type(None))) else "...")
        parts.append(shown)
        last = p.kind
    if last == kinds.POSITIONAL_ONLY and parts != ["self"]:
        parts.append("/")
    return ", ".join(parts)


def function(name: str, item: Any, indent: str, method: bool, tensors: bool) -> Iterator[str]:
    if method and inspect.isbuiltin(item):
        yield f"{indent}@staticmethod"
    yield f"{indent}def {name}({parameters(item, method)}) -> {returns(name, tensors)}: ..."


def members(kind: type) -> Iterator[str]:
    tensors = kind.__name__ in ("Tensor", "TensorBase")
    shown = False
    for name in sorted(vars(kind)):
        item = inspect.getattr_static(kind, name)
        if name in SILENT or keyword.iskeyword(name):
            continue
        shown = True
        if inspect.isgetsetdescriptor(item) or inspect.ismemberdescriptor(item):
            yield "    @property"
            yield f"    def {name}(self) -> {returns(name, tensors)}: ..."
            if tensors and name in ("data", "grad", "requires_grad"):
                yield f"    @{name}.setter"
                yield f"    def {name}(self, value: Any) -> None: ..."
        elif isinstance(item, (staticmethod, classmethod)):
            yield f"    @{type(item).__name__}"
            yield from function(name, getattr(kind, name), "    ", False, tensors)
        elif callable(item):
            yield from function(name, item, "    ", True, tensors)
        else:
            yield f"    {name}: Any"
    if not shown:
        yield "    ..."


def stub(module: Any) -> str:
    names = sorted(n for n in dir(module) if not (n.startswith("__") and n != "__version__"))
    classes = [n for n in names if isinstance(getattr(module, n), type)]
    lines: list[str] = []
    for name in names:
        item = getattr(module, name)
        if name in classes:
            lines += ["", f"class {name}:", *members(item), ""]
        elif callable(item):
            lines += function(name, item, "", False, True)
        elif name == "__version__":
            lines.append("__version__: str")
        else:
            lines.append(f"{name}: {type(item).__name__ if type(item).__name__ in classes else 'Any'}")
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines).strip())
    return HEAD + text + "\n" + TAIL


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where the file would change")
    check = parser.parse_args().check
    import tensorrs._C as module

    text = stub(module)
    old = TARGET.read_text() if TARGET.exists() else ""
    if not check:
        TARGET.write_text(text)
        print(f"{TARGET.name}: {len(text.splitlines())} lines")
        return 0
    if text != old:
        sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), text.splitlines(True), "now", "anew", n=1))
        print("the stubs are stale: run `make stubs`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
