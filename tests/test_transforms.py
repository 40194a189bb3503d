"""Image transforms against what torchvision made of the same images with the same seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorrs as torch
from golden.store import Reader
from tensorrs import transforms
from transform_table import CASES, SEEDS, images, name_of, run

GOLDEN = Reader(Path(__file__).parent / "golden" / "transforms.npz")
IMAGES = images()
# torchvision resizes tensors of bytes in fixed point, and hues take float32 through many steps: one step of 255.
COARSE = ("Resize", "RandomResizedCrop", "ColorJitter")


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_transform(case: Any, kind: str) -> None:
    if case[0] == "ToTensor" and isinstance(IMAGES[kind], np.ndarray):
        pytest.skip("tensors stay as they are here")
    recorded = GOLDEN.get(name_of(case))[kind]
    for seed in SEEDS:
        what, mine = run(torch, transforms, case, IMAGES[kind], seed)
        their, theirs = recorded[seed]
        assert what == their
        if theirs is None:
            continue
        theirs = theirs.array
        assert mine.shape == theirs.shape
        step = 1 if mine.dtype == np.uint8 and isinstance(IMAGES[kind], np.ndarray) and case[0] in COARSE else 1e-5
        np.testing.assert_allclose(mine.astype(float), theirs.astype(float), atol=step, rtol=0)


def test_text() -> None:
    t = transforms
    composed = t.Compose([t.Resize((4, 5)), t.ToTensor(), t.Normalize(0.5, (0.5,))])
    assert repr(composed) == (
        "Compose(\n    Resize(size=(4, 5), interpolation=bilinear, max_size=None, antialias=True)\n    ToTensor()\n"
        "    Normalize(mean=0.5, std=(0.5,))\n)"
    )
    assert repr(t.ColorJitter(0.1, 0.2, 0.3, 0.1)) == (
        "ColorJitter(brightness=(0.9, 1.1), contrast=(0.8, 1.2), saturation=(0.7, 1.3), hue=(-0.1, 0.1))"
    )
    assert repr(t.RandomCrop(3, padding=1)) == "RandomCrop(size=(3, 3), padding=1)"
    assert repr(t.RandomApply([t.ToTensor()])) == "RandomApply(\n    p=0.5\n    ToTensor()\n)"
    assert repr(t.RandomResizedCrop(3)) == (
        "RandomResizedCrop(size=(3, 3), scale=(0.08, 1.0), ratio=(0.75, 1.3333), interpolation=bilinear, antialias=True)"
    )


@pytest.mark.parametrize(
    ("act", "kind", "text"),
    [
        (lambda t: t.ToTensor()(3), TypeError, "pic should be PIL Image or ndarray"),
        (lambda t: t.Normalize([0.5], [0.0])(torch.ones(1, 2, 2)), ValueError, "std evaluated to zero"),
        (lambda t: t.Normalize([0.5], [1.0])(torch.ones(1, 2, 2, dtype=torch.uint8)), TypeError, "float tensor"),
        (lambda t: t.Resize((1, 2, 3)), ValueError, "1 or 2 values"),
        (lambda t: t.ToPILImage()(torch.ones(2, 2, 2, 2)), ValueError, "2/3 dimensional"),
        (lambda t: t.ToPILImage()(torch.ones(5, 2, 2)), ValueError, "> 4 channels"),
        (lambda t: t.ColorJitter(-1), ValueError, "non negative"),
        (lambda t: t.ColorJitter(hue=0.7), ValueError, r"between \(-0.5, 0.5\)"),
        (lambda t: t.CenterCrop((1, 2, 3)), ValueError, "only two dimensions"),
        (lambda t: t.Lambda(3), TypeError, "callable, got 'int'"),
        (lambda t: t.functional.adjust_hue(torch.ones(3, 2, 2), 0.7), ValueError, "hue_factor"),
    ],
)
def test_refusals(act: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        act(transforms)
