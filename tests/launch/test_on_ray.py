"""Ray's workers: on a cluster that is there already, and on this machine."""

import os
import sys
from pathlib import Path

import pytest
from hydra.core.utils import JobReturn, JobStatus

from whyrelu.errors import UserError
from whyrelu.launch.on_ray import RayJobs
from whyrelu.launch.workers import Needs

CALLS = [(index, [f"seed={index}"]) for index in range(8)]
ROOT = Path(__file__).resolve().parents[2]
# warnings of Ray about itself
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*:FutureWarning")]


class Telling:
    """Stands in for a worker: tells by which process of which node of Ray it is called, or dies at one run."""

    def __init__(self, deadly: int | None = None) -> None:
        self.deadly = deadly

    def __call__(self, index: int, overrides: list[str]) -> JobReturn:
        import time

        import ray

        if index == self.deadly:
            os._exit(9)
        # long enough for the other worker to have its share
        time.sleep(0.3)
        done = JobReturn(overrides=overrides, status=JobStatus.COMPLETED)
        done.return_value = (index, os.getpid(), ray.get_runtime_context().get_node_id())
        return done


@pytest.fixture(scope="module")
def cluster():
    """Two machines of one core each, as far as Ray can tell."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        # what the workers do is in this file
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "src")]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        each = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
        made = Cluster(initialize_head=True, head_node_args={**each, "include_dashboard": False})
        made.add_node(**each)
        yield made.address
        made.shutdown()


def test_runs_are_spread_over_a_cluster_and_its_workers_live_on(cluster):
    jobs = RayJobs(Telling(), Needs(memory=10**8), cluster, {}, {})  # type: ignore[arg-type]
    try:
        found = [done.return_value for done in jobs.launch(CALLS)]
        again = [done.return_value for done in jobs.launch(CALLS[:2])]
    finally:
        jobs.close()
    assert [index for index, _, _ in found] == list(range(8))
    assert len({node for _, _, node in found}) == 2
    processes = {process for _, process, _ in found}
    assert len(processes) == 2
    assert {process for _, process, _ in again} <= processes
    assert jobs.notice is None


def test_a_worker_that_dies_is_told_of_when_all_others_are_done(cluster):
    import ray

    jobs = RayJobs(Telling(deadly=2), Needs(memory=10**8), cluster, {}, {})  # type: ignore[arg-type]
    try:
        with pytest.raises(ray.exceptions.RayError):
            jobs.launch(CALLS)
        assert [done.return_value[0] for done in jobs.launch(CALLS[3:5])] == [3, 4]
    finally:
        jobs.close()


def test_it_is_said_what_no_machine_of_the_cluster_has(cluster):
    jobs = RayJobs(Telling(), Needs(threads=3, memory=10**8), cluster, {}, {})  # type: ignore[arg-type]
    jobs.close()
    assert jobs.notice is not None
    assert "no machine of the cluster has 3 CPU for a run, at most 1" in jobs.notice


def test_a_gpu_that_is_not_there_is_an_error_and_not_a_wait(monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(UserError, match=r"resources.gpus=0.5, but Ray finds 0 GPUs"):
        RayJobs(Telling(), Needs(gpus=0.5), None, {}, {})  # type: ignore[arg-type]


def test_without_the_extra_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"hydra/launcher=ray needs the extra: uv pip install '.\[ray\]'"):
        RayJobs(Telling(), Needs(), None, {}, {})  # type: ignore[arg-type]
