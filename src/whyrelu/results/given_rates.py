"""Studies that compare tuned learning rates with given ones (lr=tuned,0.05): how a rate was given is a further axis.

Its column `given_lr` says "tuned" or the number. Without it, cells at their own tuned rates would all differ in the
rate itself, and those at a common one would be mixed with the few whose tuned rate is the same number. A run knows
nothing of it: one whose tuned rate is the given number is trained once, has one folder, and counts on both sides. It
then has two rows in the tables, the second with "+" and how its rate was given behind the id of the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

GIVEN_LR = "given_lr"
# What it says where the rate was tuned.
TUNED = "tuned"


def compares_tuned_with_given(given: Iterable[str]) -> bool:
    """Whether some of the rates of a study are tuned and some given.

    Args:
        given: "tuned" or a number as text, of every run.
    """
    ways = set(given)
    return TUNED in ways and len(ways) > 1


def with_given_lr(
    records: Iterable[Mapping[str, Any]], given: Mapping[str, Sequence[str]]
) -> Iterator[Mapping[str, Any]]:
    """Records with `given_lr` among their factors, as often as their rates were given in different ways.

    Args:
        records: content of run.json.
        given: for every run by its id, what lr was given as.
    """
    for record in records:
        for i, way in enumerate(given[record["run_id"]]):
            run_id = f"{record['run_id']}+{way}" if i else record["run_id"]
            yield {**record, "run_id": run_id, "factors": {**record["factors"], GIVEN_LR: way}}


def trained_id(run_id: str) -> str:
    """The id of the run that a row is of, which has a folder."""
    return run_id.partition("+")[0]


def as_tuned(tuning: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Tuning runs as a part of the tuned side, in a study that has two.

    Args:
        tuning: tuning.parquet.
        columns: the factors that tell facets of the study apart.
    """
    return tuning.assign(**{GIVEN_LR: TUNED}) if GIVEN_LR in columns else tuning
