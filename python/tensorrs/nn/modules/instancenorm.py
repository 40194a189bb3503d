"""Instance normalisation."""

from __future__ import annotations

import warnings
from typing import Any

from tensorrs._C import Tensor
from tensorrs.nn import functional as F

from .batchnorm import _NormBase

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]


class _InstanceNorm(_NormBase):
    """What the instance norms share: `_spatial` is the number of dimensions after the channels."""

    _spatial = 0

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _check_input_dim(self, input: Tensor) -> None:
        low = self._spatial + 1
        if input.dim() not in (low, low + 1):
            raise ValueError(f"expected {low}D or {low + 1}D input (got {input.dim()}D input)")

    def _get_no_batch_dim(self) -> int:
        return self._spatial + 1

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        dim = input.dim() - self._get_no_batch_dim()
        if input.size(dim) != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={dim} to match num_features ({self.num_features}), "
                    f"but got: {input.size(dim)}."
                )
            warnings.warn(
                f"input's size at dim={dim} does not match num_features. You can silence this warning by not passing "
                "in num_features, which is not used because affine=False",
                stacklevel=2,
            )
        batch = input if dim == 1 else input.unsqueeze(0)
        result = F.instance_norm(
            batch,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return result if dim == 1 else result.squeeze(0)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], *args: Any) -> None:
        if local_metadata.get("version") is None and not self.track_running_stats:
            names = [name for name in ("running_mean", "running_var") if prefix + name in state_dict]
            if names:
                quoted = " and ".join(f'"{prefix}{name}"' for name in names)
                kind = type(self).__name__
                errors = args[-1]
                errors.append(
                    f"Unexpected running stats buffer(s) {quoted} for {kind} with track_running_stats=False. If "
                    "state_dict is a checkpoint saved before 0.4.0, this may be expected because "
                    f"{kind} does not track running stats by default since 0.4.0. Please remove these keys from "
                    "state_dict. If the running stats are actually needed, instead set track_running_stats=True in "
                    f"{kind} to enable them. See the documentation of {kind} for details."
                )
                for name in names:
                    state_dict.pop(prefix + name)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class InstanceNorm1d(_InstanceNorm):
    """`(x - mean) / sqrt(var + eps) * weight + bias` for each channel of each sample. x: (N, C, L) or (C, L).

    Weight and bias only with `affine`; running statistics, for evaluation, only with `track_running_stats`.
    Ulyanov et al., arXiv:1607.08022.
    """

    _spatial = 1


class InstanceNorm2d(_InstanceNorm):
    """As `InstanceNorm1d`, for x: (N, C, H, W) or (C, H, W)."""

    _spatial = 2


class InstanceNorm3d(_InstanceNorm):
    """As `InstanceNorm1d`, for x: (N, C, D, H, W) or (C, D, H, W)."""

    _spatial = 3
