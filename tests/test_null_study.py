"""A study in which nothing is to be found: one activation under two names, trained and decided as any other."""

from pathlib import Path

import pandas as pd
import pytest

from typed import python
from whyrelu.claims.declaration import CLAIMS_DIRECTORY, read_claims
from whyrelu.claims.study import decide_study

# The second name has seeds of its own: with the same ones it would train the same networks, bit for bit.
GRID = [
    *("experiment=digits", "activation=relu", "depth=2,4", "seed=range(0,10)", "lr=0.1", "diagnostics=full"),
    "arms=['activation=identity activation._target_=torch.nn.ReLU seed=range(10,20)']",
    *("trainer.max_epochs=8", "width=8", "mlflow.tracking_uri=null"),
]
SECOND = "ReLU"
# What a test says if it finds a difference.
FOUND = {"better", "worse", "higher", "lower", "faster", "slower"}


@pytest.mark.soak
def test_one_activation_under_two_names_is_never_better_than_itself(tmp_path: Path) -> None:
    for script, *flags in (("train.py", "-m"), ("theory.py", "-m"), ("aggregate.py",)):
        done = python(tmp_path, script, *flags, *GRID)
        assert done.returncode == 0, done.stderr
    results = tmp_path / "results/digits"
    runs = pd.read_parquet(results / "runs.parquet")
    assert runs.groupby(["activation", "depth"])["seed"].nunique().eq(10).all()
    assert set(runs["activation"]) == {"relu", SECOND}
    # they do learn, and not all alike
    assert runs["test_accuracy"].mean() > 0.5
    assert runs["test_accuracy"].nunique() > 20

    # all claims about relu and sigmoid, about relu and its other name
    claims = tmp_path / "claims"
    claims.mkdir()
    for path in CLAIMS_DIRECTORY.glob("*.yaml"):
        (claims / path.name).write_text(path.read_text().replace(": sigmoid\n", f": {SECOND}\n"))
    entries = {entry["id"]: entry for entry in decide_study(read_claims(claims), results)}
    contrasts = pd.read_parquet(results / "contrasts.parquet")
    between = contrasts[contrasts["comparison"].isin([f"relu - {SECOND}", f"{SECOND} - relu"])]
    # accuracy, failures, saturation at init and through training, area, steps to three thresholds
    assert {"C1", "C7", "C17", "C18"} <= set(between["claim"])
    assert len(between) >= 20
    found = between[between["outcome"].isin(FOUND)]
    assert found.empty, found.to_string()
    assert {entries[claim]["verdict"] for claim in ("C1", "C7", "C17", "C18")} <= {"inconclusive", "refuted"}
