"""Write the report of a study, reports/<study>/README.md, from its tables in results/<study>/, and the index of all.

python src/report.py digits
python src/report.py --all      # of every study that has tables
python src/report.py --index    # the index alone, reports/README.md
"""

from whyrelu.commandline import add_studies, named_studies, reports_errors


@reports_errors
def main() -> None:
    """Write the reports that the command line names, and the index."""
    import argparse
    from pathlib import Path

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = add_studies(parser)
    what.add_argument("--index", action="store_true", help="no report, only reports/README.md")
    given = parser.parse_args()

    from whyrelu.report.index.page import write_index
    from whyrelu.report.page import write_report

    results, reports = Path("results"), Path("reports")
    for study in named_studies(given, results):
        print(f"report: {write_report(results / study, reports / study)}")
    # DVC does not know of the index: it is of all studies, and a pipeline is of one
    print(f"index: {write_index(results, reports)}")


if __name__ == "__main__":
    main()
