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


# key, value, and how the error goes on behind "setting <key> "
REFUSED = [
    ("depth", 10_001, "must be at most 10000, not 10001"),
    ("batch_size", -1, "must be at least 1, not -1"),
    ("seed", True, "must be a whole number, not True"),
    ("seed", -(2**63), "must be at least"),
    ("data.train_size", 0, "must be at least 1"),
    ("data.image_size", 4097, "must be at most 4096"),
    ("data.augmentation.padding", -1, "must be at least 0"),
    ("data.learned_at", math.nan, "must be "),
    ("data.name", "a/b", "must be a name of folders"),
    ("study", "..", "must be a name of folders"),
    ("trainer.max_epochs", 0, "must be at least 1"),
    ("trainer.stop_at", 2.0, "must be at most 1, not 2.0"),
    ("trainer.stop_at", 0.0, "must be above 0, not 0.0"),
    ("trainer.threads", 1025, "must be at most 1024"),
    ("trainer.checkpoint_seconds", math.nan, "must be a finite number, not nan"),
    ("clip", math.inf, "must be "),
    ("tuning.seeds", 0, "must be at least 1"),
    ("tuning.rates", [], "must be a list of one value or more, not []"),
    ("timing.processes", 1, "must be at least 2"),
    ("lr", True, "must be a finite number above 0"),
    ("lr", 1e31, "must be a finite number above 0"),
    ("optimizer.momentum", math.nan, "must be a finite number, not nan"),
    *((f"{group}.name", value, f"must be a name, not {value!r}") for group in NAMED_GROUPS for value in ("", "../x")),
    ("norm._target_", None, "must be a name, not None"),
    # marks of pages
    *(("question", text, "must not hold ") for text in ("<b>", "[a](b)", "two\nlines", "`x`")),
    ("data.note", "a|b", "must not hold '|'"),
    ("activation.name", "x](javascript:alert(1))", "must not hold ']'"),
    ("init.name", "\x1b[31m", "must not hold "),
]


@pytest.mark.parametrize(("key", "value", "what"), REFUSED)
def test_what_types_leave_open_is_told_with_setting_and_value(key, value, what):
    with pytest.raises(UserError) as caught:
        validate(changed(key, value))
    assert str(caught.value).startswith(f"setting {key} {what}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("schedule", "cosin", "unknown value of schedule 'cosin': did you mean 'cosine'? Valid: constant, cosine"),
        ("trainer.accelerator", "gpus", "unknown value of trainer.accelerator 'gpus': did you mean 'gpu'? Valid: "),
        ("timing.sizes", [8, 0], "setting timing.sizes.1 must be at least 1, not 0"),
    ],
)
def test_other_values_are_told_likewise(key, value, message):
    with pytest.raises(UserError) as caught:
        validate(changed(key, value))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 1 - 2**63),
        ("lr", 1e-300),
        ("timing.widths", []),
        ("question", "What is the author's answer, and does it hold (here)?"),
    ],
)
def test_valid_values_pass(key, value):
    validate(changed(key, value))


def test_a_default_stands_in_one_place_or_is_the_same_in_both():
    # what a run's identity leaves out are the defaults of the schema
    config = _defaults()
    for field in fields(Config):
        if isinstance(field.default, int | float) or field.name in ("schedule", "precision"):
            assert config[field.name] == field.default, field.name
    assert config["timing"] == OmegaConf.to_container(OmegaConf.structured(Timing))
    for group in ("trainer", "tuning"):
        assert config[group] == vars(getattr(Config(), group)), group


@pytest.mark.parametrize("group", [*NAMED_GROUPS, "data"])
def test_every_file_is_called_what_its_name_says(group):
    paths = sorted((CONFIG_DIRECTORY / group).glob("*.yaml"))
    assert paths
    assert [OmegaConf.load(path).name for path in paths] == [path.stem for path in paths]


def test_every_study_asks_a_question_and_declares_its_grid():
    for path in (CONFIG_DIRECTORY / "experiment").glob("*.yaml"):
        experiment = OmegaConf.load(path)
        assert experiment.study == path.stem
        assert str(experiment.question).endswith("?"), path
        assert {"activation", "depth", "seed"} <= set(experiment.hydra.sweeper.params), path
