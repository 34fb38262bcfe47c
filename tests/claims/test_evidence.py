"""Which part of a study claims look at."""

from claims.studies import ledger, study
from whyrelu.claims.evidence import make_evidence

RATES = [{"lr": 0.1, "init": init} for init in ("critical", "he")] + [
    {"lr": 0.01, "init": i} for i in ("critical", "he")
]


def test_of_several_rates_that_of_the_reference_stands_beside_it() -> None:
    evidence = make_evidence(**study(seeds=2, axes=RATES))
    assert evidence.siblings("init") == {
        "critical": "init=critical, lr=0.01",
        "he": "init=he, lr=0.01",
    }
    assert evidence.siblings("norm") == {"none": "init=critical, lr=0.01"}


def test_a_grid_of_rates_decides_all_claims() -> None:
    entries = ledger(study(seeds=3, axes=[{"lr": rate} for rate in (0.1, 0.01)])).entries
    assert {entry["verdict"] for entry in entries} <= {"supported", "refuted", "inconclusive", "not tested"}
