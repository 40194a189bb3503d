"""Record PyTorch's CPU random streams into random.json.

Run with a Python that has torch: `python tests/golden/record_random.py`. A case is a seed and a list of steps, each
`[op, dtype, n, args, result]`; the steps of one case draw from one generator, so that what a step leaves behind (the
position in the stream, the cached second normal) is seen by the next. `result` is the hex of the little-endian bytes
of short results and `#` with their FNV-1a hash of long ones. `states` does the same for `torch.get_rng_state()`.

The streams are those of torch's own kernels. Older releases hand `bernoulli_(p)` and `exponential_` to MKL on Intel
processors, which draws other numbers; the script refuses to record those, and anything but the AVX2 kernels.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch

Step = tuple[str, str, int, list[object]]

SIZES = [0, 1, 2, 3, 15, 16, 17, 31, 100, 1000, 1001]
FLOATS = ["float32", "float64", "float16", "bfloat16"]
INTS = ["uint8", "int8", "int16", "int32", "int64"]
SEEDS = [0, 1, 42, 2**32 - 1, 67280421310721, 2**64 - 1, 123456789012345678]
INF = float("inf")
# One more draw of each kind after the steps of a case: what the steps consumed must be right too.
TAIL: list[Step] = [("uniform", "float32", 1, [0, 1]), ("normal", "float64", 1, [0, 1])]


def dtype(name: str) -> torch.dtype:
    value = getattr(torch, name)
    assert isinstance(value, torch.dtype)
    return value


def chances(n: int, name: str) -> torch.Tensor:
    """Probabilities 0, 0.1 .. 1, again and again."""
    return torch.tensor([(i % 11) / 10 for i in range(n)], dtype=torch.float64).to(dtype(name))


def weights(n: int, name: str) -> torch.Tensor:
    """Unnormalised weights with no zero among them."""
    return torch.tensor([(i * 7 % 13 + 1) / 8 for i in range(n)], dtype=torch.float64).to(dtype(name))


def empty(n: int, name: str) -> torch.Tensor:
    return torch.empty(n, dtype=dtype(name))


OPS: dict[str, Callable[..., torch.Tensor]] = {
    "uniform": lambda n, t, a, b: empty(n, t).uniform_(a, b),
    "normal": lambda n, t, mean, std: empty(n, t).normal_(mean, std),
    "normal_strided": lambda n, t, mean, std: torch.empty(n, 2, dtype=dtype(t))[:, 0].normal_(mean, std),
    "log_normal": lambda n, t, mean, std: empty(n, t).log_normal_(mean, std),
    "cauchy": lambda n, t, median, sigma: empty(n, t).cauchy_(median, sigma),
    "exponential": lambda n, t, lam: empty(n, t).exponential_(INF if lam == "inf" else lam),
    "geometric": lambda n, t, p: empty(n, t).geometric_(p),
    "random": lambda n, t: empty(n, t).random_(),
    "random_from_to": lambda n, t, a, b: empty(n, t).random_(a, b),
    "randint": lambda n, t, a, b: torch.randint(a, b, (n,), dtype=dtype(t)),
    "randperm": lambda n, t: torch.randperm(n, dtype=dtype(t)),
    "bernoulli": lambda n, t, p: empty(n, t).bernoulli_(p),
    "bernoulli_tensor": lambda n, t, p: empty(n, t).bernoulli_(chances(n, p)),
    "dropout_kept": lambda n, t, p: torch.nn.functional.dropout(torch.ones(n, dtype=dtype(t)), p) != 0,
    "multinomial": lambda n, t, rows, k, again: torch.multinomial(
        weights(rows * n, t).view(rows, n), k, replacement=bool(again)
    ),
}


def text(x: torch.Tensor) -> str:
    flat = torch.empty(x.numel(), dtype=x.dtype).copy_(x.flatten())  # a tensor of one element may keep odd strides
    raw = bytes(flat.view(torch.uint8).tolist())
    return raw.hex() if x.numel() <= 17 else digest(raw)


def digest(raw: bytes) -> str:
    h = 0xCBF29CE484222325
    for byte in raw:
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"#{h:016x}"


def run(seed: int, steps: list[Step]) -> dict[str, object]:
    torch.manual_seed(seed)
    done = [[op, t, n, args, text(OPS[op](n, t, *args))] for op, t, n, args in [*steps, *TAIL]]
    return {"seed": seed, "steps": done}


def scripts() -> list[list[Step]]:
    out: list[list[Step]] = []

    def each(op: str, dtypes: list[str], sizes: list[int], *variants: list[object]) -> None:
        # Sizes of one variant share a case: odd draw counts shift what comes after them.
        out.extend([(op, t, n, args) for n in sizes] for t in dtypes for args in variants)

    each("uniform", FLOATS, SIZES, [0, 1], [-0.3, 1.7], [-1e-3, 1e4], [2.5, 2.5])
    each("normal", FLOATS, SIZES, [0, 1], [0.7, 2.3], [-1e3, 0])
    # Long enough that a polynomial with one wrong bit in it shows.
    each("normal", ["float32", "float16"], [200_005], [0.1, 1.7])
    each("normal", ["float64"], [20_005], [0.1, 1.7])
    each("uniform", FLOATS, [20_005], [-0.3, 1.7])
    each("normal_strided", FLOATS, [1, 2, 16, 17, 33], [0, 1], [0.7, 2.3])
    each("log_normal", FLOATS, [1, 16, 33, 100], [0, 1], [-0.3, 0.6])
    each("cauchy", FLOATS, [1, 16, 33, 100], [0, 1], [-0.3, 0.6])
    each("exponential", FLOATS, SIZES, [1], [0.37], ["inf"])
    each("geometric", FLOATS + INTS, [1, 16, 33, 100], [0.2], [0.71])
    each("random", ["bool", *INTS, *FLOATS], [0, 1, 3, 17, 1000], [])
    each("random_from_to", FLOATS + INTS, [0, 1, 3, 17, 1000], [0, 100])
    each("random_from_to", ["bool"], [0, 1, 3, 17], [0, 2], [0, 1], [0, None])
    each("random_from_to", FLOATS + INTS, [1, 3, 17], [7, None])
    each("random_from_to", [*FLOATS, *INTS[1:]], [1, 3, 17], [-100, 28])
    for edge in (2**28 - 1, 2**28, 2**28 + 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1):
        each("random_from_to", ["int64"], [1, 3, 17], [0, edge], [-edge, edge] if edge < 2**62 else [-5, edge])
        if edge < 2**62:
            each("random_from_to", ["float32", "float64", "bfloat16"], [17], [0, edge], [-edge, edge])
    each("random_from_to", ["int32"], [17], [0, 2**28], [-(2**31), 2**31 - 1], [-(2**31), None])
    each("random_from_to", ["int64", "float64", "float32", "bfloat16"], [1, 17], [-(2**63), None])
    each("random_from_to", ["float16"], [17], [0, 65504], [-2051, 2051])
    each("random_from_to", ["bfloat16"], [17], [0, 1001], [-1001, 259])
    each("randint", ["int64", "int32", "uint8", "float32"], [10, 1001], [0, 10], [3, 100])
    each("randperm", ["int64", "int32", "float32", "float64"], [0, 1, 2, 3, 17, 100, 1001, 70000], [])
    each("randperm", ["uint8", "int8", "int16", "float16", "bfloat16"], [0, 1, 2, 17, 128], [])
    each("bernoulli", ["bool", *INTS, *FLOATS], [0, 1, 3, 17, 1000], [0.3], [1], [0])
    each("bernoulli", ["float32"], SIZES, [0.5], [0.9], [1e-3])
    for p in FLOATS:
        each("bernoulli_tensor", ["bool", "uint8", "int64", *FLOATS], [0, 1, 3, 17, 1000], [p])
    each("dropout_kept", ["float32", "float64", "bfloat16"], SIZES, [0.5], [0.1])
    for again in (0, 1):
        each("multinomial", FLOATS, [5], [1, 1, again], [3, 4, again])
        each("multinomial", ["float32", "float64"], [100, 1001], [1, 1, again], [2, 2, again], [2, 60, again])
    # Both caches, both word widths, either side of the block of 624 words.
    out.append(
        [
            ("normal", "float32", 3, [0, 1]),
            ("uniform", "float32", 5, [0, 1]),
            ("normal", "float32", 20, [0, 1]),
            ("normal", "float64", 1, [1, 2]),
            ("random", "int64", 1, []),
            ("uniform", "float32", 611, [0, 1]),
            ("uniform", "float64", 313, [0, 1]),
            ("randperm", "int64", 7, []),
            ("bernoulli", "float32", 9, [0.5]),
            ("log_normal", "float16", 3, [0, 1]),
            ("normal", "bfloat16", 100, [0, 1]),
            ("normal", "float16", 1, [0, 1]),
        ]
    )
    return out


def states() -> list[list[object]]:
    """(seed, 32-bit draws, normals after them, hash of the state, its first 40 and last 48 bytes)."""
    out: list[list[object]] = []
    for i, seed in enumerate(SEEDS):
        for draws, normals in ((0, 0), (1, 0), (623, 0), (624, 0), (625, 1), (1000 + i, 2), (10, 3)):
            torch.manual_seed(seed)
            torch.rand(draws)
            torch.randn(normals)
            raw = bytes(torch.get_rng_state().tolist())
            out.append([seed, draws, normals, digest(raw), raw[:40].hex(), raw[-48:].hex()])
    return out


def main() -> None:
    assert torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512"), "these are not the AVX2 kernels"
    torch.manual_seed(0)
    plain = torch.rand(20, dtype=torch.float64) < 0.3
    torch.manual_seed(0)
    assert torch.equal(torch.empty(20).bernoulli_(0.3) != 0, plain), "MKL draws bernoulli_(p) on this processor"
    cases = [run(SEEDS[i % len(SEEDS)], steps) for i, steps in enumerate(scripts())]
    head = {"torch": torch.__version__, "capability": torch.backends.cpu.get_cpu_capability()}
    lines = [json.dumps(head)[1:-1], '"states": [\n' + ",\n".join(map(json.dumps, states())) + "\n]"]
    lines.append('"cases": [\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]")
    Path(__file__).with_name("random.json").write_text("{" + ",\n".join(lines) + "}\n")


if __name__ == "__main__":
    main()
