"""`save` and `load`: PyTorch's `.pth` files, written and read without running code.

A file is a zip archive of a pickle (what the object looks like) and of one raw entry for each memory that its tensors
lie in. PyTorch reads what `save` writes and `load` reads what PyTorch writes, the files of before 1.6 included. The
pickle is read by a machine that knows tensors and plain containers and calls nothing else: see `reading`.
"""

from __future__ import annotations

import os

from tensorrs.serialization.reading import read_file, read_stream
from tensorrs.serialization.writing import Archive, replace_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["load", "save"]


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write `obj` to `f`, a path or a file object open for writing bytes, as PyTorch's zip format.

    `obj` is a tensor or a list, tuple, set, dict, OrderedDict (a `state_dict`) of tensors, numbers, strings, bytes,
    None, dtypes, devices and sizes, nested in any way; what is shared stays shared. Anything else is a TypeError that
    names where it is: a file of this kind never needs code to be read. A path is replaced at the end in one step, so
    that a crash while writing leaves the old file. The arguments after `f` are PyTorch's and have no effect.
    """
    if hasattr(f, "write"):
        Archive(obj, "archive").write(f)
        return
    if not isinstance(f, (str, os.PathLike)):
        raise AttributeError(
            f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, got {type(f).__name__}"
        )
    name = os.path.basename(os.fsdecode(f)).rpartition(".")
    archive = Archive(obj, (name[0] or name[2]) if (name[0] or name[2]).isascii() else "archive")
    replace_file(os.fspath(f), archive.write)


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read what `save` or PyTorch wrote, from a path or a file object open for reading bytes. Runs no code.

    `map_location` moves the tensors: a device, a dict from saved to wanted device, or a function of (storage, saved
    device) that returns the storage. With `mmap` the tensors of a path lie in the mapped file (copied where they are
    written to). `weights_only` changes nothing, since nothing else can be read. A safetensors file gives its dict. A
    file that is cut off, damaged, of another kind, or that names what is not a tensor or a plain container is a
    RuntimeError that says so.
    """
    if hasattr(f, "read"):
        if mmap:
            raise ValueError("f must be a file path in order to use the mmap argument")
        return read_stream(f, map_location)
    if not isinstance(f, (str, os.PathLike)):
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object, got {type(f).__name__}")
    return read_file(os.fspath(f), map_location, bool(mmap))
