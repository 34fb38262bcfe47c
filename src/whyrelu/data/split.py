"""Stratified splits: every class has the same share on both sides, up to rounding."""

import numpy as np
import numpy.typing as npt

from whyrelu.errors import DataError

Indices = npt.NDArray[np.int64]


def split(labels: npt.ArrayLike, validation_size: int, train_size: int | None, seed: int) -> tuple[Indices, Indices]:
    """Return sorted indices of the images to train on, `train_size` or all that are left, and of those to validate on.

    The latter do not depend on `train_size`, so that runs with fewer training images are judged by the same ones.
    """
    labels = np.asarray(labels)
    validation, rest = stratified(labels, validation_size, _stream(seed, 0), "data.validation_size")
    if train_size is None or train_size == len(rest):
        return rest, validation
    kept, _ = stratified(labels[rest], train_size, _stream(seed, 1), "data.train_size")
    return rest[kept], validation


def stratified(labels: npt.ArrayLike, size: int, random: np.random.RandomState, key: str) -> tuple[Indices, Indices]:
    """Draw `size` images, the same share of every class; return sorted indices of these and of the others.

    A size that is impossible, or draws no image of some class, is a DataError that names `key`, the setting.
    """
    from sklearn.model_selection import train_test_split

    labels = np.asarray(labels)
    everything = np.arange(len(labels), dtype=np.int64)
    try:
        others, drawn = train_test_split(everything, test_size=size, stratify=labels, random_state=random)
    except ValueError as error:
        raise DataError(f"{key}={size}: {error}") from error
    if len(absent := np.setdiff1d(labels, labels[drawn])):
        raise DataError(f"{key}={size}: too few for an image of the rare class {absent[0]}")
    return np.sort(drawn), np.sort(others)


def _stream(seed: int, purpose: int) -> np.random.RandomState:
    """Return the generator that scikit-learn takes, seeded from an integer of any size."""
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed, spawn_key=(purpose,))))
