"""The older names of autocast and gradient scaling on the CPU; `tensorrs.amp` has the new ones."""

from __future__ import annotations

from tensorrs.cpu.amp.autocast_mode import autocast
from tensorrs.cpu.amp.grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast"]
