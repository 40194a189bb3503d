"""Worker threads that fetch batches ahead of the training loop: `multiprocessing_context="thread"`.

Fetching runs in parallel as far as it leaves Python (reading, decompressing, tensor
operations), nothing has to be pickled, and a batch needs no copy. Each worker has a shallow copy of the data set.
Random operations of all threads draw from the one default generator.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple

__all__ = ["Pool", "Task", "WorkerInfo", "get_worker_info"]


class WorkerInfo:
    """Which worker this is: `id` of `num_workers`, its `seed`, and its copy of the `dataset`."""

    __slots__ = ("dataset", "id", "num_workers", "seed")

    def __init__(self, id: int, num_workers: int, seed: int, dataset: Any) -> None:
        self.id = id
        self.num_workers = num_workers
        self.seed = seed
        self.dataset = dataset

    def __repr__(self) -> str:
        return f"WorkerInfo(id={self.id}, num_workers={self.num_workers}, seed={self.seed}, dataset={self.dataset!r})"


_current = threading.local()


def get_worker_info() -> WorkerInfo | None:
    """The worker of the calling thread; None in any other thread."""
    return getattr(_current, "info", None)


class Task(NamedTuple):
    """Batch `position` of pass `epoch`, made of what the sampler gave."""

    epoch: int
    position: int
    index: Any


class End:
    """The result of a worker whose stream is exhausted."""


class Failure:
    """The result of a task that raised."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Pool:
    """The threads of one iterator and their results. It does not know the iterator, which may be collected."""

    def __init__(
        self,
        make_fetcher: Callable[[Any], Any],
        dataset: Any,
        num_workers: int,
        seed: int,
        init_fn: Callable[[int], None] | None,
    ) -> None:
        self.make_fetcher = make_fetcher
        self.init_fn = init_fn
        self.epoch = 0
        self.closed = False
        self._results: dict[int, Any] = {}
        self._changed = threading.Condition()
        self._queues: list[SimpleQueue[Task | None]] = [SimpleQueue() for _ in range(num_workers)]
        for i in range(num_workers):
            info = WorkerInfo(i, num_workers, seed + i, _own_copy(dataset))
            thread = threading.Thread(
                target=self._work, args=(info, self._queues[i]), name=f"tensorrs-data-{i}", daemon=True
            )
            thread.start()

    def send(self, worker: int, task: Task) -> None:
        self._queues[worker].put(task)

    def receive(self, position: int | None, timeout: float | None) -> tuple[int, Any]:
        """Wait for one batch (None: whichever is ready first); returns its position and result."""

        def ready() -> bool:
            return bool(self._results) if position is None else position in self._results

        with self._changed:
            if not self._changed.wait_for(ready, timeout):
                raise RuntimeError(f"DataLoader timed out after {timeout} seconds")
            found = next(iter(self._results)) if position is None else position
            return found, self._results.pop(found)

    def restart(self) -> None:
        """Begin another pass: what is under way of the old one is dropped."""
        with self._changed:
            self.epoch += 1
            self._results.clear()

    def close(self) -> None:
        self.closed = True
        for queue in self._queues:
            queue.put(None)

    def _work(self, info: WorkerInfo, queue: SimpleQueue[Task | None]) -> None:
        _current.info = info
        fetcher: Any = None
        epoch = -1
        failed: Failure | None = None
        try:
            if self.init_fn is not None:
                self.init_fn(info.id)
        except Exception as error:  # noqa: BLE001 - raised again where the batch is asked for
            failed = Failure(error)
        ended = False
        while (task := queue.get()) is not None and not self.closed:
            if task.epoch != self.epoch:
                continue
            # Whoever raises the error ends up in its traceback: kept here, it would keep the iterator alive.
            result: Any = failed or (End() if ended else None)
            ended, failed = ended or failed is not None, None
            if result is None:
                try:
                    if task.epoch != epoch:
                        fetcher = self.make_fetcher(info.dataset)
                        epoch = task.epoch
                    result = fetcher.fetch(task.index)
                except StopIteration:
                    result = End()
                except Exception as error:  # noqa: BLE001 - as above
                    result = Failure(error)
            with self._changed:
                if task.epoch == self.epoch:
                    self._results[task.position] = result
                    self._changed.notify_all()
            result = None


def _own_copy(dataset: Any) -> Any:
    try:
        return copy.copy(dataset)
    except TypeError:
        # Not every object can be copied; then the workers share it.
        return dataset
