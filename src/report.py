"""Write the pages of studies, reports/<study>/README.md, with details and figures from the tables in results/<study>/.

python src/report.py digits
python src/report.py digits today      # python src/decide.py writes reports/README.md
"""

import argparse
from pathlib import Path

from whyrelu.commandline import reporting_errors

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="+", metavar="study", help="its tables are read from results/<study>/")
    given = parser.parse_args()
    with reporting_errors():
        from whyrelu.report.page import write_report

        for study in given.studies:
            print(f"report: {write_report(Path('results') / study, Path('reports') / study)}")
