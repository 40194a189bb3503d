"""CUDA: not used here. The switches of its products and of its attention are kept and change nothing."""

from __future__ import annotations

from types import SimpleNamespace

__all__ = [
    "enable_cudnn_sdp",
    "enable_flash_sdp",
    "enable_math_sdp",
    "enable_mem_efficient_sdp",
    "flash_sdp_enabled",
    "is_built",
    "math_sdp_enabled",
    "matmul",
    "mem_efficient_sdp_enabled",
]

matmul = SimpleNamespace(
    allow_tf32=False, allow_fp16_reduced_precision_reduction=True, allow_bf16_reduced_precision_reduction=True
)
_attention = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


def is_built() -> bool:
    """Whether the package was built for CUDA: False."""
    return False


def enable_flash_sdp(enabled: bool) -> None:
    """Allow FlashAttention, or not. The attention here is one kernel for all settings."""
    _attention["flash"] = enabled


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Allow the memory-efficient attention, or not. The attention here is one kernel for all settings."""
    _attention["mem_efficient"] = enabled


def enable_math_sdp(enabled: bool) -> None:
    """Allow the attention made of products, or not. The attention here is one kernel for all settings."""
    _attention["math"] = enabled


def enable_cudnn_sdp(enabled: bool) -> None:
    """Allow cuDNN's attention, or not. The attention here is one kernel for all settings."""
    _attention["cudnn"] = enabled


def flash_sdp_enabled() -> bool:
    """What `enable_flash_sdp` has set."""
    return _attention["flash"]


def mem_efficient_sdp_enabled() -> bool:
    """What `enable_mem_efficient_sdp` has set."""
    return _attention["mem_efficient"]


def math_sdp_enabled() -> bool:
    """What `enable_math_sdp` has set."""
    return _attention["math"]
