"""Train one network, or with -m every combination of the values given: see --help."""

from whyrelu.interruption import end_on_signals

if __name__ == "__main__":
    # before what takes a second to import
    end_on_signals()

import sys

import hydra
from omegaconf import DictConfig

from whyrelu.commandline import reports_errors
from whyrelu.config.schema import register

register()


@reports_errors
@hydra.main(config_path="../conf", config_name="train", version_base="1.3")
def main(config: DictConfig) -> object:
    """Do what the composed configuration says; in a sweep this is called in a worker, once per run."""
    from pathlib import Path

    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from whyrelu.config.composition import resolve
    from whyrelu.launch.single import run_alone
    from whyrelu.launch.sweep import job

    if HydraConfig.get().mode is RunMode.MULTIRUN:
        return job(resolve(config), Path(HydraConfig.get().sweep.dir))
    # before Hydra adds words of its own to an error
    reports_errors(lambda: run_alone(resolve(config)))()
    return None


if __name__ == "__main__":
    # Hydra wants the flag before all settings
    sys.argv[1:] = sorted(sys.argv[1:], key=lambda argument: argument not in ("-m", "--multirun"))
    main()
