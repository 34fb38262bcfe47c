"""`hydra/sweeper=optuna`, as typed, in an empty folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from typed import SOURCE, python

TINY = ["activation=relu", "depth=1", "width=4", "trainer.max_epochs=1", "data.train_size=128"]
OFF = "mlflow.tracking_uri=null"
SPACE = "lr=tag(log, interval(0.001, 1.0))"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where commands are typed; the prepared data is shared between tests."""
    return tmp_path_factory.mktemp("checkout")


def search(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return python(folder, "train.py", "-m", "hydra/sweeper=optuna", *TINY, *arguments, **environment)


def error_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode not in (0, None), done.stdout
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def records(root: Path) -> dict[str, dict]:
    return {path.parent.name: json.loads(path.read_text()) for path in root.glob("*/run.json")}


def found(folder: Path, name: str) -> dict:
    return yaml.safe_load((folder / "results" / "digits" / "optuna" / f"{name}.yaml").read_text())


def test_a_search_finds_the_run_with_the_highest_validation_accuracy_and_repeats_itself(folder):
    command = [SPACE, "run_root=tuned", "hydra.sweeper.n_trials=4", "hydra.sweeper.study_name=lr"]
    first = search(folder, *command)
    assert first.returncode == 0, first.stderr
    # nothing but, on a busy machine, that MLflow will be completed later
    assert all(line.startswith("MLflow: ") for line in first.stderr.splitlines()), first.stderr
    made = records(folder / "tuned")
    accuracies = {record["config"]["lr"]: record["metrics"]["val_accuracy"] for record in made.values()}
    assert len(accuracies) == 4
    assert all(0.001 <= lr <= 1 for lr in accuracies)
    said = found(folder, "lr")
    assert said["best_value"] == max(accuracies.values()) > min(accuracies.values())
    assert accuracies[said["best_params"]["lr"]] == said["best_value"]
    assert {trial["run_id"]: trial["val_accuracy"] for trial in said["trials"]} == {
        identity: record["metrics"]["val_accuracy"] for identity, record in made.items()
    }
    assert f"best of 4 trials: lr={said['best_params']['lr']}  validation accuracy" in first.stdout
    assert "results/digits/optuna/lr.yaml" in first.stdout
    assert list((folder / "tuned" / ".sweeps").iterdir()) == []
    # an ordinary run for MLflow too
    assert (folder / "mlflow.db").is_file()

    again = search(folder, *command)
    assert again.stdout.count("done already") == 4
    assert records(folder / "tuned") == made
    assert found(folder, "lr") == said


def test_a_failing_trial_does_not_end_the_search(folder):
    command = ["batch_size=64,6400", "run_root=failing", "hydra/launcher=basic", "hydra.sweeper.n_trials=2", OFF]
    done = search(folder, *command, "hydra.sweeper.study_name=failing")
    assert done.returncode == 0, done.stderr
    assert "batch_size=6400  failed: batch_size=6400 is larger" in done.stdout
    assert "best of 2 trials (1 failed): batch_size=64  " in done.stdout
    assert sorted(record["status"] for record in records(folder / "failing").values()) == ["completed", "failed"]
    assert sorted(trial["val_accuracy"] is None for trial in found(folder, "failing")["trials"]) == [False, True]
    strict = search(folder, *command, "hydra.sweeper.max_failure_rate=0")
    assert "batch_size=6400 is larger" in error_line(strict)


def test_a_trial_that_kills_its_worker_does_not_end_the_search(folder):
    (folder / "lethal.py").write_text(
        "import os\n\n\ndef relu(x):\n    os._exit(9)\n\n\ndef leaky(x):\n    return x.clamp_min(0.1 * x)\n"
    )
    space = ["activation._target_=lethal.relu,lethal.leaky", "init=he", "hydra.sweeper.n_trials=2"]
    done = search(folder, *space, "run_root=lethal", "hydra.sweeper.study_name=lethal", OFF)
    assert done.returncode == 0, done.stderr
    assert "activation._target_=lethal.relu  failed: its worker died twice" in done.stdout
    assert found(folder, "lethal")["best_params"] == {"activation._target_": "lethal.leaky"}


def test_a_search_in_which_all_trials_fail_says_why(folder):
    done = search(folder, "batch_size=6400,6500", "hydra.sweeper.n_trials=2", "hydra/launcher=basic", OFF)
    assert "all 2 trials failed" in error_line(done)
    assert "larger than the" in error_line(done)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lr=0.1"], "nothing to search"),
        ([SPACE, "activation=relo"], "did you mean 'relu'"),
        ([SPACE, "hydra.sweeper.n_trails=3"], "did you mean 'hydra.sweeper.n_trials'"),
        ([SPACE, "hydra.sweeper.n_trials=0"], "n_trials must be at least 1"),
        ([SPACE, "hydra.sweeper.max_failure_rate=2"], "max_failure_rate"),
        ([SPACE, "hydra.sweeper.storage=sqlite:///o.db"], "run store"),
        (["lr=0.1,0.2", "hydra/sweeper/sampler=grid"], "leave both out"),
        (["lr=tag(log, interval(0, 1.0))"], "low"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else None,
)
def test_what_is_mistyped_is_explained_in_one_line(folder, arguments, message):
    assert message in error_line(search(folder, *arguments, OFF))


def test_without_the_extra_its_name_is_said(folder, tmp_path):
    for entry in sys.path:
        for path in Path(entry).glob("*") if "site-packages" in entry else ():
            if path.name not in ("hydra_plugins", "optuna"):
                (tmp_path / path.name).symlink_to(path)
            for plugin in path.glob("hydra_joblib*") if path.name == "hydra_plugins" else ():
                (tmp_path / "hydra_plugins").mkdir(exist_ok=True)
                (tmp_path / "hydra_plugins" / plugin.name).symlink_to(plugin)
    command = [sys.executable, "-S", str(SOURCE / "train.py"), "-m", "hydra/sweeper=optuna", *TINY, SPACE, OFF]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)
    assert "pip install '.[optuna]'" in error_line(done)


def test_a_grid_that_is_given_an_interval_names_the_sweeper_that_searches_it(folder):
    assert "hydra/sweeper=optuna" in error_line(search(folder, SPACE, "hydra/sweeper=grid", OFF))
