"""Data sets, samplers, collation and the loader: the order of PyTorch for a seed, its errors, and the threads."""

from __future__ import annotations

import gc
import json
import threading
import time
from collections import OrderedDict, namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from under_test import NAME, T, is_tensor

data = T.utils.data
ORDERS = json.loads((Path(__file__).parent / "golden" / "optim.json").read_text())["orders"]
ITEMS = list(range(23))
WEIGHTS = [0.1, 0.2, 0.9, 0.0]


def own() -> Any:
    return T.Generator().manual_seed(3)


def batches(**options: Any) -> list[Any]:
    loader = data.DataLoader(ITEMS, shuffle=True, **options)
    return [[batch.tolist() for batch in loader] for _ in range(2)]


# The cases of tests/golden/record_optim.py.
CASES: dict[str, Any] = {
    "loader": lambda: batches(batch_size=5),
    "loader_drop_last": lambda: batches(batch_size=5, drop_last=True),
    "loader_generator": lambda: batches(batch_size=7, generator=own()),
    "loader_unbatched": lambda: [[int(i) for i in data.DataLoader(ITEMS, batch_size=None, shuffle=True)]],
    "random": lambda: list(data.RandomSampler(ITEMS)),
    "random_samples": lambda: list(data.RandomSampler(ITEMS, num_samples=40)),
    "random_all": lambda: list(data.RandomSampler(ITEMS, num_samples=46, generator=own())),
    "replacement": lambda: list(data.RandomSampler(ITEMS, replacement=True, num_samples=40)),
    "subset": lambda: list(data.SubsetRandomSampler([5, 3, 8, 1])),
    "weighted": lambda: list(data.WeightedRandomSampler(WEIGHTS, 8)),
    "weighted_once": lambda: list(data.WeightedRandomSampler(WEIGHTS, 3, replacement=False)),
    "split": lambda: [list(part) for part in data.random_split(ITEMS, [10, 9, 4])],
    "split_fractions": lambda: [list(part) for part in data.random_split(ITEMS, [0.5, 0.3, 0.2], generator=own())],
}


def plain(value: Any) -> Any:
    """Tensors as (dtype, list), the rest as it is: something `==` can compare."""
    if is_tensor(value):
        return str(value.dtype).rpartition(".")[2], value.tolist()
    if isinstance(value, dict):
        return type(value), {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value), [plain(entry) for entry in value]
    return value


@pytest.mark.parametrize("name", ORDERS)
def test_orders_are_those_of_pytorch(name: str) -> None:
    T.manual_seed(7)
    assert CASES[name]() == ORDERS[name]["order"]
    assert T.randint(1 << 30, (1,)).item() == ORDERS[name]["next"]


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_give_the_same_order(workers: int) -> None:
    for name, options in (("loader", {"batch_size": 5}), ("loader_drop_last", {"batch_size": 5, "drop_last": True})):
        T.manual_seed(7)
        assert batches(num_workers=workers, **options) == ORDERS[name]["order"]
        assert T.randint(1 << 30, (1,)).item() == ORDERS[name]["next"]


# data sets


def test_tensor_dataset() -> None:
    set_ = data.TensorDataset(T.arange(6).reshape(3, 2), T.arange(3.0))
    assert len(set_) == 3
    x, y = set_[1]
    assert x.tolist() == [2, 3]
    assert y.item() == 1
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        data.TensorDataset(T.ones(2), T.ones(3))


def test_concat_and_chain() -> None:
    both = data.ConcatDataset([[1, 2], [3], [4, 5]])
    assert [both[i] for i in (0, 1, 2, 3, 4, -1, -5)] == [1, 2, 3, 4, 5, 5, 1]
    assert both.cumulative_sizes == [2, 3, 5]
    with pytest.raises(ValueError, match="absolute value of index should not exceed dataset length"):
        both[-6]
    with pytest.raises(AssertionError, match="datasets should not be an empty iterable"):
        data.ConcatDataset([])
    added = data.TensorDataset(T.ones(2)) + data.TensorDataset(T.zeros(1))
    assert len(added) == 3
    assert list(Stream(2) + Stream(3)) == [0, 1, 0, 1, 2]


