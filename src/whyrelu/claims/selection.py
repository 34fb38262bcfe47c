"""Which rows of a table a claim looks at, and the settings among them."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pandas as pd

from whyrelu.errors import UnknownNameError
from whyrelu.results.columns import FACTORS
from whyrelu.results.labels import cell_factors, label, varying
from whyrelu.results.study import Study
from whyrelu.statistics.intervals import Estimate

# One row of effects.csv; see whyrelu.results.columns.EFFECT_COLUMNS.
Row = dict[str, Any]
Where = Mapping[str, Any]
# Which epochs count of cells that are the same but for them.
Budget = Literal["smallest", "all", "ends"]

PLAIN = {"norm": "none", "model": "cnn", "clip": None}


def matching(table: pd.DataFrame, where: Where) -> pd.DataFrame:
    """The rows in which factors have these values, None being a missing one; none if a dotted one does not vary."""
    for name, value in where.items():
        if name in table:
            table = table[table[name].isna() if value is None else table[name] == value]
        elif "." not in name:
            raise UnknownNameError("factor in where", name, FACTORS)
        else:
            table = table.iloc[:0]
    return table


def plain(table: pd.DataFrame, where: Where, budget: Budget = "smallest", *, gains: bool = False) -> pd.DataFrame:
    """The matching rows of plain networks, trained with SGD where the study has it, unless `where` says otherwise.

    Cells of init=gain belong to the map of what learns, and count with `gains` alone.
    """
    if (table["optimizer"] == "sgd").any():
        where = {"optimizer": "sgd", **where}
    chosen = matching(table, PLAIN | dict(where))
    if not gains and "init" not in where:
        chosen = chosen[chosen["init"] != "gain"]
    others = [name for name in cell_factors(table) if name not in ("epochs", "lr")]
    if chosen.empty or budget == "all":
        return chosen
    epochs = chosen.groupby(others, dropna=False)["epochs"]
    counts = chosen["epochs"] == epochs.transform("min")
    if budget == "ends":
        counts |= chosen["epochs"] == epochs.transform("max")
    return chosen[counts]


def settings(table: pd.DataFrame, *, by_depth: bool = True, by_arm: bool = True) -> Iterator[tuple[Row, pd.DataFrame]]:
    """The rows of each initialisation, further setting and, as asked for, depth and activation, with what they are."""
    own = {group: _settings_of(table, group) for group in ("activation", "init")}
    # a norm or a shortcut is worth a word where it does not vary either
    told = {*PLAIN, *varying(table)} - {"depth", *own["activation"], *own["init"]}
    special = [name for name in cell_factors(table) if name in told]
    keys = ["depth"] * by_depth + own["activation"] * by_arm + own["init"] + special
    for _, rows in table.groupby(keys, dropna=False):
        first = rows.iloc[0]
        place: Row = {"init": label(first, own["init"][1:]) or first["init"], "setting": label(first, special)}
        if by_depth:
            place["depth"] = int(first["depth"])
        if by_arm:
            place["comparison"] = label(first, own["activation"])
        yield place, rows


def pairs(rows: pd.DataFrame, first: str, second: str) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Each variant of two activations in words, and their runs by seed with columns _first and _second."""
    columns = _settings_of(rows, "activation")
    arms = [
        [
            (label(own.iloc[0], columns), own)
            for _, own in matching(rows, {"activation": name}).groupby(columns, dropna=False)
        ]
        for name in (first, second)
    ]
    for (a, one), (b, two) in itertools.product(*arms):
        both = one.merge(two, on="seed", suffixes=("_first", "_second"))
        if len(both):
            yield a, b, both


def effect(place: Row, quantity: str, unit: str, found: Estimate | float, n: int, **further: Any) -> Row:
    """One row of effects, of a bare number without width; with `beside=True` it is told and decides nothing."""
    estimate = found if isinstance(found, Estimate) else Estimate(found, found, found)
    return {**place, "quantity": quantity, "unit": unit, **estimate._asdict(), "n": n, **further}


def with_setting(place: Row, text: str) -> Row:
    """A place with more said of its setting."""
    return place | {"setting": ", ".join(filter(None, [place["setting"], text]))}


def learned(rows: pd.DataFrame) -> pd.Series:
    """Whether runs learned."""
    return rows["outcome"] == "learned"


def _settings_of(table: pd.DataFrame, group: str) -> list[str]:
    """A group's columns, such as activation and activation.shift."""
    return [group, *(name for name in cell_factors(table) if name.startswith(f"{group}."))]


def trained_through(study: Study) -> pd.DataFrame:
    """The runs of a study; none if its training ends at an accuracy, because such runs have the same accuracies."""
    runs: pd.DataFrame = study.runs
    return runs.iloc[:0] if study.provenance["common"].get("trainer.stop_at") else runs


def within(table: pd.DataFrame, min_depth: int = 1, max_depth: int | None = None) -> pd.DataFrame:
    """The rows of some depths, both ends included."""
    return table[table["depth"].between(min_depth, float("inf") if max_depth is None else max_depth)]
