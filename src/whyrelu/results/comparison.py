"""Whether two folders of results say the same, times aside.

On the same kind of machine all tables are the same byte for byte, but for rows of effects.csv that are `timed`. On
another the last digits differ, and what was trained is another sample of the same experiment. Predictions must then be
the same within a thousandth, and every cell, and ALL together, has one of three answers, of runs paired by seed:

- DIFFER: at least 6 pairs, and p < 0.05 after Holm over all tests of the study, for the means of test accuracy
  (Student's paired test; means more than 0.5 points apart) or for the shares that learn (McNemar's exact test).
- AGREE: not so, at least 6 pairs, and the 95% interval of the difference of means within 5 points of zero.
- TOO_FEW: neither; more seeds would tell.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from whyrelu.errors import UserError
from whyrelu.results.cells import cell_names
from whyrelu.results.columns import THEORY_COLUMNS
from whyrelu.results.study import Study
from whyrelu.statistics.intervals import mean_interval
from whyrelu.statistics.tests import holm, paired_p

DIFFER, AGREE, TOO_FEW = "differ", "agree", "too few seeds"
ALL = "all cells"
EFFECTS = "effects.csv"
# Of one machine at one time.
_TIMES = {"hours.json", "timing.json"}
# Of predictions, which have no learning in them, but some iterate to a tolerance: 2e-4 was seen.
_TOLERANCE = 1e-3
_ALPHA = 0.05
# Differences of mean test accuracy: up to the first one is nothing, whatever p is; within the second two means agree.
_NOTHING, _ALIKE = 0.005, 0.05
# Of fewer pairs chance makes all look alike, or all unlike in one way, too often where runs split into learned and not.
_FEWEST = 6
# Of provenance.json: facts of the machine; and settings that go with a machine, or are tuned.
_MACHINE = ("cpu", "device", "threads", "precision", "torch", "lightning", "numpy")
_MAY_DIFFER = {"lr", "precision", "optimizer.fused", "trainer.accelerator", "trainer.threads"}


class Comparison(NamedTuple):
    """What to tell line by line, the verdict, and whether the second study passes for a repetition of the first."""

    lines: list[str]
    verdict: str
    passes: bool


def compare(first: Path, second: Path) -> Comparison:
    """Compare results/<study> of two checkouts, "here" and "there".

    A folder that is missing or damaged, and one of another experiment, is a UserError.
    """
    here, there = Study(first), Study(second)
    machine, other_machine = _machine(here), _machine(there)
    files = _unlike_files(first, second)
    if not files:
        return Comparison([], "the same, times aside", True)
    _check_same_experiment(here, there)
    problems = _unlike_predictions(here, there)
    if machine == other_machine:
        problems.append(f"on the same kind of machine {', '.join(files)} must not differ")
    cells = compare_cells(here.runs, there.runs)
    answers = cells["answer"].drop(ALL)
    different, alike, too_few = ((answers == answer).sum() for answer in (DIFFER, AGREE, TOO_FEW))
    verdict = (
        f"not the same bits; of {len(answers)} cells {different or 'none'} differ, {alike} agree within "
        f"{100 * _ALIKE:g} points, {too_few} have too few seeds to tell; all together: {cells['answer'][ALL]}"
    )
    facts = zip(machine, machine.values(), other_machine.values(), strict=True)
    told = [f"{name}: {one} here, {other} there" for name, one, other in facts if one != other]
    passes = not problems and not (cells["answer"] == DIFFER).any()
    return Comparison([*told, _table(cells)], "; ".join([*problems, verdict]), passes)


def compare_cells(here: pd.DataFrame, there: pd.DataFrame) -> pd.DataFrame:
    """Two tables of runs, paired by seed: a row per cell by its name and one of ALL, with `answer`.

    Differences are there minus here. Both p are unadjusted, and nan where there is no test.
    """
    pairs = _pairs(here, there)
    groups = [*pairs.groupby("name", sort=False), (ALL, pairs)]
    cells = pd.DataFrame([{"name": name, **_cell(runs)} for name, runs in groups]).set_index("name")
    p_mean, p_share = holm([*cells["p_mean"], *cells["p_share"]]).reshape(2, -1)
    is_different = ((p_mean < _ALPHA) & (cells["difference"].abs() > _NOTHING)) | (p_share < _ALPHA)
    is_alike = (cells["pairs"] >= _FEWEST) & (cells["low"] > -_ALIKE) & (cells["high"] < _ALIKE)
    return cells.assign(answer=np.select([is_different, is_alike], [DIFFER, AGREE], TOO_FEW))


def _pairs(here: pd.DataFrame, there: pd.DataFrame) -> pd.DataFrame:
    named = [runs.assign(name=cell_names(runs)) for runs in (here, there)]
    return named[0].merge(named[1], on=["name", "seed"], suffixes=("_here", "_there"))


def _cell(pairs: pd.DataFrame) -> dict[str, Any]:
    here, there = (pairs[f"test_accuracy_{side}"].to_numpy() for side in ("here", "there"))
    learned_here, learned_there = (pairs[f"outcome_{side}"].to_numpy() == "learned" for side in ("here", "there"))
    is_unlike = learned_here != learned_there
    p_mean = p_share = math.nan
    difference, low, high = mean_interval(there - here)
    if len(pairs) >= _FEWEST:
        # sign flips of 8 or 9 pairs give no p that Holm over 18 cells leaves below 0.05, however large the difference
        has_spread = not np.allclose(there - here, difference)
        p_mean = stats.ttest_rel(there, here).pvalue if has_spread else paired_p(there, here)
    if is_unlike.sum() >= _FEWEST:
        p_share = stats.binomtest(int(learned_here[is_unlike].sum()), int(is_unlike.sum())).pvalue
    rates = pairs[["lr_here", "lr_there"]].drop_duplicates()
    return {
        "pairs": len(pairs),
        "lr": " / ".join(dict.fromkeys(rates.iloc[0].map("{:.3g}".format))) if len(rates) == 1 else "",
        "mean_here": here.mean(),
        "mean_there": there.mean(),
        "difference": difference,
        "low": low,
        "high": high,
        "learned_here": int(learned_here.sum()),
        "learned_there": int(learned_there.sum()),
        "p_mean": p_mean,
        "p_share": p_share,
    }


def _table(cells: pd.DataFrame) -> str:
    """Cell by cell, accuracies in percent and differences in points."""
    points = 100 * cells[["mean_here", "mean_there", "difference", "low", "high"]]
    ends = points[["low", "high"]].map("{:+z.1f}".format)
    shown = {
        "pairs": cells["pairs"],
        "lr": cells["lr"],
        "mean here": points["mean_here"].map("{:.1f}".format),
        "there": points["mean_there"].map("{:.1f}".format),
        "difference": points["difference"].map("{:+z.1f}".format),
        "95% interval": ends["low"] + " to " + ends["high"],
        "learned": cells["learned_here"].astype("str") + " / " + cells["learned_there"].astype("str"),
        "answer": cells["answer"],
    }
    return pd.DataFrame(shown).rename_axis(None).to_string()


def _machine(study: Study) -> dict[str, str]:
    """What the last bits depend on."""
    known = study.provenance | study.provenance["libraries"]
    return {name: " and ".join(map(str, known.get(name, ()))) for name in _MACHINE}


def _unlike_files(first: Path, second: Path) -> list[str]:
    names = {path.name for folder in (first, second) for path in folder.iterdir() if path.is_file()} - _TIMES
    return sorted(name for name in names if _untimed(first / name) != _untimed(second / name))


def _untimed(path: Path) -> list[bytes] | None:
    """The lines of a file, of effects.csv those that do not depend on times, as its last column says; None without."""
    if not path.is_file():
        return None
    lines = path.read_bytes().split(b"\n")
    return [line for line in lines if not line.endswith(b",True")] if path.name == EFFECTS else lines


def _check_same_experiment(here: Study, there: Study) -> None:
    """Raise a UserError unless images, settings and cells are the same, and each cell has a seed in common."""
    one, other = (study.provenance["common"] for study in (here, there))
    settings = (one.keys() | other.keys()) - _MAY_DIFFER
    found = [f"{name} differs" for name in settings if one.get(name) != other.get(name)]
    images = [[data["fingerprint"] for data in study.provenance["data"]] for study in (here, there)]
    found += ["the images differ"] if images[0] != images[1] else []
    names = {*cell_names(here.runs), *cell_names(there.runs)}
    found += [f"{name}: no seed in both" for name in names - {*_pairs(here.runs, there.runs)["name"]}]
    if found:
        raise UserError(f"{here.folder} and {there.folder} are not of one experiment: {min(found)}")


def _unlike_predictions(here: Study, there: Study) -> list[str]:
    # xi is infinite where decades are next to none
    names = [name for name in THEORY_COLUMNS if name != "xi"]
    one, other = (study.theory[names].to_numpy("float64") for study in (here, there))
    if one.shape != other.shape:
        return ["number of rows of theory.parquet differs"]
    nearest = np.where(np.array(names) == "decades", _TOLERANCE, 0)
    is_close = np.isclose(one, other, rtol=_TOLERANCE, atol=nearest, equal_nan=True).all(axis=0)
    return [f"{name} of theory.parquet differs" for name, close in zip(names, is_close, strict=True) if not close]
