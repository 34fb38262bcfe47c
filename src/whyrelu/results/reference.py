"""The part of a study in which claims about activations are decided, and activations are timed."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from whyrelu.results.given_rates import GIVEN_LR, TUNED

# Everything beside activation and depth is as in the headline grid, as far as a study has that.
REFERENCE = {"init": "critical", "norm": "none", "optimizer": "sgd", "precision": "32-true", GIVEN_LR: TUNED}


def reference_label(table: pd.DataFrame, columns: Sequence[str]) -> str:
    """The label of the facet of `REFERENCE`, as far as there is one, else the first.

    Args:
        table: runs or cells, with their `facet`.
        columns: the factors that tell facets apart.
    """
    for name, value in REFERENCE.items():
        if name in columns and (table[name] == value).any():
            table = table[table[name] == value]
    return str(table["facet"].iloc[0])
