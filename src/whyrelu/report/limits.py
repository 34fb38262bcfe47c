"""Assumptions and limits of a study in plain words."""

from __future__ import annotations

from whyrelu.claims.verdict import INCONCLUSIVE, NOT_TESTED
from whyrelu.report.provenance import data_sentences, interval_note, scope_sentence, seeds_text, size_text
from whyrelu.report.study import Study
from whyrelu.report.text import listing, plural

_FAILURES = (
    "**Failures are results.** A run fails if it diverges (a loss that is not finite) or ends at chance (training loss "
    "above ln C - 0.02 and validation accuracy below 1.2/C, with C classes). It counts in every mean, with the "
    "accuracy that its weights reach. Where some runs learn and others fail, a mean and its interval describe the "
    "split poorly: see the points in the figure."
)
_TESTS = (
    "**Tests.** Hypothesis, rule and thresholds of each claim stand in conf/claims and do not depend on the data. "
    "Accuracies are compared by a permutation test and by Welch's t test, of which the larger p counts, failures by "
    "Barnard's exact test, times by the log-rank test, and a mean with a bound by Student's t test. p is corrected "
    "(Holm) for the several depths or settings at which a claim asks one thing, and p of equality likewise. Not "
    "corrected are the intervals of shares of failed runs (C1, C12) and of variance (C2), and times (C3 to C6), which "
    "have intervals and no p; nor is there being several claims: among many claims, one that comes out by chance has "
    "to be expected. Few runs that are all the same are no certainty: p is then that of an exact test of as many. "
    "Simulated with 10 seeds (tests/statistics, tests/claims), two arms with the same distribution, or normal ones of "
    "which one scatters ten times as much, are called different in at most 5% of studies. Where one arm is strongly "
    "skewed and the other is not, equal means alone do not keep that rate. Intervals of seconds to an accuracy (C6, "
    "C18) say how the number of steps varies between runs; the median time of a step is taken as exact there."
)
_WORDS = (
    '**What the verdicts mean.** "Supported" and "refuted" are about the hypothesis that the claim was put into, by '
    'its rule, in the nets and data of this study. "Inconclusive" means that these runs do not decide it; it does not '
    "mean that there is no effect."
)
_PAIRING = (
    "**Pairs.** Runs of one depth and seed share initial draws and batches across activations. Tests and intervals "
    "treat them as independent, which is on the cautious side if they are alike."
)


def limit_sentences(study: Study) -> list[str]:
    """What these numbers rest on, and what they do not say."""
    untested = [claim["id"] for claim in study.claims if claim["verdict"] == NOT_TESTED]
    open_ids = [claim["id"] for claim in study.claims if claim["verdict"] == INCONCLUSIVE]
    runs = f"{plural(len(study.runs), 'run')}, {size_text(study)} ({seeds_text(study.provenance['seeds'])})"
    scope = f"**Scope.** {_capital(scope_sentence(study))}."
    if study.claims and study.reference.label:
        scope += (
            f" Claims about activations are decided with {study.reference.label}, unless their evidence names another "
            "setting."
        )
    found = [f"**Runs.** {runs}, on {'; '.join(data_sentences(study))}.", scope]
    found += _size_sentences(study)
    found += _budget_sentences(study)
    if untested:
        found.append(
            f"**Not tested** here: {listing(untested)}. The ledger says what each of them needs; nothing on this page "
            "speaks for or against them."
        )
    if open_ids:
        found.append(f"**Not settled** here: {listing(open_ids)}.")
    intervals = (
        "**Intervals** tell how a number varies with the seed. They are conditional on this split and test set: other "
        f"images would move all accuracies. {interval_note(study)}"
    )
    return [*found, _FAILURES, intervals, *([_TESTS, _WORDS] if study.claims else []), _PAIRING]


def _size_sentences(study: Study) -> list[str]:
    """How small the nets are, as far as all runs have it in common."""
    nets = nets_text(study)
    if not nets:
        return []
    return [
        f"**Size.** The nets are {nets}. Larger nets, other architectures (with shortcuts, say), more data or longer "
        "training may behave otherwise."
    ]


def _budget_sentences(study: Study) -> list[str]:
    """That cells may have tried unequal numbers of learning rates, where they did."""
    tried = study.rates["rates"]
    if tried.empty or tried.min() == tried.max():
        return []
    return [
        "**Tuning.** Cells that differ in the activation only tried the same learning rates. Others tried "
        f"{tried.min()} to {tried.max()}, because a best rate at an end extends the grid of its group alone: "
        "comparisons across such groups, of inits or norms (C2), say, are not of equal budgets."
    ]


def nets_text(study: Study) -> str:
    """What was trained, on how many images and for how long; empty if runs differ in it."""
    common = study.provenance["common"]
    width, epochs = common.get("width"), common.get("epochs")
    if width is None or epochs is None:
        return ""
    images = listing([f"{data['train']:,}" for data in study.provenance["data"]], "or")
    return (
        f"plain convolutional nets of width {width} and at most {plural(max(study.depths), 'convolution')}, trained "
        f"for {plural(int(epochs), 'epoch')} on {images} images"
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
