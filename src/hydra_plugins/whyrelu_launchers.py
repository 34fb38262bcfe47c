"""Hydra plugins that do a sweep's runs on this machine, on Ray or on Slurm: what to choose from, and its settings."""

import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import HydraContext, TaskFunction
from hydra_plugins.hydra_joblib_launcher.config import JobLibLauncherConf
from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher
from omegaconf import DictConfig, OmegaConf

from whyrelu.interruption import block, end_with_parent


# No `from __future__ import annotations` here: Hydra executes plugins outside sys.modules, where dataclasses cannot
# resolve annotations that are strings.
@dataclass
class JoblibConfig(JobLibLauncherConf):  # type: ignore[misc]
    """`hydra/launcher=joblib`, the default: processes of this machine. Further settings as in hydra-joblib-launcher.

    Attributes:
        n_jobs: processes; None for as many as there are cores (`trainer.threads` each), memory and share of a GPU for.
    """

    _target_: str = "hydra_plugins.whyrelu_launchers.WorkersLauncher"
    n_jobs: int | None = None


@dataclass
class RayConfig:
    """`hydra/launcher=ray`, the extra `ray`: processes on the machines of a cluster that share this folder, or here.

    Attributes:
        address: of a cluster that is running, auto or host:6379; None starts Ray on this machine, and ends it with the
            sweep.
        init: further arguments of `ray.init`.
        remote: further arguments of `ray.remote`: '+hydra.launcher.remote.resources={big: 1}'.
    """

    _target_: str = "hydra_plugins.whyrelu_launchers.RayLauncher"
    address: str | None = None
    init: dict[str, Any] = field(default_factory=dict)
    remote: dict[str, Any] = field(default_factory=dict)


@dataclass
class SubmititLocalConfig:
    """`hydra/launcher=submitit_local`, the extra `submitit`: what would be jobs of Slurm, as processes of this machine.

    Attributes:
        system: of submitit.
        jobs: how many; None for as many as there are cores and memory for.
        timeout_min: minutes until they are ended.
    """

    _target_: str = "hydra_plugins.whyrelu_launchers.SubmititLauncher"
    system: str = "local"
    jobs: int | None = None
    timeout_min: int = 100_000


@dataclass
class SubmititSlurmConfig:
    """`hydra/launcher=submitit_slurm`, the extra `submitit`: jobs of Slurm, on machines that share this folder.

    Whatever else submitit passes to sbatch can be added: +hydra.launcher.slurm_qos=low.

    Attributes:
        system: of submitit.
        jobs: how many are queued at most; each does many runs, one after the other, in one process.
        name: of the jobs.
        timeout_min: minutes that each may take. Before they are over it is queued once more, and goes on with its run.
        max_num_timeout: how often.
        cpus_per_task: None for `trainer.threads`.
        mem_gb: None for what a run is thought to need.
        gpus_per_node: None for what `resources.gpus` says.
        tasks_per_node: processes per job, which share its GPUs; None for as many as `resources.gpus` lets share one.
        slurm_partition: as for sbatch, like those below.
    """

    _target_: str = "hydra_plugins.whyrelu_launchers.SubmititLauncher"
    system: str = "slurm"
    jobs: int | None = 16
    name: str = "whyrelu"
    timeout_min: int = 240
    max_num_timeout: int = 10
    cpus_per_task: int | None = None
    mem_gb: int | None = None
    gpus_per_node: int | None = None
    tasks_per_node: int | None = None
    slurm_partition: str | None = None
    slurm_account: str | None = None
    slurm_constraint: str | None = None
    slurm_gres: str | None = None


class LauncherNames(SearchPathPlugin):
    """Gives the names above their configuration, whatever other plugins call so."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Store it; all plugins are imported when this is called."""
        for name, node in {
            "joblib": JoblibConfig,
            "ray": RayConfig,
            "submitit_local": SubmititLocalConfig,
            "submitit_slurm": SubmititSlurmConfig,
        }.items():
            ConfigStore.instance().store(group="hydra/launcher", name=name, node=node, provider="whyrelu")


