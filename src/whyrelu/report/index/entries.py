"""What the index knows of one study: its verdicts, the settings in which they were reached, its words and figure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from whyrelu.claims.verdict import NOT_TESTED, REFUTED, SUPPORTED
from whyrelu.files import read_json
from whyrelu.report.text import listing
from whyrelu.results.files import read_table
from whyrelu.results.given_rates import GIVEN_LR, TUNED
from whyrelu.results.labels import facet_columns, labelled, value_text
from whyrelu.results.tables import factor_columns

DECIDED = (SUPPORTED, REFUTED)
# The figure that stands for a report, the first of these that it has.
_HEADLINES = ("accuracy", "throughput")
# Of what `Entry.settings` has, these are counts.
COUNTS = ("training image", "seed")
# What no result depends on, and factors that are not told as they are in the tables.
_NOT_TOLD = re.compile(
    r"(activation|depth|lr|given_lr|diagnostics|trainer|optimizer\.fused)(\.|$)|data\.(?!augmentation\.)"
)


_OF_TRAINING = re.compile(
    r"(optimizer|schedule|batch_size|epochs|lr|precision|data\.augmentation|training image)(\.|$)"
)


@dataclass(frozen=True)
class Entry:
    """One study of the index.

    Attributes:
        name: of the study, and of its folder below reports/.
        data: names of its data sets.
        claims: entries of claims.json by their id.
        settings: by the id of each claim that was decided by runs, what is the same in all cells of the facet of the
            test that is shown for it, and its depth.
        facts: provenance.json.
        summary: what its report says first.
        figure: path of its headline figure, relative to the index; empty if there is none.
    """

    name: str
    data: tuple[str, ...]
    claims: dict[str, dict[str, Any]]
    settings: dict[str, dict[str, str]]
    facts: dict[str, Any]
    summary: str
    figure: str

    @property
    def varied(self) -> int:
        """How many factors beside activation and depth were varied; 0 if the tables do not say so."""
        return len(self.facts.get("varied", []))

    @property
    def rates(self) -> str:
        """How learning rates were given; empty if the tables do not say so. Claims are decided with tuned ones."""
        given = [str(way) for way in self.facts.get("given_lr", [])]
        untuned = [way for way in given if way != TUNED]
        if TUNED in given:
            return f"{TUNED}, beside lr={listing(untuned)}" if untuned else TUNED
        return f"lr={listing(untuned)} untuned" if untuned else ""

    @property
    def decided(self) -> int:
        """How many claims are supported or refuted here."""
        return sum(self.verdict(claim) in DECIDED for claim in self.claims)

    def verdict(self, claim: str) -> str:
        """What a claim came out as here."""
        return str(self.claims[claim]["verdict"]) if claim in self.claims else NOT_TESTED


def read_entry(results: Path, report: Path) -> Entry:
    """Read a study for the index.

    Args:
        results: results/<study>.
        report: reports/<study>.

    Raises:
        UserError: a table is missing or damaged.
    """
    facts = read_json(results / "provenance.json")
    cells = read_table(results / "cells.parquet", ["activation", "depth", "n"])
    claims = {found["id"]: found for found in read_json(results / "claims.json")}
    names = factor_columns(cells)
    facets = labelled(cells, facet_columns(cells))
    return Entry(
        name=report.name,
        data=tuple(sorted(data["name"] for data in facts["data"])),
        claims=claims,
        settings={
            claim: _settings(_cells_of(facets, found["facet"])[[*names, "n"]], found, facts)
            for claim, found in claims.items()
            if found["verdict"] != NOT_TESTED and not rests_on_times(found)
        },
        facts=facts,
        summary=first_words(report),
        figure=headline_figure(report),
    )


def first_words(report: Path) -> str:
    """What is in bold at the beginning of a report, or its first sentence; links lead there from the index."""
    blocks = (report / "README.md").read_text(encoding="utf-8").split("\n\n")
    paragraph = next((" ".join(block.split()) for block in blocks if not block.startswith("#")), "")
    bold = re.match(r"\*\*(.+?)\*\*", paragraph)
    text = bold[1] if bold else re.split(r"(?<=[.;]) (?=[A-Z])", paragraph)[0]
    return re.sub(r"\]\(#", f"]({report.name}/README.md#", text)


def headline_figure(report: Path) -> str:
    """Path of the figure that stands for a report, relative to the index; empty if it has none."""
    names = sorted(path.stem for path in (report / "figures").glob("*.svg"))
    chosen = next((name for name in _HEADLINES if name in names), names[0] if names else "")
    return f"{report.name}/figures/{chosen}.svg" if chosen else ""


def rests_on_times(claim: Mapping[str, Any]) -> bool:
    """Whether an entry of claims.json was decided by times of a machine, instead of by runs."""
    return claim.get("n_of") == "blocks"


def _cells_of(cells: pd.DataFrame, facet: str | None) -> pd.DataFrame:
    """The cells of a facet; all of them for what is of none, or of all together."""
    return cells[cells["facet"] == facet] if facet else cells


def _settings(cells: pd.DataFrame, claim: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, str]:
    """What is the same in some cells of a study, as text, by what it is called.

    Args:
        cells: factors and `n` of cells.parquet.
        claim: entry of claims.json. What is measured at init does not depend on settings of training.
        facts: provenance.json.
    """
    same = {str(name): cells[name].iloc[0] for name in cells if cells[name].nunique(dropna=False) == 1}
    known = {**facts.get("common", {}), **same}
    runs = known.pop("n", None)
    for name, values in facts.get("implied", {}).items():
        # such as the momentum of sgd: the same wherever the setting that it belongs to has this value
        known.setdefault(name, values.get(known.get(name.partition(".")[0])))
    told = {
        name: value_text(value)
        for name, value in known.items()
        if not _NOT_TOLD.match(name) and value is not None and not pd.isna(value)
    }
    if claim.get("depth") is not None:
        told["depth"] = str(claim["depth"])
    ways = [known[GIVEN_LR]] if GIVEN_LR in known else facts.get("given_lr", [])
    if len(ways) == 1:
        told["lr"] = str(ways[0])
    elif known.get("lr") is not None:
        told["lr"] = value_text(known["lr"])
    sizes = {data["name"]: data["train"] for data in facts["data"]}
    images = sizes.get(known.get("data"), next(iter(sizes.values())) if len(sizes) == 1 else None)
    counts = dict(zip(COUNTS, (images, runs), strict=True))
    told |= {name: str(count) for name, count in counts.items() if count is not None}
    is_untrained = "at init" in str(claim.get("quantity"))
    return {name: value for name, value in told.items() if not (is_untrained and _OF_TRAINING.match(name))}
