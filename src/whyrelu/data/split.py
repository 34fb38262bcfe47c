"""Stratified splits: every class has the same share on both sides, up to rounding."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from whyrelu.errors import DataError

Indices = npt.NDArray[np.int64]


def split(labels: npt.ArrayLike, validation_size: int, train_size: int | None, seed: int) -> tuple[Indices, Indices]:
    """Return sorted indices of the images to train on, `train_size` or all that are left, and of those to validate on.

    The latter do not depend on `train_size`, so that runs with fewer training images are judged by the same ones. The
    seed is any integer >= 0; numpy's and torch's global generators play no part.
    """
    labels = np.asarray(labels)
    validation, rest = stratified(labels, validation_size, _stream(seed, 0), "data.validation_size")
    if train_size is None or train_size == len(rest):
        return rest, validation
    kept, _ = stratified(labels[rest], train_size, _stream(seed, 1), "data.train_size", both=False)
    return rest[kept], validation


def stratified(
    labels: npt.ArrayLike, size: int, random: np.random.RandomState, key: str, both: bool = True
) -> tuple[Indices, Indices]:
    """Draw `size` images, the same share of every class, and return their sorted indices and those of the others.

    Raises:
        DataError: a class has no image among those drawn or, if `both`, the others; it names `key`, the setting.
    """
    from sklearn.model_selection import train_test_split

    labels = np.asarray(labels)
    classes = len(np.unique(labels))
    if not classes <= size <= len(labels) - classes:
        raise DataError(
            f"{key}={size}: must be between {classes} and {len(labels) - classes}, so that both sides of the split of "
            f"{len(labels)} images have one of each of the {classes} classes"
        )
    everything = np.arange(len(labels), dtype=np.int64)
    try:
        others, drawn = train_test_split(everything, test_size=size, stratify=labels, random_state=random)
    except ValueError as error:  # a class with a single image
        raise DataError(f"{key}={size}: {error}") from error
    present = np.intersect1d(labels[drawn], labels[others]) if both else labels[drawn]
    missing = np.setdiff1d(labels, present)
    if len(missing):
        raise DataError(
            f"{key}={size}: class {missing[0]} ({(labels == missing[0]).sum()} of {len(labels)} images) has none on "
            f"one side of the split; choose a size nearer to {len(labels) // 2}"
        )
    return np.sort(drawn), np.sort(others)


def _stream(seed: int, purpose: int) -> np.random.RandomState:
    """Return the generator that scikit-learn takes, seeded from an integer of any size."""
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed, spawn_key=(purpose,))))
