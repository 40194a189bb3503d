"""tensorrs against PyTorch: `python benches/compare [--group G ...] [--only WORD] [--quick]`.

A row is one program text, run by both libraries on the same numbers, on the same cores and with as many threads. They
take turns; the ratio is our time over theirs, the median of the turns' ratios. Without PyTorch only our times are
shown. For convolutions PyTorch is timed on channels_last too and its better time counts. `--save` appends the table to
`benches/results/`, `--json` writes every turn of every row. The percentage of what the machine can do is
shown where `cargo bench --bench roofline` has been run. `--alone` shows instead what the threads gain: tensorrs
against itself on one thread, for which small work should take no longer.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import importlib
import importlib.util
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from compare import machine, report
from compare.row import Group, Outcome
from compare.runner import Plan, measure


def options(arguments: list[str], names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benches/compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--group", nargs="+", default=[], choices=names, metavar="G", help=", ".join(names))
    parser.add_argument("--only", default="", help="rows whose name has this in it")
    parser.add_argument("--threads", type=int, default=len(machine.cores()), help="threads of each library")
    parser.add_argument("--turns", type=int, default=0, help="turns of a row; else 5 to 15, by what a turn takes")
    parser.add_argument("--seconds", type=float, default=0.1, help="the least that a block of calls takes")
    parser.add_argument("--quick", action="store_true", help="one call each: whether rows run and agree")
    parser.add_argument("--alone", action="store_true", help="against tensorrs on one thread instead of PyTorch")
    parser.add_argument("--data", default=os.environ.get("TENSORRS_TEST_DATA", ""), help="folder with Fashion-MNIST")
    parser.add_argument("--save", action="store_true", help="append the table to benches/results/")
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    parser.add_argument("--list", action="store_true", help="name the rows and stop")
    return parser.parse_args(arguments)


def libraries(threads: int) -> tuple[Any, Any | None]:
    """tensorrs and, where it is installed, PyTorch, on the same cores and with `threads` threads each."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TENSORRS_NUM_THREADS"):
        os.environ[name] = str(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, machine.cores()[:threads])
    mine = importlib.import_module("tensorrs")
    other = importlib.import_module("torch") if importlib.util.find_spec("torch") else None
    for library in (mine, other):
        if library is not None:
            library.set_num_threads(threads)
    if other is not None:
        other.set_num_interop_threads(1)
    return mine, other


def run(groups: list[Group], wanted: list[str], only: str, plan: Plan, mine: Any, other: Any | None) -> list[Outcome]:
    """Measures and prints row by row."""
    outcomes = []
    for group in groups:
        rows = [row for row in group.rows if only.lower() in row.name.lower()]
        if not rows or (wanted and group.name not in wanted):
            continue
        print(report.head(group), flush=True)
        with machine.neighbours() if group.busy else contextlib.nullcontext():
            for row in rows:
                outcomes.append(measure(row, group, mine, other, plan))
                print(report.line(outcomes[-1]), flush=True)
    return outcomes


def main(arguments: list[str]) -> int:
    from compare.rows import all_groups

    chosen = options(arguments, [group.name for group in all_groups("")])
    groups = all_groups(chosen.data)
    if chosen.list:
        print("\n".join(f"{group.name}: {row.name}" for group in groups for row in group.rows))
        return 0
    mine, other = libraries(chosen.threads)
    if chosen.alone:
        other, groups = None, [dataclasses.replace(group, goal=None) for group in groups]
    plan = Plan(
        chosen.threads,
        chosen.turns,
        chosen.seconds,
        quick=chosen.quick,
        peak=machine.roofline(),
        alone=chosen.alone,
    )
    about = {
        "date": str(datetime.date.today()),
        "tensorrs": mine.__version__,
        "torch": other.__version__ if other else None,
        "python": platform.python_version(),
        "processor": machine.processor(),
        "threads": chosen.threads,
    }
    versions = f"tensorrs {about['tensorrs']}" + (f", torch {about['torch']}" if other else "")
    theirs = "that of one thread, which stands under PyTorch" if chosen.alone else "theirs"
    how = f"Ratio: our time over {theirs}, median and quartiles of turns"
    how = "One call each: no measure" if chosen.quick else how
    title = (
        f"## {about['date']}, {versions}, Python {about['python']}\n"
        f"{about['processor']}, {chosen.threads} threads. {how}."
    )
    print(title, flush=True)
    outcomes = run(groups, chosen.group, chosen.only, plan, mine, other)
    summary = report.summary(groups, outcomes)
    print(summary, flush=True)
    wrong = [one for one in outcomes if one.error]
    for one in wrong:
        print(f"{one.group}: {one.row}: {one.error}", file=sys.stderr)
    if chosen.json is not None:
        everything = {"about": about, "rows": [dataclasses.asdict(one) for one in outcomes]}
        chosen.json.write_text(json.dumps(everything, indent=1) + "\n")
    if chosen.save:
        save(title, groups, outcomes, summary)
    return 1 if wrong else 0


def save(title: str, groups: list[Group], outcomes: list[Outcome], summary: str) -> None:
    """Appends the tables of this run to today's file."""
    parts = [title, summary]
    for group in groups:
        lines = [report.line(one) for one in outcomes if one.group == group.name]
        if lines:
            parts += [report.head(group), *lines]
    folder = Path(__file__).resolve().parent.parent / "results"
    with (folder / f"{datetime.date.today()}.md").open("a") as file:
        file.write("\n".join([*parts, "", ""]))
