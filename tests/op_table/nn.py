"""`nn.functional`: layers without their module, activations and losses."""

from __future__ import annotations

from typing import Any

from op_table.row import S, bad, idx, lit, op, plain, pos, s, x
from under_test import FLOATS

NAN, INF = float("nan"), float("inf")
SUM = {"float32": (4e-6, 4e-5), "float16": (4e-3, 8e-3), "bfloat16": (3e-2, 6e-2)}
SOFT = {"float32": (3e-6, 2e-5), "float16": (4e-3, 2e-3), "bfloat16": (2e-2, 1e-2)}
WHY = "the order of summation differs"
WIDE = ("float32", "float64")
IMAGE = x(2, 4, 5, 6)


def f(name: str, *samples: S, **how: Any) -> Any:
    how.setdefault("dtypes", FLOATS)
    return op(f"nn.functional.{name}", *samples, **how)


def conv(name: str, *samples: S, **how: Any) -> Any:
    return f(name, *samples, tol=SUM, why=WHY, dtypes=WIDE, **how)


def activation(name: str, *more: S, **how: Any) -> Any:
    samples = (s(x(35, low=-4.0, high=4.0)), s(x(3, 4)), s(x()), s(x(0, 3)), plain(x(3, 4), inplace=True) if how.pop("flag", False) else s(x(2, 2)))
    how.setdefault("tol", SOFT)
    return f(name, *samples, *more, **how)


def loss(name: str, target: Any, *more: S, make: Any = x, **how: Any) -> Any:
    samples = [s(make(3, 4), target, reduction=kind) for kind in ("mean", "sum", "none")]
    return f(name, *samples, *more, tol=SUM, why=WHY, errors=[bad(make(3, 4), target, reduction="most")], **how)


CLASSES = idx([1, 0, 3])
LOGITS = x(3, 4)
MSE = loss("mse_loss", x(3, 4), s(x(0, 2), x(0, 2)), s(x(0, 2), x(0, 2), reduction="sum"), s(x(), x()))
L1 = loss("l1_loss", x(3, 4), s(x(), x()))
BCE = loss("binary_cross_entropy_with_logits", x(3, 4, low=0.0, high=1.0), s(LOGITS, x(3, 4, low=0.0, high=1.0), pos(4, grad=False)), s(LOGITS, x(3, 4, low=0.0, high=1.0), pos_weight=pos(4, grad=False), reduction="sum"))
MEANS = {"running_mean": x(4, grad=False), "running_var": pos(4, grad=False)}

