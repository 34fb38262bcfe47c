"""The columns of the tables in results/explorer/."""

from __future__ import annotations

# theory.parquet, one row per layer
THEORY_COLUMNS = {
    **dict.fromkeys(("activation", "norm", "init"), "str"),
    # sigma_w^2 of the last layer
    "gain": "float64",
    **dict.fromkeys(("depth", "layer"), "int64"),
    # log10 of E[h^2], and of the gradient relative to the last layer's
    **dict.fromkeys(("log_q", "log_gradient"), "float32"),
}
# functions.parquet, one row per preactivation
FUNCTION_COLUMNS = {"activation": "str", **dict.fromkeys(("x", "value", "slope"), "float32")}
