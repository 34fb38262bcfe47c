import copy
import dataclasses
import math
from typing import Any

import pytest
from omegaconf import OmegaConf

from whyrelu.config.composition import CONFIG_DIRECTORY
from whyrelu.config.schema import (
    ACCELERATORS,
    NAMED_GROUPS,
    PRECISIONS,
    SCHEDULES,
    Config,
    Data,
    Trainer,
    validate,
)
from whyrelu.errors import UnknownNameError, UserError

VALID: dict[str, Any] = {
    "study": "digits",
    **{group: {"name": "a", "_target_": "b.c"} for group in NAMED_GROUPS},
    "depth": 1,
    "width": 1,
    "seed": -3,
    "lr": 0.1,
    "schedule": "cosine",
    "batch_size": 1,
    "precision": "32-true",
    "data": {
        **{"validation_size": 1, "train_size": None, "test_size": None, "image_size": None},
        "augmentation": {"padding": 0, "flip": False},
    },
    "trainer": {"accelerator": "cpu", "threads": 1, "max_epochs": 1, "checkpoint_seconds": 0.0},
    "diagnostics": {"epochs": "none", "probe_images": 2, "dead_images": 0},
    "resources": {"gpus": None, "memory_gb": None},
    "tuning": {"seeds": 1, "first_seed": 0, "extensions": 0},
    "timing": {
        "seconds": 0.0,
        "blocks": 2,
        "sample": 0.0,
        "sizes": [1],
        "widths": [],
        "width_depth": None,
        "vanishing_depths": [],
        "wait": 0.0,
    },
    "purpose": "study",
}


def changed(key: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(VALID)
    *path, last = key.split(".")
    node = config
    for name in path:
        node = node[name]
    node[last] = value
    return config


def test_the_smallest_allowed_values_pass() -> None:
    validate(VALID)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("depth", 0),
        ("width", 0),
        ("batch_size", -1),
        ("data.validation_size", 0),
        ("data.train_size", 0),
        ("data.image_size", -8),
        ("trainer.max_epochs", 0),
        ("trainer.threads", 0),
        ("trainer.checkpoint_seconds", -0.1),
        ("trainer.checkpoint_seconds", math.nan),
        ("data.augmentation.padding", -1),
        ("tuning.seeds", 0),
        ("resources.gpus", -0.5),
        ("resources.memory_gb", -1),
        ("tuning.extensions", -1),
        ("timing.seconds", -1.0),
        ("timing.blocks", 1),
        ("timing.sample", -0.1),
        ("timing.width_depth", 0),
        ("timing.wait", -1),
        ("timing.sizes", [0]),
        ("timing.widths", [4, 4]),
        ("timing.vanishing_depths", [-1]),
        ("lr", True),
        ("lr", "fast"),
        ("lr", 0.0),
        ("lr", -0.1),
        ("lr", math.nan),
        ("lr", math.inf),
        ("study", ""),
        ("study", "a/b"),
        ("study", ".."),
        *((f"{group}.name", value) for group in NAMED_GROUPS for value in (None, 3)),
        *((f"{group}._target_", value) for group in NAMED_GROUPS for value in (None, 3)),
    ],
)
def test_what_types_leave_open_is_checked_in_one_line_that_names_setting_and_value(key: str, value: Any) -> None:
    with pytest.raises(UserError) as caught:
        validate(changed(key, value))
    message = str(caught.value)
    assert message.startswith(f"setting {key} must be ")
    assert message.endswith(f"not {value!r}")
    assert "\n" not in message


@pytest.mark.parametrize("key", ["activation.name", "activation._target_", "model._target_"])
def test_names_and_targets_are_not_empty(key: str) -> None:
    # `activation._target_=` is an unfinished command line; it would go on as an activation without a name
    with pytest.raises(UserError, match=f"^setting {key} must be "):
        validate(changed(key, ""))


@pytest.mark.parametrize(
    ("key", "value", "nearest", "options"),
    [
        ("precision", "bf16", "bf16-mixed", PRECISIONS),
        ("schedule", "cosin", "cosine", SCHEDULES),
        ("trainer.accelerator", "gpus", "gpu", ACCELERATORS),
    ],
)
def test_misspelt_values_get_the_nearest_and_the_list(
    key: str, value: str, nearest: str, options: tuple[str, ...]
) -> None:
    with pytest.raises(UnknownNameError) as caught:
        validate(changed(key, value))
    assert str(caught.value) == (
        f"unknown value of {key} {value!r}: did you mean {nearest!r}? Valid: {', '.join(sorted(options))}"
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("precision", value) for value in PRECISIONS),
        *(("schedule", value) for value in SCHEDULES),
        *(("trainer.accelerator", value) for value in ACCELERATORS),
        ("seed", 2**63 - 1),
        ("seed", 1 - 2**63),
        ("lr", 1e-300),
        ("question", None),
        ("question", "What is the author's answer, and does it hold (here)?"),
    ],
)
def test_valid_values_pass(key: str, value: Any) -> None:
    validate(changed(key, value))


@pytest.mark.parametrize("key", ["question", "data.note"])
@pytest.mark.parametrize("value", ["a <b>", "[a](b)", "two\nlines", "`x`"])
def test_texts_for_pages_hold_no_marks_of_pages(key: str, value: str) -> None:
    with pytest.raises(UserError, match=f"^setting {key} must not hold "):
        validate(changed(key, value))


def test_each_study_says_what_it_is_to_answer() -> None:
    for path in sorted((CONFIG_DIRECTORY / "experiment").glob("*.yaml")):
        assert str(OmegaConf.load(path).question).endswith("?"), path


def test_every_key_of_the_configuration_files_is_in_the_schema() -> None:
    fields = {field.name for field in dataclasses.fields(Config)}
    assert set(NAMED_GROUPS) <= fields
    for path in [CONFIG_DIRECTORY / "train.yaml", *sorted((CONFIG_DIRECTORY / "experiment").glob("*.yaml"))]:
        keys = {str(key) for key in OmegaConf.load(path)} - {"defaults", "hydra"}
        assert keys <= fields, path
    for group, schema in (("data", Data), ("trainer", Trainer)):
        for path in sorted((CONFIG_DIRECTORY / group).glob("*.yaml")):
            text = path.read_text()
            config = OmegaConf.load(path)
            node = config[group] if "@package _global_" in text else config
            assert {str(key) for key in node} - {"defaults"} <= {f.name for f in dataclasses.fields(schema)}, path
