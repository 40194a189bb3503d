"""Anomaly mode: name the forward call whose derivative failed or gave NaN."""

from __future__ import annotations

import warnings

from tensorrs import _C


class set_detect_anomaly:
    """Turn anomaly mode on or off, from here on or inside a `with` block."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = _C.is_anomaly_enabled()
        _C._set_anomaly(mode)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        _C._set_anomaly(self._before)


class detect_anomaly(set_detect_anomaly):
    """Remember where each op was called and stop at the first NaN of a backward pass. Slow: for debugging only."""

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(_C.is_anomaly_enabled(), check_nan)
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for"
            " debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        _C._set_anomaly(True)
