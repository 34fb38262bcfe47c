"""Write the report of a study, reports/<study>/README.md, from its tables in results/<study>/, and the index of all.

python src/report.py digits
python src/report.py --all      # of every study that has tables
"""

from pathlib import Path

from whyrelu.commandline import named_studies, reporting_errors

if __name__ == "__main__":
    with reporting_errors():
        studies = named_studies(__doc__)
        from whyrelu.report.index.page import write_index
        from whyrelu.report.page import write_report

        for study in studies:
            print(f"report: {write_report(Path('results') / study, Path('reports') / study)}")
        # DVC does not know of the index: it is of all studies, and a pipeline is of one
        print(f"index: {write_index(Path('results'), Path('reports'))}")
