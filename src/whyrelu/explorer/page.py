"""reports/explorer/index.html: one file with its tables, its charts and the library that draws them."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import vl_convert
import yaml

from whyrelu.config.grid import compose
from whyrelu.explorer.theory import COLUMNS
from whyrelu.files import read_json, write_bytes
from whyrelu.network.activations import activation_factory
from whyrelu.network.quadrature import evaluate
from whyrelu.network.scalar import scalar_function
from whyrelu.report.facts import Facts, all_studies
from whyrelu.report.names import SHORT_INITS, activation_name
from whyrelu.report.style import DARK, FAINT, GRID, INK, style_of
from whyrelu.report.templating import environment_of, said
from whyrelu.results.files import read_table
from whyrelu.results.labels import cell_factors

_TEMPLATES = Path(__file__).parent / "templates"
# Of preactivations, where functions are drawn.
_X = np.linspace(-8, 8, 161)


def write_page(results: Path, reports: Path) -> Path:
    """Write the page from the tables of results/ and the forest plots of reports/, and return its path."""
    theory = read_table(results / "explorer/theory.parquet", COLUMNS, "once it is deleted, python src/explorer.py")
    studies = all_studies(results)
    charts = yaml.safe_load((_TEMPLATES / "charts.yaml").read_text(encoding="utf-8"))
    data = {
        "activations": [_activation(rows) for _, rows in theory.groupby("activation", sort=False)],
        "depths": sorted(set(theory["depth"].tolist())),
        "cells": measured(studies, theory),
        "charts": {
            name: vl_convert.vegalite_to_vega({**chart, "config": charts["config"]})
            for name, chart in charts["charts"].items()
        },
    }
    template = environment_of(_TEMPLATES, autoescape=True).get_template("page.html.jinja")
    page = template.render(
        data=data,
        claims=_claims(results, reports, studies),
        colours={"ink": INK, "faint": FAINT, "grid": GRID},
        dark=DARK,
        library=vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed"),
    )
    write_bytes(page.encode(), reports / "explorer/index.html")
    return reports / "explorer/index.html"


def _activation(theory: pd.DataFrame) -> dict[str, Any]:
    """Names, colour and values of an activation, and what theory predicts for it by place and depth."""
    key = str(theory["activation"].iloc[0])
    phi = scalar_function(activation_factory(compose([f"activation={key}"])["activation"])())
    plain = theory[theory["norm"] == "none"]
    by_gain = plain[plain["init"] == "gain"].groupby("gain")
    by_init = plain[plain["init"] != "gain"].groupby("init", sort=False)
    return {
        "key": key,
        "name": activation_name({"activation": key}),
        "colour": style_of(key).colour,
        "curve": [_rounded(pd.Series(values)) for values in (_X, evaluate(phi.value, _X), evaluate(phi.slope, _X))],
        "gains": list(by_gain.groups),
        "inits": [
            {"key": init, "name": SHORT_INITS.get(str(init), init), "gain": rows["gain"].iloc[-1]}
            for init, rows in by_init
        ],
        "plain": [_by_depth(rows) for _, rows in by_gain],
        "named": {init: _by_depth(rows) for init, rows in by_init},
        "batch": _by_depth(theory[theory["norm"] == "batch"]),
    }


def _by_depth(theory: pd.DataFrame) -> list[dict[str, list[float | None]]]:
    """log10 of the gradient of every layer, and of the variance of preactivations in the first and the last."""
    return [
        {"gradient": _rounded(rows["log_gradient"]), "q": _rounded(rows["log_q"].iloc[[0, -1]])}
        for _, rows in theory.groupby("depth")
    ]


def measured(studies: Sequence[Facts], theory: pd.DataFrame) -> list[dict[str, Any]]:
    """Trained networks by activation, norm, depth and gain: plain, on digits, with the fewest epochs of their study.

    The profiles are log10 of the gradient of every layer, mean, lowest and highest; that of most runs comes first.
    """
    # of the deepest networks: in others Xavier's last layer may be the one that grows
    gains = theory[theory["norm"] == "none"].groupby(["activation", "init"])["gain"].last()
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for facts in studies:
        cells, factors = facts.study.cells, cell_factors(facts.study.cells)
        is_plain = (cells["model"] == "cnn") & (cells["optimizer"] == "sgd") & cells["clip"].isna()
        is_plain &= cells[[name for name in factors if name.startswith("activation.")]].isna().all(axis=1)
        is_plain &= (cells["data"] == "digits") & (not facts.stops_early)
        plain = cells[is_plain & (cells["epochs"] == cells["epochs"].min())]
        profiles = facts.study.profiles.query("epoch == 0").merge(plain[factors].reset_index(names="cell"), on=factors)
        for place, cell in plain.iterrows():
            gain = cell["init.gain"] if cell["init"] == "gain" else gains.get((cell["activation"], cell["init"]))
            if gain is None:
                continue
            names = cell[["activation", "norm", "depth"]].to_dict()
            nothing = {**names, "gain": gain, "n": 0, "learned": 0, "profiles": []}
            group = found.setdefault((*names.values(), f"{gain:.3g}"), nothing)
            layers = profiles[profiles["cell"] == place].sort_values("layer")
            gradient = [_rounded(np.log10(layers[f"gradient_relative{end}"])) for end in ("", "_low", "_high")]
            counts = cell[["n", "learned"]].to_dict()
            group["profiles"].append({"study": facts.name, **counts, "gradient": gradient})
            group["profiles"].sort(key=lambda profile: -profile["n"])
            group |= {name: group[name] + count for name, count in counts.items()}
    return list(found.values())


def _claims(results: Path, reports: Path, studies: Sequence[Facts]) -> list[dict[str, Any]]:
    """The verdicts with their sentences and forest plots."""
    effects = pd.concat([facts.effects for facts in studies])
    told = []
    for claim in read_json(results / "claims.json", "python src/decide.py"):
        plot = reports / "figures" / f"{claim['id'].lower()}.svg"
        own = effects[effects["claim"] == claim["id"]].to_dict("records")
        told.append(
            {
                **claim,
                "sentence": said("sentences.md.jinja", "sentence", claim, own),
                "forest": base64.b64encode(plot.read_bytes()).decode() if plot.is_file() else None,
            }
        )
    return told


def _rounded(values: pd.Series) -> list[float | None]:
    """Three digits behind the point, which is a part in a thousand of what a logarithm is of; None if not finite."""
    return [round(value, 3) if np.isfinite(value) else None for value in values.tolist()]
