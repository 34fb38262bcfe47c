import shutil
from pathlib import Path

from synthetic import make_record, make_records
from tracking_lab import broken, write_all
from whyrelu.runs.store import RunStore
from whyrelu.tracking.index import RecordIndex


def test_the_index_sees_new_changed_and_removed_runs(tmp_path: Path) -> None:
    index = RecordIndex(tmp_path / "runs")
    index.refresh()
    assert index.runs == {}
    first, second = write_all(tmp_path / "runs", make_records(["relu"], [2], seeds=2))
    index.refresh()
    assert set(index.runs) == {first, second}
    before = index.runs[first]
    RunStore(index.store.root).write(broken())
    shutil.rmtree(index.store.folder(second))
    index.refresh()
    assert set(index.runs) == {first}
    assert index.runs[first].digest != before.digest and index.runs[first].cell == before.cell


def test_diagnostics_belong_to_a_run_and_checkpoints_do_not(tmp_path: Path) -> None:
    (run,) = write_all(tmp_path, [make_record()])
    index = RecordIndex(tmp_path)
    index.refresh()
    before = index.runs[run].digest
    for name in ("layers.parquet", "checkpoint.ckpt", "lock", "run.json.partial"):
        (tmp_path / run / name).write_bytes(b"x")
    index.refresh()
    assert [path.name for path in index.files(run)] == ["layers.parquet", "run.json"]
    assert index.runs[run].digest != before
