"""How many runs a machine does at once: no more threads than cores, and no more memory than there is."""

from pathlib import Path

import pytest

from whyrelu.config.composition import compose_grid
from whyrelu.launch.workers import Needs, Sized, needs_of, workers
from whyrelu.memory import available_bytes, run_bytes
from whyrelu.runs.identity import run_id

GB = 10**9


def config(*overrides: str) -> dict:
    return compose_grid(list(overrides))[0].config


@pytest.mark.parametrize(
    ("needs", "cores", "gigabytes", "at_once"),
    [
        (Needs(1, GB), 8, 64, 8),
        (Needs(2, GB), 8, 64, 4),
        (Needs(3, GB), 8, 64, 2),
        (Needs(16, GB), 8, 64, 1),
        (Needs(1, 10 * GB), 8, 64, 5),
        (Needs(1, 100 * GB), 8, 64, 1),
        (Needs(1, GB, gpus=0.25), 8, 64, 4),
        (Needs(1, GB, gpus=0.25), 2, 64, 2),
        (Needs(1, GB, gpus=0.1), 64, 64, 10),
        (Needs(1, GB, gpus=1), 8, 64, 1),
        (Needs(1, GB, gpus=2), 8, 64, 1),
    ],
)
def test_runs_at_once(needs, cores, gigabytes, at_once):
    assert workers(needs, cores, gigabytes * GB).at_once == at_once


def test_it_is_said_when_memory_is_what_limits():
    assert workers(Needs(1, GB), 8, 64 * GB).notice is None
    assert workers(Needs(1, 6 * GB, gpus=0.25), 64, 64 * GB).notice is None
    notice = workers(Needs(1, 20 * GB), 8, 64 * GB).notice
    assert notice is not None
    assert notice.startswith("2 runs at once instead of 8: each may take 20.0 GB and 64.0 GB are free")


def test_the_machine_tells_its_cores_and_memory(monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 6)
    monkeypatch.setattr("whyrelu.launch.workers.available_bytes", lambda: 5 * GB)
    assert workers(Needs(1, GB)).at_once == 4
    assert workers(Needs(3, GB)).at_once == 2


def test_needs_suffice_for_every_run_of_a_sweep(root):
    where = f"prepared_root={root}"
    small, large = config(where, "depth=1"), config(where, "depth=64", "width=64", "trainer.threads=3")
    needs = needs_of([small, large, small])
    assert needs == Needs(3, run_bytes(large, (8, 8, 1)), 0.0)
    assert run_bytes(large, (8, 8, 1)) > run_bytes(small, (8, 8, 1)) > 0


@pytest.mark.parametrize(
    "more", ["depth=16", "width=64", "batch_size=512", "precision=64-true"], ids=lambda more: more.partition("=")[0]
)
def test_what_takes_more_memory_is_estimated_to(more):
    assert run_bytes(config(more), (32, 32, 3)) > run_bytes(config(), (32, 32, 3))


def test_resources_replace_estimates(root):
    where = f"prepared_root={root}"
    assert needs_of([config(where, "resources.memory_gb=3.5")]).memory == 3_500_000_000
    assert needs_of([config(where)]).gpus == 0
    assert needs_of([config(where, "trainer=gpu")]).gpus == 1
    assert needs_of([config(where, "trainer=gpu", "resources=quarter_gpu")]).gpus == 0.25
    assert needs_of([config(where, "trainer=gpu", "resources.gpus=0")]).gpus == 0


def test_resources_are_no_part_of_what_a_run_is():
    assert run_id(config("resources=half_gpu", "resources.memory_gb=3"), "data") == run_id(config(), "data")


@pytest.mark.parametrize(
    ("files", "membership", "left"),
    [
        ({"memory.max": "max", "memory.current": "7"}, "0::/", None),
        ({"memory.max": "1000", "memory.current": "400"}, "0::/", 600),
        ({"memory.max": "1000", "memory.current": "400", "memory.stat": "anon 1\ninactive_file 300"}, "0::/", 900),
        ({"memory.max": "1000", "memory.current": "1400"}, "0::/", 0),
        ({"a/b/memory.max": "max", "a/memory.max": "500", "a/memory.current": "100"}, "0::/a/b", 400),
        # in a container the path is that of the host
        ({"memory.max": "1000", "memory.current": "400"}, "0::/docker/0123", 600),
        (
            {"memory/x/memory.limit_in_bytes": "800", "memory/x/memory.usage_in_bytes": "100"},
            "5:cpu:/x\n4:memory:/x",
            700,
        ),
        ({}, "0::/user.slice", None),
    ],
)
def test_memory_is_that_of_the_container(tmp_path: Path, files, membership, left):
    import psutil

    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "membership").write_text(membership)
    found = available_bytes(tmp_path, tmp_path / "membership")
    if left is None:
        assert 0 < found <= psutil.virtual_memory().total
    else:
        assert found == left


@pytest.mark.parametrize(("given", "expected"), [(None, [3, 1]), (2, [2, 2])])
def test_joblib_has_as_many_processes_as_there_is_room_for(monkeypatch, given, expected):
    from hydra_plugins.whyrelu_launchers import WorkersLauncher

    monkeypatch.setattr("joblib.cpu_count", lambda: 6)
    monkeypatch.setattr("whyrelu.launch.workers.available_bytes", lambda: 10 * GB)
    launcher = WorkersLauncher(n_jobs=given)
    found = []
    for needs in (Needs(2, GB), Needs(1, 6 * GB)):
        assert isinstance(launcher, Sized)
        launcher.size(needs)
        found.append(launcher.joblib["n_jobs"])
    assert found == expected
