"""`save` and `load`: what goes in comes out, writes are atomic, and a bad file is refused with its reason."""

from __future__ import annotations

import io
import json
import os
import pickle
from collections import Counter, OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tensorrs as torch
from tensorrs import nn

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")


def round_trip(obj: Any, **kwargs: Any) -> Any:
    f = io.BytesIO()
    torch.save(obj, f)
    f.seek(0)
    return torch.load(f, **kwargs)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return (
            type(a) is type(b)
            and a.dtype == b.dtype
            and a.shape == b.shape
            and a.requires_grad == b.requires_grad
            and a.tolist() == b.tolist()
        )
    if isinstance(a, dict):
        return type(a) is type(b) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("name", [*FLOATS, *INTEGERS, "bool"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 4), (2, 0, 3)])
def test_every_dtype_and_shape_returns(name: str, shape: tuple[int, ...]) -> None:
    x = (torch.arange(24).reshape(2, 3, 4) % 5)[tuple(slice(0, n) for n in shape)] if len(shape) == 3 else None
    if x is None:
        x = torch.arange(3)[: shape[0]] if shape else torch.tensor(4)
    x = x.to(getattr(torch, name))
    assert same(round_trip(x), x)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -5,
        2**63 - 1,
        2**200,
        -(2**64),
        1.5,
        1e-300,
        float("inf"),
        -float("inf"),
        2 - 1j,
        "",
        "a ü \u0000 \U0001f600",
        b"",
        b"\x00\xff" * 100,
        torch.float32,
        torch.bool,
        torch.device("cpu"),
        torch.Size([2, 3]),
        [],
        (),
        {},
        [1, (2, [3.0, None]), {"a": (True,)}],
        OrderedDict(b=1, a=[b"x"]),
        Counter({4: 2, 9: 1}),
        {7: "int", "1": "str", 2.5: None, None: 0, True: b"k", (1, "a"): {b"k": ()}},
    ],
    ids=repr,
)
def test_plain_values_return(value: Any) -> None:
    assert same(round_trip(value), value)
    assert same(round_trip({"deep": [value, (value,)]}), {"deep": [value, (value,)]})


def test_nan_returns() -> None:
    back = round_trip([float("nan"), torch.tensor([float("nan"), -0.0])])
    assert back[0] != back[0]
    assert str(back[1]) == "tensor([nan, -0.])"


def test_views_of_one_memory_share_it_again() -> None:
    base = torch.arange(12.0).reshape(3, 4)
    saved = {"base": base, "row": base[1], "column": base[:, 2], "turned": base.t(), "other": torch.zeros(3)}
    back = round_trip(saved)
    assert all(same(back[key], saved[key]) for key in saved)
    back["base"][1, 2] = -1.0
    assert back["row"][2] == -1
    assert back["column"][1] == -1
    assert back["turned"][2, 1] == -1
    assert back["turned"].stride() == (1, 4)
    back["other"].fill_(5)
    assert back["base"][0].tolist() == [0, 1, 2, 3]


def test_one_tensor_twice_is_one_tensor() -> None:
    x = torch.ones(2)
    back = round_trip([x, (x,), {"x": x}])
    assert back[0] is back[1][0]
    assert back[0] is back[2]["x"]


def test_a_slice_alone_does_not_carry_its_base() -> None:
    f = io.BytesIO()
    torch.save(torch.zeros(1000, 1000)[::500, ::500], f)
    assert len(f.getvalue()) < 1000
    assert round_trip(torch.arange(20).reshape(4, 5)[1:3, ::2]).tolist() == [[5, 7, 9], [10, 12, 14]]


def test_an_expanded_tensor_stays_small() -> None:
    f = io.BytesIO()
    torch.save(torch.ones(1).expand(1000, 1000), f)
    assert len(f.getvalue()) < 1000
    f.seek(0)
    assert torch.load(f).sum() == 1_000_000


def test_gradient_flags_and_parameters_return() -> None:
    leaf = torch.ones(2, requires_grad=True)
    back = round_trip({"leaf": leaf, "result": leaf * 2, "p": nn.Parameter(leaf.detach()), "frozen": frozen()})
    assert back["leaf"].requires_grad
    assert back["leaf"].is_leaf
    assert back["result"].requires_grad
    assert isinstance(back["p"], nn.Parameter)
    assert back["p"].requires_grad
    assert isinstance(back["frozen"], nn.Parameter)
    assert not back["frozen"].requires_grad


def frozen() -> nn.Parameter:
    return nn.Parameter(torch.zeros(2), requires_grad=False)


