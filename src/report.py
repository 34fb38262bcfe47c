"""Write the page of a study, reports/<study>/README.md, its details and figures from its tables in results/<study>/.

python src/report.py digits
python src/report.py --all      # of every study that has tables; python src/decide.py writes reports/README.md
"""

from pathlib import Path

from whyrelu.commandline import named_studies, reporting_errors

if __name__ == "__main__":
    with reporting_errors():
        studies = named_studies(__doc__)
        from whyrelu.report.page import write_report

        for study in studies:
            print(f"report: {write_report(Path('results') / study, Path('reports') / study)}")
