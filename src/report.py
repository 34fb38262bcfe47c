"""Write the page of a study, reports/<study>/README.md, its details and figures from its tables in results/<study>/.

python src/report.py digits
python src/report.py --all      # of every study that has tables; python src/decide.py writes reports/README.md
"""

import argparse
from pathlib import Path

from whyrelu.commandline import fail, reporting_errors

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("study", nargs="?", help="its tables are read from results/<study>/")
    group.add_argument("--all", action="store_true", help="every study that has tables")
    given = parser.parse_args()
    with reporting_errors():
        found = sorted(path.parent.name for path in Path("results").glob("*/runs.parquet"))
        studies = found if given.all else [given.study]
        if not studies:
            fail("no folder in results/ has tables: python src/aggregate.py writes them")
        from whyrelu.report.page import write_report

        for study in studies:
            print(f"report: {write_report(Path('results') / study, Path('reports') / study)}")
