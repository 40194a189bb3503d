"""The objects around a tensor: Size, dtype, device; what `tensor()` makes of Python values; conversions and protocols."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import pytest

from under_test import DTYPES, FLOATS, NAME, T, dtype, dtype_name


def test_size() -> None:
    size = T.zeros(2, 3).shape
    assert type(size) is T.Size
    assert isinstance(size, tuple)
    assert repr(size) == f"{NAME}.Size([2, 3])"
    assert size == (2, 3)
    assert T.zeros(2, 3).size() == size
    assert T.zeros(2, 3).size(-1) == 3
    assert size.numel() == 6
    assert type(size[:1]) is T.Size
    assert type(size + (4,)) is T.Size  # noqa: RUF005
    assert type(size * 2) is T.Size
    assert T.Size([1, 2]) == (1, 2)
    assert hash(size) == hash((2, 3))
    assert pickle.loads(pickle.dumps(size)) == size
    with pytest.raises(TypeError, match="iter|Size"):
        T.Size(3)
    with pytest.raises(
        IndexError, match="Dimension out of range \\(expected to be in range of \\[-2, 1\\], but got 2\\)"
    ):
        T.zeros(2, 3).size(2)


def test_dtype_objects() -> None:
    for name in DTYPES:
        kind = dtype(name)
        assert repr(kind) == str(kind) == f"{NAME}.{name}"
        assert kind.is_floating_point == (name in FLOATS)
        assert not kind.is_complex
        assert kind.is_signed == (name not in ("bool", "uint8"))
        assert pickle.loads(pickle.dumps(kind)) is kind
        assert copy.deepcopy(kind) is kind
        assert {kind: 1}[kind] == 1
        assert isinstance(kind, T.dtype)
        assert T.zeros(0, dtype=kind).element_size() == kind.itemsize
    assert (T.half, T.float, T.double) == (T.float16, T.float32, T.float64)
    assert (T.short, T.int, T.long) == (T.int16, T.int32, T.int64)


def test_device_objects() -> None:
    cpu = T.device("cpu")
    assert (cpu.type, cpu.index) == ("cpu", None)
    assert repr(cpu) == "device(type='cpu')"
    assert str(cpu) == "cpu"
    assert T.device("cpu:0").index == 0
    assert repr(T.device("cpu", 0)) == "device(type='cpu', index=0)"
    assert T.device(cpu) == cpu
    assert T.zeros(1).device == cpu
    assert hash(T.device("cpu")) == hash(cpu)
    assert T.zeros(1, device="cpu").device == cpu
    assert not T.zeros(1).is_cuda
    assert pickle.loads(pickle.dumps(cpu)) == cpu
    with pytest.raises(RuntimeError, match="Expected one of cpu"):
        T.device("fridge")


def test_finfo_and_iinfo() -> None:
    assert T.finfo(T.float32).eps == 2**-23
    assert T.finfo(T.float16).max == 65504
    assert T.finfo(T.bfloat16).tiny == 2**-126
    assert T.finfo().bits == 32
    assert (T.iinfo(T.int8).min, T.iinfo(T.uint8).max) == (-128, 255)
    with pytest.raises(TypeError, match="finfo"):
        T.finfo(T.int32)
    with pytest.raises(TypeError, match="iinfo"):
        T.iinfo(T.float32)
    assert T.finfo(T.float16) == T.finfo(T.float16)
    assert repr(T.finfo(T.float16)) == (
        "finfo(resolution=0.001, min=-65504, max=65504, eps=0.000976562, smallest_normal=6.10352e-05, tiny=6.10352e-05, dtype=float16)"
    )
    assert repr(T.iinfo(T.int64)) == "iinfo(min=-9.22337e+18, max=9.22337e+18, dtype=int64)"


@pytest.mark.parametrize(
    ("value", "want"),
    [
        (1, "int64"), (1.0, "float32"), (True, "bool"), ([1, 2], "int64"), ([1, 2.0], "float32"), ([True, False], "bool"), ([True, 1], "int64"), ([], "float32"),
        ([[]], "float32"), ([2**40], "int64"), (float("nan"), "float32"), ((1, 2), "int64"), ([(1,), [2]], "int64"),
    ],
)  # fmt: skip
def test_inference(value: Any, want: str) -> None:
    assert dtype_name(T.tensor(value)) == want


def test_default_dtype() -> None:
    T.set_default_dtype(T.float64)
    assert T.tensor(1.0).dtype == T.float64
    assert T.zeros(1).dtype == T.float64
    assert (T.tensor([1]) / 2).dtype == T.float64
    assert T.tensor([1]).dtype == T.int64
    T.set_default_dtype(T.float32)
    with pytest.raises(TypeError, match="only floating-point types are supported as the default type"):
        T.set_default_dtype(T.int32)


def test_tensor_values_are_checked() -> None:
    with pytest.raises(ValueError, match="expected sequence of length 2 at dim 1 \\(got 1\\)"):
        T.tensor([[1, 2], [3]])
    with pytest.raises(TypeError, match="not a sequence"):
        T.tensor([[1, 2], 3])
    with pytest.raises(ValueError, match="Overflow when unpacking long"):
        T.tensor(2**70)
    with pytest.raises(RuntimeError, match="value cannot be converted to type u?int8_t without overflow"):
        T.full((1,), 300, dtype=T.int8)
    with pytest.raises(ValueError, match="too many dimensions 'str'"):
        T.tensor(["a"])
    assert T.tensor([300], dtype=T.int16).item() == 300


def test_tensor_of_a_tensor_warns() -> None:
    with pytest.warns(UserWarning, match="To copy construct from a tensor, it is recommended to use sourceTensor"):
        T.tensor(T.ones(2))
    assert T.tensor([T.tensor(1.0), T.tensor(2.0)]).tolist() == [1, 2]


def test_legacy_constructors() -> None:
    assert T.Tensor([1, 2]).dtype == T.float32
    assert T.Tensor(2, 3).shape == (2, 3)
    assert T.Tensor(T.Size([2])).shape == (2,)
    assert T.Tensor().shape == (0,)
    assert T.FloatTensor([1]).dtype == T.float32
    assert T.DoubleTensor([1]).dtype == T.float64
    assert T.LongTensor([1, 2]).dtype == T.int64
    assert T.IntTensor(2).shape == (2,)
    assert T.BoolTensor([True]).dtype == T.bool
    assert T.ByteTensor([1]).dtype == T.uint8
    assert T.HalfTensor([1]).dtype == T.float16
    assert isinstance(T.ones(1), T.FloatTensor)
    assert not isinstance(T.ones(1), T.LongTensor)
    assert T.ones(1).type() == f"{NAME}.FloatTensor"
    assert T.ones(1, dtype=T.int64).type() == f"{NAME}.LongTensor"
    assert T.ones(1).type(T.float64).dtype == T.float64
    assert T.ones(1).type("torch.IntTensor" if NAME == "torch" else "tensorrs.IntTensor").dtype == T.int32


def test_item_and_numbers() -> None:
    assert T.tensor(2.5).item() == 2.5
    assert type(T.tensor(2).item()) is int
    assert type(T.tensor(True).item()) is bool
    assert T.tensor([[3]]).item() == 3
    assert float(T.tensor([1.5])) == 1.5
    assert int(T.tensor(2.9)) == 2
    assert bool(T.tensor([0.0])) is False
    assert bool(T.tensor(3)) is True
    assert complex(T.tensor(2.0)) == 2 + 0j
    assert [1, 2, 3][T.tensor(1)] == 2
    assert range(10)[T.tensor(3)] == 3
    with pytest.raises(RuntimeError, match="a Tensor with 2 elements cannot be converted to Scalar"):
        T.ones(2).item()
    with pytest.raises(RuntimeError, match="Boolean value of Tensor with more than one value is ambiguous"):
        bool(T.ones(2))
    with pytest.raises(RuntimeError, match="Boolean value of Tensor with no values is ambiguous"):
        bool(T.ones(0))
    with pytest.raises(TypeError, match="only integer tensors of a single element can be converted to an index"):
        [1, 2][T.tensor(1.0)]
    with pytest.raises(ValueError, match="only one element tensors can be converted to Python scalars"):
        int(T.ones(2))


def test_tolist() -> None:
    assert T.tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert T.tensor(5).tolist() == 5
    assert T.zeros(0).tolist() == []
    assert T.zeros(2, 0).tolist() == [[], []]
    assert T.tensor([True]).tolist() == [True]
    assert T.arange(4).view(2, 2).t().tolist() == [[0, 2], [1, 3]]
    assert T.tensor([0.1]).tolist() == [0.10000000149011612]
    assert T.tensor([1.5], dtype=T.bfloat16).tolist() == [1.5]


def test_container_protocols() -> None:
    x = T.tensor([[1, 2], [3, 4], [5, 6]])
    assert len(x) == 3
    assert [row.tolist() for row in x] == [[1, 2], [3, 4], [5, 6]]
    a, b = T.tensor([7, 8])
    assert (a.item(), b.item()) == (7, 8)
    assert 3 in x
    assert 9 not in x
    assert T.tensor(4) in x
    assert [v.tolist() for v in reversed(T.tensor([1, 2]))] == [2, 1] if NAME != "torch" else True
    with pytest.raises(TypeError, match="len\\(\\) of a 0-d tensor"):
        len(T.tensor(1))
    with pytest.raises(TypeError, match="iteration over a 0-d tensor"):
        iter(T.tensor(1))
    with pytest.raises(TypeError, match="Tensor does not support deleting items"):
        del x[0]


def test_comparison_and_hash() -> None:
    x = T.tensor([1.0, 2.0])
    assert (x == x).tolist() == [True, True]
    assert (x == None) is False  # noqa: E711
    assert (x != None) is True  # noqa: E711
    assert {x: 1}[x] == 1
    assert hash(x) != hash(T.tensor([1.0, 2.0]))
    assert x is not x.clone()
    with pytest.raises(TypeError, match="not supported between|unsupported operand|must be"):
        _ = x < "a"


def test_operators_with_strangers() -> None:
    class Stranger:
        def __radd__(self, other: Any) -> str:
            return "mine"

        def __rmatmul__(self, other: Any) -> str:
            return "mine too"

    assert T.ones(1) + Stranger() == "mine"
    assert T.ones(1) @ Stranger() == "mine too"
    with pytest.raises(TypeError, match="unsupported operand type"):
        T.ones(1) + "a"
    with pytest.raises(TypeError, match="unsupported operand type"):
        [1] - T.ones(1)


def test_objects_are_used_again_without_what_hung_on_them() -> None:
    x, died = T.ones(2), []
    for i in range(3000):
        y = x + i
        assert y.__dict__ == {}
        y.mark = i  # type: ignore[attr-defined]
        weakref.finalize(y, died.append, i)
        assert (vars(y)["mark"], y.tolist()) == (i, [1 + i, 1 + i])
    del y
    assert died == list(range(3000))
    assert not hasattr(x + 1, "mark")
    assert weakref.getweakrefcount(x + 1) == 0


def test_cycles_of_objects_that_are_used_again_are_found() -> None:
    x, died = T.ones(2), []
    for turn in range(3):
        kept = [x + i for i in range(500)]
        for y in kept:
            y.me = y
            weakref.finalize(y, died.append, turn)
        del kept, y
        gc.collect()
        assert died == [turn] * 500
        died.clear()


def test_subclass_dict_and_weakref() -> None:
    x = T.ones(2)
    x.name_of_mine = "kept"
    assert x.name_of_mine == "kept"
    assert weakref.ref(x)() is x

    class Mine(T.Tensor):  # type: ignore[misc,name-defined]
        pass

    mine = T.ones(2).as_subclass(Mine)
    assert type(mine) is Mine
    assert isinstance(mine, T.Tensor)
    assert type(T.nn.Parameter(T.ones(2))) is T.nn.Parameter
    assert T.is_tensor(x)
    assert not T.is_tensor([1])


@pytest.mark.parametrize("name", DTYPES)
def test_pickle(name: str) -> None:
    x = T.arange(6).to(dtype(name)).view(2, 3).t()
    y = pickle.loads(pickle.dumps(x))
    assert y.dtype == x.dtype
    assert y.tolist() == x.tolist()
    assert y.stride() == x.stride()


def test_pickle_and_copy_keep_what_a_tensor_is() -> None:
    x = T.ones(2, requires_grad=True)
    x.grad = T.zeros(2)
    assert pickle.loads(pickle.dumps(x)).requires_grad
    p = T.nn.Parameter(T.ones(2))
    assert type(pickle.loads(pickle.dumps(p))) is T.nn.Parameter
    y = copy.deepcopy(x)
    assert y.requires_grad
    assert y.grad.tolist() == [0, 0]
    assert y.data_ptr() != x.data_ptr()
    base = T.zeros(4)
    pair = copy.deepcopy([base, base[1:]])
    pair[0][2] = 5
    assert pair[1].tolist() == [0, 5, 0]
    same = copy.deepcopy([base, base])
    assert same[0] is same[1]
    shallow = copy.copy(x)
    assert shallow.data_ptr() == x.data_ptr()


def test_pickled_tensors_share_what_they_shared() -> None:
    x = T.arange(6)
    whole, part = pickle.loads(pickle.dumps([x, x[2:4]]))
    whole[2] = 9
    # PyTorch shares it in `torch.save` and `deepcopy` only.
    assert part.tolist() == ([9, 3] if NAME != "torch" else [2, 3])
    assert part.storage_offset() == 2
    a, b = copy.deepcopy((x, x.view(2, 3).t()))
    a[1] = 7
    assert b.tolist() == [[0, 3], [7, 4], [2, 5]]
    assert x.tolist() == [0, 1, 2, 3, 4, 5]
    assert pickle.loads(pickle.dumps(T.ones(2, requires_grad=True) * 2)).requires_grad
    nowhere = pickle.loads(pickle.dumps(T.ones(2, 3, device="meta").t()))
    assert (nowhere.device.type, nowhere.stride()) == ("meta", (1, 3))


def test_storage() -> None:
    x = T.ones(2)
    memory = x.untyped_storage()
    assert memory is x[1:].untyped_storage()
    assert (len(memory), memory.nbytes(), memory.size(), memory.element_size()) == (8, 8, 8, 1)
    assert memory.tolist() == [0, 0, 128, 63] * 2
    assert memory[2] == 128
    assert memory.data_ptr() == x.data_ptr()
    assert T.is_storage(memory)
    assert not T.is_storage(x)
    assert copy.deepcopy(memory).data_ptr() != memory.data_ptr()
    assert repr(T.ones(1, dtype=T.uint8).untyped_storage()) == (
        f" 1\n[{NAME}.storage.UntypedStorage(device=cpu) of size 1]"
    )


def test_questions_about_tensors() -> None:
    assert T.is_nonzero(T.tensor([2]))
    assert not T.tensor(0.0).is_nonzero()
    with pytest.raises(RuntimeError, match="Boolean value of Tensor with no values is ambiguous"):
        T.is_nonzero(T.ones(0))
    assert T.is_same_size(T.ones(2), T.zeros(2))
    assert not T.ones(2).is_same_size(T.ones(1, 2))
    assert not T.is_anomaly_enabled()
    assert T.get_default_device() == T.device("cpu")
    assert T.result_type(1, T.ones(2, dtype=T.int8)) == T.int8
    assert T.result_type(1, 2.0) == T.float32


def test_without_a_gpu() -> None:
    assert not T.cuda.is_available()
    assert T.cuda.device_count() == 0
    assert T.cuda.memory_allocated() == 0
    for silent in (T.cuda.empty_cache, T.cuda.seed, lambda: T.cuda.manual_seed(1), lambda: T.cuda.manual_seed_all(1)):
        assert silent() is None
    with pytest.raises((AssertionError, RuntimeError), match="CUDA|NVIDIA"):
        T.cuda.synchronize()


def test_a_batch_is_split_among_one_device() -> None:
    layer, x = T.nn.Linear(2, 3), T.ones(4, 2)
    assert T.equal(T.nn.DataParallel(layer, device_ids=[0, 1])(x), layer(x))
    if T.__name__ == "tensorrs":  # PyTorch refuses the function where there is no GPU, the class not
        assert T.equal(T.nn.parallel.data_parallel(layer, x, device_ids=[0, 1]), layer(x))
        assert T.equal(T.nn.parallel.data_parallel(layer, (), module_kwargs={"input": x}), layer(x))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (300, "int8"), (-129, "int8"), (300, "uint8"), (-256, "uint8"), (2**40, "int32"), (70000, "int16"), (1e20, "int64"), (float("nan"), "int32"),
    ],
)  # fmt: skip
def test_numbers_must_fit(value: Any, name: str) -> None:
    for make in (
        lambda d: T.full((2,), value, dtype=d),
        lambda d: T.zeros(2, dtype=d).fill_(value),
        lambda d: T.tensor([value], dtype=d),
    ):
        with pytest.raises(RuntimeError, match="value cannot be converted to type \\w+ without overflow"):
            make(dtype(name))


def test_numbers_that_fit() -> None:
    assert T.full((1,), -1, dtype=T.uint8).item() == 255
    assert T.full((1,), 2.9, dtype=T.int8).item() == 2
    assert T.full((1,), 1e9, dtype=T.float16).item() == float("inf")
    assert T.tensor([2**70], dtype=T.float64).item() == 2.0**70
    with pytest.raises(OverflowError, match="int too big to convert"):
        T.full((1,), 2**70)


def test_attributes() -> None:
    x = T.zeros(2, 3)
    assert (x.ndim, x.dim(), x.ndimension()) == (2, 2, 2)
    assert (x.numel(), x.nelement(), T.numel(x)) == (6, 6, 6)
    assert (x.itemsize, x.nbytes, x.element_size()) == (4, 24, 4)
    assert x.layout == T.strided
    assert x.is_floating_point()
    assert T.is_floating_point(x)
    assert not x.is_complex()
    with pytest.raises(AttributeError, match="'Tensor' object has no attribute 'colour'"):
        _ = x.colour


def test_to() -> None:
    x = T.zeros(2)
    assert x.to(T.float32) is x
    assert x.to("cpu") is x
    assert x.to(x) is x
    assert x.to(T.float64).dtype == T.float64
    assert x.to(T.zeros(1, dtype=T.int32)).dtype == T.int32
    assert x.to("cpu", T.float64).dtype == T.float64
    assert x.to(device="cpu", dtype=T.int64).dtype == T.int64
    assert x.to(T.float32, copy=True) is not x
    assert x.cpu() is x
    assert x.float() is x
    assert x.type_as(T.zeros(1, dtype=T.float64)).dtype == T.float64


def test_named_results() -> None:
    values, indices = T.tensor([[1, 5, 2]]).max(1)
    result = T.tensor([[1, 5, 2]]).max(dim=1)
    assert result.values.tolist() == values.tolist() == [5]
    assert result.indices.tolist() == indices.tolist() == [1]
    assert isinstance(result, tuple)
    assert type(result).__name__ == "max"
    assert T.sort(T.tensor([2, 1])).indices.tolist() == [1, 0]
    assert T.topk(T.tensor([2, 1]), 1).values.tolist() == [2]
    assert T.tensor([3, 1, 2]).median(0).indices.item() == 2
    assert repr(result).startswith(f"{NAME}.return_types.max(\nvalues=tensor([5]),\nindices=tensor([1]))")


def test_promotion_between_kinds() -> None:
    """A number or 0-dim tensor of a lower kind does not widen; of a higher kind it does."""
    x = T.ones(2, dtype=T.int8)
    assert (x + 1000).dtype == T.int8
    assert (x + 1.5).dtype == T.float32
    assert (x + T.tensor(1000)).dtype == T.int8
    assert (x + T.tensor([1000])).dtype == T.int64
    assert (T.ones(2, dtype=T.float16) + 1.5).dtype == T.float16
    assert (T.ones(2, dtype=T.float16) + T.tensor(1.5, dtype=T.float64)).dtype == T.float16
    assert (T.ones(2, dtype=T.float16) + T.ones(2, dtype=T.bfloat16)).dtype == T.float32
    assert (T.ones(2, dtype=T.bool) + True).dtype == T.bool
    assert (T.ones(2, dtype=T.uint8) + T.ones(2, dtype=T.int8)).dtype == T.int16
    assert T.result_type(T.ones(2, dtype=T.int32), 1.0) == T.float32
    assert T.promote_types(T.int32, T.float16) == T.float16
    assert T.can_cast(T.float64, T.float32)
    assert not T.can_cast(T.float32, T.int32)
    with pytest.raises(
        RuntimeError, match="result type Float can't be cast to the desired output type (Char|signed char)"
    ):
        x += 1.5


def test_sizes_may_be_numbers_a_sequence_or_named() -> None:
    x = T.arange(6)
    for y in (x.view(2, 3), x.view((2, 3)), x.view([2, 3]), x.view(T.Size([2, 3])), x.view(size=(2, 3)), x.view(-1, 3)):
        assert y.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert x.view(T.uint8).shape == (48,)
    assert x.view(dtype=T.int32).shape == (12,)
    assert x.reshape(shape=(3, 2)).shape == T.reshape(x, (3, 2)).shape == (3, 2)
    y = x.view(2, 3)
    assert y.permute(1, 0).equal(y.permute(dims=(1, 0)))
    assert y.flip(0).equal(y.flip(dims=[0]))
    assert y.repeat(2, 1).equal(y.repeat(repeats=(2, 1)))
    assert y.tile(2).equal(y.tile(dims=(2,)))
    assert (
        y.expand(4, 2, 3).shape == y.expand(size=(4, 2, 3)).shape == y.broadcast_to(size=(4, 2, 3)).shape == (4, 2, 3)
    )
    assert T.cat((y, y), axis=1).shape == T.cat((y, y), dim=1).shape == (2, 6)
    for call, text in (
        (lambda: x.view(), "missing 1 required"),
        (lambda: x.view(2, size=(3,)), "multiple values"),
        (lambda: x.reshape(shape=2), "must be tuple of ints, not int"),
        (lambda: x.permute(order=(0,)), "unexpected keyword argument 'order'"),
        (lambda: x.view(2.0, 3), "float"),
    ):
        with pytest.raises(TypeError, match=text):
            call()
