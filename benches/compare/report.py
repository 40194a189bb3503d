"""The table of a run as text: a section per group with its goal, then the summary with the rows that are slower."""

from __future__ import annotations

import math
from collections.abc import Iterable

from compare.row import Group, Outcome

HEAD = "| row | tensorrs | PyTorch | ratio | quartiles | remarks |\n|---|---|---|---|---|---|"


def shown(value: float, unit: str) -> str:
    if unit != "s":
        return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
    for name, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {name}"
    return f"{value * 1e9:.0f} ns"


def remarks(outcome: Outcome) -> str:
    words = []
    if outcome.layout:
        other = shown(outcome.other_layout or 0.0, outcome.unit)
        words.append(f"PyTorch in {outcome.layout}, else {other}")
    if outcome.percent is not None:
        words.append(f"{outcome.percent:.0f} % of {outcome.ceiling}")
    if outcome.limit is not None:
        words.append(f"{'within' if outcome.ours <= outcome.limit else 'ABOVE'} {shown(outcome.limit, outcome.unit)}")
    if outcome.load > 0.05:
        words.append(f"others took up to {outcome.load:.0%}")
    if outcome.cause:
        words.append(f"slower: {outcome.cause}")
    return "; ".join(words)


def digits(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.3f}"


def line(outcome: Outcome) -> str:
    if outcome.error:
        return f"| {outcome.row} | failed | | | | |"
    cells = [outcome.row, shown(outcome.ours, outcome.unit)]
    if outcome.theirs is None or outcome.ratio is None:
        cells += ["", "", ""]
    else:
        spread = f"{digits(outcome.low or 0.0)} to {digits(outcome.high or 0.0)}"
        cells += [shown(outcome.theirs, outcome.unit), f"**{digits(outcome.ratio)}**", spread]
    return f"| {' | '.join([*cells, remarks(outcome)])} |"


def head(group: Group) -> str:
    goal = "" if group.goal is None else f" Goal: {group.goal:.2f}."
    return f"\n### {group.name}: {group.title}.{goal}\n\n{HEAD}"


def mean(outcomes: Iterable[Outcome]) -> float | None:
    """The geometric mean of the ratios."""
    logs = [math.log(one.ratio) for one in outcomes if one.ratio and not one.error]
    return math.exp(sum(logs) / len(logs)) if logs else None


def summary(groups: list[Group], outcomes: list[Outcome]) -> str:
    """A line per group that was run: the mean, the goal, what is slower than PyTorch or failed."""
    lines = [
        "\n### Summary: geometric means\n",
        "| group | rows | mean | goal | | above 1.0 |",
        "|---|---|---|---|---|---|",
    ]
    for group in groups:
        mine = [one for one in outcomes if one.group == group.name]
        if not mine:
            continue
        middle = mean(mine)
        slow = [f"{one.row} ({one.ratio:.2f})" for one in mine if not one.error and one.ratio and one.ratio > 1.0]
        slow += [f"{one.row} (failed)" for one in mine if one.error]
        slow += [f"{one.row} (over its limit)" for one in mine if one.limit is not None and one.ours > one.limit]
        reached = "" if middle is None or group.goal is None else ("reached" if middle <= group.goal else "missed")
        goal = "" if group.goal is None else f"{group.goal:.2f}"
        cells = [
            group.name,
            str(len(mine)),
            "" if middle is None else f"**{digits(middle)}**",
            goal,
            reached,
            "; ".join(slow),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
