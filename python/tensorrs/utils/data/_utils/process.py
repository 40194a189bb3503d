"""Worker processes that fetch batches ahead of the training loop.

Each has its own copy of the data set and its own random streams, seeded as in PyTorch: `base_seed + id` for this
library and for `random`, NumPy's from both numbers. Batches come back pickled through one pipe, and a worker ends
with its parent.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import tensorrs

from . import worker
from .worker import End, Failure, Task, WorkerInfo

__all__ = ["ProcessPool"]

# How often those who wait look whether the other side is alive, in seconds.
_LOOK = 5.0


class _Report:
    """What a task raised, as text: not every exception can be pickled."""

    def __init__(self, error: BaseException, place: str) -> None:
        import traceback

        self.kind = type(error)
        self.text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        self.place = place

    def error(self) -> BaseException:
        text = f"Caught {self.kind.__name__} {self.place}.\nOriginal {self.text}"
        if self.kind is KeyError:
            # A KeyError shows the repr of its text; one with line ends would be hard to read.
            return KeyError(_Plain(text))
        try:
            return self.kind(text)
        except TypeError:
            return RuntimeError(text)


class _Plain(str):
    def __repr__(self) -> str:
        return str(self)


class ProcessPool:
    """The processes of one iterator and their results; the interface of `worker.Pool`."""

    def __init__(
        self,
        make_fetcher: Callable[[Any], Any],
        dataset: Any,
        num_workers: int,
        seed: int,
        init_fn: Callable[[int], None] | None,
        context: Any,
    ) -> None:
        self.owner = os.getpid()
        self.epoch = 0
        self.closed = False
        self.ready: dict[int, Any] = {}
        self.results = context.SimpleQueue()
        self.queues = [context.SimpleQueue() for _ in range(num_workers)]
        self.processes = []
        for i, queue in enumerate(self.queues):
            given = (make_fetcher, dataset, num_workers, i, seed, init_fn, queue, self.results)
            process = context.Process(target=_work, args=given, daemon=True, name=f"tensorrs-data-{i}")
            process.start()
            self.processes.append(process)

    def send(self, worker: int, task: Task) -> None:
        self.queues[worker].put(task)

    def receive(self, position: int | None, timeout: float | None) -> tuple[int, Any]:
        """Wait for one batch (None: whichever is ready first); returns its position and result."""
        end = None if timeout is None else time.monotonic() + timeout
        while not (self.ready if position is None else position in self.ready):
            left = _LOOK if end is None else min(_LOOK, max(0.0, end - time.monotonic()))
            if self.results._reader.poll(left):
                epoch, at, result = self.results.get()
                if epoch == self.epoch:
                    self.ready[at] = result
                continue
            dead = [p.pid for p in self.processes if not p.is_alive()]
            if dead and not self.results._reader.poll(0):
                pids = ", ".join(map(str, dead))
                raise RuntimeError(f"DataLoader worker (pid(s) {pids}) exited unexpectedly")
            if end is not None and time.monotonic() >= end:
                raise RuntimeError(f"DataLoader timed out after {timeout} seconds")
        found = next(iter(self.ready)) if position is None else position
        result = self.ready.pop(found)
        return found, Failure(result.error()) if isinstance(result, _Report) else result

    def restart(self) -> None:
        """Begin another pass: what is under way of the old one is dropped."""
        self.epoch += 1
        self.ready.clear()

    def close(self) -> None:
        # After a fork the child has this object too, but the workers are its parent's.
        if self.closed or self.owner != os.getpid():
            return
        self.closed = True
        for process, queue in zip(self.processes, self.queues, strict=True):
            if process.is_alive():
                queue.put(None)
        end = time.monotonic() + 1.0
        for process in self.processes:
            # A worker may be stuck in a full pipe, which nobody reads any more.
            while process.is_alive() and time.monotonic() < end:
                while self.results._reader.poll(0.01):
                    self.results.get()
            if process.is_alive():
                process.terminate()
            process.join(1.0)


def _numpy_seed(base_seed: int, worker_id: int) -> Any:
    """The state that PyTorch gives NumPy's generator in a worker."""
    import numpy

    entropy = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return numpy.random.SeedSequence(entropy).generate_state(4)


def _work(
    make_fetcher: Callable[[Any], Any],
    dataset: Any,
    num_workers: int,
    number: int,
    base_seed: int,
    init_fn: Callable[[int], None] | None,
    queue: Any,
    results: Any,
) -> None:
    import random
    import signal

    # Ctrl-C reaches the whole group; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tensorrs.set_num_threads(1)
    seed = base_seed + number
    random.seed(seed)
    tensorrs.manual_seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(_numpy_seed(base_seed, number))
    worker._current.info = WorkerInfo(number, num_workers, seed, dataset)
    place = f"in DataLoader worker process {number}"
    parent = os.getppid()
    failed: _Report | None = None
    try:
        if init_fn is not None:
            init_fn(number)
    except Exception as error:  # noqa: BLE001 - raised again where the batch is asked for
        failed = _Report(error, place)
    epoch, ended, fetcher = -1, False, None
    while True:
        while not queue._reader.poll(_LOOK):
            if os.getppid() != parent:
                return
        task = queue.get()
        if task is None:
            return
        if task.epoch != epoch:
            epoch, ended, fetcher = task.epoch, False, None
        result: Any = failed or (End() if ended else None)
        if result is None:
            try:
                fetcher = fetcher or make_fetcher(worker._current.info.dataset)
                result = fetcher.fetch(task.index)
            except StopIteration:
                result = End()
            except Exception as error:  # noqa: BLE001 - as above
                result = _Report(error, place)
        ended = ended or isinstance(result, End) or failed is not None
        failed = None
        try:
            results.put((task.epoch, task.position, result))
        except Exception as error:  # noqa: BLE001 - a batch that cannot be pickled
            results.put((task.epoch, task.position, _Report(error, place)))
