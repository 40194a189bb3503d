"""Write files with PyTorch, for `load` to read: run with a Python that has torch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).parent / "pth"
DTYPES = ("float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool")


def contents() -> dict[str, Any]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    adam = torch.optim.Adam(net.parameters(), lr=0.25)
    net(torch.ones(4, 3)).sum().backward()
    adam.step()
    base = torch.arange(6.0).reshape(2, 3)
    shared = [1, 2]
    return {
        "net": net.state_dict(),
        "adam": adam.state_dict(),
        "base": base,
        "row": base[1],
        "turned": base.t(),
        "dtypes": [torch.tensor([0, 1, 1]).to(getattr(torch, name)) for name in DTYPES],
        "parameter": nn.Parameter(torch.ones(2)),
        "empty": torch.zeros(2, 0),
        "list": [shared, shared],
        "others": (1, -2.5, "\u4e2d", b"\x00\xff", None, torch.Size([2, 3]), torch.float16, torch.device("cpu")),
        "number": np.float64(1.5),
        "index": np.int64(3),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    HERE.mkdir(exist_ok=True)
    torch.save(contents(), HERE / "zip.pth")
    torch.save(contents(), HERE / "legacy.pth", _use_new_zipfile_serialization=False)
