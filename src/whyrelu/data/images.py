"""Single images, of whatever size and mode, made into arrays of one shape."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from whyrelu.errors import DataError


def read_image(path: Path, size: int | None) -> npt.NDArray[np.uint8]:
    """Read an image file as (H, W, 3).

    Raises:
        DataError: the file is not a complete image; the message names it.
    """
    try:
        # Pillow warns of oddities (a palette with transparency, very large images) that do no harm here
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            return to_array(ImageOps.exif_transpose(image), size, "RGB")
    # Pillow's decoders raise nearly anything on damaged files: OSError, SyntaxError, struct.error, ValueError, ...
    except Exception as error:
        raise DataError(f"{path} cannot be read as an image: {error}") from error


def to_array(image: Image.Image, size: int | None, mode: str | None = None) -> npt.NDArray[np.uint8]:
    """Return a Pillow image as (H, W, C) uint8.

    Args:
        image: of any mode: 16-bit grey is cut to its upper 8 bits, transparency is dropped.
        size: side of the square to make, by resizing the shorter side and cutting off the ends of the longer one; None
            leaves the size as it is.
        mode: "L" (C = 1) or "RGB" (C = 3); None for "L" if the image is grey and "RGB" otherwise.
    """
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise ValueError(f"pixels of {image.mode}-mode images have no fixed range")
    if mode is None:
        mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
    if image.mode != mode:
        # a palette's colours come out right only if its transparency is resolved first
        image = (image.convert("RGBA") if "transparency" in image.info else image).convert(mode)
    if size is not None and image.size != (size, size):
        image = ImageOps.fit(image, (size, size), method=Image.Resampling.BILINEAR)
    array = np.asarray(image, dtype=np.uint8)
    return array[:, :, None] if array.ndim == 2 else array


def stack(arrays: Iterable[npt.NDArray[np.uint8]], names: Iterable[str]) -> npt.NDArray[np.uint8]:
    """Put images into one (N, H, W, C) array; grey ones become colour if any is.

    Args:
        arrays: of shape (H, W, 1) or (H, W, 3).
        names: what to call each of them in a message.

    Raises:
        DataError: they are not squares of one size.
    """
    images = list(arrays)
    height, width = images[0].shape[:2]
    for image, name in zip(images, names, strict=True):
        if image.shape[:2] != (height, width) or height != width:
            found = f"{image.shape[1]} x {image.shape[0]}"
            raise DataError(f"{name} is {found} pixels: images must be equal squares; data.image_size=32 makes them so")
    if len({image.shape[2] for image in images}) > 1:
        images = [np.broadcast_to(image, (height, width, 3)) for image in images]
    return np.stack(images)


def resize(images: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Return (N, H, W, C) images as (N, size, size, C); see `to_array`. C is 1 or 3."""
    mode = "L" if images.shape[3] == 1 else "RGB"
    planes = images[..., 0] if mode == "L" else images
    return np.stack([to_array(Image.fromarray(image), size, mode) for image in planes])
