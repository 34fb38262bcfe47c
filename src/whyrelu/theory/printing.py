"""The prediction of one configuration in the terminal."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from whyrelu.runs.plan import prepare_data
from whyrelu.theory.configured import Theory
from whyrelu.theory.mean_field import chi_1, fixed_points


def print_prediction(config: Mapping[str, Any]) -> None:
    """Print what is predicted for each layer of a network, and the fixed points of its last one."""
    prepare_data([config])
    theory = Theory()
    planned = theory.planned(config)
    print(", ".join(f"{key} {config[key]['name']}" for key in ("activation", "model", "init", "norm")))
    if planned is None:
        print("theory does not know this model or norm")
        return
    (*_, (weight_variance, bias_variance, *_)), batch_norm = planned
    phi, columns = theory.moments(config).phi, theory.of(config)._asdict()
    print(f"decades of gradient, first layer over last: {columns.pop('decades'):.4g}")
    # a mean of chi, which leaves padding and pooling out: its sign may be another than that of decades
    del columns["xi"]
    if not batch_norm:
        for q, stable in fixed_points(phi, weight_variance, bias_variance):
            kind, chi = "stable" if stable else "unstable", float(chi_1(phi, q, weight_variance))
            print(f"{kind} fixed point of the last layer: q* = {q:.4g}, chi_1 = {chi:.4g}")
    table = pd.DataFrame(columns, index=pd.RangeIndex(1, config["depth"] + 1, name="layer"))
    print(table.to_string(float_format="{:.4g}".format, na_rep="-"))
