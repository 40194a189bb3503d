"""Measures one row: correctness first, then turns A B A B ..., so that a machine that slows down slows both.

A block is so many calls that it takes `seconds`; the first calls of a block are not timed, for the other library's
threads may still be spinning. A turn in which other processes took more than 5 % of the machine is thrown away, up to
as many as are wanted; then the quietest are kept and the row is marked.
"""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass
from typing import Any

from compare import check, machine
from compare.causes import CAUSES
from compare.row import Group, Outcome, Probe, Program, Row
from compare.side import Side

FOREIGN = 0.05
FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True)
class Plan:
    """How to measure. `turns` 0: from 5 to 15, by what a turn takes; `quick`: one call each, once."""

    threads: int
    turns: int = 0
    seconds: float = 0.1
    budget: float = 2.5  # seconds a row's turns should take in all
    patience: float = 20.0  # no more turns of a row after this, but three
    quick: bool = False
    peak: tuple[float, float] = (0.0, 0.0)
    alone: bool = False  # against tensorrs on one thread instead of PyTorch


def timed(run: Program, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - start) / count


def block(run: Program, count: int) -> float:
    """Seconds a call."""
    for _ in range(count // 20):
        run()
    return timed(run, count)


def loops(run: Program, least: float) -> int:
    """How many calls take `least` seconds."""
    count = 1
    while True:
        took = timed(run, count) * count
        if took >= 0.8 * least or count > 10**7:
            return count
        count = max(count * 2, int(count * least / max(took, 1e-7)))


def turns(programs: list[Program], plan: Plan, busy: bool) -> tuple[list[list[float]], float]:
    """Seconds a call of every program, turn by turn, and the greatest foreign load of the kept turns."""
    if plan.quick:
        return [[timed(run, 1) for run in programs]], 0.0
    counts = [loops(run, plan.seconds) for run in programs]
    kept: list[tuple[float, list[float]]] = []
    spare: list[tuple[float, list[float]]] = []
    wanted, start = plan.turns, time.perf_counter()
    while not wanted or (len(kept) < wanted and len(kept) + len(spare) < 2 * wanted):
        began, meter = time.perf_counter(), machine.Meter()
        times = [block(run, count) for run, count in zip(programs, counts, strict=True)]
        load = 0.0 if busy else meter.foreign()
        (kept if load <= FOREIGN else spare).append((load, times))
        now = time.perf_counter()
        wanted = wanted or min(15, max(5, int(plan.budget / (now - began))))
        if now - start > plan.patience and len(kept) + len(spare) >= 3:
            break
    spare.sort(key=lambda turn: turn[0])
    chosen = [*kept, *spare[: max(0, min(wanted, len(kept) + len(spare)) - len(kept))]]
    return [times for _, times in chosen], max(load for load, _ in chosen)


def ratios(outcome: Outcome, pairs: list[tuple[float, float]]) -> None:
    """Medians of both sides and of the turns' ratios, with their quartiles."""
    apart = sorted(a / b for a, b in pairs)
    outcome.ours, outcome.theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    outcome.ratio = statistics.median(apart)
    outcome.low, outcome.high = apart[len(apart) // 4], apart[-1 - len(apart) // 4]
    outcome.turns = [list(pair) for pair in pairs]


def on_threads(library: Any, count: int, run: Program) -> Program:
    """The program on so many threads; the pool is told so only where that changes."""

    def program() -> Any:
        if library.get_num_threads() != count:
            library.set_num_threads(count)
        return run()

    return program


def measure_program(row: Row, outcome: Outcome, mine: Any, other: Any | None, plan: Plan, busy: bool) -> None:
    run = row.make(Side(mine))
    if plan.alone:
        programs = [on_threads(mine, count, run) for count in (plan.threads, 1)]
        times, outcome.load = turns(programs, plan, busy)
        ratios(outcome, [(turn[0], turn[1]) for turn in times])
        return
    got = check.first(Side(mine), run)
    programs = [run]
    if other is not None:
        rival = row.make(Side(other))
        want, exact = check.first(Side(other), rival), None
        if row.exact:
            exact = check.first(Side(other), row.make(Side(other, "float64")))
        check.compare(row, got, want, exact)
        programs.append(rival)
        if row.layouts:
            programs.append(row.make(Side(other, channels_last=True)))
            programs[-1]()
        del want, exact
    del got
    gc.collect()
    times, outcome.load = turns(programs, plan, busy)
    if other is None:
        outcome.ours = statistics.median(turn[0] for turn in times)
        outcome.turns = times
    else:
        best = 1
        if row.layouts:
            medians = [statistics.median(turn[k] for turn in times) for k in (1, 2)]
            best = 2 if medians[1] < medians[0] else 1
            outcome.layout = ("NCHW", "channels_last")[best - 1]
            outcome.other_layout = medians[2 - best]
        ratios(outcome, [(turn[0], turn[best]) for turn in times])
    for work, peak, name in zip((row.flops, row.bytes), plan.peak, ("the peak", "one thread's copy"), strict=True):
        if work and peak:
            outcome.percent, outcome.ceiling = 100 * work / peak / outcome.ours, name


def measure_probe(row: Probe, outcome: Outcome, other: Any | None, plan: Plan) -> None:
    outcome.unit, outcome.limit = row.unit, row.limit
    count = 1 if plan.quick else min(row.turns, plan.turns or row.turns)
    names = ["tensorrs", *(["torch"] if other is not None else [])]
    times = [[row.read(name, plan.threads) for name in names] for _ in range(count)]
    if other is None:
        outcome.ours, outcome.turns = statistics.median(turn[0] for turn in times), times
    else:
        ratios(outcome, [(turn[0], turn[1]) for turn in times])


def measure(row: Row | Probe, group: Group, mine: Any, other: Any | None, plan: Plan) -> Outcome:
    """One row; what failed is said in `error`."""
    outcome = Outcome(group.name, row.name)
    try:
        if isinstance(row, Probe):
            measure_probe(row, outcome, other, plan)
        else:
            measure_program(row, outcome, mine, other, plan, group.busy)
    except FAILURES as problem:
        outcome.error = f"{type(problem).__name__}: {str(problem).strip()[:400]}"
    if other is not None and (outcome.ratio or 0.0) > 1.0:
        outcome.cause = CAUSES.get((group.name, row.name), "the cause is not known")
    gc.collect()
    return outcome
