"""Random streams through the Python API are PyTorch's, bit for bit: the recorded ones of `golden/random.json`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from under_test import T, dtype, dtype_name

GOLDEN = json.loads((Path(__file__).parent / "golden" / "random.json").read_text())
INF = float("inf")


def empty(n: int, name: str) -> Any:
    return T.empty(n, dtype=dtype(name))


def table(n: int, name: str, number: Callable[[int], float]) -> Any:
    return T.tensor([number(i) for i in range(n)], dtype=T.float64).to(dtype(name))


def chances(n: int, name: str) -> Any:
    return table(n, name, lambda i: (i % 11) / 10)


def weights(n: int, name: str) -> Any:
    return table(n, name, lambda i: (i * 7 % 13 + 1) / 8)


OPS: dict[str, Callable[..., Any]] = {
    "uniform": lambda n, t, a, b: empty(n, t).uniform_(a, b),
    "normal": lambda n, t, mean, std: empty(n, t).normal_(mean, std),
    "normal_strided": lambda n, t, mean, std: T.empty(n, 2, dtype=dtype(t))[:, 0].normal_(mean, std),
    "log_normal": lambda n, t, mean, std: empty(n, t).log_normal_(mean, std),
    "cauchy": lambda n, t, median, sigma: empty(n, t).cauchy_(median, sigma),
    "exponential": lambda n, t, lam: empty(n, t).exponential_(INF if lam == "inf" else lam),
    "geometric": lambda n, t, p: empty(n, t).geometric_(p),
    "random": lambda n, t: empty(n, t).random_(),
    "random_from_to": lambda n, t, a, b: empty(n, t).random_(a, b),
    "randint": lambda n, t, a, b: T.randint(a, b, (n,), dtype=dtype(t)),
    "randperm": lambda n, t: T.randperm(n, dtype=dtype(t)),
    "bernoulli": lambda n, t, p: empty(n, t).bernoulli_(p),
    "bernoulli_tensor": lambda n, t, p: empty(n, t).bernoulli_(chances(n, p)),
    "dropout_kept": lambda n, t, p: T.nn.functional.dropout(T.ones(n, dtype=dtype(t)), p) != 0,
    "multinomial": lambda n, t, rows, k, again: T.multinomial(
        weights(rows * n, t).view(rows, n), k, replacement=bool(again)
    ),
}


def raw(x: Any) -> bytes:
    """The little-endian bytes of a tensor, element by element."""
    x = x.contiguous().flatten()
    if dtype_name(x) == "bfloat16":
        x = x.view(T.int16)
    return np.array(x.numpy()).tobytes()


def digest(data: bytes) -> str:
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"#{h:016x}"


def text(x: Any) -> str:
    return raw(x).hex() if x.numel() <= 17 else digest(raw(x))


KINDS = sorted({case["steps"][0][0] for case in GOLDEN["cases"]})


@pytest.mark.filterwarnings("ignore:(to - 1|from) is out of bounds")
@pytest.mark.parametrize("kind", KINDS)
def test_streams(kind: str) -> None:
    wrong: list[str] = []
    for case in GOLDEN["cases"]:
        if case["steps"][0][0] != kind:
            continue
        T.manual_seed(case["seed"])
        for op, name, n, args, want in case["steps"]:
            if (got := text(OPS[op](n, name, *args))) != want:
                wrong.append(
                    f"seed {case['seed']}: {op}({', '.join(map(str, args))}) of {n} {name}: {got[:40]}, not {want[:40]}"
                )
                break
    assert not wrong, "\n".join(wrong[:12])


def test_states() -> None:
    """`get_rng_state` has PyTorch's bytes, and setting them continues the stream."""
    for seed, draws, normals, want, head, tail in GOLDEN["states"]:
        T.manual_seed(seed)
        T.rand(draws)
        T.randn(normals)
        state = T.get_rng_state()
        data = raw(state)
        assert (data[:40].hex(), data[-48:].hex()) == (head, tail), (seed, draws, normals)
        assert digest(data) == want
        following = T.randn(5).tolist()
        T.set_rng_state(state)
        assert T.randn(5).tolist() == following


def test_generators_are_apart() -> None:
    mine, other = T.Generator(), T.Generator()
    mine.manual_seed(7)
    other.manual_seed(7)
    T.manual_seed(7)
    want = T.rand(5).tolist()
    T.rand(3)
    assert T.rand(5, generator=mine).tolist() == want
    assert T.empty(5).uniform_(generator=other).tolist() == want
    assert mine.initial_seed() == 7


def test_seed_types() -> None:
    assert T.manual_seed(3) is T.default_generator
    assert T.initial_seed() == 3
    T.manual_seed(-1)
    assert T.initial_seed() == 2**64 - 1


def test_forms_share_the_stream() -> None:
    """The factories, the `_like` forms and the in-place forms draw the same numbers."""

    def draw(act: Callable[[], Any]) -> list[float]:
        T.manual_seed(11)
        return act().flatten().tolist()  # type: ignore[no-any-return]

    base = T.zeros(4, 5)
    assert draw(lambda: T.rand(4, 5)) == draw(lambda: T.rand_like(base)) == draw(lambda: base.clone().uniform_())
    assert draw(lambda: T.randn(4, 5)) == draw(lambda: T.randn_like(base)) == draw(lambda: base.clone().normal_())
    assert draw(lambda: T.normal(0.0, 1.0, (4, 5))) == draw(lambda: T.randn(4, 5))
    assert draw(lambda: T.randint(9, (4, 5))) == draw(lambda: T.randint_like(base, 9))
    assert draw(lambda: T.bernoulli(base + 0.5)) == draw(lambda: base.clone().bernoulli_(base + 0.5))


def test_initial_weights() -> None:
    """Linear and Conv2d begin with PyTorch's weights for the same seed (values recorded from PyTorch)."""
    T.manual_seed(0)
    layer = T.nn.Linear(3, 2)
    np.testing.assert_array_equal(
        layer.weight.detach().numpy(),
        np.array([[-0.0043225177, 0.30971584, -0.47518533], [-0.4248946, -0.22236897, 0.15482073]], dtype=np.float32),
    )
    np.testing.assert_array_equal(layer.bias.detach().numpy(), np.array([-0.011439145, 0.45777494], dtype=np.float32))


def test_without_memory_nothing_is_drawn() -> None:
    """On meta the arguments are checked, nothing is written and the stream stays where it is."""
    state = T.get_rng_state()
    x = T.empty(64, 64, device="meta")
    for fill in (
        lambda: x.uniform_(-1, 1),
        lambda: x.normal_(),
        lambda: x.log_normal_(),
        lambda: x.cauchy_(),
        lambda: x.exponential_(),
        lambda: x.geometric_(0.5),
        lambda: x.bernoulli_(0.5),
        lambda: x.random_(3, 9),
    ):
        assert fill() is x
    assert T.nn.LSTM(4, 4, device="meta")(T.empty(5, 2, 4, device="meta"))[0].shape == (5, 2, 4)
    assert T.equal(T.get_rng_state(), state)
