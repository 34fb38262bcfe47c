"""The ledger covers every study that can be aggregated, however little of what claims ask for it has."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from claims.studies import CLAIMS, Tables, around, ledger, rng_of, study, tuning_of
from whyrelu.claims.evidence import make_evidence
from whyrelu.claims.ledger import Ledger
from whyrelu.claims.verdict import VERDICTS
from whyrelu.results.columns import CONTRAST_COLUMNS

_TWO_NORMS = [{"norm": norm} for norm in ("batch", "none")]


def _diverges(factors: dict[str, Any]) -> str:
    return ("learned", "diverged", "at_chance")[factors["seed"] % 3]


def _different_depths() -> Tables:
    first, second = study(("relu",), (2, 4), 3), study(("sigmoid",), (8,), 3)
    named = ("runs", "layers", "theory", "functions", "convergence", "run_convergence")
    return {**first, **{name: pd.concat([first[name], second[name]], ignore_index=True) for name in named}}


STUDIES: dict[str, Callable[[], Tables]] = {
    "one seed": lambda: study(seeds=1),
    "two seeds": lambda: study(seeds=2),
    "one depth": lambda: study(depths=(4,)),
    "one layer": lambda: study(depths=(1,)),
    "one run": lambda: study(("relu",), (2,), 1),
    "no sigmoid": lambda: study(("relu", "tanh")),
    "no relu": lambda: study(("sigmoid", "tanh")),
    "neither": lambda: study(("mine", "tanh")),
    "without diagnostics": lambda: study(level="off"),
    "diagnostics at the ends": lambda: study(level="summary"),
    "failed and diverged": lambda: study(("relu", "leaky_relu", "sigmoid"), outcome=_diverges),
    "all diverged": lambda: study(outcome=lambda factors: "diverged"),
    "all at chance": lambda: study(outcome=lambda factors: "at_chance", accuracy=lambda factors: 0.1),
    "facets": lambda: study(axes=_TWO_NORMS, seeds=3),
    "settings of an activation": lambda: study(
        ("relu", "leaky_relu"), axes=[{"activation.negative_slope": slope} for slope in (0.1, 0.2)], seeds=3
    ),
    "optimizers with settings": lambda: study(
        axes=[
            {"optimizer": "sgd"},
            {"optimizer": "adam", "optimizer.eps": 1e-8},
            {"optimizer": "adam", "optimizer.eps": 1e-12},
        ],
        seeds=3,
    ),
    "underflow": lambda: study(layers=lambda factors, found: {"gradient": 0.0, "update": 0.0}),
    "different depths": _different_depths,
}


@cache
def decided(name: str) -> Ledger:
    """The ledger of one of these studies."""
    return ledger(STUDIES[name]())


@pytest.mark.parametrize("name", STUDIES)
def test_every_claim_has_an_entry(name: str) -> None:
    found = decided(name)
    assert [entry["id"] for entry in found.entries] == [f"C{i}" for i in range(1, 19)]
    for entry in found.entries:
        assert entry["verdict"] in VERDICTS
        assert entry["evidence"] and not re.search(r"\bnan\b", entry["evidence"])
        assert "None" not in entry["evidence"]
        assert (entry["verdict"] == "not tested") == entry["evidence"].startswith("needs ")
        if entry["verdict"] == "not tested":
            assert entry["evidence"].count("`") == 2
            assert entry["effect"] is None and entry["n"] is None
        for number in (entry[key] for key in ("effect", "low", "high", "p", "p_adjusted")):
            assert number is None or np.isfinite(number)
        if entry["low"] is not None:
            assert entry["low"] <= entry["effect"] <= entry["high"]
    assert {name: str(kind) for name, kind in found.contrasts.dtypes.items()} == CONTRAST_COLUMNS
    raised = found.contrasts.dropna(subset=["p", "p_adjusted"])
    assert (raised["p_adjusted"] >= raised["p"] - 1e-12).all()


@pytest.mark.parametrize("name", STUDIES)
def test_an_effect_is_that_of_the_test_it_names(name: str) -> None:
    found = decided(name)
    for entry in found.entries:
        if entry["comparison"] is None:
            continue
        rows = found.contrasts[found.contrasts["claim"] == entry["id"]]
        for key in ("comparison", "quantity", "facet"):
            rows = rows[rows[key] == entry[key]]
        rows = rows[rows["depth"].isna() if entry["depth"] is None else rows["depth"] == entry["depth"]]
        assert len(rows) == 1, entry["id"]
        row = rows.iloc[0]
        # ratios are of logarithms, a loss per layer of its negative
        effects = [row["effect"], np.exp(row["effect"]), np.exp(-row["effect"])]
        assert any(np.isclose(entry["effect"], effect, rtol=1e-5, atol=1e-12) for effect in effects)
        assert entry["n"] == np.nansum([row["n_first"] or 0, 0 if pd.isna(row["n_second"]) else row["n_second"]])
        assert entry["runs"] is None or entry["runs"] > entry["n"]
        equal = row["outcome"] in ("equivalent", "not worse")
        p = row["p_equality_adjusted" if equal else "p_adjusted"]
        assert (entry["p_adjusted"] is None) == pd.isna(p)
        assert pd.isna(p) or entry["p_adjusted"] == pytest.approx(p, rel=1e-5)


@pytest.mark.parametrize("name", ["one seed", "all at chance", "all diverged"])
def test_nothing_is_supported_by_runs_that_cannot_show_it(name: str) -> None:
    supported = {entry["id"] for entry in decided(name).entries if entry["verdict"] == "supported"}
    # what needs no runs, or is about init
    assert supported <= {"C8", "C15"} | ({"C13", "C16"} if name != "one seed" else set())


def test_same_bytes_again() -> None:
    tables = study(("relu", "leaky_relu", "sigmoid"), outcome=_diverges)
    tables["tuning"] = tuning_of(tables, [0.01, 0.1], lambda rate, seed: rate)
    first, second = ledger(tables), ledger(tables)
    assert first.entries == second.entries
    pd.testing.assert_frame_equal(first.contrasts, second.contrasts, check_exact=True)


def test_contrasts_do_not_change_when_an_activation_is_added() -> None:
    small = ledger(study(level="off"), CLAIMS["C17"]).contrasts
    large = ledger(study(("relu", "sigmoid", "tanh"), level="off"), CLAIMS["C17"]).contrasts
    pair = large[large["comparison"] == "relu - sigmoid"].reset_index(drop=True)
    pd.testing.assert_frame_equal(small, pair, check_exact=True)


def test_same_activation_under_two_names_is_never_better() -> None:
    def accuracy(factors: Any) -> float:
        return 0.9 + 0.02 * rng_of(factors).standard_normal()

    contrasts = ledger(study(("relu", "torch.nn.ReLU"), (2, 4, 8, 16), level="off", accuracy=accuracy)).contrasts
    of_accuracy = contrasts[contrasts["quantity"] == "test accuracy"]
    assert len(of_accuracy) == 5
    assert not of_accuracy["outcome"].isin(["better", "worse"]).any()


def test_reference_facet() -> None:
    axes = [{"init": init, "norm": norm} for init in ("pytorch", "critical") for norm in ("batch", "none")]
    tables = study(axes=axes, seeds=2, level="off")
    evidence = make_evidence(**tables)
    assert evidence.reference == "init=critical, norm=none"
    assert evidence.siblings("init") == {"critical": "init=critical, norm=none", "pytorch": "init=pytorch, norm=none"}
    assert make_evidence(**study(axes=[{"norm": "batch"}, {"norm": "layer"}], level="off")).reference == "norm=batch"
    assert make_evidence(**study(level="off")).reference == ""
    accuracy = around(relu=0.9, sigmoid=0.8)
    found = ledger(study(axes=axes, level="off", accuracy=accuracy), CLAIMS["C17"])
    assert set(found.contrasts["facet"]) == {"init=critical, norm=none"}
    assert found.entries[0]["evidence"].endswith("(at init=critical, norm=none)")
