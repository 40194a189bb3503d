"""The import of the library over a bare interpreter."""

from __future__ import annotations

from compare.probe import import_seconds
from compare.row import Group, Probe

GROUP = Group("import", "import over a bare interpreter", None)
GROUP.rows.append(Probe("import", import_seconds, "s", turns=5, limit=0.040))
