"""Do a stage of dvc.yaml with the study of params.yaml: what a person would type, without a shell that reads values.

python src/stage.py train
"""

from whyrelu.commandline import reports_errors
from whyrelu.interruption import end_command, end_on_signals, end_with_parent


@reports_errors
def main() -> None:
    """Run the script of the stage, in this process, with the settings of the study."""
    import argparse
    import os
    import runpy
    import shlex
    import sys
    from pathlib import Path

    from whyrelu.config.study import STAGES, stage_arguments

    if "DVC_STAGE" in os.environ:
        # told to end, DVC would leave its stage alone
        end_with_parent(end=end_command)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=STAGES)
    stage = parser.parse_args().stage
    sys.argv[1:] = stage_arguments(stage)
    script = Path(__file__).with_name(f"{stage}.py")
    print(shlex.join(["python", f"src/{script.name}", *sys.argv[1:]]), flush=True)
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    end_on_signals()
    main()