def test_subset_uses_batched_access() -> None:
    class Batched(data.Dataset):
        def __getitem__(self, index: int) -> int:
            raise AssertionError("one by one")

        def __getitems__(self, indices: list[int]) -> list[int]:
            return [10 * i for i in indices]

        def __len__(self) -> int:
            return 9

    loader = data.DataLoader(data.Subset(Batched(), [4, 2, 8]), batch_size=2)
    assert [batch.tolist() for batch in loader] == [[40, 20], [80]]

    class Half(data.Subset):
        def __getitem__(self, index: int) -> int:
            return 0

    with pytest.raises(NotImplementedError, match="Half overrides __getitem__ but not __getitems__"):
        Half(ITEMS, [1])


def test_random_split_errors() -> None:
    with pytest.raises(ValueError, match="Sum of input lengths does not equal the length of the input dataset!"):
        data.random_split(ITEMS, [1, 2])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        data.random_split(ITEMS, [1.5, -0.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        data.random_split([1], [0.5, 0.5])


def test_abstract_classes() -> None:
    with pytest.raises(NotImplementedError, match=r"Subclasses of Dataset should implement __getitem__\."):
        data.Dataset()[0]
    with pytest.raises(TypeError, match=r"has no len\(\)"):
        len(data.Dataset())
    with pytest.raises(NotImplementedError):
        iter(data.Sampler())

    class Typed(data.Dataset[int]):
        pass

    assert issubclass(Typed, data.Dataset)


# samplers


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: data.RandomSampler(ITEMS, replacement=1), TypeError, "replacement should be a boolean value"),
        (lambda: data.RandomSampler(ITEMS, num_samples=0), ValueError, "num_samples should be a positive integer"),
        (lambda: data.RandomSampler([]), ValueError, "num_samples should be a positive integer value, but got"),
        (lambda: data.WeightedRandomSampler([1.0], True), ValueError, "num_samples should be a positive integer"),
        (lambda: data.WeightedRandomSampler([1.0], 1, 2), ValueError, "replacement should be a boolean value"),
        (lambda: data.WeightedRandomSampler([[1.0]], 1), ValueError, "weights should be a 1d sequence"),
        (lambda: data.BatchSampler(ITEMS, 0, False), ValueError, "batch_size should be a positive integer value"),
        (lambda: data.BatchSampler(ITEMS, True, False), ValueError, "batch_size should be a positive integer value"),
        (lambda: data.BatchSampler(ITEMS, 2, 1), ValueError, "drop_last should be a boolean value"),
    ],
)
def test_sampler_errors(make: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        make()


def test_batch_sampler() -> None:
    for drop_last, want in ((False, [[0, 1, 2], [3, 4, 5], [6]]), (True, [[0, 1, 2], [3, 4, 5]])):
        sampler = data.BatchSampler(data.SequentialSampler(range(7)), 3, drop_last)
        assert list(sampler) == want
        assert len(sampler) == len(want)
    assert list(data.BatchSampler([], 3, False)) == []


# collation

Point = namedtuple("Point", ["x", "y"])


class Shelf(list):
    pass


@pytest.mark.parametrize(
    ("batch", "want"),
    [
        ([1, 2], ("int64", [1, 2])),
        ([True, False], ("bool", [True, False])),
        ([1.5, 2], ("float64", [1.5, 2])),
        (["a", "b"], ["a", "b"]),
        ([b"a"], [b"a"]),
        ([(1, 2.0), (3, 4.0)], [("int64", [1, 3]), ("float64", [2, 4])]),
        ([[1, "a"], [2, "b"]], [("int64", [1, 2]), ("a", "b")]),
        ([Point(1, 2.0), Point(3, 4.0)], Point(("int64", [1, 3]), ("float64", [2, 4]))),
        ([{"a": 1, "b": [1]}, {"a": 2, "b": [3]}], {"a": ("int64", [1, 2]), "b": [("int64", [1, 3])]}),
        ([OrderedDict(a=1)], OrderedDict(a=("int64", [1]))),
        ([Shelf([1, 2]), Shelf([3, 4])], Shelf([("int64", [1, 3]), ("int64", [2, 4])])),
        ([range(2), range(2)], [("int64", [0, 0]), ("int64", [1, 1])]),
        ([np.float32(1), np.float32(2)], ("float32", [1, 2])),
        ([np.float64(1.5)], ("float64", [1.5])),
        ([np.int32(7)], ("int32", [7])),
        ([np.bool_(True)], ("bool", [True])),
        ([np.array([1, 2], dtype=np.uint8)], ("uint8", [[1, 2]])),
        ([np.zeros(()), np.ones(())], ("float64", [0, 1])),
        ([{}], {}),
    ],
    ids=repr,
)
def test_collate(batch: Any, want: Any) -> None:
    def shown(value: Any) -> Any:
        if is_tensor(value):
            return plain(value)
        if isinstance(value, dict):
            return type(value)({key: shown(entry) for key, entry in value.items()})
        if isinstance(value, Point):
            return Point(*map(shown, value))
        if isinstance(value, list):
            return type(value)(map(shown, value))
        return value

    got = shown(data.default_collate(batch))
    assert got == want
    assert type(got) is type(want)


def test_collate_stacks_tensors() -> None:
    batch = data.default_collate([(T.ones(2), 0), (T.zeros(2), 1)])
    assert plain(batch[0]) == ("float32", [[1, 1], [0, 0]])
    with pytest.raises(RuntimeError, match="equal size"):
        data.default_collate([T.ones(2), T.ones(3)])


@pytest.mark.parametrize(
    ("batch", "kind", "text"),
    [
        ([None], TypeError, "must contain tensors, numpy arrays, numbers, dicts or lists; found <class 'NoneType'>"),
        ([np.array(["a"])], TypeError, "found <U1"),
        ([1 + 2j], TypeError, "found <class 'complex'>"),
        ([[1], [1, 2]], RuntimeError, "each element in list of batch should be of equal size"),
        ([], IndexError, "list index out of range"),
        ([{"a": 1}, {"b": 2}], KeyError, "a"),
    ],
)
def test_collate_errors(batch: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        data.default_collate(batch)


def test_convert() -> None:
    sample = {"a": np.zeros(1), "b": (1, np.float32(2)), "c": ["x", T.ones(1)], "d": np.array(["s"])}
    got = data.default_convert(sample)
    assert plain(got["a"]) == ("float64", [0])
    assert got["b"][0] == 1
    assert plain(got["b"][1]) == ("float32", 2)
    assert got["c"][0] == "x"
    assert got["d"] is sample["d"]


# the loader


class Stream(data.IterableDataset):
    """0 .. n - 1, shared among the workers."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        info = data.get_worker_info()
        return iter(range(self.n)) if info is None else iter(range(info.id, self.n, info.num_workers))

    def __len__(self) -> int:
        return self.n


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor option could only be specified in multiprocessing"),
        ({"num_workers": 1, "prefetch_factor": -1}, "prefetch_factor option should be non-negative"),
        ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
        ({"batch_size": 0}, "batch_size should be a positive integer value, but got batch_size=0"),
        ({"drop_last": 5}, "drop_last should be a boolean value, but got drop_last=5"),
        ({"sampler": [1], "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[1]], "batch_size": 4}, "batch_sampler option is mutually exclusive with batch_size"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching"),
        ({"multiprocessing_context": "spawn"}, "multiprocessing_context can only be used with multi-process loading"),
        ({"multiprocessing_context": "x", "num_workers": 1}, "should specify a valid start method in"),
    ],
    ids=repr,
)
def test_loader_errors(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        data.DataLoader(ITEMS, **options)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}], ids=repr)
def test_streams_have_no_order_to_choose(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"expected unspecified {next(iter(options))} option"):
        data.DataLoader(Stream(3), **options)


def test_attributes_are_fixed() -> None:
    loader = data.DataLoader(ITEMS, batch_size=4)
    with pytest.raises(ValueError, match="batch_size attribute should not be set after DataLoader is initialized"):
        loader.batch_size = 8
    assert loader.dataset is ITEMS
    assert len(loader) == 6
    with pytest.warns(UserWarning, match="'pin_memory' argument is set as true but no accelerator is found"):
        next(iter(data.DataLoader(ITEMS, pin_memory=True)))


@pytest.mark.parametrize("workers", [0, 2])
def test_streams(workers: int) -> None:
    def run(**options: Any) -> list[Any]:
        return [batch.tolist() for batch in data.DataLoader(Stream(11), num_workers=workers, **options)]

    if workers == 0:
        assert run(batch_size=4) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
        assert run(batch_size=4, drop_last=True) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    else:
        assert run(batch_size=4) == [[0, 2, 4, 6], [1, 3, 5, 7], [8, 10], [9]]
        assert run(batch_size=4, drop_last=True) == [[0, 2, 4, 6], [1, 3, 5, 7]]
    loader = data.DataLoader(Stream(11), batch_size=4, num_workers=workers)
    assert len(loader) == 3
    assert len(data.DataLoader(Stream(11), batch_size=4, drop_last=True)) == 2


def test_a_stream_longer_than_it_said_warns() -> None:
    class Liar(Stream):
        def __len__(self) -> int:
            return 2

    loader = data.DataLoader(Liar(3), batch_size=None)
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="was reported to be 2"):
        list(loader)


def test_errors_of_a_worker_reach_the_batch_they_belong_to() -> None:
    class Bad(data.Dataset):
        def __getitem__(self, index: int) -> int:
            if index == 2:
                raise KeyError("broken sample")
            return index

        def __len__(self) -> int:
            return 4

    batches = iter(data.DataLoader(Bad(), num_workers=2))
    assert [next(batches).item() for _ in range(2)] == [0, 1]
    with pytest.raises(KeyError, match="broken sample"):
        next(batches)
    assert next(batches).item() == 3


def test_worker_info_and_init() -> None:
    class Who(data.Dataset):
        flag = -1

        def __getitem__(self, index: int) -> Any:
            info = data.get_worker_info()
            return info.id, info.num_workers, info.dataset.flag

        def __len__(self) -> int:
            return 4

    def init(worker: int) -> None:
        data.get_worker_info().dataset.flag = 10 * worker

    rows = list(data.DataLoader(Who(), batch_size=None, num_workers=2, worker_init_fn=init))
    assert [tuple(map(int, row)) for row in rows] == [(0, 2, 0), (1, 2, 10), (0, 2, 0), (1, 2, 10)]
    assert data.get_worker_info() is None

    def fail(_: int) -> None:
        raise ValueError("no start")

    with pytest.raises(ValueError, match="no start"):
        list(data.DataLoader(ITEMS, num_workers=1, worker_init_fn=fail))


def test_persistent_workers_go_round_again() -> None:
    loader = data.DataLoader(ITEMS, batch_size=4, num_workers=2, persistent_workers=True)
    for _ in range(3):
        assert T.cat(list(loader)).tolist() == ITEMS
    first = iter(loader)
    next(first)
    assert T.cat(list(loader)).tolist() == ITEMS


if NAME == "tensorrs":

    class Slow(data.Dataset[int]):
        def __getitem__(self, index: int) -> int:
            time.sleep(0.05 if index == 0 else 0)
            return index

        def __len__(self) -> int:
            return 6

    def workers() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name.startswith("tensorrs-data")]

    def test_batches_in_the_order_they_are_ready() -> None:
        loader = data.DataLoader(Slow(), num_workers=2, in_order=False)
        got = [batch.item() for batch in loader]
        assert sorted(got) == list(range(6))
        assert got[0] != 0

    def test_a_worker_that_takes_too_long() -> None:
        class Stuck(Slow):
            def __getitem__(self, index: int) -> int:
                time.sleep(0.3)
                return index

        with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.05 seconds"):
            next(iter(data.DataLoader(Stuck(), num_workers=1, timeout=0.05)))

    def test_threads_end_with_their_iterator() -> None:
        unfinished = iter(data.DataLoader(ITEMS, num_workers=2))
        next(unfinished)
        list(data.DataLoader(ITEMS, num_workers=2))
        del unfinished
        gc.collect()
        deadline = time.monotonic() + 5
        while workers() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert workers() == []
