"""`nn.functional`: losses with margins and of distributions, gated activations, norms by groups, bags, dropout."""

from __future__ import annotations

from typing import Any

from op_table.nn import SOFT, SUM, WHY, WIDE, f
from op_table.row import S, bad, idx, lit, pos, s, x

REDUCTIONS = ("mean", "sum", "none")
SIGNS = lit([[1.0, -1.0, 1.0, 1.0], [-1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, 1.0]])
LOGITS = x(3, 4)
CLASSES = idx([1, 0, 3])
LABELS = idx([[1, 3, -1, 0], [0, -1, 1, 2], [-1, 0, 0, 0]])
NORM = {"tol": {"float32": (3e-5, 1e-4)}, "why": WHY, "dtypes": WIDE}


def loss(name: str, *arguments: Any, more: tuple[S, ...] = (), **how: Any) -> Any:
    samples = [s(*arguments, reduction=kind) for kind in REDUCTIONS]
    how = {"tol": SUM, "why": WHY, "dtypes": WIDE, **how}
    return f(name, *samples, *more, **how)


def _running(T: Any, a: Any, mean: Any, var: Any, *rest: Any, **how: Any) -> Any:
    """instance_norm, with what it made of the running statistics."""
    mean, var = mean.clone(), var.clone()
    return [T.nn.functional.instance_norm(a, mean, var, *rest, **how), mean, var]


