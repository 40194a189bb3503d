"""What the compiled module cannot say of itself: the types of arguments by name, and what calls return."""

from __future__ import annotations

HEAD = '''"""The compiled part of tensorrs. Written by `make stubs` from the module itself: edits are lost."""

import builtins
from collections.abc import Callable, Iterator, Sequence
from types import EllipsisType
from typing import Any, Literal, NamedTuple, SupportsIndex, TypeAlias, overload

from tensorrs._size import Size
from tensorrs._tensor import _Handle
from tensorrs._types import layout as _Layout
from tensorrs._types import memory_format as _MemoryFormat
from tensorrs.storage import UntypedStorage

# `bool`, `dtype` and others are names of the module or methods of a tensor: Python's own are named in full.
_Number: TypeAlias = builtins.int | builtins.float | builtins.bool
_Operand: TypeAlias = Tensor | _Number
_Ints: TypeAlias = builtins.int | Sequence[builtins.int]
_Index: TypeAlias = SupportsIndex | slice | EllipsisType | Tensor | builtins.tuple[Any, ...] | builtins.list[Any] | None
_Dim: TypeAlias = builtins.int | None
_Dtype: TypeAlias = dtype
_Device: TypeAlias = device
_DtypeLike: TypeAlias = dtype | type[builtins.int] | type[builtins.float] | type[builtins.bool]
_DeviceLike: TypeAlias = device | builtins.str

class _ValuesIndices(NamedTuple):
    values: Tensor
    indices: Tensor

class _MinMax(NamedTuple):
    min: Tensor
    max: Tensor

class _SignLogabsdet(NamedTuple):
    sign: Tensor
    logabsdet: Tensor

class _MantissaExponent(NamedTuple):
    mantissa: Tensor
    exponent: Tensor

class _ATau(NamedTuple):
    a: Tensor
    tau: Tensor

class _Histogram(NamedTuple):
    hist: Tensor
    bin_edges: Tensor

'''
FUNCTIONS_HEAD = '''"""The functions of the module. Written by `make stubs` from the module itself: edits are lost."""

import builtins
from collections.abc import Sequence
from typing import Any, Literal, overload

from tensorrs._C import (
    Generator,
    Tensor,
    _ATau,
    _Dim,
    _Dtype,
    _DtypeLike,
    _Histogram,
    _Ints,
    _MantissaExponent,
    _MinMax,
    _Number,
    _Operand,
    _SignLogabsdet,
    _ValuesIndices,
)
from tensorrs._types import memory_format as _MemoryFormat
'''


def _table(text: str) -> dict[str, str]:
    """Lines of `type: names` as a dict from name to type."""
    rows = (line.rsplit(": ", 1) for line in text.strip().splitlines())
    return {name: kind.strip() for kind, names in rows for name in names.split()}


