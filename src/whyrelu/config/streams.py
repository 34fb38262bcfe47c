"""Independent random streams of a run, derived from what identifies them and not from each other."""

from __future__ import annotations

import hashlib


def stream_seed(study: str, depth: int, seed: int, stream: str, epoch: int | None = None) -> int:
    """Return the seed of one random stream, an integer in [0, 2**63).

    The activation is no argument, on purpose: runs of the same depth and seed draw the same initial weights, see the
    same batches and the same augmentation whatever their activation (common random numbers), while different depths
    and streams are independent.

    Args:
        study: name of the study.
        depth: number of convolutions.
        seed: the replicate, any integer.
        stream: "init", "split", "order", "augmentation", "probe" of the diagnostics, or "noise" of activations that are
            random themselves.
        epoch: for streams that start anew every epoch, which makes resuming exact without saving generator states.
    """
    name = f"{study}\0{depth}\0{seed}\0{stream}\0{'' if epoch is None else epoch}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1
