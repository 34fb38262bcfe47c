"""Stratified splits: every class has the same share on both sides, up to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from whyrelu.errors import DataError

Indices = npt.NDArray[np.int64]


def split(labels: npt.ArrayLike, validation_size: int, train_size: int | None, seed: int) -> tuple[Indices, Indices]:
    """Divide training images into those to train on and those to validate on.

    The validation images depend on the seed alone, not on `train_size`, so that runs with fewer training images
    are judged by the same ones.

    Args:
        labels: (N,) class of every image.
        validation_size: number of validation images, stratified.
        train_size: number of training images, stratified among those that validation leaves; None for all of them.
        seed: any integer >= 0; the result depends on nothing else.

    Returns:
        Sorted indices (int64) of the training images and of the validation images.

    Raises:
        DataError: a size is out of range, or leaves a class without an image.
    """
    labels = np.asarray(labels)
    validation, rest = stratified(labels, validation_size, _stream(seed, 0), "data.validation_size")
    if train_size is None or train_size == len(rest):
        return rest, validation
    if not 0 < train_size < len(rest):
        raise DataError(
            f"data.train_size={train_size}: must be between 1 and {len(rest)}, the training images that "
            f"data.validation_size={validation_size} leaves of {len(labels)}; null takes all of them"
        )
    kept = _subsample(labels[rest], train_size, _stream(seed, 1), "data.train_size")
    return rest[kept], validation


def stratified(labels: npt.ArrayLike, size: int, random: np.random.RandomState, key: str) -> tuple[Indices, Indices]:
    """Draw `size` images, the same share of every class, and return their sorted indices and those of the others.

    Args:
        labels: (N,) class of every image.
        size: number of images to draw.
        random: where the draw comes from.
        key: the setting that `size` came from, for messages.

    Raises:
        DataError: a class would have no image on one of the two sides.
    """
    labels = np.asarray(labels)
    classes, counts = np.unique(labels, return_counts=True)
    if not len(classes) <= size <= len(labels) - len(classes):
        raise DataError(
            f"{key}={size}: must be between {len(classes)} and {len(labels) - len(classes)}, so that both sides of the "
            f"split of {len(labels)} images have one of each of the {len(classes)} classes"
        )
    _every_class_twice(classes, counts, key)
    drawn, others = _split(labels, size, random)
    for side, indices in ((f"the {size} images", drawn), ("the others", others)):
        missing = np.setdiff1d(classes, labels[indices])
        if len(missing):
            count = counts[classes == missing[0]][0]
            raise DataError(
                f"{key}={size}: class {missing[0]} ({count} of {len(labels)} images) has none among {side}; choose a "
                f"size nearer to {len(labels) // 2}"
            )
    return drawn, others


def _subsample(labels: npt.NDArray[Any], size: int, random: np.random.RandomState, key: str) -> Indices:
    """Return the sorted indices of `size` images, stratified; only these need to have every class."""
    classes, counts = np.unique(labels, return_counts=True)
    surplus = len(labels) - size
    if size < len(classes):
        raise DataError(f"{key}={size}: must be at least {len(classes)}, one image per class")
    if surplus < len(classes):
        # scikit-learn wants every class in the part left out as well, which is smaller than that here:
        # the largest classes lose one image each.
        largest = classes[np.argsort(-counts, kind="stable")[:surplus]]
        dropped = [random.choice(np.flatnonzero(labels == label)) for label in largest]
        kept = np.setdiff1d(np.arange(len(labels), dtype=np.int64), dropped)
    else:
        _every_class_twice(classes, counts, key)
        kept, _ = _split(labels, size, random)
    missing = np.setdiff1d(classes, labels[kept])
    if len(missing):
        raise DataError(f"{key}={size}: class {missing[0]} has no image left to train on; choose a larger size")
    return kept


def _every_class_twice(classes: npt.NDArray[Any], counts: npt.NDArray[Any], key: str) -> None:
    if counts.min() < 2:
        raise DataError(f"{key}: class {classes[counts.argmin()]} has a single image, which cannot be on both sides")


def _split(labels: npt.NDArray[Any], size: int, random: np.random.RandomState) -> tuple[Indices, Indices]:
    from sklearn.model_selection import train_test_split

    everything = np.arange(len(labels), dtype=np.int64)
    others, drawn = train_test_split(everything, test_size=size, stratify=labels, random_state=random)
    return np.sort(drawn), np.sort(others)


def _stream(seed: int, purpose: int) -> np.random.RandomState:
    """Return the generator that scikit-learn takes, seeded from an integer of any size."""
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed, spawn_key=(purpose,))))
