"""The training steps with one other process spinning on each core, as on a laptop or a CI machine in use."""

from __future__ import annotations

from compare.row import Group
from compare.rows.training import rows

GROUP = Group("busy", "training steps beside a process spinning on each core", 0.3, rows=[*rows()], busy=True)
