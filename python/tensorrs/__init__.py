"""tensorrs: tensors, autograd and neural networks with PyTorch's names and numbers, on a Rust core.

Public names only; what they do is in `_C` (the Rust extension) and in the packages below.
"""

from __future__ import annotations

from math import e, inf, nan, pi

from tensorrs import _C
from tensorrs._C import (
    Tensor,
    autocast_decrement_nesting,
    autocast_increment_nesting,
    clear_autocast_cache,
    device,
    dtype,
    get_autocast_dtype,
    get_conv_precision,
    get_default_device,
    get_default_dtype,
    get_num_interop_threads,
    get_num_threads,
    is_anomaly_enabled,
    is_autocast_cache_enabled,
    is_autocast_enabled,
    set_autocast_cache_enabled,
    set_autocast_dtype,
    set_autocast_enabled,
    set_conv_precision,
    set_default_device,
    set_default_dtype,
    set_num_interop_threads,
    set_num_threads,
)
from tensorrs._creation import *  # noqa: F403
from tensorrs._creation import __all__ as _creation_names
from tensorrs._functions import *  # noqa: F403
from tensorrs._functions import __all__ as _function_names
from tensorrs._recurrent import *  # noqa: F403
from tensorrs._recurrent import __all__ as _recurrent_names
from tensorrs._size import Size
from tensorrs._tensor import *  # noqa: F403
from tensorrs._tensor import __all__ as _tensor_names
from tensorrs._types import *  # noqa: F403
from tensorrs._types import __all__ as _type_names

__version__ = _C.__version__

from tensorrs import autograd as autograd
from tensorrs import random as random
from tensorrs.autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from tensorrs.random import Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tensorrs import (
        accelerator,
        amp,
        backends,
        compiler,
        cpu,
        cuda,
        datasets,
        func,
        jit,
        linalg,
        models,
        mps,
        nn,
        optim,
        testing,
        transforms,
        utils,
        version,
        xpu,
    )
    from tensorrs import demo as demo
    from tensorrs import return_types as return_types
    from tensorrs import safetensors as safetensors
    from tensorrs import serialization as serialization
    from tensorrs import signal as signal
    from tensorrs import special as special
    from tensorrs import storage as storage
    from tensorrs._autocast import get_autocast_cpu_dtype as get_autocast_cpu_dtype
    from tensorrs._autocast import get_autocast_gpu_dtype as get_autocast_gpu_dtype
    from tensorrs._autocast import is_autocast_cpu_enabled as is_autocast_cpu_enabled
    from tensorrs._autocast import set_autocast_cpu_dtype as set_autocast_cpu_dtype
    from tensorrs._autocast import set_autocast_cpu_enabled as set_autocast_cpu_enabled
    from tensorrs._autocast import set_autocast_gpu_dtype as set_autocast_gpu_dtype
    from tensorrs._distance import cdist, cosine_similarity, pairwise_distance, pdist
    from tensorrs._info import finfo, iinfo
    from tensorrs._lobpcg import lobpcg
    from tensorrs._more import adjoint as adjoint
    from tensorrs._more import bilinear as bilinear
    from tensorrs._more import from_file as from_file
    from tensorrs._more import native_dropout as native_dropout
    from tensorrs._more import norm_except_dim as norm_except_dim
    from tensorrs._more import segment_reduce as segment_reduce
    from tensorrs._more import to_dlpack as to_dlpack
    from tensorrs._windows import bartlett_window, blackman_window, hamming_window, hann_window, kaiser_window
    from tensorrs.amp import autocast
    from tensorrs.compiler import compile
    from tensorrs.linalg._legacy import chain_matmul as chain_matmul
    from tensorrs.linalg._legacy import cholesky as cholesky
    from tensorrs.linalg._legacy import frobenius_norm as frobenius_norm
    from tensorrs.linalg._legacy import logdet as logdet
    from tensorrs.linalg._legacy import lu as lu
    from tensorrs.linalg._legacy import lu_solve as lu_solve
    from tensorrs.linalg._legacy import lu_unpack as lu_unpack
    from tensorrs.linalg._legacy import matrix_power as matrix_power
    from tensorrs.linalg._legacy import nuclear_norm as nuclear_norm
    from tensorrs.linalg._legacy import pca_lowrank as pca_lowrank
    from tensorrs.linalg._legacy import pinverse as pinverse
    from tensorrs.linalg._legacy import qr as qr
    from tensorrs.linalg._legacy import svd as svd
    from tensorrs.linalg._legacy import svd_lowrank as svd_lowrank
    from tensorrs.linalg._legacy import triangular_solve as triangular_solve
    from tensorrs.serialization import load, save
    from tensorrs.storage import UntypedStorage

newaxis = None

