"""`swap_in_optimizer_params_and_state`: an optimiser at work on other parameters for a while."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from tensorrs._C import Tensor

from .optimizer import Optimizer

__all__ = ["swap_in_optimizer_params_and_state"]

_NAME = "swap_in_optimizer_params_and_state"


def _checked(optimizer: Optimizer, count: int, state: dict[str, Any]) -> list[dict[str, Any]]:
    """The groups of the state to swap in, if they fit the optimiser's."""
    if not optimizer.state:
        raise RuntimeError(f"{_NAME} requires initialized optimizer state.")
    if not isinstance(state.get("state"), dict):
        raise RuntimeError(
            f"{_NAME} requires swapin_optim_state['state'] to be a dict mapping packed parameter ids to per-param "
            f"state dicts, got {type(state.get('state')).__name__}."
        )
    groups: list[dict[str, Any]] = state.get("param_groups", [])
    if len(groups) != len(optimizer.param_groups):
        raise RuntimeError("swapin_optim_state has a different number of parameter groups than the live optimizer.")
    for number, (live, group) in enumerate(zip(optimizer.param_groups, groups, strict=True)):
        if not isinstance(group.get("params"), list):
            raise RuntimeError(
                f"{_NAME} requires optimizer.state_dict()-style param_groups[*]['params'] entries keyed by packed "
                "parameter ids."
            )
        if len(group["params"]) != len(live["params"]):
            raise RuntimeError(
                f"swapin_optim_state param group {number} has a different number of params than the live optimizer "
                "param group."
            )
        if set(group) != set(live):
            raise RuntimeError(
                f"{_NAME} requires optimizer.state_dict()-style param group keys to exactly match the live optimizer "
                f"group keys for group {number}. Keys only in swap-in: {[key for key in group if key not in live]}. "
                f"Keys only in live: {[key for key in live if key not in group]}."
            )
    if count < sum(len(group["params"]) for group in groups):
        raise RuntimeError(f"{_NAME} requires the explicit parameter state to match optimizer.param_groups ordering.")
    return groups


@contextmanager
def swap_in_optimizer_params_and_state(
    optimizer: Optimizer, swapin_parameters: dict[str, Tensor], swapin_optim_state: dict[str, Any]
) -> Generator[None, None, None]:
    """Within the context the optimiser holds these parameters, in the order of its own, and this state, as
    `optimizer.state_dict()` gives it; afterwards its own again.

    What is written in place to the state's tensors stays written; new entries of it are forgotten. Raises RuntimeError
    where the state does not fit, or the optimiser has no state yet.
    """
    params = list(swapin_parameters.values())
    groups = _checked(optimizer, len(params), swapin_optim_state)
    own, snapshots = optimizer.state, [dict(group) for group in optimizer.param_groups]
    taken: defaultdict[Tensor, Any] = defaultdict(dict)
    at = 0
    try:
        for live, group in zip(optimizer.param_groups, groups, strict=True):
            mine = params[at : at + len(group["params"])]
            at += len(mine)
            for param, number in zip(mine, group["params"], strict=True):
                taken[param] = dict(swapin_optim_state["state"].get(number, {}))
            live.update(group)
            live["params"] = mine
        optimizer.state = taken
        yield
    finally:
        for live, snapshot in zip(optimizer.param_groups, snapshots, strict=True):
            live.clear()
            live.update(snapshot)
        optimizer.state = own
