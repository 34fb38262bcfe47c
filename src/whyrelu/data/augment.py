"""Random changes of training images, a whole batch at a time, on the device that holds them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def augment(images: Tensor, padding: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Return a copy of images (B, C, H, W), cropped at random after zero padding and mirrored every second time.

    The distribution is that of torchvision's RandomCrop(H, padding) and RandomHorizontalFlip, image by image. The draws
    come from a CPU generator, the same whatever the device, and none for what is switched off.
    """
    channels_last = images.is_contiguous(memory_format=torch.channels_last)
    # Copying whole rows of a channels-last image is several times faster than indexing its pixels.
    batch = images.permute(0, 2, 3, 1)
    if padding > 0:
        batch = _crop(batch, padding, generator)
    if flip:
        chosen = (torch.rand(len(batch), generator=generator) < 0.5).nonzero()[:, 0].to(images.device)
        batch = batch.index_copy(0, chosen, batch.index_select(0, chosen).flip(2))
    batch = batch.permute(0, 3, 1, 2)
    return batch.contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


def _crop(batch: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    """Cut a window of the original size at a random place out of every zero-padded (B, H, W, C) image."""
    size, height, width, channels = batch.shape
    padded = F.pad(batch, (0, 0, padding, padding, padding, padding)).contiguous()
    rows, columns = height + 2 * padding, width + 2 * padding
    top, left = torch.randint(0, 2 * padding + 1, (2, size), generator=generator)
    # Every row of a window is `width` consecutive pixels of the padded batch, so a window is `height` of these runs.
    runs = padded.as_strided((size * rows * columns - width + 1, width * channels), (channels, 1))
    first = torch.arange(size) * rows * columns + left
    starts = first[:, None] + (top[:, None] + torch.arange(height)) * columns
    return runs.index_select(0, starts.flatten().to(batch.device)).view(size, height, width, channels)
