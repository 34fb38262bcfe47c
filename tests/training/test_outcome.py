"""What came of a run."""

import math

import pytest
from scipy.stats import binomtest

from whyrelu.training.outcome import outcome


@pytest.mark.parametrize(
    ("correct", "images", "classes", "learned_at", "diverged", "expected"),
    [
        # of 237 images and ten classes 39 are the most that guesses come up to
        (39, 237, 10, 0.5, False, "chance"),
        (40, 237, 10, 0.5, False, "slow"),
        (118, 237, 10, 0.5, False, "slow"),
        (119, 237, 10, 0.5, False, "learned"),
        # chance and a quarter of the rest
        (324, 1000, 10, None, False, "slow"),
        (325, 1000, 10, None, False, "learned"),
        (625, 1000, 2, None, False, "learned"),
        (math.nan, 237, 10, 0.5, True, "diverged"),
    ],
)
def test_outcome(
    correct: float, images: int, classes: int, learned_at: float | None, diverged: bool, expected: str
) -> None:
    assert outcome(correct / images, images, classes, learned_at, diverged) == expected


def test_guesses_are_rarely_told_from_chance() -> None:
    largest = max(k for k in range(5000) if outcome(k / 5000, 5000, 10, 0.5, False) == "chance")
    assert (
        binomtest(largest + 1, 5000, 0.1, "greater").pvalue < 0.001 <= binomtest(largest, 5000, 0.1, "greater").pvalue
    )