# Imported when first named: tensors alone, in a small tool, should start fast.
_LAZY_MODULES = (
    "accelerator",
    "amp",
    "backends",
    "compiler",
    "cpu",
    "cuda",
    "datasets",
    "demo",
    "func",
    "jit",
    "linalg",
    "models",
    "mps",
    "nn",
    "optim",
    "return_types",
    "safetensors",
    "serialization",
    "signal",
    "special",
    "storage",
    "testing",
    "transforms",
    "utils",
    "version",
    "xpu",
)
_COMPOSED = [
    "alias_copy",
    "as_strided_copy",
    "combinations",
    "cumulative_trapezoid",
    "detach_copy",
    "diagonal_copy",
    "empty_permuted",
    "expand_copy",
    "fill",
    "gradient",
    "histogram",
    "histogramdd",
    "permute_copy",
    "real",
    "select_copy",
    "slice_copy",
    "split_copy",
    "split_with_sizes_copy",
    "squeeze_copy",
    "t_copy",
    "transpose_copy",
    "trapezoid",
    "trapz",
    "unbind_copy",
    "unfold_copy",
    "unravel_index",
    "unsqueeze_copy",
    "vander",
    "view_copy",
]
_SETTINGS = [
    "are_deterministic_algorithms_enabled",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_warn_always_enabled",
    "set_default_tensor_type",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_warn_always",
    "use_deterministic_algorithms",
]
# fmt: off
_AUTOCAST = [
    "get_autocast_cpu_dtype", "get_autocast_gpu_dtype", "is_autocast_cpu_enabled", "set_autocast_cpu_dtype",
    "set_autocast_cpu_enabled", "set_autocast_gpu_dtype",
]
_LINALG = [
    "chain_matmul", "cholesky", "frobenius_norm", "logdet", "lu", "lu_solve", "lu_unpack", "matrix_power",
    "nuclear_norm", "pca_lowrank", "pinverse", "qr", "svd", "svd_lowrank", "triangular_solve",
]
# fmt: on
_MORE = ["adjoint", "bilinear", "from_file", "native_dropout", "norm_except_dim", "segment_reduce", "to_dlpack"]
_LAZY = {
    **dict.fromkeys(_COMPOSED, "_composed"),
    **dict.fromkeys(_SETTINGS, "_settings"),
    **dict.fromkeys(_AUTOCAST, "_autocast"),
    **dict.fromkeys(_LINALG, "linalg._legacy"),
    "autocast": "amp",
    **dict.fromkeys(_MORE, "_more"),
    "UntypedStorage": "storage",
    "bartlett_window": "_windows",
    "blackman_window": "_windows",
    "cdist": "_distance",
    "compile": "compiler",
    "cosine_similarity": "_distance",
    "finfo": "_info",
    "hamming_window": "_windows",
    "hann_window": "_windows",
    "iinfo": "_info",
    "kaiser_window": "_windows",
    "load": "serialization",
    "lobpcg": "_lobpcg",
    "pairwise_distance": "_distance",
    "pdist": "_distance",
    "save": "serialization",
}

__all__ = [
    "Generator",
    "Size",
    "Tensor",
    "UntypedStorage",
    "accelerator",
    "amp",
    "autocast",
    "autocast_decrement_nesting",
    "autocast_increment_nesting",
    "autograd",
    "backends",
    "bartlett_window",
    "blackman_window",
    "cdist",
    "clear_autocast_cache",
    "compile",
    "compiler",
    "cosine_similarity",
    "cpu",
    "cuda",
    "datasets",
    "default_generator",
    "device",
    "dtype",
    "enable_grad",
    "finfo",
    "func",
    "get_autocast_dtype",
    "get_conv_precision",
    "get_default_device",
    "get_default_dtype",
    "get_device_module",
    "get_num_interop_threads",
    "get_num_threads",
    "get_rng_state",
    "hamming_window",
    "hann_window",
    "iinfo",
    "inference_mode",
    "initial_seed",
    "is_anomaly_enabled",
    "is_autocast_cache_enabled",
    "is_autocast_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "jit",
    "kaiser_window",
    "linalg",
    "load",
    "lobpcg",
    "manual_seed",
    "models",
    "mps",
    "nn",
    "no_grad",
    "optim",
    "pairwise_distance",
    "pdist",
    "save",
    "seed",
    "set_autocast_cache_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
    "set_conv_precision",
    "set_default_device",
    "set_default_dtype",
    "set_grad_enabled",
    "set_num_interop_threads",
    "set_num_threads",
    "set_rng_state",
    "signal",
    "special",
    "testing",
    "transforms",
    "utils",
    "version",
    "xpu",
    *_LINALG,
    *_creation_names,
    *_function_names,
    *_recurrent_names,
    *_tensor_names,
    *_type_names,
    *_COMPOSED,
    *_MORE,
    *_SETTINGS,
    "e",
    "inf",
    "nan",
    "newaxis",
    "pi",
]


def get_device_module(device: _C.device | str | None = None) -> object:
    """The module of functions about a kind of device, `tensorrs.cpu` for "cpu"; without one, that of the accelerator
    or the CPU.

    Raises RuntimeError for a device without such a module.
    """
    from importlib import import_module

    kind = "cpu" if device is None else _C.device(device).type
    if kind not in ("cpu", "cuda", "mps", "xpu"):
        raise RuntimeError(f"tensorrs has no module for the device {kind}")
    return import_module(f"tensorrs.{kind}")


def _assert(condition: object, message: str) -> None:
    """`assert` as a function, which PyTorch's tracers can see.

    Raises AssertionError with `message` if `condition` is false.
    """
    assert condition, message


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _LAZY_MODULES:
        return import_module(f"tensorrs.{name}")
    if name in _LAZY:
        found = globals()[name] = getattr(import_module(f"tensorrs.{_LAZY[name]}"), name)
        return found
    raise AttributeError(f"module 'tensorrs' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY_MODULES, *_LAZY})