ROWS = [
    conv("linear", s(x(2, 3), x(4, 3), x(4)), s(x(2, 3), x(4, 3)), s(x(3), x(4, 3), x(4)), s(x(2, 2, 3), x(4, 3), x(4)), s(x(0, 3), x(4, 3), x(4)), s(x(3), x(3)), s(x(2, 0), x(3, 0), x(3)), errors=[bad(x(2, 3), x(4, 2)), bad(x(2, 3), x(4, 3), x(3))]),
    conv("bilinear", s(x(2, 3), x(2, 4), x(5, 3, 4), x(5))),
    conv(
        "conv1d", s(x(2, 3, 8), x(4, 3, 3), x(4)), s(x(2, 3, 8), x(4, 3, 3), stride=2, padding=1), s(x(2, 4, 8), x(4, 2, 3), None, dilation=2, groups=2), s(x(3, 8), x(4, 3, 3)), s(x(2, 3, 8), x(4, 3, 3), padding="same"),
        errors=[bad(x(2, 3, 8), x(4, 2, 3)), bad(x(2, 3, 2), x(4, 3, 3))],
    ),
    conv(
        "conv2d",
        s(IMAGE, x(3, 4, 3, 3), x(3)), s(IMAGE, x(3, 4, 3, 2), None, 2), s(IMAGE, x(3, 4, 3, 3), x(3), (2, 1), (1, 2)), s(IMAGE, x(3, 4, 2, 2), x(3), 1, 0, 2), s(IMAGE, x(6, 2, 3, 3), x(6), padding=1, groups=2),
        s(IMAGE, x(4, 1, 3, 3), None, padding=1, groups=4), s(x(4, 5, 6), x(3, 4, 3, 3), x(3)), s(IMAGE, x(3, 4, 1, 1)), s(IMAGE, x(3, 4, 3, 2), padding="same"), s(IMAGE, x(3, 4, 3, 3), padding="valid"), s(IMAGE, x(3, 4, 3, 3), padding="same", dilation=2),
        s(x(0, 4, 5, 6), x(3, 4, 3, 3), x(3)), s(x(1, 1, 7, 7), x(2, 1, 5, 5), x(2), padding=2), s(x(2, 3, 9, 9), x(8, 3, 3, 3), x(8), stride=3),
        errors=[bad(IMAGE, x(3, 2, 3, 3)), bad(IMAGE, x(3, 4, 9, 9)), bad(IMAGE, x(3, 4, 3, 3), x(2)), bad(x(5, 6), x(3, 4, 3, 3)), bad(IMAGE, x(3, 4, 3, 3), None, 0), bad(IMAGE, x(3, 4, 3, 3), None, 1, -1), bad(IMAGE, x(3, 2, 3, 3), None, 1, 0, 1, 2), bad(IMAGE, x(3, 4, 3, 3), stride=2, padding="same"), bad(IMAGE, x(3, 4, 3, 3, dtype="float64"))],
    ),
    f(
        "max_pool2d",
        s(x(2, 3, 6, 7), 2), s(x(2, 3, 6, 7), 3, 2, 1), s(x(1, 2, 7, 7), (3, 2), (1, 2), (1, 0)), s(x(2, 6, 7), 2), s(x(1, 1, 7, 7), 2, ceil_mode=True), s(x(1, 1, 7, 7), 3, 1, dilation=2), s(x(0, 2, 4, 4), 2), s(x(1, 1, 5, 5), 3, 2, return_indices=True),
        errors=[bad(x(4, 4), 2), bad(x(1, 1, 2, 2), 3), bad(x(1, 1, 4, 4), 2, padding=2), bad(x(1, 1, 4, 4), 0)],
    ),
    f("max_pool1d", s(x(2, 3, 7), 2), s(x(2, 3, 7), 3, 1, 1), s(x(3, 7), 2), dtypes=WIDE),
    f(
        "avg_pool2d",
        s(x(2, 3, 6, 7), 2), s(x(2, 3, 6, 7), 3, 2, 1), s(x(1, 2, 7, 7), (3, 2), (1, 2), (1, 0)), s(x(2, 6, 7), 2), s(x(1, 1, 7, 7), 2, ceil_mode=True), s(x(1, 1, 5, 5), 3, 2, 1, count_include_pad=False), s(x(1, 1, 5, 5), 2, divisor_override=3), s(x(0, 2, 4, 4), 2),
        errors=[bad(x(4, 4), 2), bad(x(1, 1, 2, 2), 3), bad(x(1, 1, 4, 4), 2, padding=2)], tol=SUM, why=WHY,
    ),
    f("avg_pool1d", s(x(2, 3, 7), 2), s(x(2, 3, 7), 3, 1, 1), s(x(3, 7), 2), dtypes=WIDE),
    f("adaptive_avg_pool1d", s(x(2, 3, 7), 3), s(x(2, 3, 7), (2,)), s(x(3, 7), 1), tol=SUM, why=WHY, errors=[bad(x(2, 3, 7), ()), bad(x(2, 3, 7), (1, 2))]),
    f("adaptive_avg_pool2d", s(x(2, 3, 6, 7), 1), s(x(2, 3, 6, 7), (3, 2)), s(x(2, 3, 6, 7), (None, 4)), s(x(3, 5, 5), 2), s(x(1, 1, 3, 3), 5), tol=SUM, why=WHY, errors=[bad(x(4, 4), 2)]),
    f("batch_norm", s(x(5, 4), **MEANS), s(x(5, 4), None, None, training=True), s(x(2, 4, 3, 3), x(4, grad=False), pos(4, grad=False), x(4), x(4), True, 0.1, 1e-3), s(x(3, 4, 5), **MEANS, weight=x(4), bias=x(4)), s(x(2, 4, 3, 3), x(4, grad=False), pos(4, grad=False), training=True, momentum=0.5), s(x(2, 4, 2, 2), **MEANS, weight=x(4), eps=1e-2),
      tol={"float32": (2e-5, 5e-5), "float64": (1e-7, 1e-7)}, why=WHY, dtypes=WIDE, twice=False,
      errors=[bad(x(1, 4), None, None, training=True), bad(x(5, 4), None, None), bad(x(5, 4), x(3), pos(3))]),
    f("layer_norm", s(x(3, 4), (4,)), s(x(2, 3, 4), (3, 4), x(3, 4), x(3, 4)), s(x(2, 3, 4), [4], x(4), None, 1e-3), s(x(2, 67), (67,), x(67), x(67)), s(x(0, 4), (4,)), tol={"float32": (2e-5, 5e-5)}, why=WHY, dtypes=WIDE, errors=[bad(x(3, 4), (3,)), bad(x(3, 4), (4,), x(3))]),
    f("dropout", s(x(3, 4), 0.0), s(x(3, 4), 0.5, False), s(x(3, 4), 1.0), s(x(0, 2), 0.5), plain(x(3), 0.9, training=False, inplace=True), errors=[bad(x(3), 1.5), bad(x(3), -0.1)]),
    f("embedding", s(idx([[1, 0], [2, 1]]), x(4, 3)), s(idx([1, 1, 2]), x(4, 3), 1), s(idx([0, 3], "int32"), x(4, 3), padding_idx=-1), plain(idx([]), x(4, 3)), s(idx(2), x(4, 3)), twice=False,
      errors=[bad(idx([4]), x(4, 3)), bad(idx([-1]), x(4, 3)), bad(lit([0.5], "float32"), x(4, 3))]),
    # PyTorch's second derivative leaves the frequencies out, so only the first is compared.
    f("embedding.by_frequency", s(idx([2, 2, 2, 0]), x(4, 3), scale_grad_by_freq=True), fn="nn.functional.embedding", grad=1, twice=False),
    f("pad", s(x(3, 4), (1, 2)), s(x(2, 3, 4), (1, 0, 0, 2), value=2.5), s(x(3, 4), (-1, 1)), s(x(1, 2, 3, 4), (1, 1, 2, 0), "constant"), s(x(1, 2, 3, 4), (1, 1, 2, 0), mode="reflect"), s(x(1, 2, 3, 4), (1, 1, 2, 0), mode="replicate"), s(x(1, 2, 3, 4), (1, 1, 2, 0), mode="circular"), dtypes=WIDE),
    activation("relu", flag=True),
    activation("relu6", flag=True),
    activation("leaky_relu", s(x(3, 4), 0.3), s(x(3, 4), negative_slope=-0.2), flag=True),
    activation("elu", s(x(3, 4), 0.7), s(x(3, 4), alpha=2.0), flag=True),
    activation("selu", flag=True),
    activation("celu", s(x(3, 4), 0.7)),
    activation("gelu", s(x(3, 4), approximate="tanh"), s(x(35, low=-4.0, high=4.0), approximate="tanh"), errors=[bad(x(3), approximate="x")]),
    activation("silu", flag=True),
    activation("softplus", s(x(3, 4), 2.0, 1.0)),
    activation("hardtanh", s(x(3, 4), -0.5, 0.7), flag=True),
    activation("logsigmoid"),
    activation("softsign"),
    activation("tanhshrink"),
    activation("hardsigmoid", s(x(3, 4, low=-5.0, high=5.0)), grad=1),
    activation("hardswish", s(x(3, 4, low=-5.0, high=5.0))),
    activation("mish"),
    activation("sigmoid"),
    activation("tanh"),
    activation("threshold", fn=lambda T, a, **k: T.nn.functional.threshold(a, 0.1, 20.0, **k)),
    MSE,
    L1,
    BCE,
    f("binary_cross_entropy", *(s(x(3, 4, low=0.05, high=0.95), x(3, 4, low=0.0, high=1.0, grad=False), reduction=kind) for kind in ("mean", "sum", "none")), tol=SUM, why=WHY, dtypes=WIDE, errors=[bad(x(3, low=0.1, high=0.9), x(4, low=0.1, high=0.9)), bad(lit([1.5]), lit([0.5]))]),
    f("smooth_l1_loss", s(x(3, 4), x(3, 4)), s(x(3, 4), x(3, 4), reduction="none", beta=0.5), tol=SUM, dtypes=WIDE),
    f("huber_loss", s(x(3, 4), x(3, 4)), s(x(3, 4), x(3, 4), reduction="none", delta=0.5), tol=SUM, dtypes=WIDE),
    f(
        "cross_entropy",
        *(s(LOGITS, CLASSES, reduction=kind) for kind in ("mean", "sum", "none")),
        s(LOGITS, idx([1, -100, 3])), s(LOGITS, idx([1, 0, 3]), ignore_index=0), s(LOGITS, CLASSES, pos(4, grad=False)), s(LOGITS, CLASSES, weight=pos(4, grad=False), reduction="none"), s(LOGITS, CLASSES, label_smoothing=0.2), s(LOGITS, CLASSES, pos(4, grad=False), label_smoothing=0.1, ignore_index=3),
        s(x(2, 4, 3), idx([[1, 0, 3], [2, 2, 1]])), s(x(4), idx(2)), s(LOGITS, x(3, 4, low=0.0, high=1.0)), s(LOGITS, x(3, 4, low=0.0, high=1.0), pos(4, grad=False), label_smoothing=0.1, reduction="sum"), s(x(2, 4, 2, 2), idx([[[1, 0], [3, 2]], [[0, 0], [1, 1]]]), reduction="sum"),
        tol=SUM, why=WHY,
        errors=[bad(LOGITS, idx([1, 0])), bad(LOGITS, idx([1, 0, 4])), bad(LOGITS, idx([[1, 0, 3]])), bad(LOGITS, lit([1.0, 0.0, 3.0], "float32")), bad(LOGITS, CLASSES, x(3)), bad(LOGITS, CLASSES, label_smoothing=1.5), bad(LOGITS, CLASSES, reduction="most")],
    ),
    f(
        "nll_loss",
        *(s(LOGITS, CLASSES, reduction=kind) for kind in ("mean", "sum", "none")),
        s(LOGITS, idx([1, -100, 3])), s(LOGITS, CLASSES, ignore_index=0), s(LOGITS, CLASSES, pos(4, grad=False)), s(LOGITS, CLASSES, weight=pos(4, grad=False), reduction="none"), s(x(2, 4, 2, 2), idx([[[1, 0], [3, 2]], [[0, 0], [1, 1]]])), s(x(4), idx(2)), s(x(0, 4), idx([]), reduction="sum"), s(x(2, 4, 3), idx([[1, 0, 3], [2, 2, 1]]), reduction="none"),
        tol=SUM, why=WHY,
        errors=[bad(LOGITS, idx([1, 0])), bad(LOGITS, idx([1, 0, 4])), bad(LOGITS, idx([-1, 0, 0])), bad(LOGITS, CLASSES, x(3)), bad(x(), idx(0))],
    ),
    f("kl_div", s(LOGITS, pos(3, 4)), s(LOGITS, pos(3, 4), reduction="batchmean"), s(LOGITS, x(3, 4), reduction="sum", log_target=True), tol=SUM, dtypes=WIDE),
    f("normalize", s(x(3, 4)), s(x(3, 4), 1.0, 0), tol=SUM, dtypes=WIDE),
    f("softmin", s(x(3, 4), 1), tol=SOFT, dtypes=WIDE),
    f("cosine_similarity", s(x(3, 4), x(3, 4)), s(x(3, 4), x(3, 4), dim=0), tol=SUM, dtypes=WIDE),
    *(f(f"{name}.legacy", *(s(LOGITS, target, size_average=a, reduce=b) for a, b in ((True, True), (False, True), (True, False))), fn=f"nn.functional.{name}", tol=SUM, dtypes=WIDE)
      for name, target in (("mse_loss", x(3, 4)), ("l1_loss", x(3, 4)), ("nll_loss", CLASSES), ("cross_entropy", CLASSES), ("binary_cross_entropy_with_logits", x(3, 4, low=0.0, high=1.0)))),
]
