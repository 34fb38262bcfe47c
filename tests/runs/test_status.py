"""What is done, failed and missing of a grid, in words."""

from pathlib import Path

from tiny_runs import make_record
from whyrelu.config.grid import Run
from whyrelu.runs.provenance import provenance
from whyrelu.runs.status import print_status
from whyrelu.runs.store import RunStore


def planned(root: Path, activation: str, depth: int, seed: int) -> Run:
    config = {"run_root": str(root), "study": "mine", "tuning": {"first_seed": 100}}
    config |= {"activation": {"name": activation}, "depth": depth, "seed": seed}
    overrides = (f"activation={activation}", f"depth={depth}", f"seed={seed}")
    return Run(config, overrides, " ".join(overrides), ("0.05",), f"{activation}-{depth}-{seed}")


def finish(run: Run, status: str = "completed", error: str | None = None) -> None:
    RunStore.of(run.config).write(make_record(run.run_id, status, error=error, provenance=provenance()))


def rows(text: str) -> list[list[str]]:
    """The cells of the table that was printed."""
    lines = [line for line in text.splitlines() if "│" in line or "┃" in line]
    return [[cell.strip() for cell in line.replace("┃", "│").strip("│").split("│")] for line in lines]


def test_what_is_done_failed_begun_and_missing(tmp_path, capsys):
    runs = [planned(tmp_path, name, depth, seed) for name in ("tanh", "relu") for depth in (4, 2) for seed in (0, 1)]
    runs.append(planned(tmp_path, "relu", 16, 0))
    store = RunStore.of(runs[0].config)
    finish(runs[0])
    finish(runs[1], "diverged")
    finish(runs[2])
    finish(runs[3], "failed", "ValueError: [not] a number")
    for run in runs[3:5]:
        store.folder(run.run_id).mkdir(exist_ok=True)
        store.checkpoint(run.run_id).write_text("weights")
    print_status(runs, ["activation=tanh,relu", "seed=range(0,2)", "study=a b"])
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0] == "9 runs: 3 done, 1 failed, 1 begun, 4 missing"
    assert rows(text) == [
        ["done of planned", "depth 2", "depth 4", "depth 16"],
        ["tanh", "1/2", "2/2", ""],
        ["relu", "0/2", "0/2", "0/1"],
    ]
    assert "activation=tanh depth=2 seed=1: ValueError: [not] a number" in lines[-2]
    assert lines[-1].endswith("python src/train.py -m activation=tanh,relu 'seed=range(0,2)' 'study=a b'")
    print_status(runs[:3], [])
    assert "src/train.py" not in capsys.readouterr().out


def test_the_output_is_whole(tmp_path, capsys):
    depths = [1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 100]
    runs = [planned(tmp_path, "rescaled_sigmoid", depth, seed) for depth in depths for seed in range(10)]
    finish(runs[0], "failed", "no memory")
    print_status(runs, [])
    text = capsys.readouterr().out
    assert "…" not in text
    assert text.count("0/10") == len(depths)
    assert text.count("no memory") == 1
