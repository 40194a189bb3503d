"""The entry of `python -m tensorrs.demo`."""

from __future__ import annotations

import sys

from . import main

sys.exit(main())
