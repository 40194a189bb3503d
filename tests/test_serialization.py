"""`save` and `load`: what goes in comes out, writes are atomic, and a bad file is refused with its reason."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import struct
import zipfile
import zlib
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import pytest

import tensorrs as torch
from tensorrs import nn
from tensorrs.serialization import zipped

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
    assert len(f.getvalue()) < 2000
    assert round_trip(torch.arange(20).reshape(4, 5)[1:3, ::2]).tolist() == [[5, 7, 9], [10, 12, 14]]


def test_an_expanded_tensor_stays_small() -> None:
    f = io.BytesIO()
    torch.save(torch.ones(1).expand(1000, 1000), f)
    assert len(f.getvalue()) < 2000
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


def test_loops_and_great_depth() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    back = round_trip(loop)
    assert back[0] == 1
    assert back[1] is back
    inner: list[Any] = []
    pair = (inner,)
    inner.append(pair)
    with pytest.raises(ValueError, match=r"obj\[0\]\[0\] contains itself"):
        torch.save(pair, io.BytesIO())
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


def refused(data: bytes, why: str, kind: type[Exception] = RuntimeError) -> None:
    with pytest.raises(kind, match=why):
        torch.load(io.BytesIO(data))


def test_every_truncation_is_noticed() -> None:
    data = good_file()
    refused(b"", "empty", EOFError)
    for n in range(1, len(data)):
        refused(data[:n], "truncated|no file of")


def test_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.pt"
    path.write_bytes(good_file()[:-1])
    with pytest.raises(RuntimeError, match=r"cut\.pt"):
        torch.load(path)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x93NUMPY\x01\x00\x00\x00", "NumPy"),
        (b"hello, this is text", "no file of tensorrs or PyTorch"),
        (b"PK\x03\x04" + bytes(60), "zip archive"),
        (pickle.dumps({"a": [1]}, protocol=2), "not one of PyTorch's"),
        ((2).to_bytes(8, "little") + b"{]", "safetensors"),
        ((2**40).to_bytes(8, "little") + b"{}", "safetensors"),
    ],
)
def test_foreign_files(data: bytes, why: str) -> None:
    refused(data, why)


def archive(code: bytes, method: int = zipfile.ZIP_STORED, **entries: bytes) -> bytes:
    """A file like PyTorch's with any pickle; `e0` is the entry `data/0`."""
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", method) as z:
        z.writestr("a/data.pkl", code)
        for name, data in entries.items():
            z.writestr(f"a/data/{name[1:]}", data)
    return f.getvalue()


STORAGE = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0%sX\x03\0\0\0cpu%stQ"


def tensor(numel: bytes = b"K\x04", offset: bytes = b"K\0", size: bytes = b"K\x04\x85", stride: bytes = b"K\x01\x85", key: bytes = b"0") -> bytes:  # fmt: skip
    rest = b"\x89ccollections\nOrderedDict\n)RtR."
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE % (key, numel) + offset + size + stride + rest


