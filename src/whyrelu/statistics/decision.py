"""The rule by which one group of runs counts as better than another."""

from __future__ import annotations

from dataclasses import dataclass

from whyrelu.statistics.contrasts import Contrast


@dataclass(frozen=True)
class Rule:
    """What "better" takes; conf/claims declares it.

    Attributes:
        superiority: least P(first > second).
        difference: of means, which has to be larger, in the unit of the values.
        alpha: level of the permutation test, after Holm's correction.
    """

    superiority: float
    difference: float
    alpha: float


def is_better(contrast: Contrast, p_adjusted: float, rule: Rule) -> bool:
    """Whether the first group is better: all of the rule holds, and the interval of P(first > second) is above 0.5.

    Args:
        contrast: of the two groups.
        p_adjusted: its p, corrected within its family; nan is not significant.
        rule: as declared.
    """
    return (
        contrast.superiority.low > 0.5
        and contrast.superiority.value >= rule.superiority
        and contrast.difference.value > rule.difference
        and p_adjusted < rule.alpha
    )