# The type of an argument, by its name; `| None` is added where the default is None.
ARGUMENTS = _table("""
    Tensor: input target source src mask index tensor tensor1 tensor2 mat mat1 mat2 batch1 batch2 vec vec1 vec2 weight bias exponent end condition running_mean running_var pos_weight boundaries new_state t memory data grid indices offsets random_samples input1 input2 input3 anchor positive negative log_probs theta query key sorted_sequence test_elements hx w_ih w_hh b_ih b_hh values ld pivots lu tau fweights aweights weights attn_mask sorter prepend append per_sample_weights random_samples
    Tensor | None: out
    _Operand: other value min max min_val max_val
    _Number: maxnorm correction alpha beta fill_value lambd negative_slope threshold p eps momentum low high mean std median sigma start step posinf neginf nan from
    Sequence[Tensor]: tensors inputs outputs params grads exp_avgs exp_avg_sqs max_exp_avg_sqs state_steps momentum_bufs
    _Ints: size stride padding dilation kernel_size output_size output_padding sizes dims shifts repeats
    _MemoryFormat: memory_format
    _Layout: layout
    Sequence[builtins.int]: normalized_shape pad shape
    builtins.int: reduction dim axis dim0 dim1 axis0 axis1 n k groups num_classes ignore_index padding_idx diagonal start_dim end_dim storage_offset decimals length num_samples seed offset dim2 chunks steps m num_groups upscale_factor downscale_factor dimension step_size blank num_layers count
    _DtypeLike: dtype
    _DeviceLike: device
    Generator: generator
    builtins.str: device_type mode rounding_mode reduce side profile name uplo
    builtins.bool: enabled cudnn_enabled copy align_corners log_input has_biases bidirectional batch_first use_input_stats transposed sci_mode check upper left unit full pivot hermitian adjoint full_matrices on keepdim unbiased stable train training create_graph retain_graph maximize
    Callable[..., Any]: hook
""")
# `*size` is one shape or its numbers.
VARIADIC = {
    **dict.fromkeys(("size", "sizes", "shape", "dims", "repeats", "indices_or_sections"), "_Ints"),
    "tensors": "Tensor | Sequence[Tensor]", "named": "Any",
}  # fmt: skip
# What all functions take that make a tensor from nothing.
FACTORIES = (
    "arange empty empty_like empty_strided eye full full_like linspace ones ones_like range tensor zeros zeros_like rand rand_like "
    "randn randn_like randperm"
).split()
OPTIONS = [
    "out: Tensor | None = None", "dtype: _DtypeLike | None = None", "layout: _Layout | None = None", "device: _DeviceLike | None = None",
    "pin_memory: builtins.bool = False", "requires_grad: builtins.bool = False", "generator: Generator | None = None",
    "memory_format: _MemoryFormat | None = None",
]  # fmt: skip
# Where `other` may not be a number.
TENSORS_ALONE = (
    "matmul maximum minimum fmax fmin logaddexp logaddexp2 hypot hypot_ gcd gcd_ lcm lcm_ atan2 atan2_ arctan2 arctan2_ ldexp ldexp_ igamma "
    "igamma_ igammac igammac_ logical_and logical_and_ logical_or logical_or_ logical_xor logical_xor_ equal isclose allclose expand_as "
    "view_as reshape_as type_as is_same_size inner vdot kron cross dist nextafter nextafter_"
).split()
# Where one name has another type in one function.
SPECIAL = {
    **{(name, end): "_Ints" for name in ("movedim", "moveaxis") for end in ("source", "destination")},
    ("unfold", "size"): "builtins.int", ("unfold", "step"): "builtins.int", ("split_with_sizes", "split_sizes"): "Sequence[builtins.int]",
    ("split", "split_size"): "_Ints", ("tensor_split", "indices_or_sections"): "_Ints | Tensor", ("block_diag", "tensors"): "Tensor",
    **{(name, "q"): "builtins.float | Tensor" for name in ("quantile", "nanquantile")},
    **{(name, "key"): "_Index" for name in ("__getitem__", "__setitem__", "__delitem__")}, ("_remove_hook", "key"): "builtins.int",
    ("rrelu", "upper"): "builtins.float", ("rrelu_", "upper"): "builtins.float", **{(name, "hx"): "Sequence[Tensor]" for name in ("recurrent", "recurrent_cell")},
    **{("recurrent_cell", name): "Tensor | None" for name in ("w_ih", "w_hh", "b_ih", "b_hh")},
    **{(name, "other"): "Tensor" for name in TENSORS_ALONE}, ("histc", "min"): "_Number", ("histc", "max"): "_Number",
    **{("scaled_dot_product_attention", name): "Tensor" for name in ("query", "key", "value")}, ("upsample", "align_corners"): "builtins.bool | None",
    **{("slice_scatter", name): "builtins.int | None" for name in ("start", "end")}, ("slice_scatter", "step"): "builtins.int",
    ("narrow_copy", "start"): "builtins.int", ("repeat_interleave", "output_size"): "builtins.int", ("cov", "correction"): "builtins.int",
    **{(name, mode): "builtins.int" for name in ("grid_sampler", "grid_sampler_2d", "grid_sampler_3d") for mode in ("interpolation_mode", "padding_mode")},
    ("_special_pair", "input"): "_Operand", ("tensordot", "a"): "Tensor", ("tensordot", "b"): "Tensor", ("tensordot", "dims"): "builtins.int | Sequence[Sequence[builtins.int]]",
    ("result_type", "tensor1"): "_Operand", ("result_type", "tensor2"): "_Operand", ("isin", "test_elements"): "_Operand",
    ("promote_types", "type1"): "_Dtype", ("promote_types", "type2"): "_Dtype", ("set_autocast_enabled", "device_type"): "builtins.str | builtins.bool", ("__array__", "copy"): "builtins.bool | None",
    ("unravel_index", "shape"): "_Ints", ("constant_pad_nd", "pad"): "Sequence[builtins.int]",
    ("affine_grid_generator", "size"): "Sequence[builtins.int]", ("conv3d", "padding"): "_Ints | builtins.str",
    ("index_put", "indices"): "Sequence[Tensor | None]", ("index_put_", "indices"): "Sequence[Tensor | None]",
    ("index_put", "values"): "Tensor", ("index_put_", "values"): "Tensor",
    ("pow", "exponent"): "_Operand", ("pow_", "exponent"): "_Operand", ("float_power", "exponent"): "_Operand", ("float_power_", "exponent"): "_Operand",
    ("lerp", "weight"): "_Operand", ("lerp_", "weight"): "_Operand",
    ("bernoulli", "p"): "_Number", ("tensor", "data"): "Any", ("new_tensor", "data"): "Any", ("scatter", "src"): "_Operand", ("scatter_", "src"): "_Operand",
    ("select_scatter", "index"): "builtins.int", ("select", "index"): "builtins.int", ("isin", "elements"): "_Operand",
    ("repeat_interleave", "repeats"): "Tensor | builtins.int", ("where", "input"): "_Operand", ("to", "other"): "Any",
    ("tensor_over", "size"): "Sequence[builtins.int]", ("tensor_over", "stride"): "Sequence[builtins.int]", ("as_subclass", "cls"): "type",
    ("normal", "mean"): "_Operand", ("normal", "std"): "_Operand", ("arange", "start"): "_Number", ("arange", "end"): "_Number | None",
    ("linspace", "start"): "_Operand", ("linspace", "end"): "_Operand", ("_cdist", "x1"): "Tensor", ("_cdist", "x2"): "Tensor", ("_cdist", "by_product"): "builtins.bool", ("logspace", "end"): "_Number", ("range", "end"): "_Number", ("narrow", "start"): "Tensor | builtins.int",
    ("can_cast", "from_"): "_DtypeLike", ("can_cast", "to"): "_DtypeLike", ("print_options", "threshold"): "builtins.float",
    ("embedding", "input"): "Tensor", ("dist", "p"): "_Number", ("set_num_threads", "num"): "builtins.int", ("set_conv_precision", "mode"): "builtins.str",
    ("set_num_interop_threads", "num"): "builtins.int", ("set_default_dtype", "d"): "_Dtype", ("backward", "inputs"): "Any",
    ("device", "type"): "_DeviceLike | builtins.int", ("device", "index"): "builtins.int | None", ("conv1d", "padding"): "_Ints | builtins.str", ("conv2d", "padding"): "_Ints | builtins.str",
    **{("batch_norm", name): "Tensor | None" for name in ("running_mean", "running_var", "weight", "bias")},
    **{(step, name): "Sequence[Tensor | None]" for step in ("sgd_step", "run_backward", "run_grad") for name in ("grads", "momentum_bufs")},
    ("norm", "p"): "builtins.float | builtins.str", ("linalg_vector_norm", "dtype"): "_DtypeLike", ("renorm", "p"): "_Number",
    ("unpickle", "data"): "builtins.bytes", ("unpickle", "start"): "builtins.int", ("safetensors_read", "data"): "builtins.bytes",
    ("safetensors_write", "tensors"): "dict[builtins.str, Tensor]", ("safetensors_write", "metadata"): "dict[builtins.str, builtins.str] | None",
    ("conv_tbc", "pad"): "builtins.int", ("embedding_bag", "mode"): "builtins.int",
    **{("_linalg_lu_unpack", name): "builtins.bool" for name in ("data", "permutation")},
    **{("instance_norm", name): "Tensor | None" for name in ("running_mean", "running_var", "weight", "bias")},
    **{("start_writing", name): "builtins.int" for name in ("file", "begin", "size")}, ("crc32", "data"): "Tensor",
    **{("equip_module", name): "Any" for name in ("module", "hooks", "hooked")},
    **{("unpickle", name): "Any" for name in ("find", "persistent", "build")}, ("unpickle", "text"): "builtins.str",
}  # fmt: skip
# `dim` may be several dimensions.
MANY_DIMS = (
    "sum nansum mean nanmean amax amin std var std_mean var_mean logsumexp count_nonzero norm linalg_vector_norm all any squeeze "
    "squeeze_ flip permute"
).split()