FOUR = bytes(16)
HUGE = b"\x8a\x08" + (2**60).to_bytes(8, "little")
BAD: dict[str, tuple[bytes, str]] = {
    "size of a storage": (archive(tensor(numel=b"K\x05"), e0=FOUR), "16 bytes for 5 numbers"),
    "huge storage": (archive(tensor(numel=HUGE), e0=FOUR), "16 bytes for"),
    "negative storage": (archive(tensor(numel=b"J\xff\xff\xff\xff"), e0=FOUR), "refers to"),
    "lost storage": (archive(tensor(key=b"1"), e0=FOUR), "lacks entry data/1"),
    "shape too large": (archive(tensor(size=b"K\x05\x85"), e0=FOUR), "does not fit"),
    "negative shape": (archive(tensor(size=b"J\xff\xff\xff\xff\x85"), e0=FOUR), "shape"),
    "shape of text": (archive(tensor(size=b"X\x01\0\0\0a\x85"), e0=FOUR), "shape"),
    "stride too large": (archive(tensor(stride=b"K\x02\x85"), e0=FOUR), "does not fit"),
    "stride length": (archive(tensor(stride=b")"), e0=FOUR), "stride"),
    "offset too large": (archive(tensor(offset=b"K\x01"), e0=FOUR), "does not fit"),
    "compressed": (archive(tensor(), zipfile.ZIP_DEFLATED, e0=FOUR), "compressed"),
    "no pickle": (archive(b""), "bytes are missing"),
    "long text": (archive(b"\x80\x02X\xff\xff\xff\x7fabc."), "bytes are missing"),
    "longer text": (archive(b"\x80\x04\x8d" + b"\xff" * 8 + b"abc."), "bytes are missing|too large"),
    "empty stack": (archive(b"\x80\x02."), "stack is empty"),
    "no mark": (archive(b"\x80\x02t."), "no mark"),
    "no memo": (archive(b"\x80\x02h\x07."), "no memo"),
    "opcode": (archive(b"\x80\x02\xfe."), "opcode 0xfe"),
    "append to a number": (archive(b"\x80\x02K\x01K\x02a."), "appends to no list"),
    "item of a list": (archive(b"\x80\x02]K\x01K\x02s."), "no dict"),
    "a key that is a list": (archive(b"\x80\x02}]K\x02s."), "unhashable"),
    "call of a number": (archive(b"\x80\x02K\x01)R."), "no global"),
    "bytes by the million": (archive(b"\x80\x02c__builtin__\nbytearray\nJ\0\0\0\x7f\x85R."), "bytearray"),
    "set of a tensor": (archive(b"\x80\x02c__builtin__\nset\n" + tensor(size=HUGE + b"\x85", stride=b"K\0\x85")[2:-1] + b"\x85R.", e0=FOUR), "set made of Tensor"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_files(name: str) -> None:
    refused(*BAD[name])


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [os.system, eval, Unknown(), nn.Linear(1, 1), pickle.loads],
    ids=lambda v: type(v).__name__ if isinstance(v, (Unknown, nn.Module)) else str(v),
)
def test_what_could_run_code_is_refused_by_name(value: Any, protocol: int) -> None:
    named = getattr(value, "__name__", type(value).__name__)
    try:
        code = pickle.dumps({"a": value}, protocol=protocol)
    except TypeError:
        pytest.skip("cannot be pickled that way")
    refused(archive(code), f"names .*({named}|_reconstructor|copyreg)", pickle.UnpicklingError)


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_is_read(protocol: int) -> None:
    value = [None, True, False, 0, 255, 65535, -1, 2**31, -(2**70), 1.5, -0.0, "a", "\u4e2d", "\n\\", (1,), (1, 2), (1, 2, 3, 4), {}, {1: [2]}, [[]]]  # fmt: skip
    if protocol > 0:
        value += [b"\x00\xff", {1, 2}, frozenset({3}), 1 + 2j]
    if protocol > 2:
        value.append(bytearray(b"ab"))
    assert torch.load(io.BytesIO(archive(pickle.dumps(value, protocol=protocol)))) == value


def test_a_flipped_byte_never_crashes() -> None:
    data = good_file()
    for i in range(0, len(data), 3):
        changed = data[:i] + bytes([data[i] ^ 0x15]) + data[i + 1 :]
        try:
            torch.load(io.BytesIO(changed))
        except (RuntimeError, pickle.UnpicklingError) as error:
            assert "tensorrs.load" in str(error)  # noqa: PT017 - many files load all the same


# PyTorch's files, written by `golden/record_pth.py`

PTH = Path(__file__).parent / "golden" / "pth"


@pytest.mark.parametrize("name", ["zip", "legacy"])
@pytest.mark.parametrize("mapped", [False, True])
def test_files_of_pytorch(name: str, mapped: bool) -> None:
    saved = torch.load(PTH / f"{name}.pth", mmap=mapped if name == "zip" else None)
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    net.load_state_dict(saved["net"])
    assert saved["net"]._metadata[""] == {"version": 1}
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    optimizer.load_state_dict(saved["adam"])
    assert optimizer.param_groups[0]["lr"] == 0.25
    net(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    base, row = saved["base"], saved["row"]
    base[1, 0] = 7
    assert row.tolist() == [7, 4, 5]
    assert saved["turned"].stride() == (1, 3)
    assert [str(x.dtype).partition(".")[2] for x in saved["dtypes"]] == [*FLOATS, *INTEGERS, "bool"]
    assert all(x.tolist() == [0, 1, 1] for x in saved["dtypes"])
    assert saved["parameter"].requires_grad
    assert isinstance(saved["parameter"], nn.Parameter)
    assert saved["empty"].shape == (2, 0)
    assert saved["list"][0] is saved["list"][1]
    assert saved["others"] == (
        1,
        -2.5,
        "\u4e2d",
        b"\x00\xff",
        None,
        torch.Size([2, 3]),
        torch.float16,
        torch.device("cpu"),
    )
    assert saved["number"] == 1.5
    assert saved["index"] == 3


def test_an_archive_is_pytorchs(tmp_path: Path) -> None:
    """Entries, alignment and opcodes are those that PyTorch's own reader asks for."""
    path = tmp_path / "model.pth"
    torch.save({"x": torch.arange(3.0), "y": torch.ones(2, dtype=torch.int64)}, path)
    with zipfile.ZipFile(path) as z:
        assert z.testzip() is None
        names = z.namelist()
        code = z.read("model/data.pkl")
        assert z.read("model/version") == b"3\n"
        assert z.read("model/byteorder") == b"little"
        for info in z.infolist():
            begin = (
                info.header_offset + 30 + sum(struct.unpack("<HH", path.read_bytes()[info.header_offset + 26 :][:4]))
            )
            assert begin % 64 == 0
    assert names[0] == "model/data.pkl"
    assert {"model/data/0", "model/data/1"} < set(names)
    named = {argument for op, argument, _ in pickletools.genops(code) if op.name == "GLOBAL"}
    assert named == {"torch._utils _rebuild_tensor_v2", "torch FloatStorage", "torch LongStorage", "collections OrderedDict"}  # fmt: skip


def test_an_archive_may_lie_behind_4_gib(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    with path.open("wb") as f:
        f.seek(5 << 30)
        torch.save({"x": torch.arange(3.0)}, f)
    with zipfile.ZipFile(path) as z:
        assert z.testzip() is None
        assert all(info.header_offset >= 5 << 30 for info in z.infolist())
    with path.open("rb") as f:
        f.seek(5 << 30)
        assert torch.load(f)["x"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("large", [100, 1 << 20])
def test_the_fields_of_large_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int) -> None:
    """As if 4 GiB were less: Python's reader and the library's understand the wide fields."""
    monkeypatch.setattr(zipped, "_LARGE", large)
    path, x = tmp_path / "model.pth", torch.arange(1 << 18)
    torch.save({"x": x, "y": x[:3].clone()}, path)
    with zipfile.ZipFile(path) as z:
        assert z.testzip() is None
        assert z.getinfo("model/data/0").file_size == 8 << 18
    assert torch.load(path)["x"].equal(x)
    assert torch.load(path)["y"].tolist() == [0, 1, 2]


def test_many_entries() -> None:
    f = io.BytesIO()
    writer = zipped.ZipWriter(f)
    for i in range(0x10001):
        writer.add(f"a/{i}", b"x")
    writer.close()
    with zipfile.ZipFile(f) as z:
        assert len(z.namelist()) == 0x10001
        assert z.read("a/65536") == b"x"


def test_a_file_that_cannot_tell_its_place() -> None:
    class Sink:
        data = b""

        def write(self, data: Any) -> None:
            self.data += data

    sink = Sink()
    torch.save([torch.ones(3)], sink)
    assert torch.load(io.BytesIO(sink.data))[0].tolist() == [1, 1, 1]


def test_a_damaged_tensor_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(torch.arange(1 << 19), path)
    data = bytearray(path.read_bytes())
    data[2 << 20] ^= 1
    path.write_bytes(data)
    with pytest.raises(RuntimeError, match="checksum"):
        torch.load(path)


def test_a_large_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    for k in range(3):
        torch.save([torch.full((3_000_001,), float(k)), torch.tensor([k])], path)
        large, small = torch.load(path)
        assert (large.shape, large[0].item(), large[-1].item(), small.item()) == ((3_000_001,), k, k, k)
    assert [p.name for p in tmp_path.iterdir()] == ["model.pth"]


@pytest.mark.parametrize("name", [*FLOATS, *INTEGERS])
def test_checksums(name: str) -> None:
    for n in (0, 1, 63, 4097):
        x = torch.arange(n).to(getattr(torch, name))
        assert torch._C.crc32(x) == zlib.crc32(torch._C.tensor_to_bytes(x))


# safetensors


def test_safetensors(tmp_path: Path) -> None:
    from tensorrs import safetensors

    path = tmp_path / "x.safetensors"
    tensors = {name: torch.tensor([0, 1, 1]).to(getattr(torch, name)) for name in (*FLOATS, *INTEGERS, "bool")}
    tensors["turned"] = torch.arange(6.0).reshape(2, 3).t()
    tensors["scalar"], tensors["none"] = torch.tensor(2.5), torch.zeros(2, 0)
    safetensors.save_file(tensors, path, {"made by": "a test"})
    for back in (safetensors.load_file(path), torch.load(path), safetensors.load(path.read_bytes())):
        assert set(back) == set(tensors)
        assert all(same(back[name], tensors[name]) for name in tensors)
    data = path.read_bytes()
    assert b'"made by":"a test"' in data
    for cut in (0, 5, 8, 50, len(data) - 1):
        with pytest.raises(RuntimeError, match="safetensors"):
            safetensors.load(data[:cut])
    shared = torch.ones(3)
    with pytest.raises(RuntimeError, match="share memory"):
        safetensors.save({"a": shared, "b": shared[1:]})
