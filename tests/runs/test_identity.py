import copy
import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from whyrelu.config.composition import compose_grid

from whyrelu.config.schema import NAMED_GROUPS, Config
from whyrelu.runs import identity
from whyrelu.runs.identity import IRRELEVANT, Identifier, factors, relevant, run_id

# What changes where files are, who watches and how often a run is saved, and never a result.
CHANGES_NO_RESULT = {
    *(
        "data._target_",
        "data.root",
        "data.url",
        "data.md5",
        "data.note",
        "prepared_root",
        "run_root",
        "mlflow.tracking_uri",
    ),
    *("trainer.checkpoint_seconds", "trainer.keep_checkpoint"),
    *("tuning.seeds", "tuning.first_seed", "tuning.extensions", "arms", "purpose", "question"),
    *("timing.name", "timing.seconds", "timing.blocks", "timing.sample", "timing.sizes", "timing.every_activation"),
    *("timing.widths", "timing.width_depth", "timing.vanishing_depths", "timing.wait"),
    *("resources.gpus", "resources.memory_gb"),
}

# Runs are identified by what differs from these. Changing one of them gives the name of an old run to a new
# experiment, and finished studies would be answered with the wrong results: add a new field instead.
# A new field belongs here as soon as it exists.
DEFAULTS = {
    "question": None,
    "depth": 4,
    "width": 16,
    "seed": 0,
    "schedule": "cosine",
    "batch_size": 64,
    "precision": "32-true",
    "data.root": None,
    "data.url": None,
    "data.md5": None,
    "data.note": None,
    "data.train_size": None,
    "data.test_size": None,
    "data.image_size": None,
    "data.augmentation.padding": 0,
    "data.augmentation.flip": False,
    "trainer.accelerator": "cpu",
    "trainer.threads": 1,
    "trainer.max_epochs": 15,
    "trainer.checkpoint_seconds": 2.0,
    "trainer.keep_checkpoint": False,
    "diagnostics.name": "off",
    "diagnostics.epochs": "none",
    "diagnostics.probe_images": 64,
    "diagnostics.dead_images": 2000,
    "diagnostics.spectra": False,
    "prepared_root": "data",
    "run_root": "runs",
    "mlflow.tracking_uri": "sqlite:///mlflow.db",
    "resources.gpus": None,
    "resources.memory_gb": None,
    "tuning.seeds": 3,
    "tuning.first_seed": 1_000_000,
    "tuning.extensions": 2,
    "timing.name": "full",
    "timing.seconds": 64.0,
    "timing.blocks": 6,
    "timing.sample": 0.02,
    "timing.every_activation": True,
    "timing.width_depth": None,
    "timing.wait": 10.0,
    "purpose": "study",
}


