"""Learning rates: which were chosen, and what choosing changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from whyrelu.report.grid import Grid
from whyrelu.report.study import Study
from whyrelu.report.text import MISSING, at_depths, listing, number, percent, plural, points
from whyrelu.results.budgets import unequal_budgets
from whyrelu.results.labels import value_text

_KEYS = ["series", "facet", "depth"]
# What lr.csv flags a cell with in which every rate fails.
_NONE_LEARNED = "none learned"


@dataclass(frozen=True)
class CommonRates:
    """The one rate for all cells of an optimizer, and what its tuning runs reached.

    Attributes:
        rates: by optimizer.
        cells: one row per cell that tried it: series, facet, depth, `rate`, `common` (mean test accuracy), `tries`
            (tuning runs) and `common_failed`.
    """

    rates: dict[str, float]
    cells: pd.DataFrame


def is_tuned(study: Study) -> pd.Series:
    """Which cells were run at the rate that was chosen for them, shape (cells,)."""
    chosen = study.rates.set_index(_KEYS)["lr"]
    keys = pd.MultiIndex.from_frame(study.cells[_KEYS])
    own = chosen.reindex(keys).to_numpy("float64") if len(chosen) else np.full(len(keys), np.nan)
    return pd.Series(np.isclose(own, study.cells["lr"].to_numpy("float64"), rtol=1e-5), index=study.cells.index)


def common_rates(tuning: pd.DataFrame) -> CommonRates:
    """The rate, tried in all cells of an optimizer, with the highest mean validation accuracy over them.

    Diverged runs count with what they reached, those that reached nothing with 0; of equal rates the one nearest to the
    middle of all that all cells tried, and of two equally near the smaller.

    Args:
        tuning: tuning.parquet with `series`, `facet` and `failed`; may have no rows.
    """
    rates: dict[str, float] = {}
    parts = []
    for optimizer, runs in tuning.groupby("optimizer", sort=False):
        table = runs.assign(reached=runs["val_accuracy"].fillna(0.0)).pivot_table(
            index="cell", columns="lr", values="reached", sort=True
        )
        everywhere = table.dropna(axis="columns").mean()
        if everywhere.empty:
            continue
        shared = np.sort(everywhere.index.to_numpy("float64"))
        best = shared[np.isclose(everywhere.to_numpy("float64"), everywhere.max(), rtol=0, atol=1e-9)]
        rate = float(min(best, key=lambda lr: round(abs(np.log10(lr**2 / (shared[0] * shared[-1]))), 1)))
        rates[str(optimizer)] = rate
        parts.append(runs[runs["lr"] == rate])
    if not parts:
        return CommonRates({}, pd.DataFrame(columns=[*_KEYS, "rate", "common", "tries", "common_failed"]))
    cells = (
        pd.concat(parts)
        .groupby(_KEYS, sort=False)
        .agg(
            rate=("lr", "first"),
            common=("test_accuracy", "mean"),
            tries=("run_id", "size"),
            common_failed=("failed", "sum"),
        )
    )
    return CommonRates(rates, cells.reset_index())


def rates_grid(study: Study, common: CommonRates) -> Grid:
    """Test accuracy of every cell at the tuned rate and, beside it, at the common one, each with failures of runs."""
    several = len(study.facets) > 1
    shorts = {facet.label: facet.short for facet in study.facets}
    # of several rates each row says its own
    told = set(common.rates.values())
    beside = f"lr {value_text(*told)}, tuning seeds" if len(told) == 1 else "common lr, tuning seeds"
    header = ["setting"] * several + ["activation", "depth", "tuned lr", "tried", "accuracy, study's seeds", "failed"]
    header += ["accuracy, tuning seeds", beside, "failed", "tuned minus common, tuning seeds"]
    rows = []
    for cell in compared_cells(study, common).to_dict("records"):
        name = [shorts[str(cell["facet"])]] * several + [str(cell["series"]), str(cell["depth"])]
        interval = "" if pd.isna(cell["low"]) else f" [{number(cell['low'])}, {number(cell['high'])}]"
        flag = f" ({cell['flag']})" if isinstance(cell["flag"], str) and cell["flag"] else ""
        tried = MISSING if pd.isna(cell["lowest"]) else f"{value_text(cell['lowest'])} to {value_text(cell['highest'])}"
        accuracy = f"{number(cell['mean'])}{interval}"
        tuned = [f"{value_text(cell['lr'])}{flag}", tried, accuracy, f"{cell['failures']}/{cell['n']}"]
        other = [MISSING] * 4
        if not pd.isna(cell["rate"]):
            where = "" if len(told) == 1 else f" (lr {value_text(cell['rate'])})"
            failed = f"{int(cell['common_failed'])}/{int(cell['tries'])}"
            change = points(cell["retried"] - cell["common"])
            other = [number(cell["retried"]), f"{number(cell['common'])}{where}", failed, change]
        rows.append([*name, *tuned, *other])
    return Grid(header, 1 + several, rows)


def compared_cells(study: Study, common: CommonRates) -> pd.DataFrame:
    """The cells with what tuning chose for them and what the common rate gave them; missing where neither is known.

    `retried` is the mean test accuracy of the tuning runs at the chosen rate: beside `common` it has the same seeds.
    """
    chosen = study.rates[[*_KEYS, "rates", "lowest", "highest", "decades", "flag"]]
    cells = study.cells.merge(chosen, on=_KEYS, how="left").merge(common.cells, on=_KEYS, how="left")
    tried = study.tuning.groupby([*_KEYS, "lr"], as_index=False).agg(retried=("test_accuracy", "mean"))
    return cells.merge(tried, on=[*_KEYS, "lr"], how="left")


def rates_sentences(study: Study, common: CommonRates) -> list[str]:
    """How rates were chosen, which are at an end of their grid or chosen among failures, and what tuning changed."""
    rates = study.rates
    tried = _span(rates["rates"].tolist(), "rate")
    seeds = _span(rates["n"].tolist(), "tuning seed")
    sentences = [
        f"For each of {plural(len(rates), 'cell')} {tried} a factor of about 3.16 apart were tried with {seeds}, none "
        "of which is a seed of the results. The rate with the highest mean validation accuracy was taken; among rates "
        "with the same accuracy, and where no rate gave a run that did not fail, the one with the lowest mean "
        "validation loss, rates at which a run diverged last, and of those the one nearest to the middle of the grid. "
        "The test images played no part.",
        *_budget_sentences(study),
    ]
    for flag, what in (
        ("edge", "The best rate is the last one tried, so a better one may lie beyond, for"),
        (_NONE_LEARNED, "No rate gave a run that did not fail, so the choice means little, for"),
    ):
        cells = rates[rates["flag"] == flag]
        if not cells.empty:
            sentences.append(f"{what} {_named(study, cells)}.")
    sentences += _brink_sentences(study)
    widths = rates.loc[rates["flag"] == "", ["series", "decades"]].groupby("series", sort=False)["decades"].mean()
    if not widths.empty:
        told = ", ".join(f"{name} {width:.1f}" for name, width in widths.sort_values(ascending=False).items())
        sentences.append(
            "How much the choice matters: decades of rates within one point of the best (half a decade per rate, so "
            f"0.5 is the best alone), mean over cells that learn: {told}."
        )
    cells = compared_cells(study, common).dropna(subset=["rate"])
    if not cells.empty:
        sentences += _change_sentences(study, common, cells)
    return sentences


def _budget_sentences(study: Study) -> list[str]:
    """Whether cells that differ in the activation only had equal budgets, and which had less."""
    unequal, rates = unequal_budgets(study.tuning, ["facet", "depth"]), study.rates
    told = [
        f"{_named(study, rates[rates['cell'].isin(cells)])} not at {listing([value_text(rate) for rate in untried])}"
        for untried, cells in unequal.untried.items()
    ]
    told += [
        f"{_named(study, rates[rates['cell'].isin(cells)])} with {plural(seeds, 'seed')} instead of {most}"
        for (seeds, most), cells in unequal.seeds.items()
    ]
    if not told:
        return ["Cells that differ in the activation only tried the same rates with the same number of seeds."]
    return [
        "Cells that differ in the activation only were to try the same rates with the same seeds, but some that were "
        f"added later had more than others: these tried {'; '.join(told)}. That favours those that had more."
    ]


def _change_sentences(study: Study, common: CommonRates, cells: pd.DataFrame) -> list[str]:
    told = listing(
        [
            f"{value_text(rate)}" + (f" for {name}" if len(common.rates) > 1 else "")
            for name, rate in common.rates.items()
        ]
    )
    of_one, has = (" of an optimizer", "have") if len(common.rates) > 1 else ("", "has")
    cells = cells.dropna(subset=["retried"])
    if cells.empty:
        return []
    gain = cells["retried"] - cells["common"]
    best, worst = cells.iloc[int(gain.argmax())], cells.iloc[int(gain.argmin())]
    same = int(np.isclose(cells["lr"].to_numpy("float64"), cells["rate"].to_numpy("float64")).sum())
    return [
        f"One rate for all: of the rates that all cells{of_one} tried, {told} {has} the highest mean validation "
        f"accuracy over them; {same} of {plural(len(cells), 'cell')} chose it anyway. On the same "
        f"{_span([int(n) for n in cells['tries']], 'tuning seed')} per cell the mean over cells of test accuracy is "
        f"{percent(cells['common'].mean())} with it and {percent(cells['retried'].mean())} with tuned rates; the "
        f"difference goes from {points(gain.min())} points ({_name(study, worst)}) to {points(gain.max())} "
        f"({_name(study, best)}). So few seeds are rough, and the tuned rates were chosen by these very seeds; the "
        "accuracy at the tuned rate in the table is that of the study's own seeds."
    ]


def _brink_sentences(study: Study) -> list[str]:
    """In which cells the chosen rate is the largest that works: all runs at the next one tried failed."""
    cells = study.rates[[_is_at_the_brink(study, cell) for _, cell in study.rates.iterrows()]]
    if cells.empty:
        return []
    told = [
        f"{series} {at_depths(sorted(group['depth']))}{_setting(study, str(facet))}"
        for (series, facet), group in cells.groupby(["series", "facet"], sort=False)
    ]
    runs = _span([int(n) for n in cells["n"]], "run")
    return [f"At the next rate tried above the chosen one all tuning runs ({runs}) fail for {listing(told)}."]


def _is_at_the_brink(study: Study, cell: pd.Series) -> bool:
    own = study.tuning[(study.tuning[_KEYS] == cell[_KEYS]).all(axis=1)]
    above = own[own["lr"] > cell["lr"] * (1 + 1e-5)]
    failed = bool(above[above["lr"] == above["lr"].min()]["failed"].all())
    return cell["flag"] != _NONE_LEARNED and not above.empty and failed


def _setting(study: Study, label: str) -> str:
    short = next(facet.short for facet in study.facets if facet.label == label)
    return f" ({short})" if short else ""


def _named(study: Study, cells: pd.DataFrame) -> str:
    if len(cells) > 8:
        return f"{plural(len(cells), 'cell')} (marked in the table)"
    return listing([_name(study, cell) for _, cell in cells.iterrows()])


def _name(study: Study, cell: pd.Series) -> str:
    return f"{cell['series']} at depth {cell['depth']}{_setting(study, cell['facet'])}"


def _span(counts: list[int], noun: str) -> str:
    least, most = min(counts), max(counts)
    return plural(most, noun) if least == most else f"{least} to {plural(most, noun)}"
