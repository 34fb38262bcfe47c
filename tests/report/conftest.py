import pandas as pd
import pytest

import whyrelu.report.index
import whyrelu.report.page
from synthetic import make_record, write_records, write_study
from whyrelu.claims.decide import decide
from whyrelu.claims.declaration import read_claims

# Those that answers quote, and that take no bootstrap.
DECIDED = ("C3", "C5", "C6", "C8", "C17", "P5", "P7")
PAIR = ("sigmoid", "relu")
CHANGES = [
    {},
    {"init": "edge"},
    {"norm": "batch"},
    {"optimizer": "adam"},
    {"clip": 1.0},
    {"epochs": 60},
    {"activation": "shifted_sigmoid", "activation.shift": 0.5},
]


def remedies(name, data="digits"):
    """Records of one change at a time, for sigmoid and ReLU."""
    arms = [{"activation": activation, "init": "xavier"} | change for change in CHANGES for activation in PAIR]
    arms = [arm for i, arm in enumerate(arms) if arm not in arms[:i]]
    return [make_record(depth=8, seed=seed, study=name, data=data, **arm) for arm in arms for seed in range(2)]


def end_early(folder):
    """Let the runs that learned be over after half of their epochs."""
    runs, history = (pd.read_parquet(folder / f"{name}.parquet") for name in ("runs", "history"))
    runs["steps"] = runs["steps"].mask(runs["outcome"] == "learned", runs["steps"] // 2)
    ended = history["run_id"].isin(runs.loc[runs["outcome"] == "learned", "run_id"]) & (history["epoch"] > 4)
    runs.to_parquet(folder / "runs.parquet")
    history[~ended].to_parquet(folder / "history.parquet")


GAINS = {"init.gain": [0.25, 1.0, 2.0, 8.0, 128.0]}
BLOCKS = {"norm": ["none", "batch"], "model": ["cnn", "shortcut"]}
MANY = ("relu", "tanh", "relu_squared", "sigmoid")


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are composed and then written as empty files, which takes a tenth of the time."""

    def write_empty(figure, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    monkeypatch.setattr(whyrelu.report.page, "save_svg", write_empty)
    monkeypatch.setattr(whyrelu.report.index, "save_svg", write_empty)


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """The eight studies of conf/experiment in small, with some of the claims decided."""
    folder = tmp_path_factory.mktemp("studies") / "results"
    write_study(folder, "digits", seeds=2)
    write_study(folder, "cifar10", seeds=2, data="cifar10")
    write_study(folder, "trainability", inits=["gain"], depths=[2, 8, 16], seeds=2, axes=GAINS, timed=False)
    write_records(folder / "remedies", remedies("remedies"), timed=False)
    write_records(folder / "cifar10_remedies", remedies("cifar10_remedies", "cifar10"), timed=False)
    write_study(folder, "today", MANY, ["variance"], [8, 32], 2, axes=BLOCKS, timed=False)
    write_study(folder, "time_law", depths=[1, 4, 16], seeds=2, axes={"optimizer": ["sgd", "adam"]}, timed=False)
    end_early(folder / "time_law")
    given = {"lr_given": ["0.001", "tuned"]}
    write_study(folder, "article", PAIR, ["xavier"], [4], 3, axes=given, data="cifar10")
    decide(folder, [claim for claim in read_claims() if claim.id in DECIDED])
    return folder
