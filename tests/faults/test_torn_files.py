"""Each kind of file is truncated or garbled: the damage is named, and repaired or refused, and never used."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from whyrelu.config.composition import compose_grid

from faults_study import DAMAGES, GRID, records, refusal, run_ids, script, sweep, tables
from whyrelu.errors import UserError
from whyrelu.results.files import csv_text, read_part, read_table
from whyrelu.results.seal import with_checks
from whyrelu.runs.execution import execute
from whyrelu.runs.store import RunStore
from whyrelu.tuning.rates import chosen_rates

Damage = Callable[[bytes], bytes]
Undisturbed = tuple[Path, dict[str, bytes]]
every_damage = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())


def hurt(path: Path, damage: Damage) -> None:
    path.write_bytes(damage(path.read_bytes()))


@pytest.mark.parametrize("name", ["run.json", "layers.npy"])
@pytest.mark.parametrize("damage", [*DAMAGES.values(), None], ids=[*DAMAGES, "of another shape"])
def test_a_damaged_run_is_named_and_trained_again_and_no_other(
    study: Path, undisturbed: Undisturbed, name: str, damage: Damage | None, capsys: pytest.CaptureFixture[str]
) -> None:
    hit, other = run_ids()
    path = Path("runs") / hit / name
    if damage is not None:
        hurt(path, damage)
    elif name == "run.json":
        shutil.copyfile(Path("runs") / other / name, path)
    else:
        np.save(path, np.zeros((2, 2)))
    kept = (Path("runs") / other / "run.json").stat().st_mtime_ns
    assert str(path) in refusal(capsys, "aggregate.py", *GRID)
    sweep()
    assert f"{path} is missing or damaged: this run is trained again" in capsys.readouterr().err
    assert (Path("runs") / other / "run.json").stat().st_mtime_ns == kept
    assert tables() == undisturbed[1]


def another_shape(path: Path) -> None:
    if path.suffix == ".json":
        path.write_text(json.dumps({"format": 1, "name": "digits"}))
    else:
        np.save(path, np.load(path)[:1])


@pytest.mark.parametrize("name", ["train_images", "train_labels", "test_images", "test_labels", "facts"])
@pytest.mark.parametrize("damage", [*DAMAGES.values(), None], ids=[*DAMAGES, "of another shape"])
def test_damaged_arrays_are_named_and_prepared_again(
    study: Path, name: str, damage: Damage | None, capsys: pytest.CaptureFixture[str]
) -> None:
    before = records()
    path = Path("data/digits") / f"{name}.{'json' if name == 'facts' else 'npy'}"
    whole = path.read_bytes()
    another_shape(path) if damage is None else hurt(path, damage)
    # one run is still to be trained with them
    lost = run_ids_of(study)[0]
    shutil.rmtree(Path("runs") / lost)
    sweep()
    line = next(line for line in capsys.readouterr().err.splitlines() if "prepared again" in line)
    assert line.startswith("data/digits is damaged: ")
    assert path.read_bytes() == whole
    assert records() == before


def run_ids_of(study: Path) -> list[str]:
    """As `run_ids`, which needs the arrays."""
    return sorted(path.parent.name for path in study.glob("runs/*/run.json"))


class Killed(BaseException):
    pass


@pytest.mark.parametrize("damage", [*DAMAGES.values(), None], ids=[*DAMAGES, "of another run"])
def test_a_damaged_checkpoint_is_named_and_its_run_starts_anew(
    study: Path, undisturbed: Undisturbed, damage: Damage | None, capsys: pytest.CaptureFixture[str]
) -> None:
    configs = [job.config for job in compose_grid(GRID)]
    shutil.rmtree("runs")

    def kill(history: dict[str, list[float]]) -> None:
        if len(history["epoch"]) == 2:
            raise Killed

    for config in configs:
        with pytest.raises(Killed):
            execute(config, kill)
    store = RunStore(Path("runs"))
    hit, other = (store.checkpoint(run_id) for run_id in run_ids())
    hurt(hit, damage or (lambda content: other.read_bytes()))
    capsys.readouterr()
    sweep()
    assert [line for line in capsys.readouterr().err.splitlines() if "damaged" in line] == [
        f"{hit} is damaged: this run starts anew"
    ]
    starts = [store.record(path.parent.name)["provenance"]["attempts"] for path in (hit, other)]  # type: ignore[index]
    assert starts == [[0, 0], [0, 1]]
    assert tables() == undisturbed[1]


@every_damage
def test_a_damaged_count_of_starts_changes_nothing(study: Path, undisturbed: Undisturbed, damage: Damage) -> None:
    hit = run_ids()[0]
    shutil.rmtree(Path("runs") / hit)
    (Path("runs") / hit).mkdir()
    (Path("runs") / hit / "attempts.json").write_bytes(damage(b"[0, 1, 3]"))
    sweep()
    assert tables() == undisturbed[1]


@every_damage
def test_damaged_tables_are_named_refused_and_made_again(
    study: Path, undisturbed: Undisturbed, damage: Damage, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [name for name in undisturbed[1] if name.endswith(".parquet")]
    assert len(names) > 8
    for name in names:
        path = Path("results/digits") / name
        hurt(path, damage)
        for read in (read_table, read_part):
            with pytest.raises(UserError, match=f"{name} is damaged .* writes it again") as caught:
                read(path, [])
            assert "\n" not in str(caught.value)
        path.write_bytes(undisturbed[1][name])
    for name, command in (("theory.parquet", "aggregate.py"), ("runs.parquet", "report.py")):
        hurt(Path("results/digits") / name, damage)
        line = refusal(capsys, command, *(["digits"] if command == "report.py" else GRID))
        assert f"results/digits/{name} is damaged" in line
        if name == "theory.parquet":
            script("theory.py", "-m", *GRID)
    assert tables() == undisturbed[1]


@every_damage
def test_damaged_learning_rates_are_never_used(study: Path, damage: Damage) -> None:
    import pandas as pd

    path = Path("results/digits/lr.csv")
    rates = pd.DataFrame({"cell": ["a" * 16, "b" * 16], "lr": [0.1, 0.0316], "n": [2, 2]})
    path.write_text(with_checks(csv_text(rates)))
    assert dict(chosen_rates(path)) == {"a" * 16: 0.1, "b" * 16: 0.0316}
    for content in (damage(path.read_bytes()), path.read_bytes()[:-1], path.read_bytes()[:-12]):
        path.write_bytes(content)
        try:
            found = dict(chosen_rates(path))
        except UserError as error:
            assert "lr.csv is damaged" in str(error) and "src/tune.py writes it again" in str(error)
        else:
            # a rate that is lost is asked for
            assert found.items() <= {"a" * 16: 0.1, "b" * 16: 0.0316}.items()


@pytest.mark.parametrize("damage", [DAMAGES["emptied"], DAMAGES["halved"], DAMAGES["zeroed"]])
def test_damaged_params_are_one_line(study: Path, damage: Damage, capsys: pytest.CaptureFixture[str]) -> None:
    project = Path(__file__).parents[2]
    shutil.copyfile(project / "params.yaml", "params.yaml")
    hurt(Path("params.yaml"), damage)
    assert "params.yaml is not a study" in refusal(capsys, "status.py")


@pytest.mark.parametrize("name", ["dvc.lock", "params.yaml"])
@pytest.mark.parametrize("damage", [DAMAGES["emptied"], DAMAGES["zeroed"], lambda content: b"[1, 2"])
def test_dvc_names_a_damaged_file_and_runs_nothing(tmp_path: Path, name: str, damage: Damage) -> None:
    for kept in ("dvc.yaml", "dvc.lock", "params.yaml"):
        shutil.copyfile(Path(__file__).parents[2] / kept, tmp_path / kept)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\nno_scm = true\nanalytics = false\n")
    hurt(tmp_path / name, damage)
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "prepare"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode not in (0, None)
    # of an empty params.yaml DVC says what is not in it
    assert name in done.stderr or "Could not find 'study'" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Running stage" not in done.stdout
