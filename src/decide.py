"""Decide all claims of conf/claims/ from the tables in results/, and say which verdicts have changed. No run is needed.

Writes results/<study>/effects.csv, results/claims.json, docs/claims.md and reports/README.md with its figures:
  python src/decide.py
"""

import argparse
from collections import Counter
from pathlib import Path

from whyrelu.commandline import reporting_errors

if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with reporting_errors():
        from whyrelu.claims.decide import decide
        from whyrelu.claims.declaration import read_claims
        from whyrelu.files import read_json, write_bytes
        from whyrelu.report.index import write_index
        from whyrelu.report.templating import rendered

        claims, written = read_claims(), Path("results/claims.json")
        before = {entry["id"]: entry["verdict"] for entry in (read_json(written) if written.is_file() else [])}
        entries = decide(Path("results"), claims)
        write_bytes(rendered("claims.md.jinja", claims=claims).encode(), Path("docs/claims.md"))
        for entry in entries:
            if (known := before.get(entry["id"])) not in (None, entry["verdict"]):
                print(f"{entry['id']} is {entry['verdict']}, and was {known}")
        counts = Counter(entry["verdict"] for entry in entries)
        print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
        print(f"index: {write_index(Path('results'), Path('reports'))}")