_DTYPES = "dtype get_autocast_dtype to_real get_default_dtype promote_types result_type"
RETURNS = _table(f"""
    builtins.int: crc32 autocast_increment_nesting autocast_decrement_nesting dim ndimension numel nelement element_size data_ptr storage_offset get_num_threads get_num_interop_threads get_device __len__ __int__ __index__ __hash__ initial_seed seed ndim itemsize nbytes _version output_nr _register_hook _register_post_accumulate_grad_hook _register_prehook _sequence_nr
    builtins.bool: is_autocast_available is_autocast_cache_enabled is_autocast_enabled is_conj is_neg is_contiguous is_floating_point is_complex is_signed is_inference is_same_size is_nonzero is_set_to equal allclose __bool__ __contains__ is_grad_enabled is_inference_mode_enabled is_anomaly_enabled can_cast requires_grad is_leaf retains_grad is_cpu is_cuda is_meta is_sparse is_quantized _is_view
    builtins.float: __float__
    builtins.complex: __complex__
    builtins.str: __repr__ __str__ __format__ name get_cpu_capability get_conv_precision
    builtins.bytes: tensor_to_bytes safetensors_write
    None: start_writing equip_module stock_layers clear_autocast_cache set_autocast_cache_enabled set_autocast_dtype set_autocast_enabled __setitem__ __delitem__ set_num_threads set_conv_precision set_num_interop_threads retain_grad __init__ set_default_dtype set_print_options _set_grad_enabled _set_inference_mode _set_anomaly run_backward _remove_hook
    _Dtype: {_DTYPES}
    _Device: device get_default_device
    Size: shape
    Node | None: grad_fn
    Tensor | None: grad _base
    Tensor: get_state tensor_from_bytes tensor_over _special _special_pair
    Generator: _default_generator manual_seed set_state clone_state
    _Number: item
    _ValuesIndices: sort topk kthvalue mode cummax cummin
    _MinMax: aminmax
    tuple[Tensor, ...]: split split_with_sizes chunk unbind tensor_split hsplit vsplit dsplit broadcast_tensors
    tuple[Tensor, Tensor]: var_mean std_mean
    _SignLogabsdet: slogdet
    _MantissaExponent: frexp
    _ATau: geqrf
    _Histogram: histogram
    _Handle: register_hook register_prehook register_post_accumulate_grad_hook
    _Layout: layout
    tuple[builtins.int, builtins.int]: __dlpack_device__
    tuple[tuple[Node | None, builtins.int], ...]: next_functions
    Tensor: _cdist _pdist _special _special_pair _linalg_det _linalg_householder_product _linalg_ldl_solve _linalg_lu_solve _linalg_matrix_exp _linalg_pinv _linalg_solve_triangular
    list[Tensor]: _linalg_cholesky_ex _linalg_eigh _linalg_inv_ex _linalg_ldl_factor_ex _linalg_lstsq _linalg_lu _linalg_lu_factor_ex _linalg_lu_unpack _linalg_qr _linalg_slogdet _linalg_solve_ex _linalg_svd
    tuple[builtins.int, builtins.int]: _storage
    tuple[Any, builtins.int]: unpickle
    tuple[Tensor, Tensor]: max_pool3d_with_indices adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d fractional_max_pool2d fractional_max_pool3d
    list[Tensor]: recurrent
    tuple[dict[builtins.str, Tensor], dict[builtins.str, builtins.str] | None]: safetensors_read
    tuple[Tensor, Tensor]: max_pool1d_with_indices max_pool2d_with_indices
    list[Any]: run_grad
    Iterator[Tensor]: __iter__
""")
PLAIN = (
    "tolist numpy variable metadata storage __array__ __dlpack__ __reduce__ __reduce_ex__ __getstate__ names print_options "
    "apply as_subclass _make_subclass frombuffer_owner adam_step sgd_step record_function _saved _input_metadata"
).split()
# Calls whose result depends on the arguments; `{x}` is `self` in a method and the tensor in a function.
_ONE = "({x}) -> Tensor"
_SORTED = "({x}, sorted: builtins.bool = True, "
_MOVE = "non_blocking: builtins.bool = False, copy: builtins.bool = False, *, memory_format: _MemoryFormat | None = None) -> Tensor"
_FRESH = ", ".join(OPTIONS) + ") -> Tensor"
_ALONG = "({x}, dim: builtins.int, keepdim: builtins.bool = False) -> _ValuesIndices"
OVERLOADS = {
    "max": (_ONE, _ALONG, "({x}, other: Tensor) -> Tensor"),
    "min": (_ONE, _ALONG, "({x}, other: Tensor) -> Tensor"),
    "median": (_ONE, _ALONG),
    "nanmedian": (_ONE, _ALONG),
    "nonzero": (
        "({x}, *, as_tuple: Literal[False] = False) -> Tensor",
        "({x}, *, as_tuple: Literal[True]) -> tuple[Tensor, ...]",
    ),
    "unique": (
        _SORTED
        + "return_inverse: Literal[False] = False, return_counts: Literal[False] = False, dim: _Dim = None) -> Tensor",
        _SORTED
        + "return_inverse: builtins.bool = False, return_counts: builtins.bool = False, dim: _Dim = None) -> Any",
    ),
    "unique_consecutive": (
        "({x}, return_inverse: Literal[False] = False, return_counts: Literal[False] = False, dim: _Dim = None) -> Tensor",
        "({x}, return_inverse: builtins.bool = False, return_counts: builtins.bool = False, dim: _Dim = None) -> Any",
    ),
    "to": (
        "({x}, dtype: _DtypeLike, " + _MOVE,
        "({x}, device: _DeviceLike | None = None, dtype: _DtypeLike | None = None, " + _MOVE,
        "({x}, other: Tensor, " + _MOVE,
    ),
    "type": (
        "({x}, dtype: None = None, non_blocking: builtins.bool = False) -> builtins.str",
        "({x}, dtype: _DtypeLike | builtins.str, non_blocking: builtins.bool = False) -> Tensor",
    ),
    "einsum": (
        "(equation: builtins.str, *operands: Tensor | Sequence[Tensor]) -> Tensor",
        "(*operands: Tensor | Sequence[builtins.int]) -> Tensor",
    ),
    "arange": ("(end: _Number, *, " + _FRESH, "(start: _Number, end: _Number, step: _Number = 1, *, " + _FRESH),
    "randint": (
        "(high: builtins.int, size: Sequence[builtins.int], *, " + _FRESH,
        "(low: builtins.int, high: builtins.int, size: Sequence[builtins.int], *, " + _FRESH,
    ),
    "size": ("({x}, dim: None = None) -> Size", "({x}, dim: builtins.int) -> builtins.int"),
    "stride": ("({x}, dim: None = None) -> tuple[builtins.int, ...]", "({x}, dim: builtins.int) -> builtins.int"),
}
# What cannot be asked of the module, because an argument has a name that is a word of Python.
SIGNATURES = {
    "uniform_": "from_: _Number = 0, to: _Number = 1, *, generator: Generator | None = None",
}
# Attributes of the smaller classes.
OF_CLASS = {
    ("Tensor", "__array_priority__"): "builtins.int",
    ("Tensor", "grad_dtype"): "_Dtype",
    ("Tensor", "imag"): "Tensor",
    ("Tensor", "name"): "None",
    ("Tensor", "volatile"): "builtins.bool",
    ("Node", "variable"): "Tensor",
    ("device", "index"): "builtins.int | None",
    ("device", "type"): "builtins.str",
    ("dtype", "to_real"): "_Dtype",
    ("Function", "__name__"): "builtins.str",
}
# What a tensor's attributes may be set to.
SETTABLE = {"data": "Tensor", "grad": "Tensor | None", "requires_grad": "builtins.bool"}
