"""What came of a run, told by its validation accuracy at the end."""

from scipy.stats import binom

LEARNED, SLOW, CHANCE, DIVERGED = "learned", "slow", "chance", "diverged"
# Of the binomial distribution of correct guesses.
_CHANCE_QUANTILE = 0.999


def outcome(accuracy: float, images: int, classes: int, learned_at: float | None, diverged: bool) -> str:
    """The outcome of a run whose validation accuracy at the end is that of so many images.

    It has learned from `learned_at` on, by default from chance and a quarter of the rest. It is at chance up to the
    99.9% bound of guesses, and slow between the two.
    """
    if diverged:
        return DIVERGED
    if accuracy >= (1 / classes + (1 - 1 / classes) / 4 if learned_at is None else learned_at):
        return LEARNED
    return CHANCE if round(accuracy * images) <= binom.ppf(_CHANCE_QUANTILE, images, 1 / classes) else SLOW
