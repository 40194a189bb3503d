"""The functions of the module: those of `_C`, and the methods of Tensor as functions (`exp(x)` is `x.exp()`).

A method becomes a function through `_C.Function`, which lets the tensor be named `input` and the result go to `out`.
"""

from __future__ import annotations

from tensorrs import _C, _tensor_legacy  # noqa: F401  (its methods become functions below)
from tensorrs._C import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Functions of `_C` that are public as they are.
_NATIVE = """
    arange cat concat concatenate empty empty_like empty_strided eye from_dlpack from_numpy full full_like linspace
    ones ones_like range stack tensor zeros zeros_like rand randn randint randperm normal rand_like randn_like
    randint_like hstack vstack dstack column_stack row_stack where broadcast_tensors
    broadcast_shapes meshgrid cartesian_prod result_type promote_types can_cast logspace
    conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d convolution
    layer_norm dropout dropout_ batch_norm embedding scalar_tensor tril_indices triu_indices einsum block_diag
    as_tensor asarray frombuffer repeat_interleave polygamma
    affine_grid_generator channel_shuffle constant_pad_nd grid_sampler grid_sampler_2d grid_sampler_3d
    native_channel_shuffle pixel_shuffle pixel_unshuffle
    adaptive_avg_pool1d adaptive_max_pool1d avg_pool1d max_pool1d max_pool1d_with_indices max_pool2d max_pool3d
    binomial bucketize isin poisson searchsorted tensordot
    alpha_dropout alpha_dropout_ binary_cross_entropy_with_logits celu celu_ cosine_embedding_loss ctc_loss
    embedding_bag feature_alpha_dropout feature_alpha_dropout_ feature_dropout feature_dropout_ group_norm hardshrink
    hinge_embedding_loss instance_norm kl_div margin_ranking_loss native_batch_norm native_group_norm
    native_layer_norm poisson_nll_loss prelu rms_norm rrelu rrelu_ selu selu_ threshold threshold_
    triplet_margin_loss
""".split()

# Methods that are functions too. A name is skipped as long as Tensor lacks it.
_METHODS = """
    abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr all allclose amax amin aminmax angle any
    arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin argsort argwhere as_strided asin asinh atan
    atan2 atanh baddbmm bernoulli bincount bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift
    bitwise_xor bmm broadcast_to ceil chunk clamp clamp_max clamp_min clip clone conj copysign cos cosh count_nonzero cross
    cummax cummin cumprod cumsum deg2rad detach diag diag_embed diagflat diagonal diff digamma dist div divide dot
    dsplit eq equal erf erfc erfinv exp exp2 expand_copy expm1 fix flatten flip fliplr flipud float_power floor
    floor_divide fmax fmin fmod frac gather gcd ge ger greater greater_equal gt heaviside histc hsplit hypot i0
    index_add index_copy index_fill index_put index_select inner inverse isclose isfinite isinf isnan isneginf
    isposinf isreal kron kthvalue lcm ldexp le lerp less less_equal lgamma log log10 log1p log2 log_softmax logaddexp
    logaddexp2 logcumsumexp logical_and logical_not logical_or logical_xor logit logsumexp lt masked_fill
    masked_scatter masked_select matmul max maximum mean median min minimum mm mode moveaxis movedim msort mul multinomial
    multiply mv nan_to_num nanmean nanmedian nansum narrow ne neg negative nextafter nonzero norm not_equal numel
    outer permute pinverse positive pow prelu prod put quantile rad2deg ravel reciprocal relu relu_
    remainder renorm reshape resolve_conj resolve_neg roll rot90 round rsqrt rsub scatter
    scatter_add scatter_reduce select selu sgn sigmoid sigmoid_ sign signbit sin sinc sinh slice_scatter softmax sort
    split sqrt square squeeze std std_mean sub subtract sum swapaxes swapdims t take take_along_dim tan tanh tanh_
    tensor_split tile topk trace transpose tril triu true_divide trunc unbind unflatten unfold unique
    unique_consecutive unsqueeze var var_mean vdot view_as_real vsplit xlogy is_floating_point is_complex
    is_nonzero is_same_size is_signed exp_ neg_ abs_ sqrt_ celu elu gelu silu logsigmoid hardtanh leaky_relu rrelu
    cholesky_inverse cholesky_solve det geqrf matrix_exp orgqr ormqr slogdet
    softplus threshold detach_ zero_ fill_ clamp_ is_inference
    as_strided_scatter conj_physical corrcoef cov diagonal_scatter frexp get_device igamma igammac index_reduce is_conj
    is_neg mvlgamma nanquantile narrow_copy nonzero_static select_scatter split_with_sizes unsafe_chunk unsafe_split
    unsafe_split_with_sizes
    acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ as_strided_ asin_ asinh_ atan_ atanh_ ceil_
    clamp_max_ clamp_min_ clip_ conj_physical_ cos_ cosh_ deg2rad_ erf_ erfc_ exp2_ expm1_ fix_ floor_ frac_ gcd_ i0_
    index_put_ lcm_ ldexp_ log10_ log1p_ log2_ log_ logit_ nan_to_num_ negative_ rad2deg_ reciprocal_ resize_as_ round_
    rsqrt_ sin_ sinc_ sinh_ square_ tan_ trunc_ xlogy_
""".split()

# A number may stand in the tensor's place: `pow(2, x)`; with the first group in both places: `add(2, 3)`.
_NUMBERS_ALONE = set("add sub subtract mul multiply div divide true_divide floor_divide".split())
_NUMBER_FIRST = _NUMBERS_ALONE | set(
    """
    bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor float_power pow remainder xlogy
    """.split()
)


def _collect() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _METHODS:
        method = getattr(Tensor, name, None)
        if method is not None:
            found[name] = _C.Function(name, method, name in _NUMBER_FIRST, name not in _NUMBERS_ALONE)
    for name in _NATIVE:
        function = getattr(_C, name, None)
        if function is not None:
            found[name] = function
    return found


_found = _collect()
globals().update(_found)


def is_tensor(obj: object) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj: object) -> bool:
    """Whether `obj` is the memory of a tensor."""
    from tensorrs.storage import UntypedStorage

    return isinstance(obj, UntypedStorage)


__all__ = [*_found, "is_storage", "is_tensor"]
