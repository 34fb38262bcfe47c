"""Shares of the variance of test accuracy that factors and their interactions explain."""

from __future__ import annotations

from whyrelu.report.panels import Illustration
from whyrelu.report.study import Study
from whyrelu.report.style import FAINT, TEXT, new_figure
from whyrelu.report.text import listing, percent, plural

_BAR = "#56B4E9"
_INTERACTION = "#0072B2"
# More terms than this are left to the table.
_MOST_TERMS = 14


def shares_figures(study: Study) -> list[Illustration]:
    """A bar per term with its interval; none if the study is no factorial."""
    shares = study.shares.reset_index(drop=True)
    if shares.empty:
        return []
    # in their own order
    largest = shares.sort_values("share", ascending=False, kind="stable").index[:_MOST_TERMS]
    left = shares.drop(index=largest)
    shares = shares.loc[sorted(largest)]
    terms = [str(term) for term in shares["term"]]
    value, low, high = (shares[name].to_numpy("float64") * 100 for name in ("share", "low", "high"))
    figure = new_figure(0.26 * len(terms) + 0.7)
    axes = figure.subplots()
    axes.barh(range(len(terms)), value, height=0.6, color=[_INTERACTION if is_interaction(t) else _BAR for t in terms])
    axes.hlines(range(len(terms)), low, high, color=TEXT, linewidth=1.5)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    axes.set_yticks(range(len(terms)), terms)
    axes.set_ylim(len(terms) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("share of the variance of test accuracy, %")
    told = _largest(study)
    note = (
        f" {plural(len(left), 'term')} with at most {percent(left['share'].max())} each are left out."
        if len(left)
        else ""
    )
    return [
        Illustration(
            "variance-shares",
            figure,
            f"Shares of the variance of test accuracy; the largest are {told}.",
            "Share of the variance of test accuracy over the runs of the full factorial that each factor explains by "
            "itself (light) and that combinations explain beyond their parts (dark, interactions), with 95% "
            "intervals; the residual is what differs between seeds, and every share holds a little that is "
            f"chance. The largest are {told}.{note}",
        )
    ]


def shares_sentence(study: Study) -> str:
    """What explains most of the variance, in a sentence; empty if the study is no factorial."""
    if study.shares.empty:
        return ""
    return f"Of the variance of test accuracy over the full factorial, the largest shares are {_largest(study)}."


def _largest(study: Study) -> str:
    rows = study.shares.sort_values("share", ascending=False, kind="stable").iloc[:3]
    return listing([f"{term} {percent(share)}" for term, share in zip(rows["term"], rows["share"], strict=True)])


def is_interaction(term: str) -> bool:
    """Whether a term is made of several factors."""
    return " x " in term
