"""`tensorrs.func`: modules as functions of their parameters."""

from __future__ import annotations

from ._functional_call import functional_call

__all__ = ["functional_call"]
