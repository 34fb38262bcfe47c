"""What the page says of where its numbers come from."""

from __future__ import annotations

from typing import Any

from whyrelu.report.rates import is_tuned
from whyrelu.report.study import Study, factor_title
from whyrelu.report.text import listing, plural
from whyrelu.results.labels import value_text
from whyrelu.statistics.summaries import BOOTSTRAP_FROM

# Common factors that a reader wants to know of first; the others follow in their own order.
_FIRST = ("data", "model", "width", "init", "norm", "optimizer", "lr", "schedule", "batch_size", "epochs", "precision")


def seeds_text(seeds: list[int]) -> str:
    """Seeds in words: "seeds 0 to 9", "seed 3"."""
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seeds {listing(seeds)}"


def learning_rate_text(study: Study) -> str:
    """Which learning rates there were, and that common ones were not tuned for any activation."""
    rates = sorted(float(rate) for rate in study.cells["lr"].unique())
    tuned = is_tuned(study)
    if tuned.any():
        count = "each cell" if tuned.all() else f"{int(tuned.sum())} of {plural(len(tuned), 'cell')}"
        span = " to ".join(dict.fromkeys([value_text(rates[0]), value_text(rates[-1])]))
        return f"tuned for {count} on the validation split ({span}; see [Learning rates](#learning-rates))"
    per_facet = [sorted(float(rate) for rate in facet.cells["lr"].unique()) for facet in study.facets]
    untuned = "the same for every activation and depth, and tuned for none of them; another one may suit an activation \
better"
    if len(rates) == 1:
        return f"{value_text(rates[0])}, {untuned}"
    if "lr" in study.facet_columns:
        return f"{listing([value_text(rate) for rate in rates])}, each {untuned}"
    if all(len(found) == 1 for found in per_facet):
        pairs = zip(per_facet, study.facets, strict=True)
        return f"{', '.join(f'{value_text(found[0])} with {facet.label}' for found, facet in pairs)}; {untuned}"
    span = f"{value_text(rates[0])} to {value_text(rates[-1])}"
    return f"{span}, not the same in all cells and not tuned: see the table of cells"


def size_text(study: Study) -> str:
    """The runs as a product, "4 activations x 4 depths x 10 seeds", or as so many per cell where cells differ in n."""
    least, most = int(study.cells["n"].min()), int(study.cells["n"].max())
    sizes = [plural(len(study.series), "activation"), plural(len(study.depths), "depth"), *_facets_text(study)]
    if least == most and len(study.cells) == len(study.series) * len(study.depths) * len(study.facets):
        return " x ".join([*sizes, plural(most, "seed")])
    each = plural(most, "run") if least == most else f"{least} to {most} runs"
    return f"{plural(len(study.cells), 'cell')} of {each}"


def _facets_text(study: Study) -> list[str]:
    """How many facets there are and, of few that differ in one factor, which; nothing of a single one."""
    columns, facets = study.facet_columns, study.facets
    if not columns:
        return []
    if len(columns) > 1 or study.is_compact:
        what = "combination" if len(columns) > 1 else "value"
        return [f"{plural(len(facets), what)} of {listing([factor_title(name) for name in columns])}"]
    return [f"{plural(len(facets), 'setting')} ({listing([facet.label for facet in facets])})"]


def interval_note(study: Study) -> str:
    """How the intervals were computed, given the numbers of runs there are."""
    kinds = []
    if (study.cells["n"] >= BOOTSTRAP_FROM).any():
        kinds.append(f"the span of BCa bootstrap and Student's t from {BOOTSTRAP_FROM} runs on")
    if study.cells["n"].between(2, BOOTSTRAP_FROM - 1).any():
        kinds.append(f"Student's t below {BOOTSTRAP_FROM} runs")
    if (study.cells["n"] == 1).any():
        kinds.append("none for a single run")
    return f"95% intervals of means: {'; '.join(kinds)}."


def scope_sentence(study: Study) -> str:
    """What was varied, and that nothing else was."""
    counts = {
        "activation": len(study.series),
        "depth": len(study.depths),
        **{name: study.cells[name].nunique(dropna=False) for name in study.facet_columns},
        "seed": len(study.provenance["seeds"]),
    }
    varied = [factor_title(name) for name, count in counts.items() if count > 1]
    what = f"only {listing(varied)} {'was' if len(varied) == 1 else 'were'} varied" if varied else "nothing was varied"
    tuned = is_tuned(study)
    where = "" if tuned.all() else f" in {int(tuned.sum())} of {plural(len(tuned), 'cell')}"
    rates = f", and the learning rate with them, which was tuned{where}" if tuned.any() else ""
    return f"{what}{rates}; all else is as listed under Provenance, and may matter"


def data_sentences(study: Study) -> list[str]:
    """Each data set with its images, and what a reader must know of them."""
    return [
        f"{data['name']}: {data['train']:,} training, {data['validation']:,} validation and {data['test']:,} test "
        f"images of {' x '.join(str(side) for side in data['shape'])}, {data['classes']} classes"
        + (f" ({data['note']})" if data.get("note") else "")
        for data in study.provenance["data"]
    ]


def fixed_settings(study: Study) -> list[str]:
    """The settings that are the same in all runs, as key=value."""
    common = study.provenance["common"]
    # no value means that the setting was not used
    used = {name: value for name, value in common.items() if value is not None}
    names = [name for name in _FIRST if name in used] + [name for name in used if name not in _FIRST]
    varied = ("activation", "depth")
    return [f"{name}={value_text(used[name])}" for name in names if name not in varied]


def provenance_rows(study: Study) -> list[tuple[str, str]]:
    """Label and text of each line of the table of provenance."""
    facts = study.provenance
    fingerprints = ", ".join(
        f"{data['name']} {data['fingerprint']}"
        + (f" of an archive with MD5 {data['source_md5']}" if data.get("source_md5") else "")
        for data in facts["data"]
    )
    rows = [
        ("runs", f"{plural(facts['runs'], 'run')} in {plural(len(study.cells), 'cell')}, {seeds_text(facts['seeds'])}"),
        ("data", "; ".join(data_sentences(study))),
        ("data fingerprint", fingerprints),
        ("settings of all runs", ", ".join(fixed_settings(study))),
    ]
    implied = [
        f"{name}={value_text(value)} ({owner})"
        for name, values in facts["implied"].items()
        for owner, value in values.items()
    ]
    if implied:
        rows.append(("settings of some runs", ", ".join(implied)))
    rows.append(("code version", _texts(facts["code_version"])))
    rows.append(("libraries", ", ".join(f"{name} {_texts(versions)}" for name, versions in facts["libraries"].items())))
    rows += [(name, _texts(facts[name])) for name in ("python", "device", "cpu", "threads")]
    return rows


def _texts(values: list[Any]) -> str:
    return " and ".join(value_text(value) for value in values)
