"""Independent random streams of a run, derived from what identifies them and not from each other."""

import hashlib

# Another one makes all draws new, also those of a study that keeps its name.
PROTOCOL = "protocol 2"


def stream_seed(study: str, depth: int, seed: int, stream: str, epoch: int | None = None) -> int:
    """The seed of one random stream, an integer in [0, 2**63); `epoch` is for streams that start anew every epoch.

    The activation is no argument, on purpose: runs of the same depth and seed have the same initial weights, batches
    and augmentation whatever their activation (common random numbers). Streams of epochs make resuming exact.
    """
    name = f"{PROTOCOL}\0{study}\0{depth}\0{seed}\0{stream}\0{'' if epoch is None else epoch}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1
