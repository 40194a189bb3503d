"""Rows of losses."""

from __future__ import annotations

from module_table.row import LOGITS, MAPS, ODDS, REDUCTIONS, SHARES, SMALL, WEIGHT, In, layer

ROWS = [
    *[layer(name, reduction=r, on=[SMALL, SMALL]) for name in ("MSELoss", "L1Loss") for r in REDUCTIONS],
    *[layer("CrossEntropyLoss", reduction=r, on=LOGITS, tensors=WEIGHT) for r in REDUCTIONS],
    layer("CrossEntropyLoss", on=LOGITS),
    layer("CrossEntropyLoss", ignore_index=2, label_smoothing=0.1, on=LOGITS),
    # Every target is ignored: the mean of nothing.
    layer("CrossEntropyLoss", ignore_index=0, on=[SMALL, In((3,), "classes", 1)], rough=True),
    layer("CrossEntropyLoss", on=SHARES),
    layer("CrossEntropyLoss", label_smoothing=0.2, on=SHARES, tensors=WEIGHT),
    layer("CrossEntropyLoss", on=MAPS, tensors=WEIGHT),
    layer("CrossEntropyLoss", on=[(4,), In((), "classes", 4)]),
    *[layer("NLLLoss", reduction=r, on=LOGITS, tensors=WEIGHT) for r in REDUCTIONS],
    layer("NLLLoss", ignore_index=2, on=MAPS),
    *[layer("BCEWithLogitsLoss", reduction=r, on=ODDS) for r in REDUCTIONS],
    layer("BCEWithLogitsLoss", on=ODDS, tensors={**WEIGHT, "pos_weight": (1.0, 2.0, 3.0, 0.5)}),
    *[layer("BCELoss", reduction=r, on=[In(SMALL, "unit"), In(SMALL, "unit")]) for r in REDUCTIONS],
    layer("BCELoss", on=[In(SMALL, "unit"), In(SMALL, "unit")], tensors=WEIGHT),
]
