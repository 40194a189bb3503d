"""Record what torchvision's transforms make of the table's images: run with a Python that has torchvision."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import torch
import torchvision
from torchvision import transforms

from golden.store import HERE, Writer
from transform_table import CASES, SEEDS, images, name_of, run


def main() -> None:
    writer = Writer()
    for case in CASES:
        rows = {}
        for kind, image in images().items():
            made = [run(torch, transforms, case, image, seed) for seed in SEEDS]
            rows[kind] = [[what, None if x is None else writer.array(x, str(x.dtype))] for what, x in made]
        writer.index[name_of(case)] = rows
    writer.save(HERE / "transforms.npz", {"torch": torch.__version__, "torchvision": torchvision.__version__})


if __name__ == "__main__":
    main()