def leaves(schema: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of the schema with its type; a dictionary is one key."""
    hints = get_type_hints(schema)
    for field in dataclasses.fields(schema):
        if dataclasses.is_dataclass(hints[field.name]):
            yield from leaves(hints[field.name], f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", hints[field.name]


LEAVES = dict(leaves(Config))


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return compose_grid(["activation=leaky_relu", "depth=3"])[0].config


@pytest.fixture(autouse=True)
def fixed_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes identities independent of the code, which has tests of its own."""
    monkeypatch.setattr(identity, "code_version", lambda: "0123456789ab")
    monkeypatch.setattr(identity, "source_version", lambda target: None)


def changed(config: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(config)
    *path, last = key.split(".")
    node = result
    for name in path:
        node = node[name]
    node[last] = value
    return result


def at(config: dict[str, Any], key: str) -> Any:
    for name in key.split("."):
        config = config[name]
    return config


def another(value: Any, kind: Any) -> Any:
    """A value of the same type that is not this one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value}_other"
    if isinstance(value, dict):
        return value | {"another": 1}
    return "other" if "str" in str(kind) else 12345


# what a run is


def test_an_identity_is_16_hex_digits_and_the_same_every_time(config: dict[str, Any]) -> None:
    assert re.fullmatch("[0-9a-f]{16}", run_id(config, "data"))
    assert run_id(config, "data") == run_id(copy.deepcopy(config), "data")
    assert run_id(json.loads(json.dumps(config)), "data") == run_id(config, "data")


def test_the_order_of_settings_does_not_count(config: dict[str, Any]) -> None:
    turned = {key: dict(reversed(v.items())) if isinstance(v, dict) else v for key, v in reversed(config.items())}
    assert run_id(turned, "data") == run_id(config, "data")


@pytest.mark.parametrize("key", [key for key in LEAVES if key not in NAMED_GROUPS])
def test_every_setting_counts_unless_it_cannot_change_a_result(config: dict[str, Any], key: str) -> None:
    other = changed(config, key, another(at(config, key), LEAVES[key]))
    assert (run_id(other, "data") == run_id(config, "data")) == (key in CHANGES_NO_RESULT), (
        f"{key}: a setting that changes a result must change the identity. One that cannot belongs in "
        "identity.IRRELEVANT and in CHANGES_NO_RESULT here"
    )


@pytest.mark.parametrize("group", NAMED_GROUPS)
def test_name_target_and_every_argument_of_a_group_count(config: dict[str, Any], group: str) -> None:
    for key, value in (config[group] | {"new_argument": 0}).items():
        other = changed(config, f"{group}.{key}", another(value, str))
        # the learning rate that counts is `lr`
        assert (run_id(other, "data") == run_id(config, "data")) == (key in ("default_lr", "lr_grid"))


def test_irrelevant_settings_exist() -> None:
    assert {*CHANGES_NO_RESULT, "optimizer.default_lr", "optimizer.lr_grid"} == IRRELEVANT
    assert set(LEAVES) >= CHANGES_NO_RESULT


def test_the_data_and_the_code_count(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_id(config, "data")
    assert run_id(config, "other data") != before
    monkeypatch.setattr(identity, "code_version", lambda: "ba9876543210")
    assert run_id(config, "data") != before


@pytest.mark.parametrize("group", NAMED_GROUPS)
def test_a_persons_own_code_counts(config: dict[str, Any], group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = changed(config, f"{group}._target_", "mine.wave")
    versions = {"mine.wave": "first"}
    monkeypatch.setattr(identity, "source_version", versions.get)
    before = run_id(own, "data")
    versions["mine.wave"] = "second"
    assert run_id(own, "data") != before
    versions["mine.wave"] = "first"
    assert run_id(own, "data") == before


def test_numbers_that_are_equal_are_the_same_setting(config: dict[str, Any]) -> None:
    # typed as activation.negative_slope=1 or 1.0, it is one experiment, and one point of its cell
    one, another_one = (changed(config, "activation.negative_slope", value) for value in (1, 1.0))
    assert run_id(one, "data") == run_id(another_one, "data")


# a promise over time


def test_the_defaults_of_the_schema_stay_what_they_are() -> None:
    found = {}
    for key in LEAVES:
        *path, last = key.split(".")
        schema: Any = Config
        for name in path:
            schema = get_type_hints(schema)[name]
        default = next(field.default for field in dataclasses.fields(schema) if field.name == last)
        if default is not dataclasses.MISSING and default != "???":
            found[key] = default
    changes = {
        key: (value, found.get(key, "gone")) for key, value in DEFAULTS.items() if found.get(key, "gone") != value
    }
    assert not changes, f"a changed default gives old run ids to new experiments, add a field instead: {changes}"
    unpinned = set(found) - set(DEFAULTS)
    assert not unpinned, f"new settings: pin their defaults in DEFAULTS, from now on they may not change: {unpinned}"


def test_an_identity_stays_the_same_from_version_to_version() -> None:
    # otherwise everything that was ever trained would be trained again
    config = {
        "study": "digits",
        "activation": {"name": "leaky_relu", "_target_": "torch.nn.LeakyReLU", "negative_slope": 0.01},
        "depth": 8,
        "width": 16,
        "seed": 3,
        "model": {"name": "cnn", "_target_": "whyrelu.network.model.CNN"},
        "init": {"name": "he", "_target_": "whyrelu.network.initialisation.he_variances"},
        "norm": {"name": "none", "_target_": "torch.nn.Identity"},
        "optimizer": {"name": "adam", "_target_": "torch.optim.Adam", "default_lr": 0.001, "betas": [0.9, 0.999]},
        "lr": 0.1,
        "schedule": "cosine",
        "batch_size": 64,
        "precision": "32-true",
        "data": {"name": "digits", "validation_size": 237, "test_size": 360, "augmentation": {"flip": True}},
        "trainer": {"accelerator": "cpu", "threads": 1, "max_epochs": 15},
    }
    assert run_id(config, "fingerprint") == "2cafa23af4af4855"


def test_a_new_setting_keeps_old_identities_while_it_has_its_default(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclasses.dataclass
    class Later(Config):
        label_smoothing: float = 0.0

    before = run_id(config, "data")
    defaults = identity._defaults
    monkeypatch.setattr(identity, "_defaults", lambda *schema: defaults(*schema) if schema else defaults(Later))
    assert run_id(config | {"label_smoothing": 0.0}, "data") == before
    assert run_id(config | {"label_smoothing": 0.1}, "data") != before


def test_settings_without_a_default_are_always_told(config: dict[str, Any]) -> None:
    # their usual value comes from conf/, where it may be changed
    for key in ("study", "lr", "data.name", "data.validation_size"):
        assert run_id(changed(config, key, another(at(config, key), str)), "data") != run_id(config, "data")


# columns of the tables


def test_factors_are_called_what_the_tables_call_them(config: dict[str, Any]) -> None:
    found = factors(config)
    assert list(found)[:5] == ["study", "activation", "activation.negative_slope", "depth", "width"]
    assert {key: found[key] for key in ("study", "data", "activation", "depth", "width", "seed", "init", "norm")} == {
        "study": "digits",
        "data": "digits",
        "activation": "leaky_relu",
        "depth": 3,
        "width": 16,
        "seed": 0,
        "init": "critical",
        "norm": "none",
    }
    assert (found["optimizer"], found["optimizer.momentum"], found["model"]) == ("sgd", 0.9, "cnn")
    assert (found["epochs"], found["lr"], found["schedule"]) == (15, 0.05, "cosine")
    assert (found["batch_size"], found["precision"]) == (64, "32-true")
    assert (found["data.train_size"], found["data.augmentation.flip"]) == (None, False)


def test_factors_are_all_that_matters_and_nothing_else(config: dict[str, Any]) -> None:
    found = factors(config)
    assert not {key for key in found if key.endswith("_target_") or key in IRRELEVANT}
    assert not {"trainer.max_epochs", "data.name", "optimizer.name", "run_root"} & set(found)
    targets = [key for key in relevant(config) if key.endswith("._target_")]
    assert len(found) == len(relevant(config)) - len(targets)


def test_runs_with_the_same_factors_and_code_have_the_same_identity(config: dict[str, Any]) -> None:
    # else two points of one cell and seed could not be told apart in a table
    elsewhere = copy.deepcopy(config)
    for key in CHANGES_NO_RESULT:
        elsewhere = changed(elsewhere, key, another(at(elsewhere, key), str))
    assert factors(elsewhere) == factors(config)
    assert run_id(elsewhere, "data") == run_id(config, "data")


def test_identities_are_strict_about_types_that_differ(config: dict[str, Any]) -> None:
    assert run_id(changed(config, "data.train_size", 100), "d") != run_id(changed(config, "data.train_size", None), "d")
    assert run_id(changed(config, "lr", math.nextafter(0.05, 1)), "d") != run_id(config, "d")


def test_identity_needs_no_file_of_a_run(config: dict[str, Any], tmp_path: Path) -> None:
    assert run_id(changed(config, "run_root", str(tmp_path / "nowhere")), "data") == run_id(config, "data")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "overrides",
    [
        ["experiment=digits", "activation=relu,leaky_relu", "depth=2,4", "seed=0,1", "lr=0.05,1"],
        ["trainer.max_epochs=15,3", "tuning.seeds=2,3", "data.train_size=null,64", "schedule=cosine,constant"],
        ["optimizer=adam", "optimizer.eps=1e-8,1", "study='ä',b", "optimizer.lr_grid=[0.1,1],[1,2]"],
    ],
    ids=" ".join,
)
def test_the_identity_of_a_point_is_the_hash_of_what_its_configuration_tells(overrides: list[str]) -> None:
    """Spelt out, because it is a promise to all runs there are, however it is computed."""
    identifier = Identifier()
    jobs = compose_grid(overrides)
    for job in jobs:
        defaults = {key: value for key, value in DEFAULTS.items()}
        told = {
            key: value
            for key, value in relevant(job.config).items()
            if key not in defaults or json.dumps(defaults[key]) != json.dumps(value)
        }
        whole = {"config": told, "data": "f", "code": identity.code_version(), "own_code": {}}
        expected = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:16]
        assert identifier(job.settings, "f") == run_id(job.config, "f") == expected
    assert len({identifier(job.settings, "f") for job in jobs}) == len({json.dumps(relevant(j.config)) for j in jobs})


def test_what_points_share_is_written_down_once(monkeypatch: pytest.MonkeyPatch) -> None:
    flattened: list[int] = []
    original = identity._flatten

    def counting(config: Any, prefix: str = "") -> dict[str, Any]:
        flattened.append(len(config))
        return original(config, prefix)

    jobs = compose_grid(["activation=relu,tanh", "depth=2,4", "seed=range(0,100)"])
    identifier = Identifier()
    identifier(jobs[0].settings, "f")
    identifier(jobs[-1].settings, "f")
    monkeypatch.setattr(identity, "_flatten", counting)
    for job in jobs:
        identifier(job.settings, "f")
    # only what is the own of a point: its depth and its seed
    assert set(flattened) == {1}
