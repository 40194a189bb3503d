"""Worker processes and threads: the same random numbers as PyTorch's, errors with their place, no process left."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from under_test import NAME, T
from worker_data import passes

data = T.utils.data
RECORDED = json.loads((Path(__file__).parent / "golden" / "workers.json").read_text())
pytestmark = pytest.mark.skipif(
    NAME == "torch" or "fork" not in multiprocessing.get_all_start_methods(), reason="forks, as recorded"
)


def test_processes_draw_what_pytorchs_draw() -> None:
    assert passes() == RECORDED["passes"]


class Odd(data.Dataset):  # type: ignore[name-defined,misc]
    """Items with troubles of their own."""

    def __getitem__(self, index: int) -> Any:
        if index == 1:
            raise ValueError("broken sample")
        if index == 2:
            raise KeyError("lost")
        if index == 3:
            return lambda: None
        if index == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return T.full((2,), index)

    def __len__(self) -> int:
        return 6


def loader(order: list[int], **kwargs: Any) -> Any:
    return data.DataLoader(
        Odd(), sampler=order, batch_size=None, num_workers=1, multiprocessing_context="fork", **kwargs
    )


def test_errors_say_where_they_were_caught() -> None:
    batches = iter(loader([0, 1, 2, 3, 5]))
    assert next(batches).tolist() == [0, 0]
    with pytest.raises(ValueError, match=r"Caught ValueError in DataLoader worker process 0\.\nOriginal Traceback"):
        next(batches)
    with pytest.raises(KeyError, match="lost"):
        next(batches)
    with pytest.raises(Exception, match="pickle"):
        next(batches)
    assert next(batches).tolist() == [5, 5]


def test_a_worker_that_dies_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorrs.utils.data._utils import process

    monkeypatch.setattr(process, "_LOOK", 0.05)
    with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly"):
        list(loader([0, 4, 5]))


def test_no_process_is_left() -> None:
    before = set(multiprocessing.active_children())
    unfinished = iter(loader([0, 5] * 50, prefetch_factor=40))
    next(unfinished)
    assert set(multiprocessing.active_children()) != before
    del unfinished
    assert list(loader([0, 5]))[1].tolist() == [5, 5]
    end = time.monotonic() + 5
    while set(multiprocessing.active_children()) - before and time.monotonic() < end:
        time.sleep(0.01)
    assert set(multiprocessing.active_children()) <= before


def test_threads_share_the_memory_of_the_data_set() -> None:
    kept = T.zeros(3)
    (seen,) = data.DataLoader([kept], batch_size=None, num_workers=1, multiprocessing_context="thread")
    seen[0] = 1
    assert kept[0] == 1
    (seen,) = data.DataLoader([kept], batch_size=None, num_workers=1, multiprocessing_context="fork")
    seen[1] = 1
    assert kept[1] == 0
