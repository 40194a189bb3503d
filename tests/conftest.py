"""What all tests share: a fixed seed, gradients on, and torch out of the way unless it is the library under test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from under_test import T


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Each test starts from the same seed and leaves the modes and the default dtype as it found them."""
    T.manual_seed(0)
    before = T.get_default_dtype()
    yield
    T.set_grad_enabled(True)
    T.set_default_dtype(before)


@pytest.fixture
def data() -> Path:
    """The folder with MNIST and Fashion-MNIST, where the machine has one."""
    folder = os.environ.get("TENSORRS_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("TENSORRS_TEST_DATA names no folder with the data sets")
    return Path(folder)
