"""A study in which nothing is to be found: one activation under two names, trained and decided as any other."""

from pathlib import Path

import pytest
import yaml

from typed import typed
from whyrelu.claims.declaration import CLAIMS_DIRECTORY, read_claims
from whyrelu.claims.ledger import effects
from whyrelu.results.study import Study

# The name that an activation gets from its callable.
SECOND = "ReLU"
GRID = [
    *("experiment=digits", "activation=relu", "init=edge", "depth=2,4", "seed=range(0,3)", "lr=0.1"),
    "arms=['activation=identity activation._target_=torch.nn.ReLU']",
    *("trainer.max_epochs=12", "width=8", "timing=off", "mlflow.tracking_uri=null"),
]


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_one_activation_under_two_names_trains_the_same_networks_and_is_not_better(tmp_path: Path) -> None:
    for script, *flags in (("train.py", "-m"), ("theory.py", "-m"), ("timing.py",), ("aggregate.py",)):
        typed(tmp_path, script, *flags, *GRID)
    study = Study(tmp_path / "results/digits")
    assert set(study.runs["activation"]) == {"relu", SECOND}
    # they do learn, and not all alike
    assert study.runs["test_accuracy"].mean() > 0.5
    assert study.runs["test_accuracy"].nunique() > 3

    # what is claimed of ReLU and sigmoid, of ReLU and its other name
    for name in ("C17", "C18"):
        content = yaml.safe_load((CLAIMS_DIRECTORY / f"{name}.yaml").read_text())
        text = yaml.safe_dump(content | {"parts": {"a": content["parts"]["a"]}}).replace(": sigmoid\n", f": {SECOND}\n")
        (tmp_path / f"{name}.yaml").write_text(text)
    table = effects(read_claims(tmp_path), study)
    assert table.groupby("claim")["depth"].agg(set).to_dict() == {"C17": {2, 4}, "C18": {2, 4}}
    assert set(table["outcome"]) == {"contradicts"}
    for claim, none in (("C17", 0), ("C18", 1)):
        assert table.loc[table["claim"] == claim, ["estimate", "low", "high"]].eq(none).all(axis=None)
