"""Do a stage of dvc.yaml with the study of params.yaml: what a person would type, without a shell that reads values.

python src/stage.py train
"""

from whyrelu.commandline import reports_errors


@reports_errors
def main() -> None:
    """Run the script of the stage, in this process, with the settings of the study."""
    import argparse
    import runpy
    import shlex
    import sys
    from pathlib import Path

    from whyrelu.configuration.study import STAGES, stage_arguments

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=STAGES)
    stage = parser.parse_args().stage
    sys.argv[1:] = stage_arguments(stage)
    script = Path(__file__).with_name(f"{stage}.py")
    print(shlex.join(["python", f"src/{script.name}", *sys.argv[1:]]), flush=True)
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
