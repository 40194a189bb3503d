"""Rows of losses with margins, further activations and norms, dropout of channels, bags and bilinear maps."""

from __future__ import annotations

from module_table.row import IMAGE, LOGITS, REDUCTIONS, SMALL, In, layer

PAIR = [SMALL, SMALL]
UNIT = [SMALL, In(SMALL, "unit")]
LINE = (2, 4, 5)

ROWS = [
    *[layer(name, reduction=r, on=UNIT) for name in ("PoissonNLLLoss", "MultiLabelSoftMarginLoss") for r in REDUCTIONS],
    *[layer(name, reduction=r, on=PAIR) for name in ("SmoothL1Loss", "HuberLoss") for r in REDUCTIONS],
    layer("KLDivLoss", reduction="batchmean", on=[SMALL, In(SMALL, "share")]),
    layer("KLDivLoss", reduction="sum", log_target=True, on=PAIR),
    layer("GaussianNLLLoss", full=True, on=[SMALL, SMALL, In(SMALL, "unit")]),
    layer("MultiMarginLoss", p=2, margin=0.5, on=LOGITS),
    layer("MultiLabelMarginLoss", on=[SMALL, In(SMALL, "classes", 4)]),
    layer("TripletMarginLoss", swap=True, on=[SMALL, SMALL, SMALL]),
    layer("TripletMarginWithDistanceLoss", margin=0.5, on=[SMALL, SMALL, SMALL]),
    layer("LinearCrossEntropyLoss", 4, 3, bias=True, on=[SMALL, In((3,), "classes", 3)]),
    # In float64 PyTorch multiplies gradients by the 1/6 of float32, 3e-8 off.
    layer("Hardsigmoid", on=SMALL, rough=True),
    *[
        layer(name, on=(3, 4))
        for name in ("CELU", "SELU", "GLU", "Hardshrink", "Softshrink", "Hardswish", "Mish", "PReLU")
    ],
    layer("PReLU", 4, init=0.1, on=LINE),
    layer("RReLU", 0.1, 0.4, on=(7, 5), rough=True),
    layer("RReLU", inplace=True, on=(7, 5), rough=True),
    layer("CELU", 0.5, inplace=True, on=(3, 4)),
    layer("GroupNorm", 2, 4, on=IMAGE),
    layer("GroupNorm", 2, 4, affine=False, on=LINE),
    layer("GroupNorm", 4, 4, eps=1e-3, bias=False, on=LINE),
    layer("InstanceNorm1d", 4, on=LINE),
    layer("InstanceNorm2d", 4, affine=True, track_running_stats=True, on=IMAGE),
    layer("InstanceNorm3d", 2, on=(2, 2, 2, 3, 2)),
    layer("BatchNorm3d", 2, on=(2, 2, 2, 3, 2)),
    layer("RMSNorm", 4, on=SMALL),
    layer("RMSNorm", (6, 5), eps=1e-3, elementwise_affine=False, on=IMAGE),
    layer("LocalResponseNorm", 3, alpha=0.1, on=IMAGE),
    layer("Bilinear", 3, 4, 2, on=[(5, 3), (5, 4)]),
    layer("EmbeddingBag", 5, 3, on=In((2, 4), "classes", 5)),
    layer("EmbeddingBag", 5, 3, mode="max", padding_idx=1, on=In((2, 4), "classes", 5)),
    layer("Dropout1d", on=LINE, rough=True),
    layer("Dropout2d", 0.25, on=IMAGE, rough=True),
    layer("Dropout3d", inplace=True, on=(2, 4, 2, 3, 2), rough=True),
    layer("AlphaDropout", on=(7, 5), rough=True),
    layer("FeatureAlphaDropout", 0.3, on=(7, 5), rough=True),
]
