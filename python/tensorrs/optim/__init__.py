"""Optimisers and learning-rate schedules: each step is one call into Rust for all parameters of a group."""

from __future__ import annotations

from . import lr_scheduler as lr_scheduler
from .adam import Adam as Adam
from .adamw import AdamW as AdamW
from .optimizer import Optimizer as Optimizer
from .sgd import SGD as SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
