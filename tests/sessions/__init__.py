"""Sessions: plain programs whose every expression is held against what PyTorch answered.

A session is a text of Python statements, with `T` the library and `nn` its `nn`. Each expression on a line of its own
is answered by its `repr`, or by the class and text of what it raised, followed by its warnings; inside loops
`show(lambda: ...)` answers. `golden/record_sessions.py` records the answers.
"""

from __future__ import annotations

import ast
import copy
import math
import pickle
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

DECIMAL = r"(-?\d+\.\d*(?:e[-+]\d+)?)"
HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.txt"))


def answer(act: Callable[[], Any]) -> str:
    """What an expression says, errors and warnings included."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            text = repr(act())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            text = f"{type(error).__name__}: {error}"
    said = [f"{w.category.__name__}: {w.message}" for w in warned]
    lines = re.sub(r"0x[0-9a-f]+", "0x...", "\n".join([text, *said]))
    # Where the class of handles is defined is nobody's business.
    return re.sub(r"<\S*RemovableHandle object at \S+>", "<RemovableHandle>", lines)


def run(name: str, library: Any) -> list[tuple[str, str]]:
    """The session's expressions with their answers, in order."""
    answers: list[tuple[str, str]] = []
    library.manual_seed(0)
    known = {
        "__name__": "session",
        "T": library,
        "nn": library.nn,
        "OrderedDict": OrderedDict,
        "copy": copy,
        "pickle": pickle,
    }
    for statement in ast.parse((HERE / f"{name}.txt").read_text()).body:
        source = ast.unparse(statement)
        if isinstance(statement, ast.Expr):
            code = compile(ast.Expression(statement.value), source, "eval")
            answers.append((source, answer(lambda code=code: eval(code, known))))  # type: ignore[misc]
        else:
            known["show"] = lambda act, source=source: answers.append((source, answer(act)))
            exec(compile(ast.Module([statement], []), source, "exec"), known)
    return answers


def translated(text: str) -> str:
    """PyTorch's answer in this library's words: its name changes, the addresses of its pages do not."""
    text = re.sub(r" \(Triggered internally at .*\)", "", text)
    return re.sub(r"(https?://\S+)|\btorch\b", lambda found: found[1] or "tensorrs", text)


def agree(mine: str, theirs: str) -> bool:
    """Equal texts, but for the last digits shown of a number: sums may be taken in another order."""
    parts, others = re.split(DECIMAL, mine), re.split(DECIMAL, theirs)
    if len(parts) != len(others) or parts[::2] != others[::2]:
        return False
    return all(
        math.isclose(float(a), float(b), rel_tol=2e-4, abs_tol=2e-4)
        for a, b in zip(parts[1::2], others[1::2], strict=True)
    )
