"""Inference with the models of the training rows, in `eval()` and `inference_mode`."""

from __future__ import annotations

from compare.models import TASKS, Task, inference
from compare.row import Group, Row

GROUP = Group("inference", "the same models, forward only", 0.6)


def row(task: Task) -> Row:
    return Row(task.name, lambda s: inference(task, s), tol=1e-5, exact=False, layouts=task.layouts)


GROUP.rows += [row(task) for task in TASKS]
