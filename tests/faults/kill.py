"""Kills the commands of a tiny study at random moments, types them again, and compares what comes out.

    python tests/faults/kill.py --kills 300 --seed 1

A round is a study from nothing to its report. Each of its commands is started, killed at a moment drawn from the whole
of its life, and started again, until it ends by itself; the tables and pages of the round must then be byte for byte
those of a study that nobody killed. How often a command is killed, when and how, follows from the seed alone (what it
is at then, from the machine too).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

if __name__ == "__main__":
    # the folder of all tests, where pytest looks too; last, so that none of them hides a library
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from faults.aftermath import Fault, Figures, Store, mlflow_view, run_files, written

SOURCE = Path(__file__).resolve().parents[2] / "src"
STUDY = "digits"
SETTINGS = [
    *("activation=relu,sigmoid", "depth=1", "width=4", "seed=range(0,6)", "batch_size=16", "trainer.max_epochs=12"),
    *("data.train_size=256", "diagnostics=summary", "trainer.checkpoint_seconds=0", "lr=tuned"),
]
TRACKED = "mlflow.tracking_uri=sqlite:///mlflow.db"
# Seconds within which a command that is told to end has ended, and all that it started.
LIMIT = 5.0
# Seconds within which workers end that nobody has told to, because the process that launched them was killed alone.
ORPHANS_LIMIT = 30.0
EPITAPH = "error: interrupted by {}; what is finished is kept, and the same command goes on where this one stopped\n"
# Share of the kills of a sweep that wait until it trains, how much of the life of an undisturbed one they wait then at
# most, and how much the others.
IN_TRAINING = 0.5
TRAINING_SHARE = 0.15
LIFE_SHARE = 0.7
SWEEPS = "tune", "train"
TAKEN_OVER = "lr.csv", "tuning.parquet", "theory.parquet", "functions.parquet"


class Way(NamedTuple):
    """A way of killing: the signal, whether the whole group gets it or the command alone, and how often."""

    signal: signal.Signals
    is_group: bool
    times: int = 1

    def __str__(self) -> str:
        return f"{self.signal.name} to the {'group' if self.is_group else 'command'}{' twice' * (self.times > 1)}"


KILL, TERM, INT = signal.SIGKILL, signal.SIGTERM, signal.SIGINT
WAYS = [Way(KILL, True), Way(TERM, False), Way(INT, True), Way(KILL, False), Way(TERM, True), Way(INT, True, 2)]


class Harness:
    """Kills in a folder for studies, below `place`.

    Args:
        place: an empty folder, or one with the undisturbed study of another harness.
        seed: of all that is drawn.
    """

    def __init__(self, place: Path, seed: int) -> None:
        self.place = place
        self.random = random.Random(seed)
        self.figures = Figures()
        self.undisturbed = place / "undisturbed"
        self.wanted: dict[str, bytes] = {}
        self.lives: dict[str, float] = {}
        self._ways: list[Way] = []

    def commands(self, is_tracked: bool) -> dict[str, list[str]]:
        """The commands of a study, by name."""
        # pages say which settings tables were made with
        as_said = [*SETTINGS, TRACKED]
        grid = as_said if is_tracked else [*SETTINGS, "mlflow.tracking_uri=null"]
        return {
            "tune": ["tune.py", *grid, "tuning.seeds=1", "tuning.extensions=0", "optimizer.lr_grid=[0.03,0.1]"],
            "train": ["train.py", "-m", *grid],
            "theory": ["theory.py", "-m", *as_said],
            "aggregate": ["aggregate.py", *as_said],
            "report": ["report.py", STUDY],
        }

    def prepare(self) -> None:
        """Do a study that nobody kills, with which others are compared; its times say how long commands live."""
        times = self.place / "lives.json"
        if times.exists():
            self.lives, self.wanted = json.loads(times.read_text()), written(self.undisturbed)
            return
        shutil.rmtree(self.undisturbed, ignore_errors=True)
        self.undisturbed.mkdir(parents=True)
        for name, command in {**self.commands(is_tracked=False), "track": ["track.py", TRACKED]}.items():
            begin = time.monotonic()
            self._ends(self.undisturbed, name, command)
            self.lives[name] = time.monotonic() - begin
        self.wanted = written(self.undisturbed)
        times.write_text(json.dumps(self.lives))

    def round(self, most: int) -> int:
        """Do a study, killing sweeps at most so often; return how often they were killed."""
        number = self.figures.rounds
        folder = self.place / f"round-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        is_tracked, is_tuned = number % 3 == 0, number % 4 == 1
        # what does not belong to sweeps is taken over, and the rates in most rounds too
        shutil.copytree(self.undisturbed / "results", folder / "results", ignore=_but(TAKEN_OVER[2 * is_tuned :]))
        kills, store = 0, Store(folder)
        for name, command in self.commands(is_tracked).items():
            if name == "theory" or (name == "tune" and not is_tuned):
                continue
            # what makes all its files anew would never end, killed again and again
            allowed = {"tune": min(3, most), "train": most - kills}.get(name, 1)
            while has_been_killed := allowed > 0:
                if not self._killed(folder, store, name, command, is_tracked):
                    break
                kills += name in SWEEPS
                allowed -= 1
            if not has_been_killed:
                self._ends(folder, name, command)
        store.check(self.figures)
        found = written(folder)
        if different := sorted(
            key for key in found.keys() | self.wanted.keys() if found.get(key) != self.wanted.get(key)
        ):
            raise Fault(f"not as in the undisturbed study: {', '.join(different)}")
        if is_tracked:
            self._check_mlflow(folder)
        self.figures.rounds += 1
        shutil.rmtree(folder)
        return kills

    def _check_mlflow(self, folder: Path) -> None:
        self._ends(folder, "track", ["track.py", TRACKED])
        view, seen = mlflow_view(folder), mlflow_view(self.undisturbed)
        runs = {path.parent.name for path in run_files(folder)}
        if view != Counter({row: count for row, count in seen.items() if row[0] in runs}):
            raise Fault("MLflow does not show what it shows of the undisturbed study")
        self.figures.tracked += 1

    def _ends(self, folder: Path, name: str, command: list[str]) -> None:
        done = subprocess.run(
            [sys.executable, str(SOURCE / command[0]), *command[1:]],
            cwd=folder, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        if done.returncode != 0:
            raise Fault(f"{name} went wrong: {done.stderr}")

    def _killed(self, folder: Path, store: Store, name: str, command: list[str], is_tracked: bool) -> bool:
        """Start a command and kill it; False if it ended before."""
        if not self._ways:
            self._ways = self.random.sample(WAYS, len(WAYS))
        way = self._ways.pop()
        moment, in_training = self.random.random(), self.random.random()
        second = 0.2 * self.random.random()
        with open(folder / "stderr", "w") as errors:
            process = subprocess.Popen(
                [sys.executable, str(SOURCE / command[0]), *command[1:]],
                cwd=folder, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True,
                # what a script has in the background ignores Ctrl-C, and so does what it starts
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )  # fmt: skip
        try:
            began = time.monotonic()
            # a sweep that goes on has less to do than one that begins, and one that is tracked waits for MLflow
            life = LIFE_SHARE * self.lives[name] + (self.lives["track"] / 4 if is_tracked and name in SWEEPS else 0.0)
            if name in SWEEPS and in_training < IN_TRAINING:
                # a start takes longer than all that follows
                before = store.progress()
                while store.progress() == before and process.poll() is None:
                    time.sleep(0.01)
                began, life = time.monotonic(), TRAINING_SHARE * self.lives[name]
            with suppress(subprocess.TimeoutExpired):
                process.wait(moment * life - (time.monotonic() - began))
            if way.signal != KILL:
                while process.poll() is None and not hears(process.pid):
                    time.sleep(0.002)
            if process.poll() is not None:
                self._check_end(process.returncode, name, folder)
                return False
            told = time.monotonic()
            for time_ in range(way.times):
                if time_:
                    time.sleep(second)
                with suppress(ProcessLookupError):
                    (os.killpg if way.is_group else os.kill)(process.pid, way.signal)
            limit = LIMIT if way.signal != KILL or way.is_group else ORPHANS_LIMIT
            process.wait(limit)
            while left := alive(process.pid):
                if time.monotonic() - told > limit:
                    raise Fault(f"{name}, {way}: still there after {limit} s: {left}")
                time.sleep(0.01)
            took = time.monotonic() - told
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, KILL)
            process.wait()
        said = (folder / "stderr").read_text()
        if process.returncode == 0:
            # it was about to end
            return False
        if way.signal == KILL:
            if process.returncode != -KILL or "Traceback" in said:
                raise Fault(f"{name}, {way}: exit code {process.returncode}: {said}")
        else:
            if process.returncode != 128 + way.signal or said != EPITAPH.format(way.signal.name):
                raise Fault(f"{name}, {way}: exit code {process.returncode}: {said}")
            self.figures.seconds.append(took)
        self.figures.kills[str(way), name] += 1
        store.check(self.figures)
        return True

    def _check_end(self, code: int, name: str, folder: Path) -> None:
        if code != 0:
            raise Fault(f"{name} went wrong: exit code {code}: {(folder / 'stderr').read_text()}")


def _but(kept: Sequence[str]) -> Callable[[str, list[str]], list[str]]:
    return lambda folder, names: [name for name in names if name not in (STUDY, *kept)]


def hears(pid: int) -> bool:
    """Whether a process has come so far that it handles SIGTERM: before that, Python itself is still starting."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (TERM - 1) & 1)


def alive(session: int) -> list[str]:
    """The processes of a session, without those that have ended and wait for nobody."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
    return found


def kill(place: Path, kills: int, seed: int, seconds: float = math.inf) -> Iterator[Figures]:
    """Kill sweeps so often, other commands besides, and yield after each study what happened until then.

    Args:
        place: a folder, in which a study is left that was not as it should be.
        kills: of sweeps.
        seed: of all that is drawn.
        seconds: after which no further study is begun.

    Raises:
        Fault: a promise was not kept; the message has the seed.
    """
    harness, began = Harness(place, seed), time.monotonic()
    try:
        harness.prepare()
        while kills > 0 and time.monotonic() - began < seconds:
            kills -= harness.round(kills)
            yield harness.figures
    except Fault as fault:
        raise Fault(f"seed {seed}, study {harness.figures.rounds}: {fault}") from fault


def main() -> None:
    """Do it by hand."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no further study after so long")
    parser.add_argument("--folder", type=Path, help="keep the undisturbed study here, for the next time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for figures in kill(given.folder or Path(place), given.kills, given.seed, given.seconds):
            print("\n".join(figures.lines()), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
