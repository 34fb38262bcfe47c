"""What makes two runs the same run: a promise to everything that was ever trained."""

import copy
import dataclasses
import json
import math
from collections.abc import Iterator
from typing import Any, get_type_hints

import pytest
from omegaconf import MISSING

from whyrelu.config.grid import compose
from whyrelu.config.schema import NAMED_GROUPS, Config
from whyrelu.runs import identity
from whyrelu.runs.identity import FACTORS, factors, relevant, run_id, tuning_cell

# What changes where files are, who watches and how often a run is saved, and never a result.
CHANGES_NO_RESULT = {
    *("data._target_", "data.root", "data.url", "data.md5", "data.note", "prepared_root", "run_root"),
    *("mlflow.tracking_uri", "trainer.checkpoint_seconds", "question", "arms", "rerun"),
    *("tuning.confirm_seeds", "tuning.rates", "tuning.seeds", "tuning.first_seed", "tuning.extensions"),
    *("timing.name", "timing.seconds", "timing.processes", "timing.sizes", "timing.widths"),
}

# Runs are identified by what differs from these. Changing one of them gives the name of an old run to a new
# experiment, and finished studies would be answered with the wrong results: add a new field instead.
# A new field belongs here as soon as it exists.
DEFAULTS = {
    "depth": 4,
    "width": 16,
    "seed": 0,
    "schedule": "cosine",
    "batch_size": 64,
    "clip": None,
    "precision": "32-true",
    "data.learned_at": None,
    "data.train_size": None,
    "data.test_size": None,
    "data.image_size": None,
    "data.augmentation.padding": 0,
    "data.augmentation.flip": False,
    "trainer.accelerator": "cpu",
    "trainer.threads": 1,
    "trainer.max_epochs": 15,
    "trainer.stop_at": None,
    "diagnostics.name": "off",
    "diagnostics.epochs": "none",
    "diagnostics.probe_images": 64,
    "diagnostics.dead_images": 2000,
}


def leaves(schema: type = Config, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every key of the schema with its type and its default; a dictionary is one key."""
    hints = get_type_hints(schema)
    for field in dataclasses.fields(schema):
        if dataclasses.is_dataclass(hints[field.name]):
            yield from leaves(hints[field.name], f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", hints[field.name], field.default


KEYS = [key for key, _, _ in leaves()]


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return compose(["activation=leaky_relu", "depth=3"])


def at(config: dict[str, Any], key: str) -> Any:
    for name in key.split("."):
        config = config[name]
    return config


def changed(config: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(config)
    *path, last = key.split(".")
    (at(result, ".".join(path)) if path else result)[last] = value
    return result


def another(value: Any) -> Any:
    """A value that is not this one, of the same type where that can be told."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return value | {"another": 1} if isinstance(value, dict) else f"{value}_other"


def test_every_setting_counts_unless_it_cannot_change_a_result(config):
    before = run_id(config, "data")
    counting = {key for key in KEYS if run_id(changed(config, key, another(at(config, key))), "data") != before}
    assert set(KEYS) - counting == CHANGES_NO_RESULT, (
        "a setting that changes a result belongs to identity.FACTORS; one that cannot, to CHANGES_NO_RESULT here"
    )
    assert {factor for factor in FACTORS if factor not in KEYS} == {"diagnostics", "data.augmentation"}


def test_name_target_and_every_argument_of_a_group_count(config):
    before = run_id(config, "data")
    for group in NAMED_GROUPS:
        for key, value in (config[group] | {"new_argument": 0}).items():
            other = run_id(changed(config, f"{group}.{key}", another(value)), "data")
            # the learning rate that counts is `lr`
            assert (other == before) == (key in ("default_lr", "lr_grid")), f"{group}.{key}"


def test_data_and_training_code_count(config, monkeypatch):
    before = run_id(config, "data")
    assert run_id(config, "other data") != before
    monkeypatch.setattr(identity, "TRAINING_VERSION", "another")
    assert run_id(config, "data") != before


def test_how_a_setting_is_written_does_not_count(config):
    before = run_id(config, "data")
    turned = {key: dict(reversed(v.items())) if isinstance(v, dict) else v for key, v in reversed(config.items())}
    assert run_id(turned, "data") == run_id(json.loads(json.dumps(config)), "data") == before
    one, same = (changed(config, "activation.negative_slope", value) for value in (1, 1.0))
    assert run_id(one, "data") == run_id(same, "data")
    assert run_id(changed(config, "lr", math.nextafter(config["lr"], 1)), "data") != before


# a promise over time


def test_the_defaults_of_what_counts_stay_what_they_are():
    found = {key: default for key, _, default in leaves() if key not in CHANGES_NO_RESULT}
    found = {key: default for key, default in found.items() if default not in (dataclasses.MISSING, MISSING)}
    assert found == DEFAULTS, "a changed default gives old identities to new experiments; pin that of a new setting"


def test_an_identity_stays_the_same_from_version_to_version(monkeypatch):
    config = {
        "study": "digits",
        "activation": {"name": "leaky_relu", "_target_": "torch.nn.LeakyReLU", "negative_slope": 0.01},
        "depth": 8,
        "model": {"name": "cnn", "_target_": "whyrelu.network.model.CNN"},
        "init": {"name": "he", "_target_": "whyrelu.network.initialisation.he_variances"},
        "norm": {"name": "none", "_target_": "torch.nn.Identity"},
        "optimizer": {"name": "adam", "_target_": "torch.optim.Adam", "default_lr": 0.001, "betas": [0.9, 0.999]},
        "lr": 0.1,
        "data": {"name": "digits", "validation_size": 237, "augmentation": {"flip": True}},
    }
    monkeypatch.setattr(identity, "TRAINING_VERSION", "0123456789ab")
    # and with a setting that was added later, while it has its default
    for same in (config, config | {"seed": 0, "clip": None, "trainer": {"max_epochs": 15}}):
        assert run_id(same, "fingerprint") == "3040255c05fcff0f"


# code of a person's own


def test_own_code_is_part_of_the_identity(tmp_path, config, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for group in NAMED_GROUPS:
        (tmp_path / "mine.py").write_text("def f(x): return x\n")
        own = changed(config, f"{group}._target_", "mine.f")
        before = run_id(own, "data")
        (tmp_path / "mine.py").write_text("def f(x): return -x\n")
        assert run_id(own, "data") != before, group


# columns of the tables, and cells


def test_factors_are_what_counts_under_the_names_of_the_tables(config):
    found = factors(config)
    assert list(found)[:5] == ["study", "activation", "activation.negative_slope", "depth", "width"]
    assert {"depth": 3, "data": "digits", "norm": "none", "epochs": 15}.items() <= found.items()
    assert not {"trainer.max_epochs", "data.name", "optimizer.name", "run_root", "optimizer.lr_grid"} & set(found)
    targets = [key for key in relevant(config) if key.endswith("._target_")]
    assert len(found) == len(relevant(config)) - len(targets)


def test_a_rate_is_chosen_among_runs_that_differ_in_rate_seed_and_diagnostics(config, monkeypatch):
    before = tuning_cell(config)
    monkeypatch.setattr(identity, "TRAINING_VERSION", "another")
    assert tuning_cell({key: value for key, value in config.items() if key != "lr"}) == before
    apart = {key for key in KEYS if tuning_cell(changed(config, key, another(at(config, key)))) == before}
    assert apart == CHANGES_NO_RESULT | {"lr", "seed"} | {key for key in KEYS if key.startswith("diagnostics.")}