def test_a_module_and_its_optimizer_continue(tmp_path: Path) -> None:
    def make() -> tuple[nn.Module, Any]:
        model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        return model, torch.optim.Adam(model.parameters(), lr=0.1)

    def train(model: nn.Module, optimizer: Any, steps: int) -> None:
        x = torch.arange(8.0).reshape(2, 4) / 8
        for _ in range(steps):
            optimizer.zero_grad()
            model(x).square().sum().backward()
            optimizer.step()

    torch.manual_seed(0)
    model, optimizer = make()
    train(model, optimizer, 2)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "checkpoint.pt")
    train(model, optimizer, 2)
    other, its_optimizer = make()
    saved = torch.load(tmp_path / "checkpoint.pt")
    assert isinstance(saved["model"], OrderedDict)
    other.load_state_dict(saved["model"])
    its_optimizer.load_state_dict(saved["optimizer"])
    train(other, its_optimizer, 2)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert a.tolist() == b.tolist()


def test_state_dict_keeps_its_version_numbers() -> None:
    state = nn.Linear(2, 2).state_dict()
    assert round_trip(state)._metadata == state._metadata


def test_paths_of_each_kind(tmp_path: Path) -> None:
    for path in (tmp_path / "a.pt", str(tmp_path / "b.pt"), tmp_path / "ü ß.pt"):
        torch.save([1, torch.ones(2)], path)
        assert same(torch.load(path), [1, torch.ones(2)])


def test_two_objects_in_one_stream() -> None:
    f = io.BytesIO()
    torch.save(torch.ones(3), f)
    torch.save("second", f)
    f.seek(0)
    assert torch.load(f).tolist() == [1, 1, 1]
    assert torch.load(f) == "second"


@pytest.mark.parametrize("where", [None, "cpu", torch.device("cpu"), {"cpu": "cpu"}, lambda x, device: x])
def test_map_location(where: Any) -> None:
    assert round_trip(torch.ones(2), map_location=where).tolist() == [1, 1]


# what cannot be saved


class Unknown:
    pass


class Named(tuple):
    pass


@pytest.mark.parametrize(
    ("obj", "where"),
    [
        ({"a": [0, 1, 2, Unknown()]}, r"obj\['a'\]\[3\]"),
        (Unknown(), "obj"),
        ([{1, 2}], r"obj\[0\]"),
        ([len], r"obj\[0\]"),
        ({"a": {"b": Named((1,))}}, r"obj\['a'\]\['b'\]"),
        ({Unknown(): 1}, "a key of obj"),
    ],
)
def test_unknown_types_are_named_with_their_place(obj: Any, where: str) -> None:
    with pytest.raises(TypeError, match=f"cannot save {where} of type "):
        torch.save(obj, io.BytesIO())


def test_a_module_is_told_to_save_its_state() -> None:
    with pytest.raises(TypeError, match="state_dict"):
        torch.save(nn.Linear(2, 2), io.BytesIO())


def test_a_loop_and_great_depth_are_errors() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    with pytest.raises(ValueError, match=r"obj\[1\] contains itself"):
        torch.save(loop, io.BytesIO())
    deep: list[Any] = []
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(ValueError, match="levels deep"):
        torch.save(deep, io.BytesIO())


def test_an_object_that_is_no_file() -> None:
    with pytest.raises(AttributeError, match="write"):
        torch.save(1, 5)
    with pytest.raises(AttributeError, match="path"):
        torch.load(5)


# atomic writing


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save("old", path)
    with pytest.raises(TypeError):
        torch.save(Unknown(), path)
    assert torch.load(path) == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.pt"
    torch.save("old", path)

    def fail(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(KeyboardInterrupt):
        torch.save(torch.ones(1000), path)
    monkeypatch.undo()
    assert torch.load(path) == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


def test_replacing_keeps_links_and_permissions(tmp_path: Path) -> None:
    real, link = tmp_path / "real.pt", tmp_path / "link.pt"
    torch.save(1, real)
    real.chmod(0o640)
    link.symlink_to(real)
    torch.save(2, link)
    assert link.is_symlink()
    assert torch.load(real) == 2
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        torch.save(1, tmp_path / "no" / "model.pt")
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "no.pt")


# files that are not what they should be


def good_file() -> bytes:
    f = io.BytesIO()
    torch.save({"x": torch.arange(40.0).reshape(8, 5), "b": b"abc"}, f)
    return f.getvalue()


def refused(data: bytes, why: str) -> None:
    with pytest.raises(RuntimeError, match=why):
        torch.load(io.BytesIO(data))


