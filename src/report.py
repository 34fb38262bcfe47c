"""Write the report of a study, reports/<study>/README.md, from its tables in results/<study>/.

python src/report.py digits
"""

from whyrelu.commandline import reports_errors
from whyrelu.interruption import end_on_signals


@reports_errors
def main() -> None:
    """Write the report that the command line names."""
    import argparse
    from pathlib import Path

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="its tables are read from results/<study>/")
    study = parser.parse_args().study

    from whyrelu.report.page import write_report

    print(f"report: {write_report(Path('results') / study, Path('reports') / study)}")


if __name__ == "__main__":
    end_on_signals()
    main()
