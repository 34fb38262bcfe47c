"""Train one network, or with -m every combination of the values given: see --help.

With -m it begins in `hydra_plugins.whyrelu_sweepers`, and this file is what each worker runs.
"""

import sys

import hydra
from omegaconf import DictConfig

from whyrelu.commandline import reporting_errors
from whyrelu.config.grid import resolve


@reporting_errors()
@hydra.main(config_path="../conf", config_name="train", version_base="1.3")
def main(config: DictConfig) -> object:
    """Do what the composed configuration says; in a sweep this is called in a worker, once per run."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    if HydraConfig.get().mode is RunMode.MULTIRUN:
        from whyrelu.runs.sweep import job

        return job(config)
    from whyrelu.runs.single_run import run_single
    from whyrelu.tracking import follow
    from whyrelu.tuning.rates import with_tuned_rate

    # before Hydra adds words of its own to an error
    with reporting_errors():
        run_single(with_tuned_rate(resolve(config)), follow)
    return None


if __name__ == "__main__":
    # Hydra wants the flag before all settings
    sys.argv[1:] = sorted(sys.argv[1:], key=lambda argument: argument not in ("-m", "--multirun"))
    main()
