"""Decide the claims of a study anew from its tables in results/<study>/, and say which verdicts have changed.

For claims of conf/claims/ that are new or have changed, such as one with another margin. No run is needed.
  python src/decide.py digits && python src/report.py digits
  python src/decide.py --all && python src/report.py --all
"""

from collections import Counter
from pathlib import Path

from whyrelu.commandline import named_studies, reporting_errors

if __name__ == "__main__":
    with reporting_errors():
        studies = named_studies(__doc__)
        from whyrelu.claims.decide import decide_anew

        for study in studies:
            decided = decide_anew(Path("results") / study)
            for change in decided.changes:
                print(f"{study}: {change.id} is {change.after}, and was {change.before}")
            counts = ", ".join(f"{count} {verdict}" for verdict, count in Counter(decided.verdicts.values()).items())
            print(f"{study}: of {len(decided.verdicts)} claims {counts}; {len(decided.changes)} otherwise than before")
