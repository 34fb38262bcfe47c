"""Tuning runs that are of other cells than those of the study."""

from __future__ import annotations

from typing import Any

from synthetic import make_record, make_records
from whyrelu.results.tables import build_tables
from whyrelu.results.tuning import tuning_of_study


def provenance(tables: Any) -> dict[str, Any]:
    return {"common": tables.common, "implied": tables.implied}


def test_all_that_belongs_to_the_study_stays() -> None:
    records = make_records(["relu", "leaky_relu"], depths=[2, 4], axes={"norm": ["none", "batch"]})
    study = build_tables(records)
    tuning = study.runs.assign(lr=0.3, seed=1000, cell="a", group="b")
    assert len(tuning_of_study(tuning, study.runs, provenance(study))) == len(records)


def test_cells_that_were_tuned_beside_the_study_are_left_out() -> None:
    study = build_tables(make_records(["relu", "tanh"], depths=[2]))
    others = [
        make_record("gelu"),
        make_record("relu", depth=4),
        # settings that do not vary over the study
        make_record("relu", norm="batch"),
        make_record("relu", **{"optimizer.momentum": 0.5}),
        make_record("relu", schedule="constant"),
    ]
    tuning = build_tables([make_record("relu", seed=1000, lr=0.3), make_record("tanh", seed=1000), *others]).runs
    found = tuning_of_study(tuning, study.runs, provenance(study))
    assert found[["activation", "depth", "norm", "lr"]].to_numpy().tolist() == [
        ["relu", 2, "none", 0.3],
        ["tanh", 2, "none", 0.05],
    ]
    assert len(tuning_of_study(tuning.iloc[:0], study.runs, provenance(study))) == 0


def test_settings_of_one_optimizer_only_are_compared_where_it_is_used() -> None:
    sgd = make_records(["relu"], depths=[2], seeds=1)
    adam = [make_record("relu", optimizer="adam", **{"optimizer.eps": 1e-8, "optimizer.momentum": None})]
    small = [make_record("relu", optimizer="adam", **{"optimizer.eps": 1e-16, "optimizer.momentum": None})]
    study, tuning = build_tables([*sgd, *adam]), build_tables([*sgd, *adam, *small]).runs
    assert "optimizer.eps" not in study.runs and "optimizer.eps" in tuning
    found = tuning_of_study(tuning, study.runs, provenance(study))
    assert sorted(found["optimizer"]) == ["adam", "sgd"]
    assert found["optimizer.eps"].dropna().tolist() == [1e-8]
