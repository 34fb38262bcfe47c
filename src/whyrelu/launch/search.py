"""A search by Optuna for the settings with the highest validation accuracy."""

from __future__ import annotations

import hashlib
import json
import logging
import shlex
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from whyrelu.config.explanation import explain
from whyrelu.errors import UserError, one_line
from whyrelu.launch.trials import Trial, TrialLauncher
from whyrelu.launch.workers import closing
from whyrelu.results.files import write_bytes

# What hydra-optuna-sweeper calls the file that it writes.
_FINDINGS = "optimization_results.yaml"


def search(
    arguments: Sequence[str],
    settings: Mapping[str, Any],
    hydra_context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
) -> None:
    """Let Optuna choose runs, do those that are not done, and print and write what was found.

    Args:
        arguments: fixed settings and the space, as typed behind `python src/train.py -m hydra/sweeper=optuna`.
        settings: those below hydra.sweeper, with the defaults of src/hydra_plugins/whyrelu_optuna.py.
        hydra_context: Hydra's, for its launcher.
        task_function: what the launcher has its workers do.
        config: Hydra's own.

    Raises:
        UserError: Optuna is not installed, a setting is not valid, there is nothing to search, or no trial succeeded.
    """
    _validate(settings)
    sweeper = _sweeper(settings)
    fixed = _fixed_keys(arguments, settings)
    console = Console(highlight=False, soft_wrap=True)
    directory = Path(config.hydra.sweep.dir)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        # Optuna's sweeper writes here even if every run was done and no launcher made it
        directory.mkdir(parents=True, exist_ok=True)
        sweeper.setup(hydra_context=hydra_context, task_function=task_function, config=config)
        stack.enter_context(closing(sweeper.launcher))
        launcher = stack.enter_context(TrialLauncher(sweeper.launcher, fixed, settings["n_trials"], console))
        sweeper.launcher = launcher
        try:
            sweeper.sweep(list(arguments))
        except (ValueError, AssertionError) as error:
            raise _explained(error, launcher.trials) from error
        found = OmegaConf.to_container(OmegaConf.load(directory / _FINDINGS))
    assert isinstance(found, dict)
    file = Path("results") / launcher.study / "optuna" / f"{_name(arguments, settings)}.yaml"
    _write(found, arguments, launcher.trials, file)
    _print_best(found, launcher, console)
    console.print(f"all trials: {file}")


def _validate(settings: Mapping[str, Any]) -> None:
    for key in ("n_trials", "n_jobs"):
        if settings[key] < 1:
            raise UserError(f"hydra.sweeper.{key} must be at least 1, not {settings[key]}")
    if not 0 <= settings["max_failure_rate"] <= 1:
        raise UserError(f"hydra.sweeper.max_failure_rate must be in 0 .. 1, not {settings['max_failure_rate']}")
    if settings["storage"] is not None:
        # Optuna 2, which hydra-optuna-sweeper needs, fails on SQLAlchemy 2, which MLflow brings
        raise UserError(
            "hydra.sweeper.storage is not needed and not supported: finished trials are in the run store, and the same "
            "command, with a higher hydra.sweeper.n_trials too, goes on from them"
        )


def _sweeper(settings: Mapping[str, Any]) -> Any:
    """Make the sweeper of hydra-optuna-sweeper.

    Raises:
        UserError: it is not installed, or has no such sampler.
    """
    try:
        import optuna
        from hydra_plugins.hydra_optuna_sweeper._impl import OptunaSweeperImpl
    except ImportError as error:
        raise UserError(
            "hydra/sweeper=optuna needs the extra 'optuna' of this project, which is not installed "
            f"({one_line(error)}): pip install '.[optuna]'"
        ) from error
    from hydra.utils import instantiate

    # each trial gets a line from its launcher
    optuna.logging.set_verbosity(logging.ERROR)
    logging.getLogger(OptunaSweeperImpl.__module__).setLevel(logging.CRITICAL)
    if settings["sampler"] is None:
        raise UserError("unknown hydra/sweeper/sampler. Valid: those of hydra-optuna-sweeper, such as tpe and random")
    sampler = dict(settings["sampler"])
    if sampler["_target_"] == "optuna.samplers.GridSampler":
        raise UserError("hydra/sweeper/sampler=grid is what there is without hydra/sweeper=optuna: leave both out")
    if "seed" in sampler and sampler["seed"] is None:
        # so that the same command asks for the same runs
        sampler["seed"] = 0
    return OptunaSweeperImpl(**{**settings, "sampler": instantiate(sampler), "search_space": None})


def _fixed_keys(arguments: Sequence[str], settings: Mapping[str, Any]) -> set[str]:
    """Return the keys that no trial changes.

    Raises:
        UserError: there are no others.
    """
    # what is typed counts more
    typed = [*(f"{key}={value}" for key, value in settings["params"].items()), *arguments]
    try:
        overrides = OverridesParser.create().parse_overrides(typed)
    except Exception as error:
        raise explain(error, typed) from error
    fixed = {override.get_key_element() for override in overrides if not override.is_sweep_override()}
    varied = {override.get_key_element() for override in overrides} - fixed
    if not varied and not settings["custom_search_space"]:
        raise UserError("nothing to search: give a setting several values, such as 'lr=tag(log, interval(0.001, 1.0))'")
    return fixed


def _explained(error: Exception, trials: Sequence[Trial]) -> UserError:
    """What Optuna's sweeper stumbled over: most likely that it has no best trial, because all failed."""
    if trials and all(trial.value is None for trial in trials):
        first = trials[0]
        return UserError(f"all {len(trials)} trials failed, the first ({first.label}): {first.error}")
    return UserError(f"optuna: {one_line(error)}")


def _name(arguments: Sequence[str], settings: Mapping[str, Any]) -> str:
    """What the file of a search is called: the name it was given, or a hash of what determines it."""
    if settings["study_name"]:
        return str(settings["study_name"])
    plain = OmegaConf.to_container(OmegaConf.create(dict(settings)))
    return hashlib.sha256(json.dumps([list(arguments), plain], sort_keys=True).encode()).hexdigest()[:12]


def _write(found: Mapping[Any, Any], arguments: Sequence[str], trials: Sequence[Trial], file: Path) -> None:
    """Write what Optuna's sweeper says, and the trials behind it."""
    listed = [{"run_id": trial.run_id, "trial": trial.label, "val_accuracy": trial.value} for trial in trials]
    content = OmegaConf.to_yaml({**found, "searched": shlex.join(arguments), "trials": listed})
    write_bytes(content.encode(), file)


def _print_best(found: Mapping[Any, Any], launcher: TrialLauncher, console: Console) -> None:
    best = next(trial for trial in launcher.trials if trial.value == found["best_value"])
    failed = sum(trial.value is None for trial in launcher.trials)
    console.print(
        f"best of {len(launcher.trials)} trials{f' ({failed} failed)' if failed else ''}: {best.label}  "
        f"validation accuracy {best.value:.3f}  {launcher.store.folder(best.run_id)}/run.json",
        markup=False,
    )
