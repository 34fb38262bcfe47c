import copy
import math
from dataclasses import fields
from functools import cache
from typing import Any

import pytest
from omegaconf import OmegaConf

from whyrelu.config.grid import CONFIG_DIRECTORY, compose
from whyrelu.config.schema import NAMED_GROUPS, Config, Timing, validate
from whyrelu.errors import UserError


@cache
def _defaults() -> dict[str, Any]:
    return compose([])


def changed(key: str, value: Any) -> dict[str, Any]:
    """The default configuration with another value of one setting."""
    config = copy.deepcopy(_defaults())
    *path, last = key.split(".")
    node = config
    for name in path:
        node = node[name]
    node[last] = value
    return config


# key, value, and what stands between them in the error
REFUSED = [
    ("depth", 0, "must be at least 1"),
    ("depth", 10_001, "must be at most 10000"),
    ("width", 0, "must be at least 1"),
    ("batch_size", -1, "must be at least 1"),
    ("seed", True, "must be a whole number"),
    ("seed", 2**63, "must be at most"),
    ("seed", -(2**63), "must be at least"),
    ("data.validation_size", 0, "must be at least 1"),
    ("data.train_size", 0, "must be at least 1"),
    ("data.image_size", 4097, "must be at most 4096"),
    ("data.augmentation.padding", -1, "must be at least 0"),
    ("trainer.max_epochs", 0, "must be at least 1"),
    ("trainer.stop_at", 2.0, "must be at most 1"),
    ("trainer.stop_at", 0.0, "must be above 0"),
    ("data.learned_at", math.nan, "must be "),
    ("clip", -1.0, "must be above 0"),
    ("clip", math.inf, "must be "),
    ("trainer.threads", 1025, "must be at most 1024"),
    ("trainer.checkpoint_seconds", -0.1, "must be at least 0"),
    ("trainer.checkpoint_seconds", math.nan, "must be a finite number"),
    ("tuning.seeds", 0, "must be at least 1"),
    ("tuning.confirm_seeds", -1, "must be at least 0"),
    ("tuning.extensions", -1, "must be at least 0"),
    ("tuning.rates", [], "must be a list of one value or more"),
    ("timing.blocks", 1, "must be at least 2"),
    ("timing.wait", math.inf, "must be a finite number"),
    ("lr", True, "must be a finite number above 0"),
    ("lr", "fast", "must be a finite number above 0"),
    ("lr", 0.0, "must be a finite number above 0"),
    ("lr", math.nan, "must be a finite number above 0"),
    ("lr", 1e31, "must be a finite number above 0"),
    *(
        (f"{group}.{key}", value, "must be a name")
        for group in NAMED_GROUPS
        for key in ("name", "_target_")
        for value in (None, "", "../x")
    ),
]


@pytest.mark.parametrize(("key", "value", "what"), REFUSED)
def test_what_types_leave_open_is_told_with_setting_and_value(key: str, value: Any, what: str) -> None:
    with pytest.raises(UserError) as caught:
        validate(changed(key, value))
    message = str(caught.value)
    assert message.startswith(f"setting {key} {what}")
    assert message.endswith(f"not {value!r}")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("precision", "bf16", "unknown value of precision 'bf16': did you mean 'bf16-mixed'? Valid: "),
        ("schedule", "cosin", "unknown value of schedule 'cosin': did you mean 'cosine'? Valid: constant, cosine"),
        ("trainer.accelerator", "gpus", "unknown value of trainer.accelerator 'gpus': did you mean 'gpu'? Valid: "),
        ("timing.sizes", [], "setting timing.sizes must be a list of one value or more, not []"),
        ("timing.sizes", [8, 0], "setting timing.sizes.1 must be at least 1, not 0"),
        ("tuning.rates", [0.1, 0], "setting tuning.rates.1 must be greater than 0, not 0"),
        ("study", "a/b", "setting study must be a name of folders"),
        ("study", "..", "setting study must be a name of folders"),
        ("optimizer.momentum", math.nan, "setting optimizer.momentum must be a finite number, not nan"),
        ("data.name", "a/b", "setting data.name must be a name of folders"),
        # marks of pages
        *(("question", text, "setting question must not hold ") for text in ("<b>", "[a](b)", "two\nlines", "`x`")),
        ("data.note", "a|b", "setting data.note must not hold '|'"),
        ("activation.name", "x](javascript:alert(1))", "setting activation.name must not hold ']'"),
        ("init.name", "\x1b[31m", "setting init.name must not hold "),
    ],
)
def test_other_values_are_told_likewise(key: str, value: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        validate(changed(key, value))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 2**63 - 1),
        ("seed", 1 - 2**63),
        ("lr", 1e-300),
        ("lr", "tuned"),
        ("trainer.checkpoint_seconds", 0.0),
        ("timing.widths", []),
        ("mlflow.tracking_uri", None),
        ("question", "What is the author's answer, and does it hold (here)?"),
    ],
)
def test_valid_values_pass(key: str, value: Any) -> None:
    validate(changed(key, value))


def test_a_default_stands_in_one_place_or_is_the_same_in_both() -> None:
    # what a run's identity leaves out are the defaults of the schema
    config = _defaults()
    for field in fields(Config):
        if isinstance(field.default, int | float) or field.name in ("schedule", "precision"):
            assert config[field.name] == field.default, field.name
    assert config["timing"] == OmegaConf.to_container(OmegaConf.structured(Timing))
    for group in ("trainer", "tuning"):
        assert config[group] == vars(getattr(Config(), group)), group


@pytest.mark.parametrize("group", [*NAMED_GROUPS, "data"])
def test_every_file_is_called_what_its_name_says(group: str) -> None:
    paths = sorted((CONFIG_DIRECTORY / group).glob("*.yaml"))
    assert paths
    assert [OmegaConf.load(path).name for path in paths] == [path.stem for path in paths]


def test_every_study_asks_a_question_and_declares_its_grid() -> None:
    for path in (CONFIG_DIRECTORY / "experiment").glob("*.yaml"):
        experiment = OmegaConf.load(path)
        assert experiment.study == path.stem
        assert str(experiment.question).endswith("?"), path
        assert {"activation", "depth", "seed"} <= set(experiment.hydra.sweeper.params), path
