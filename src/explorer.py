r"""Write the page to play with, reports/explorer/index.html, from the tables in results/. No run is needed.

python src/explorer.py

Theory is in results/explorer/. Delete that folder to compute it anew, which takes a minute. The picture in README.md:
  chromium --headless --hide-scrollbars --window-size=1400,890 --screenshot=reports/explorer/explorer.png \
    reports/explorer/index.html
"""

import argparse
from pathlib import Path

from whyrelu.commandline import reporting_errors

if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with reporting_errors():
        from whyrelu.explorer.page import write_page
        from whyrelu.explorer.theory import write_theory

        if not (theory := Path("results/explorer/theory.parquet")).is_file():
            write_theory(theory)
        print(f"explorer: {write_page(Path('results'), Path('reports'))}")
