"""The kinds of operations that the time of a training step is divided into."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

OPTIMIZER = "optimizer"
# Operations that the optimizer is made of where it is neither fused nor works on lists.
UPDATES = ("aten::add_", "aten::mul_")
# The first that fits the name of an operation; what happens while a batch is made is data whatever it is called.
KINDS = (
    ("convolution", r"conv"),
    ("linear layer", r"addmm|::mm$|linear"),
    ("pooling", r"max_pool"),
    ("activation", r"relu|threshold|clamp_min|tanh|sigmoid"),
    (OPTIMIZER, r"foreach|fused|sgd"),
    ("conversion between formats", r"copy|::to$|contiguous|clone|cat$"),
    ("loss, mean and other small operations", r"^aten::"),
)
REST = "Python, Lightning and dispatch"
OF_DATA = "data and augmentation"
ALL = (*(kind for kind, _ in KINDS), OF_DATA, REST)


def kind_of(name: str) -> str | None:
    """Return the kind of an operation; None for what is no operation of PyTorch."""
    if name.startswith("autograd::") or not name.startswith(("aten::", "mkldnn")):
        return None
    return next((kind for kind, pattern in KINDS if re.search(pattern, name)), None)


def kinds_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the kinds that take any time in these rows, in their order."""
    return [kind for kind in ALL if any(row["kinds"].get(kind) for row in rows)]