def test_every_truncation_is_noticed() -> None:
    data = good_file()
    for n in range(len(data)):
        with pytest.raises(RuntimeError, match=r"truncated|ends after"):
            torch.load(io.BytesIO(data[:n]))


def test_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.pt"
    path.write_bytes(good_file()[:-1])
    with pytest.raises(RuntimeError, match=r"cut\.pt"):
        torch.load(path)


@pytest.mark.parametrize(
    "data",
    [b"PK\x03\x04" + bytes(60), *(pickle.dumps({"a": [1]}, protocol=p) for p in (2, 3, 4, 5))],
    ids=["zip", "2", "3", "4", "5"],
)
def test_a_file_of_pytorch_is_named_as_such(data: bytes) -> None:
    refused(data, r"tensorrs\.load: this is a PyTorch zip/pickle file")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x93NUMPY\x01\x00", "NumPy"),
        (b"hello, this is text", "header of"),
        (b"\xff" * 8, "header of"),
        ((2**20).to_bytes(8, "little") + b"{}", "truncated"),
        ((2).to_bytes(8, "little") + b"{]", "not JSON"),
        ((2).to_bytes(8, "little") + b"{}", "safetensors"),
        ((2).to_bytes(8, "little") + b"[]", "no tensorrs file"),
    ],
)
def test_foreign_files(data: bytes, why: str) -> None:
    refused(data, why)


def header_of(data: bytes) -> tuple[dict[str, Any], bytes]:
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def change(edit: Callable[[dict[str, Any]], Any]) -> bytes:
    header, body = header_of(good_file())
    edit(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


BAD_HEADERS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "version": (lambda h: h.update(version=2), "version"),
    "no storages": (lambda h: h.pop("storages"), "storages"),
    "end before begin": (lambda h: h["storages"][0].update(begin=64, end=0), "bad offsets"),
    "negative": (lambda h: h["storages"][0].update(begin=-64), "bad offsets"),
    "unaligned": (lambda h: h["storages"][0].update(begin=1), "bad offsets"),
    "text": (lambda h: h["storages"][0].update(begin="0"), "bad offsets"),
    "huge": (lambda h: h["storages"][0].update(end=2**60), "truncated|follow"),
    "overlap": (lambda h: h["storages"].append(dict(h["storages"][0], end=68)), "follow"),
    "part of an element": (lambda h: h["storages"][0].update(end=h["storages"][0]["end"] - 1), "whole number|follow"),
    "dtype": (lambda h: h["storages"][0].update(dtype="object"), "unknown dtype"),
    "storage number": (lambda h: h["tensors"][0].update(storage=7), "storages"),
    "shape too large": (lambda h: h["tensors"][0].update(shape=[8, 6]), "does not fit"),
    "negative shape": (lambda h: h["tensors"][0].update(shape=[-8, -5]), "shape"),
    "stride too large": (lambda h: h["tensors"][0].update(stride=[6, 1], offset=0), "does not fit"),
    "offset too large": (lambda h: h["tensors"][0].update(stride=[5, 1], offset=1), "does not fit"),
    "stride length": (lambda h: h["tensors"][0].update(stride=[1], offset=0), "stride"),
    "tag": (lambda h: h.update(tree={"code": "import os"}), "unknown tag"),
    "empty": (lambda h: h.update(tree={}), "unknown tag"),
    "tensor number": (lambda h: h.update(tree={"tensor": 9}), "bad tensor"),
    "tensor text": (lambda h: h.update(tree={"tensor": "x"}), "bad tensor"),
    "dict": (lambda h: h.update(tree={"dict": [[1]]}), "bad dict"),
    "key": (lambda h: h.update(tree={"dict": [[[1], 2]]}), "bad dict"),
    "dtype name": (lambda h: h.update(tree={"dtype": "load"}), "unknown dtype"),
}


@pytest.mark.parametrize("name", BAD_HEADERS)
def test_bad_headers(name: str) -> None:
    edit, why = BAD_HEADERS[name]
    refused(change(edit), why)


def test_a_flipped_byte_in_the_header_never_crashes() -> None:
    data = good_file()
    size = int.from_bytes(data[:8], "little")
    for i in range(8, 8 + size, 3):
        changed = data[:i] + bytes([data[i] ^ 0x15]) + data[i + 1 :]
        try:
            torch.load(io.BytesIO(changed))
        except RuntimeError as error:
            assert "tensorrs.load" in str(error)  # noqa: PT017 - many files load all the same
