"""Attention: `scaled_dot_product_attention` (the core's) and `multi_head_attention_forward`, made with it."""

from __future__ import annotations

import math
import warnings
from typing import Any

import tensorrs
from tensorrs import _C
from tensorrs._C import Tensor

from .activation import softmax
from .conv import linear, pad
from .dropout import dropout


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """`softmax(query @ key.T * scale + mask) @ value`, with dropout of the softmax.

    query (*, l, e), key (*, s, e), value (*, s, v), result (*, l, v). `attn_mask` is broadcast to (*, l, s): True
    where a query may look, or numbers to add. `is_causal` lets query i look at keys 0 to i. `scale` is 1 / sqrt(e)
    unless given. With `enable_gqa` fewer heads (dimension -3) of key and value serve groups of heads of the query.
    A query that may look nowhere gets zeros. Vaswani et al., arXiv:1706.03762.
    """
    return _C.scaled_dot_product_attention(
        query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
    )


def _demand(holds: bool, text: str) -> None:
    if not holds:
        raise AssertionError(text)


def _canonical_mask(
    mask: Tensor | None,
    mask_name: str,
    other_type: Any,
    other_name: str,
    target_type: Any,
    check_other: bool = True,
) -> Tensor | None:
    """A mask as numbers to add: -inf where a mask of bools is True."""
    if mask is None:
        return None
    if mask.dtype != tensorrs.bool and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype != other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    if mask.is_floating_point():
        return mask
    return tensorrs.zeros_like(mask, dtype=target_type).masked_fill_(mask, float("-inf"))


def _check_shapes(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    num_heads: int,
) -> bool:
    """Whether the query is a batch; raises where the others do not go with it."""
    rank = query.dim()
    if rank not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {rank}-D query tensor")
    kind = "batched" if rank == 3 else "unbatched"
    head = f"For {kind} ({rank}-D) `query`, expected "
    _demand(
        key.dim() == rank and value.dim() == rank,
        f"{head}`key` and `value` to be {rank}-D but found {key.dim()}-D and {value.dim()}-D tensors respectively",
    )
    if key_padding_mask is not None:
        _demand(
            key_padding_mask.dim() == rank - 1,
            f"{head}`key_padding_mask` to be `None` or {rank - 1}-D but found {key_padding_mask.dim()}-D tensor "
            "instead",
        )
    if attn_mask is not None:
        _demand(
            attn_mask.dim() in (2, 3),
            f"{head}`attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.dim()}-D tensor instead",
        )
        if rank == 2 and attn_mask.dim() == 3:
            expected = (num_heads, query.shape[0], key.shape[0])
            _demand(
                attn_mask.shape == expected,
                f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}",
            )
    return rank == 3


