"""What one run needs of a machine, and how many runs a machine can do at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from whyrelu.data.arrays import read_facts
from whyrelu.memory import MEBIBYTE, SHARE, available_bytes, run_bytes


class Needs(NamedTuple):
    """What each run of a sweep is given.

    Attributes:
        threads: that it computes with, each on a core of its own.
        memory: bytes, estimated unless `resources.memory_gb` says otherwise.
        gpus: a fraction where several share one.
    """

    threads: int = 1
    memory: int = 1024 * MEBIBYTE
    gpus: float = 0.0


class Workers(NamedTuple):
    """How many runs are done at once, and a line about it if that is fewer than there are cores for."""

    at_once: int
    notice: str | None = None


@runtime_checkable
class Sized(Protocol):
    """A launcher that wants to know what a run needs before it is given some."""

    def size(self, needs: Needs) -> str | None:
        """Take notice of what each of the runs to come needs; return a line for the person who waits."""


def needs_of(configs: Iterable[Mapping[str, Any]]) -> Needs:
    """Return what suffices for every run of a sweep.

    Args:
        configs: resolved, their data prepared.
    """
    shapes: dict[tuple[str, str], tuple[int, int, int]] = {}
    threads, memory, gpus = 1, 0, 0.0
    for config in configs:
        place = config["prepared_root"], config["data"]["name"]
        if place not in shapes:
            facts = read_facts(Path(place[0]) / place[1])
            shapes[place] = tuple(facts["shape"]) if facts else (32, 32, 3)
        given = config["resources"]["memory_gb"]
        threads = max(threads, config["trainer"]["threads"])
        memory = max(memory, run_bytes(config, shapes[place]) if given is None else int(given * 1e9))
        gpus = max(gpus, _gpus(config))
    return Needs(threads, memory or Needs().memory, gpus)


def _gpus(config: Mapping[str, Any]) -> float:
    given = config["resources"]["gpus"]
    if given is not None:
        return float(given)
    return 0.0 if config["trainer"]["accelerator"] == "cpu" else 1.0


def size(launcher: object, configs: Iterable[Mapping[str, Any]]) -> str | None:
    """Tell a launcher what the runs need that it will be given; return a line for the person who waits, or None.

    Args:
        launcher: Hydra's; those that are not `Sized` do not care.
        configs: of the runs, resolved, their data prepared.
    """
    return launcher.size(needs_of(configs)) if isinstance(launcher, Sized) else None


@contextmanager
def closing(launcher: object) -> Iterator[None]:
    """End what a launcher keeps for the next runs, when no more will come."""
    try:
        yield
    finally:
        if (close := getattr(launcher, "close", None)) is not None:
            close()


def workers(needs: Needs, cores: int | None = None, memory: int | None = None) -> Workers:
    """Return how many runs this machine can do at once without more threads than cores, and in its memory.

    With GPUs it is one machine with one GPU: `hydra/launcher=ray` gives each run its own of several.

    Args:
        needs: of each run.
        cores: that this process may use; as the system says (affinity, the limits of a container) by default.
        memory: bytes that are free; as the system says by default.
    """
    if cores is None:
        import joblib

        cores = int(joblib.cpu_count())
    memory = available_bytes() if memory is None else memory
    by_cores = max(1, cores // needs.threads)
    by_memory = max(1, int(SHARE * memory // needs.memory))
    by_gpus = max(1, int(1 / needs.gpus + 1e-9)) if needs.gpus > 0 else by_cores
    count = min(by_cores, by_gpus, by_memory)
    if by_memory >= min(by_cores, by_gpus):
        return Workers(count)
    return Workers(
        count,
        f"{count} {'run' if count == 1 else 'runs'} at once instead of {min(by_cores, by_gpus)}: each may take "
        f"{needs.memory / 1e9:.1f} GB and {memory / 1e9:.1f} GB are free (resources.memory_gb= if you know better)",
    )
