"""Random changes of training images, a whole batch at a time, on the device that holds them."""

import torch
import torch.nn.functional as F
from torch import Tensor


def draw(count: int, batch_size: int, padding: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Return the changes of an epoch's images in their order, (3, N) int64, so that no step has to draw or to upload.

    They are top and left of the crop in the padded image, and the row of the image in its batch and that mirrored
    behind it. A CPU generator draws them batch by batch, the same whatever the device, and none for what is off.
    """
    changes = torch.zeros((3, count), dtype=torch.int64)
    for batch in changes.split(batch_size, dim=1):  # type: ignore[no-untyped-call]
        size = batch.shape[1]
        if padding > 0:
            batch[:2] = torch.randint(0, 2 * padding + 1, (2, size), generator=generator)
        if flip:
            batch[2] = torch.arange(size) + size * (torch.rand(size, generator=generator) < 0.5)
    return changes


def augment(images: Tensor, changes: Tensor, padding: int, flip: bool) -> Tensor:
    """Return a copy of images (B, C, H, W), cropped after zero padding and mirrored as `changes` (3, B) of `draw` say.

    The distribution is that of torchvision's RandomCrop(H, padding) and RandomHorizontalFlip, image by image.
    """
    channels_last = images.is_contiguous(memory_format=torch.channels_last)
    # Copying whole rows of a channels-last image is several times faster than indexing its pixels.
    batch = images.permute(0, 2, 3, 1)
    top, left, row = changes
    if padding > 0:
        batch = _crop(batch, padding, top, left)
    if flip:
        batch = torch.cat([batch, batch.flip(2)]).index_select(0, row)
    batch = batch.permute(0, 3, 1, 2)
    return batch.contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


def _crop(batch: Tensor, padding: int, top: Tensor, left: Tensor) -> Tensor:
    """Cut a window of the original size out of every zero-padded (B, H, W, C) image at its place (B,)."""
    size, height, width, channels = batch.shape
    padded = F.pad(batch, (0, 0, padding, padding, padding, padding)).contiguous()
    rows, columns = height + 2 * padding, width + 2 * padding
    # Every row of a window is `width` consecutive pixels of the padded batch, so a window is `height` of these runs.
    runs = padded.as_strided((size * rows * columns - width + 1, width * channels), (channels, 1))
    image = torch.arange(0, size * rows * columns, rows * columns, device=batch.device)
    line = torch.arange(0, height * columns, columns, device=batch.device)
    starts = (image + top * columns + left)[:, None] + line
    return runs.index_select(0, starts.flatten()).view(size, height, width, channels)
