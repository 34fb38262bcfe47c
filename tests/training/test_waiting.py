"""No step of training waits for a device: on one whose tensors have no numbers, whatever asks for a number fails."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from whyrelu.config.grid import compose
from whyrelu.config.streams import stream_seed
from whyrelu.data.arrays import load
from whyrelu.data.batches import ImageDataModule
from whyrelu.diagnostics.callback import Diagnostics
from whyrelu.diagnostics.probe import layers_of
from whyrelu.network.initialisation import build_network
from whyrelu.training.classifier import Classifier
from whyrelu.training.process import set_fp32

SETTINGS = ["data.train_size=128", "batch_size=32", "width=4", "depth=2", "optimizer.fused=false"]
SETTINGS += ["data.augmentation.padding=1", "data.augmentation.flip=true"]


class Nowhere(CPUAccelerator):
    """For the device "meta", whose tensors have a shape alone."""

    def setup_device(self, device: torch.device) -> None:
        pass


class Copies(TorchDispatchMode):
    """Counts operations, and keeps those with tensors of two devices, which are copies."""

    def __init__(self) -> None:
        super().__init__()
        self.count, self.found = 0, list[str]()

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), settings: Any = None) -> Any:
        result = function(*arguments, **(settings or {}))
        tensors = [leaf for leaf in tree_leaves((arguments, settings, result)) if isinstance(leaf, torch.Tensor)]
        self.count += 1
        self.found += [str(function)] * (len({tensor.device for tensor in tensors}) > 1)
        return result


class Enough(Exception):
    pass


class TwoSteps(Diagnostics):
    """Watches two steps with all that is between them, diagnostics too, and then ends the run."""

    watched = Copies()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._layers = layers_of(pl_module.network)  # type: ignore[arg-type]

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx == 1:
            self.watched.__enter__()
        super().on_train_batch_start(trainer, pl_module, batch, batch_idx)
        if batch_idx == 3:
            self.watched.__exit__(None, None, None)
            raise Enough


@pytest.mark.filterwarnings("ignore")
def test_no_step_of_training_waits_for_the_device(root: Path) -> None:
    config, arrays = compose(SETTINGS), load(root / "digits")

    def stream(name: str, epoch: int | None) -> int:
        return stream_seed("study", 2, 0, name, epoch)

    network = build_network(config, arrays.train_images.shape[1:], len(arrays.classes))
    diagnostics = TwoSteps(config["diagnostics"], 0)
    trainer = pl.Trainer(
        strategy=SingleDeviceStrategy(torch.device("meta"), Nowhere()),
        callbacks=[diagnostics],
        gradient_clip_val=1.0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    with pytest.raises(Enough):
        trainer.fit(Classifier(network, config, stream), ImageDataModule(arrays, config, stream))
    assert diagnostics.watched.count > 100
    assert diagnostics.watched.found == []
    # a copy would have been found
    with diagnostics.watched:
        torch.ones(2).to("meta")
    assert len(diagnostics.watched.found) == 1


def test_fp32_is_fp32_unless_tf32_is_asked_for() -> None:
    for precision, expected, told in (("tf32", "tf32", "high"), ("32-true", "ieee", "highest")):
        set_fp32(precision)
        assert torch.backends.cudnn.fp32_precision == torch.backends.cudnn.conv.fp32_precision == expected
        assert torch.backends.cuda.matmul.fp32_precision == expected
        # Lightning asks, and an answer must not be an error
        assert torch.get_float32_matmul_precision() == told