ROWS = [
    loss("margin_ranking_loss", LOGITS, LOGITS, SIGNS, more=(s(LOGITS, LOGITS, SIGNS, 0.5),), errors=[bad(x(3), x(3, 1), x(3))]),
    loss("hinge_embedding_loss", LOGITS, SIGNS, more=(s(LOGITS, SIGNS, 0.3),)),
    loss("cosine_embedding_loss", LOGITS, LOGITS, lit([1.0, -1.0, 1.0]), more=(s(x(4), x(4), lit(-1.0), -0.5),), errors=[bad(LOGITS, LOGITS, LOGITS), bad(x(4), x(4), x(4))]),
    loss("triplet_margin_loss", LOGITS, LOGITS, LOGITS, more=(s(LOGITS, LOGITS, LOGITS, 2.0, 3, swap=True), s(x(4), x(4), x(4))), errors=[bad(LOGITS, LOGITS, x(4)), bad(LOGITS, LOGITS, LOGITS, 0.0)]),
    loss("triplet_margin_with_distance_loss", LOGITS, LOGITS, LOGITS, errors=[bad(LOGITS, LOGITS, x(4)), bad(LOGITS, LOGITS, LOGITS, reduction="most")]),
    loss("soft_margin_loss", LOGITS, SIGNS),
    loss("multi_margin_loss", LOGITS, CLASSES, grad=1, more=(s(LOGITS, CLASSES, 2, 0.7), s(LOGITS, CLASSES, weight=pos(4, grad=False)), s(x(4), idx(2))), errors=[bad(LOGITS, idx([1, 0])), bad(LOGITS, idx([1, 0, 4])), bad(LOGITS, CLASSES, 3), bad(LOGITS, CLASSES, weight=x(3))]),
    loss("multilabel_margin_loss", LOGITS, LABELS, grad=1, more=(s(x(4), idx([2, 0, -1, 1])),), errors=[bad(LOGITS, idx([[1, 0]])), bad(x(2), idx([0, 2]))]),
    loss("multilabel_soft_margin_loss", LOGITS, x(3, 4, low=0.0, high=1.0, grad=False), more=(s(LOGITS, x(3, 4, low=0.0, high=1.0, grad=False), pos(4, grad=False)),)),
    loss("poisson_nll_loss", LOGITS, pos(3, 4, grad=False), more=(s(pos(3, 4), pos(3, 4, grad=False), False), s(LOGITS, x(3, 4, low=0.5, high=4.0, grad=False), full=True)), errors=[bad(LOGITS, LOGITS, reduction="most")]),
    loss("gaussian_nll_loss", LOGITS, LOGITS, pos(3, 4), more=(s(LOGITS, LOGITS, pos(3), full=True), s(LOGITS, LOGITS, pos(3, 1)), s(LOGITS, LOGITS, 0.7)), errors=[bad(LOGITS, LOGITS, lit([-1.0])), bad(LOGITS, LOGITS, pos(2))]),
    loss("ctc_loss", x(6, 3, 4), idx([[1, 1, 2], [2, 3, 3], [3, 1, 2]]), (6, 5, 6), (3, 2, 1), grad=1, twice=False, fn=lambda T, a, *rest, **k: T.nn.functional.ctc_loss(a.log_softmax(-1), *rest, **k), more=(s(x(6, 3, 4), idx([1, 2, 1]), idx([6, 5, 4]), idx([1, 2, 0]), blank=3), s(x(3, 4), idx([1, 1, 2]), (3,), (3,), zero_infinity=True), s(x(5, 4), idx([1, 2]), (5,), (2,))), errors=[bad(x(4, 2, 3), idx([[1], [1]]), (5, 4), (1, 1)), bad(x(4, 2, 3), idx([[1], [1]]), (4,), (1, 1)), bad(x(4, 2, 3), idx([[1], [1]]), (4, 4), (2, 1)), bad(x(4, 2, 3), idx([[1], [1]]), (4, 4), (1, 1), 4)]),
    loss("linear_cross_entropy", x(3, 5), x(4, 5), CLASSES, more=(s(x(5), x(4, 5), idx(2)), s(x(3, 5), x(4, 2, 5), idx([[1, 0], [2, 3], [0, 0]]), linear_bias=x(4, 2))), errors=[bad(x(3, 5), x(4, 4), CLASSES), bad(x(5), x(5), CLASSES)]),
    f("glu", s(x(3, 4)), s(x(4, 3), 0), s(x(2, 0, 6)), tol=SOFT, errors=[bad(x(3, 3)), bad(x()), bad(x(2, 4), 2)]),
    f("prelu", s(x(3, 4), x(1)), s(x(3, 4, 2), x(4)), s(x(), x()), s(x(5), x(1)), errors=[bad(x(3, 4), x(3)), bad(x(3, 4), x(1, 1))]),
    f("rrelu", s(x(3, 4)), s(x(3, 4), 0.2, 0.4), errors=[bad(x(3), 0.5, 0.1)]),
    f("group_norm", s(x(3, 4, 5), 2), s(x(3, 4, 5), 2, x(4), x(4)), s(x(2, 4, 3, 2), 4, x(4)), s(x(3, 6), 1, None, x(6), 1e-2), s(x(0, 4, 3), 2, x(4), x(4)), errors=[bad(x(1, 2, 0), 1), bad(x(1, 0, 3), 1), bad(x(3, 4), 3), bad(x(3, 4, 2), 2, x(3)), bad(x(4), 2)], **NORM),
    f("instance_norm", s(x(3, 4, 5)), s(x(3, 4, 5), None, None, x(4), x(4)), s(x(2, 4, 3), x(4, grad=False), pos(4, grad=False), use_input_stats=False), errors=[bad(x(3, 4, 1)), bad(x(3, 4, 5), use_input_stats=False)], **NORM),
    f("instance_norm.running", s(x(2, 4, 3), x(4, grad=False), pos(4, grad=False), x(4), x(4), momentum=0.3), s(x(2, 4, 3, 2), x(4, grad=False), pos(4, grad=False)), fn=_running, **NORM),
    f("rms_norm", s(x(3, 4), (4,)), s(x(2, 3, 4), (3, 4), x(3, 4)), s(x(2, 3, 4), (4,), x(4), 1e-2), errors=[bad(x(3, 4), (3,)), bad(x(3, 4), (4,), x(3))], **NORM),
    f("local_response_norm", s(x(2, 5, 3), 2), s(x(2, 5, 3, 2), 3, 0.1, 0.5, 2.0), s(x(0, 5, 3), 2), errors=[bad(x(3, 4), 2)], **NORM),
    *(f(f"embedding_bag.{mode}", s(idx([[1, 0], [2, 1]]), x(4, 3), mode=mode), s(idx([1, 1, 2, 3]), x(4, 3), idx([0, 0, 3]), mode=mode), s(idx([1, 1, 2, 3]), x(4, 3), idx([0, 2, 4]), mode=mode, include_last_offset=True), s(idx([1, 1, 2, 3]), x(4, 3), idx([0, 3]), mode=mode, padding_idx=1), fn="nn.functional.embedding_bag", grad=1, twice=False, tol=SUM, why=WHY, dtypes=WIDE,
        errors=[bad(idx([4]), x(4, 3), idx([0])), bad(idx([1]), x(4, 3), idx([1])), bad(idx([1]), x(4, 3)), bad(idx([1]), x(4, 3), idx([0]), mode="most")]) for mode in ("sum", "mean", "max")),
    f("embedding_bag.weighted", s(idx([[1, 0], [2, 1]]), x(4, 3), mode="sum", per_sample_weights=x(2, 2)), s(idx([1, 1, 2, 3]), x(4, 3), idx([0, 1]), mode="sum", per_sample_weights=x(4)), fn="nn.functional.embedding_bag", grad=1, twice=False, tol=SUM, why=WHY, dtypes=WIDE, errors=[bad(idx([[1, 0]]), x(4, 3), per_sample_weights=x(1, 2))]),
    *(f(name, s(x(2, 3, 4), 0.0, True), s(x(2, 3, 4), 0.5, False), s(x(2, 3, 4), 1.0, True), errors=[bad(x(2, 3, 4), 1.5)]) for name in ("alpha_dropout", "feature_alpha_dropout", "dropout1d")),
]
