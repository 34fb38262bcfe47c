import json
from pathlib import Path

import numpy as np
import pytest
from whyrelu.config.composition import compose_grid

from whyrelu.data.arrays import FACTS, write
from whyrelu.errors import DataError, UserError
from whyrelu.runs import plan as subject
from whyrelu.runs.identity import run_id
from whyrelu.runs.plan import data_fingerprint, identify, plan


def prepare(directory: Path) -> str:
    """Write a tiny prepared data set and return its fingerprint."""
    random = np.random.default_rng(sum(directory.name.encode()))
    images, labels = random.integers(0, 256, (20, 8, 8, 1), dtype=np.uint8), np.arange(20) % 10
    facts = write(
        directory,
        train_images=images[:10],
        train_labels=labels[:10],
        test_images=images[10:],
        test_labels=labels[10:],
        classes=tuple("0123456789"),
        source={},
    )
    return str(facts["fingerprint"])


def test_a_plan_has_every_run_in_its_order(tmp_path: Path) -> None:
    fingerprint = prepare(tmp_path / "digits")
    grid = [f"prepared_root={tmp_path}", "depth=4,2", "seed=range(0,3)"]
    runs, jobs = plan(grid), compose_grid(grid)
    assert [(run.config["depth"], run.config["seed"]) for run in runs] == [
        (4, 0),
        (4, 1),
        (4, 2),
        (2, 0),
        (2, 1),
        (2, 2),
    ]
    assert [run.run_id for run in runs] == [run_id(job.config, fingerprint) for job in jobs]
    assert [run.overrides for run in runs] == [job.overrides for job in jobs]
    assert runs[0].label == "depth=4 seed=0"
    assert len({run.run_id for run in runs}) == 6


def test_a_run_that_is_named_twice_is_planned_once(tmp_path: Path) -> None:
    prepare(tmp_path / "digits")
    runs = plan([f"prepared_root={tmp_path}", "seed=1,0,1", "run_root=a,b"])
    assert [run.label for run in runs] == ["seed=1 run_root=a", "seed=0 run_root=a"]


def test_each_data_set_counts_with_its_own_fingerprint_and_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprints = {name: prepare(tmp_path / name) for name in ("digits", "fashion_mnist")}
    assert len(set(fingerprints.values())) == 2
    read: list[str] = []
    original = subject.read_facts
    monkeypatch.setattr(subject, "read_facts", lambda directory: (read.append(directory.name), original(directory))[1])
    jobs = compose_grid([f"prepared_root={tmp_path}", "data=digits,fashion_mnist", "seed=0,1"])
    runs = identify(jobs)
    assert read == ["digits", "fashion_mnist"]
    expected = [run_id(job.config, fingerprints[job.config["data"]["name"]]) for job in jobs]
    assert [run.run_id for run in runs] == expected


def test_other_data_is_another_run(tmp_path: Path) -> None:
    config = compose_grid([f"prepared_root={tmp_path}"])[0].config
    prepare(tmp_path / "digits")
    before = data_fingerprint(config)
    facts = json.loads((tmp_path / "digits" / FACTS).read_text())
    (tmp_path / "digits" / FACTS).write_text(json.dumps(facts | {"fingerprint": "changed"}))
    assert data_fingerprint(config) == "changed" != before


def test_data_that_is_not_prepared_is_told_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        plan([f"prepared_root={tmp_path}"])
    assert str(caught.value) == "data set 'digits' is not prepared: python src/prepare.py data=digits"


def test_data_of_a_persons_own_is_told_with_a_command_that_works(tmp_path: Path) -> None:
    # there is no conf/data/flowers.yaml
    own = ["data=image_folder", "data.name=flowers", "data.root=pictures", "data.validation_size=5", "data.test_size=5"]
    with pytest.raises(DataError, match="'flowers' is not prepared") as caught:
        plan([f"prepared_root={tmp_path}", *own])
    assert "data=flowers" not in str(caught.value)


def test_what_cannot_be_composed_cannot_be_planned() -> None:
    with pytest.raises(UserError, match="did you mean 'relu'"):
        plan(["activation=relo"])