class WorkersLauncher(JoblibLauncher):  # type: ignore[misc]
    """`hydra/launcher=joblib`: that of hydra-joblib-launcher, with as many processes as the machine has room for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # passed on to the processes, from their start on
        self.joblib |= {"initializer": end_with_parent, "initargs": (os.getpid(),)}
        self._is_given = settings["n_jobs"] is not None
        if not self._is_given:
            # all cores, until it is known what runs need
            self.joblib["n_jobs"] = -1
        self._copies = True

    def size(self, needs: Any) -> str | None:
        """Choose the number of processes, unless it is given."""
        from whyrelu.launch.workers import workers

        # GPUs are not for processes that are copies of another
        self._copies = needs.gpus == 0
        if self._is_given:
            return None
        self.joblib["n_jobs"], notice = workers(needs)
        return notice

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Do the jobs in processes that begin as copies of one in which all is imported, and that no Ctrl-C reaches."""
        from joblib.externals.loky.backend import resource_tracker

        from whyrelu.launch.forkserver import processes_are_copies, start

        # where it is started first, it lets signals through to what is started next
        resource_tracker.ensure_running()
        block()
        if self._copies:
            start()
        with processes_are_copies(self._copies):
            if self.joblib["n_jobs"] == 1:
                return self._in_one_process(list(enumerate(job_overrides, start=initial_job_idx)))
            return super().launch(job_overrides, initial_job_idx)  # type: ignore[no-any-return]

    def _in_one_process(self, jobs: Sequence[tuple[int, Sequence[str]]]) -> list[JobReturn]:
        """Do the jobs one after the other beside this process, which joblib would use itself: a job may kill it."""
        from joblib.externals.loky import get_reusable_executor

        from whyrelu.launch.elsewhere import Worker

        Path(self.config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        worker = Worker.here(self.hydra_context, self.config, self.task_function)
        executor = get_reusable_executor(
            max_workers=1, initializer=self.joblib["initializer"], initargs=self.joblib["initargs"]
        )
        futures = [executor.submit(worker, index, overrides) for index, overrides in jobs]
        return [future.result() for future in futures]


class _Elsewhere(Launcher):
    """A launcher whose workers are made when the first jobs come, and live until it is closed."""

    # a worker that dies takes no other run with it
    isolated = True

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra gives."""
        self._context, self._function, self._config = hydra_context, task_function, config
        self._jobs: Any = None
        self._needs: Any = None

    def size(self, needs: Any) -> str | None:
        """Make the workers."""
        if self._jobs is not None and needs != self._needs:
            self.close()
        if self._jobs is None:
            from whyrelu.launch.elsewhere import Worker

            self._needs = needs
            self._jobs = self._make(Worker.here(self._context, self._config, self._function), needs)
            return self._jobs.notice  # type: ignore[no-any-return]
        return None

    @abstractmethod
    def _make(self, worker: Any, needs: Any) -> Any:
        """Make workers, however many the machines have room for."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Do the jobs."""
        from whyrelu.launch.workers import Needs

        Path(self._config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        if self._jobs is None:
            self.size(Needs())
        return self._jobs.launch(list(enumerate(job_overrides, start=initial_job_idx)))  # type: ignore[no-any-return]

    def close(self) -> None:
        """End what was started."""
        if self._jobs is not None:
            self._jobs.close()
            self._jobs = None


class RayLauncher(_Elsewhere):
    """`hydra/launcher=ray`."""

    def __init__(self, address: str | None, init: Mapping[str, Any], remote: Mapping[str, Any]) -> None:
        self._address, self._init, self._remote = address, _plain(init), _plain(remote)

    def _make(self, worker: Any, needs: Any) -> Any:
        from whyrelu.launch.on_ray import RayJobs

        return RayJobs(worker, needs, self._address, self._init, self._remote)


class SubmititLauncher(_Elsewhere):
    """`hydra/launcher=submitit_local` and `submitit_slurm`."""

    def __init__(self, system: str, jobs: int | None, **settings: Any) -> None:
        self._system, self._most, self._settings = system, jobs, _plain(settings)

    def _make(self, worker: Any, needs: Any) -> Any:
        from whyrelu.launch.on_submitit import SubmititJobs

        folder = Path(self._config.hydra.sweep.dir) / "jobs"
        return SubmititJobs(worker, needs, self._system, folder, self._most, self._settings)


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    plain = OmegaConf.to_container(OmegaConf.create(dict(settings)), resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}