def _project(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Query, key and value from one weight (3 * features, features): one product where they are one tensor."""
    features = query.size(-1)
    if key is value:
        if query is key:
            q, k, v = linear(query, weight, bias).chunk(3, -1)
            return q.contiguous(), k.contiguous(), v.contiguous()
        w_q, w_kv = weight[:features], weight[features:]
        b_q, b_kv = (None, None) if bias is None else (bias[:features], bias[features:])
        k, v = linear(key, w_kv, b_kv).chunk(2, -1)
        return linear(query, w_q, b_q), k.contiguous(), v.contiguous()
    w_q, w_k, w_v = weight.chunk(3)
    b_q, b_k, b_v = (None, None, None) if bias is None else bias.chunk(3)
    return linear(query, w_q, b_q), linear(key, w_k, b_k), linear(value, w_v, b_v)


def _project_each(
    query: Tensor, key: Tensor, value: Tensor, weights: tuple[Any, Any, Any], bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Query, key and value, each with a weight of its own (features, features of that input)."""
    for name, weight in zip("qkv", weights, strict=True):
        _demand(weight is not None, f"use_separate_proj_weight is True but {name}_proj_weight is None")
    features = query.size(-1)
    whole = zip(("query", "key", "value"), weights, (query, key, value), strict=True)
    for name, weight, given in whole:
        expected = (features, given.size(-1))
        _demand(weight.shape == expected, f"expecting {name} weights shape of {expected}, but got {weight.shape}")
    biases = (None, None, None) if bias is None else bias.chunk(3)
    q, k, v = (linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True))
    return q, k, v


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Several attentions side by side over projections of query, key and value, and their results projected again.

    query (l, n, e), key and value (s, n, e), or without n; `key_padding_mask` (n, s), `attn_mask` (l, s) or
    (n * heads, l, s): True or -inf where not to look. `bias_k`, `bias_v` and `add_zero_attn` add one key each;
    `static_k` and `static_v` (n * heads, s, e / heads) stand in for the projections. Gives the result (l, n, e) and,
    with `need_weights`, the weights (n, l, s), or (n, heads, l, s) without `average_attn_weights`.
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        same_key, same_value = key is query, value is key
        query = query.unsqueeze(1)
        key = query if same_key else key.unsqueeze(1)
        value = key if same_value else value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    steps, batch, features = query.shape
    other = None if attn_mask is None else attn_mask.dtype
    key_padding_mask = _canonical_mask(key_padding_mask, "key_padding_mask", other, "attn_mask", query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None
    else:
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
        is_causal = is_causal and key_padding_mask is None
    _demand(
        features == embed_dim_to_check, f"was expecting embedding dimension of {embed_dim_to_check}, but got {features}"
    )
    width = features // num_heads
    _demand(width * num_heads == features, f"embed_dim {features} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        _demand(
            key.shape[:2] == value.shape[:2],
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}",
        )
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = _project_each(query, key, value, weights, in_proj_bias)
    else:
        _demand(key.shape == value.shape, f"key shape {key.shape} does not match value shape {value.shape}")
        if in_proj_weight is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        q, k, v = _project(query, key, value, in_proj_weight, in_proj_bias)
    if attn_mask is not None:
        expected = (steps, key.size(0)) if attn_mask.dim() == 2 else (batch * num_heads, steps, key.size(0))
        if attn_mask.shape != expected:
            raise RuntimeError(
                f"The shape of the {attn_mask.dim()}D attn_mask is {attn_mask.shape}, but should be {expected}."
            )
        if attn_mask.dim() == 2:
            attn_mask = attn_mask.unsqueeze(0)
    if bias_k is not None and bias_v is not None:
        _demand(static_k is None, "bias cannot be added to static key.")
        _demand(static_v is None, "bias cannot be added to static value.")
        k = tensorrs.cat([k, bias_k.repeat(1, batch, 1)])
        v = tensorrs.cat([v, bias_v.repeat(1, batch, 1)])
        attn_mask, key_padding_mask = _one_more_key(attn_mask), _one_more_key(key_padding_mask)
    else:
        _demand(bias_k is None, "bias_k is set but bias_v is None")
        _demand(bias_v is None, "bias_v is set but bias_k is None")

    def heads(x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], batch * num_heads, width).transpose(0, 1)

    q = heads(q)
    k = heads(k) if static_k is None else _static("static_k", static_k, batch * num_heads, width)
    v = heads(v) if static_v is None else _static("static_v", static_v, batch * num_heads, width)
    if add_zero_attn:
        zero = (batch * num_heads, 1, width)
        k = tensorrs.cat([k, tensorrs.zeros(zero, dtype=k.dtype, device=k.device)], dim=1)
        v = tensorrs.cat([v, tensorrs.zeros(zero, dtype=v.dtype, device=v.device)], dim=1)
        attn_mask, key_padding_mask = _one_more_key(attn_mask), _one_more_key(key_padding_mask)
    keys = k.size(1)
    if key_padding_mask is not None:
        shape = key_padding_mask.shape
        _demand(shape[0] == batch, f"Expected key_padded_mask.shape[0] to be {batch}, but got {shape[0]}")
        _demand(shape[1] == keys, f"Expected key_padded_mask.shape[1] to be {keys}, but got {shape[1]}")
        spread = key_padding_mask.view(batch, 1, 1, keys).expand(-1, num_heads, -1, -1)
        spread = spread.reshape(batch * num_heads, 1, keys)
        attn_mask = spread if attn_mask is None else attn_mask + spread
    if not training:
        dropout_p = 0.0
    weights_out: Tensor | None = None
    if need_weights:
        if is_causal and attn_mask is None:
            raise AssertionError("is_causal needs an attn_mask where weights are asked for")
        scores = (q * math.sqrt(1.0 / width)).bmm(k.transpose(-2, -1))
        if attn_mask is not None:
            scores = scores + attn_mask
        weights_out = softmax(scores, dim=-1)
        if dropout_p > 0.0:
            weights_out = dropout(weights_out, p=dropout_p)
        out = weights_out.bmm(v).transpose(0, 1).reshape(steps * batch, features)
    else:
        if attn_mask is not None:
            whole = attn_mask.size(0) == 1 and attn_mask.dim() == 3
            attn_mask = attn_mask.unsqueeze(0) if whole else attn_mask.view(batch, num_heads, -1, keys)
        q, k, v = (x.view(batch, num_heads, -1, width) for x in (q, k, v))
        out = scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal)
        out = out.permute(2, 0, 1, 3).reshape(steps * batch, features)
    out = linear(out, out_proj_weight, out_proj_bias)
    out = out.view(steps, batch, out.size(1))
    if weights_out is not None:
        weights_out = weights_out.view(batch, num_heads, steps, keys)
        if average_attn_weights:
            weights_out = weights_out.mean(dim=1)
    if batched:
        return out, weights_out
    return out.squeeze(1), None if weights_out is None else weights_out.squeeze(0)


def _one_more_key(mask: Tensor | None) -> Tensor | None:
    """A mask with a column of zeros behind: one more key, which all may look at."""
    return None if mask is None else pad(mask, (0, 1))


def _static(name: str, given: Tensor, rows: int, width: int) -> Tensor:
    for dim, expected in ((0, rows), (2, width)):
        _demand(given.size(dim) == expected, f"expecting {name}.size({dim}) of {expected}, but got {given.size(dim)}")
    return given
