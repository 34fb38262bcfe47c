"""A disk that is full or read-only: one clear line, nothing finished is lost, and it goes on when there is space."""

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from faults_study import GRID, records, refusal, run_ids, script, sweep, tables
from typed import python
from whyrelu.config.composition import compose_grid
from whyrelu.data.prepare import prepare, write_note
from whyrelu.errors import UserError

FULL = "No space left on device"
READ_ONLY = "Read-only file system"
Undisturbed = tuple[Path, dict[str, bytes]]


def fill(disk: Path, free: int = 0) -> Path:
    """Fill a disk but for some bytes; return the file that does it."""
    filler = disk / "filler"
    with suppress(OSError), open(filler, "wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    with open(filler, "r+b") as file:
        file.truncate(max(filler.stat().st_size - free, 0))
    return filler


def on_disk(disk: Path, study: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the study on another disk, which becomes the working directory."""
    folder = disk / "study"
    shutil.copytree(study, folder)
    monkeypatch.chdir(folder)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# nothing can be written; the count of starts; then the first checkpoint or the record is too much
@pytest.mark.parametrize("free", [0, 4096, 8192, 16384])
def test_a_sweep_on_a_full_disk_fails_in_one_line_and_goes_on(
    study: Path, undisturbed: Undisturbed, mount, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    disk = mount("4m")
    on_disk(disk, study, monkeypatch)
    lost, kept = run_ids()
    shutil.rmtree(Path("runs") / lost)
    before = content(Path("runs") / kept)
    filler = fill(disk, free)
    with pytest.raises(UserError, match=f"1 of 1 runs failed.*: cannot write .*{lost}.*{FULL}") as caught:
        sweep()
    assert "\n" not in str(caught.value)
    assert content(Path("runs") / kept) == before
    assert not list(Path("runs").rglob("*.partial"))
    filler.unlink()
    sweep()
    assert tables() == undisturbed[1]


@pytest.mark.parametrize("free", [0, 16384])
def test_data_that_do_not_fit_are_one_line_and_leave_nothing(mount, free: int) -> None:
    disk = mount("1m")
    filler = fill(disk, free)
    data = compose_grid([])[0].config["data"]
    with pytest.raises(UserError, match=f"cannot (prepare|write) .*digits.*({FULL}|the disk is full)"):
        prepare(data, disk / "data")
    assert [path.name for path in (disk / "data").iterdir()] == [".digits.lock"]
    filler.unlink()
    facts = prepare(data, disk / "data")
    filler = fill(disk)
    with pytest.raises(UserError, match=f"cannot write .*digits.json: {FULL}"):
        write_note(facts, disk / "data/digits.json")
    assert not (disk / "data/digits.json").exists()
    assert prepare(data, disk / "data") == facts


@pytest.mark.parametrize("free", [0, 16384])
def test_tables_and_report_on_a_full_disk_are_one_line_and_the_old_ones_stay(
    study: Path,
    undisturbed: Undisturbed,
    mount,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    free: int,
) -> None:
    disk = mount("8m")
    folder = on_disk(disk, study, monkeypatch)
    script("report.py", "digits")
    page = content(folder / "reports")
    filler = fill(disk, free)
    line = refusal(capsys, "aggregate.py", *GRID)
    assert "error: cannot write results/digits/" in line and FULL in line
    assert content(folder / "results/digits") == undisturbed[1]
    filler.unlink()
    filler = fill(disk)
    assert "cannot write results/digits/theory.parquet" in refusal(capsys, "theory.py", "-m", *GRID)
    assert "cannot write reports/digits/" in refusal(capsys, "report.py", "digits")
    assert content(folder / "reports") == page
    filler.unlink()
    assert tables() == undisturbed[1]
    script("report.py", "digits")
    assert content(folder / "reports") == page


def test_the_command_of_a_sweep_where_nothing_can_be_written(
    study: Path, mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launcher, Hydra's own folder and files for temporary use are on the full disk too."""
    disk = mount("4m")
    on_disk(disk, study, monkeypatch)
    lost, kept = run_ids()
    shutil.rmtree(Path("runs") / lost)
    (disk / "tmp").mkdir()
    before = content(Path("runs") / kept)
    filler = fill(disk)
    done = python(Path(), "train.py", "-m", *GRID, "mlflow.tracking_uri=sqlite:///mlflow.db", TMPDIR=str(disk / "tmp"))
    assert done.returncode not in (0, None)
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert FULL in errors[0]
    assert content(Path("runs") / kept) == before
    filler.unlink()
    done = python(Path(), "train.py", "-m", *GRID)
    assert done.returncode == 0, done.stderr
    assert len(records()) == 2


@pytest.mark.slow
def test_mlflow_on_a_full_disk_is_one_line_and_is_completed_later(
    study: Path, mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = mount("16m")
    on_disk(disk, study, monkeypatch)
    filler = fill(disk, 65536)
    done = python(Path(), "track.py")
    assert done.returncode not in (0, None)
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: sqlite:///mlflow.db: "), done.stderr
    filler.unlink()
    done = python(Path(), "track.py")
    assert done.returncode == 0, done.stderr
    assert "written: 2 runs, 2 cells" in done.stdout


def test_in_read_only_folders_what_reads_works_and_what_writes_is_one_line(
    study: Path, mount, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = mount("8m")
    folder = on_disk(disk, study, monkeypatch)
    monkeypatch.chdir(study)
    lost = run_ids()[0]
    shutil.rmtree(folder / "runs" / lost)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    before = content(folder)
    monkeypatch.chdir(folder)
    script("status.py", *GRID)
    assert "2 runs: 1 done, 0 failed, 0 begun, 1 missing" in capsys.readouterr().out
    sweep([*GRID[1:], "activation=sigmoid"])
    assert "1 of them done already" in capsys.readouterr().out
    with pytest.raises(UserError, match=f"cannot write .*{lost}.*{READ_ONLY}"):
        sweep()
    for name, arguments in (
        ("theory.py", ["-m", *GRID]),
        ("aggregate.py", [*GRID[1:], "activation=sigmoid"]),
        ("report.py", ["digits"]),
        ("prepare.py", []),
    ):
        line = refusal(capsys, name, *arguments)
        assert "cannot write " in line and READ_ONLY in line, line
    assert content(folder) == before
