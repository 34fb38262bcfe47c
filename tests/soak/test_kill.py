"""Commands that are killed with all they started, at any moment, and typed again: nothing comes out otherwise.

Each kill is a `kill -9` of the whole tree of processes, after a delay that follows from --soak-seed.
"""

import random
import shutil
import time
from pathlib import Path

import pytest

from soak.sweeps import TINY, records, wait_until
from typed import ended, kill_tree, start, typed

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]

STUDY = "digits"
SETTINGS = [*TINY, "activation=relu,sigmoid", "seed=0,1,2", "trainer.max_epochs=12", "lr=tuned"]
TUNING = ["tuning.seeds=1", "tuning.extensions=0", "optimizer.lr_grid=[0.03,0.1]"]
COMMANDS = {
    "tune": ["tune.py", *SETTINGS, *TUNING],
    "train": ["train.py", "-m", *SETTINGS],
    "theory": ["theory.py", "-m", *SETTINGS],
    "aggregate": ["aggregate.py", *SETTINGS],
    "report": ["report.py", STUDY],
}
# What each command makes, and what must not be there when it is killed.
MADE = {
    "tune": ["results", "reports", f"runs/{STUDY}-tuning", f"runs/{STUDY}"],
    "aggregate": ["results/digits/runs.parquet", "results/digits/effects.csv", "reports"],
    "report": ["reports"],
}
MOST_KILLS, MOST_KILLS_A_ROUND = 100, 6


Undisturbed = tuple[Path, dict[str, float]]


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """A study that nobody kills: its folder, and how long its commands live in seconds."""
    folder, lives = tmp_path_factory.mktemp("undisturbed"), {}
    for name, command in COMMANDS.items():
        begin = time.monotonic()
        typed(folder, *command)
        lives[name] = time.monotonic() - begin
    return folder, lives


def written(folder: Path) -> dict[str, bytes]:
    """All tables and pages of a study; a kill may leave a temporary file, whose name begins with a dot."""
    paths = [path for name in ("results", "reports") for path in (folder / name).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if not path.name.startswith(".")}


def recorded(folder: Path) -> dict[Path, int]:
    """When each finished run was recorded."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*/run.json")}


def is_killed(folder: Path, command: list[str], delay: float, in_training: bool) -> bool:
    """Kill a command after a delay, from its start or from when it trains; False if it went well before that."""
    process = start(folder, *command)
    try:
        if in_training:
            before = set(folder.glob("runs/*/*/*"))
            wait_until(lambda: set(folder.glob("runs/*/*/*")) - before, process)
        deadline = time.monotonic() + delay
        wait_until(lambda: time.monotonic() > deadline, process)
        has_ended = process.poll() is not None
    finally:
        kill_tree(process.pid)
    code, output, errors = ended(process)
    assert not has_ended or code == 0, (output, errors)
    return not has_ended


def test_a_sweep_that_is_killed_again_and_again_finds_the_same(
    undisturbed: Undisturbed, tmp_path: Path, draw: random.Random, budget: float
) -> None:
    begin, kills, rounds = time.monotonic(), 0, 0
    whole, lives = undisturbed
    wanted, life = records(whole), lives["train"]
    wanted = {key: record for key, record in wanted.items() if record["config"]["seed"] < 1000}
    while kills < MOST_KILLS and time.monotonic() - begin < budget:
        folder = tmp_path / str(rounds)
        shutil.copytree(whole / "results", folder / "results")
        finished: dict[Path, int] = {}
        for _ in range(MOST_KILLS_A_ROUND):
            in_training = draw.random() < 0.6
            delay = draw.uniform(0.0, life / 4 if in_training else life)
            if not is_killed(folder, COMMANDS["train"], delay, in_training):
                break
            kills += 1
            assert recorded(folder).items() >= finished.items()
            finished = recorded(folder)
        typed(folder, *COMMANDS["train"])
        assert records(folder) == wanted, f"round {rounds}"
        assert recorded(folder).items() >= finished.items()
        rounds += 1
        shutil.rmtree(folder)
    print(f"{kills} kills in {rounds} sweeps, 0 differences")


@pytest.mark.parametrize("name", MADE)
def test_other_commands_that_are_killed_make_the_same(
    name: str, undisturbed: Undisturbed, tmp_path: Path, draw: random.Random
) -> None:
    (whole, lives), folder = undisturbed, tmp_path / "study"
    shutil.copytree(whole, folder)
    for path in MADE[name]:
        shutil.rmtree(folder / path) if (folder / path).is_dir() else (folder / path).unlink()
    names = list(COMMANDS)
    for later in names[names.index(name) :]:
        if later in MADE:
            for _ in range(4):
                is_killed(folder, COMMANDS[later], draw.uniform(0.0, lives[later]), in_training=False)
        typed(folder, *COMMANDS[later])
    assert written(folder) == written(whole)
    assert records(folder) == records(whole)
