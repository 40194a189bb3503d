"""The older names of autocast and gradient scaling on CUDA, which is not here: both warn and do nothing."""

from __future__ import annotations

from tensorrs.cuda.amp.autocast_mode import autocast, custom_bwd, custom_fwd
from tensorrs.cuda.amp.common import amp_definitely_not_available
from tensorrs.cuda.amp.grad_scaler import GradScaler

__all__ = ["GradScaler", "amp_definitely_not_available", "autocast", "custom_bwd", "custom_fwd"]
