import json
import re

import pytest
from omegaconf import OmegaConf

from composing import names, plain
from whyrelu.config.composition import CONFIG_DIRECTORY, compose, compose_grid, resolve
from whyrelu.config.schema import NAMED_GROUPS
from whyrelu.errors import UnknownNameError, UserError

# the files of conf/


def test_the_defaults_compose_to_a_whole_run() -> None:
    config = plain([])
    assert config["study"] == config["data"]["name"] == "digits"
    assert config["lr"] == config["optimizer"]["default_lr"]
    assert config["seed"] == 0
    assert "hydra" not in config
    assert "experiment" not in config


@pytest.mark.parametrize("group", [*NAMED_GROUPS, "data"])
def test_every_file_is_called_what_its_name_says(group: str) -> None:
    assert names(group)
    for name in names(group):
        assert OmegaConf.load(CONFIG_DIRECTORY / group / f"{name}.yaml").name == name


@pytest.mark.parametrize("group", ["norm", "optimizer"])
def test_every_file_composes(group: str) -> None:
    jobs = compose_grid([f"{group}=glob(*)"])
    files = [OmegaConf.to_container(OmegaConf.load(CONFIG_DIRECTORY / group / f"{name}.yaml")) for name in names(group)]
    assert [job.config[group] for job in jobs] == files


def test_a_data_set_calls_the_study_and_its_gaps_must_be_filled() -> None:
    config = plain(["data=image_folder", "data.root=a", "data.validation_size=5", "data.test_size=5", "data.name=b"])
    assert config["study"] == config["data"]["name"] == "b"
    with pytest.raises(UserError, match=r"^setting data.validation_size has no value; it must be given$"):
        compose(["data=image_folder"])


def test_the_activations_are_those_of_the_experiment() -> None:
    assert {
        *("relu", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "softsign"),
        *("hardtanh", "relu6", "hardswish", "tanh", "sigmoid", "hard_sigmoid", "rescaled_sigmoid", "centred_sigmoid"),
        "identity",
    } <= set(names("activation"))


@pytest.mark.parametrize("experiment", names("experiment"))
def test_every_experiment_composes_under_its_own_name(experiment: str) -> None:
    config = plain([f"experiment={experiment}", "lr=0.1"])
    assert config["study"] == experiment
    assert config["data"]["name"] in names("data")


def test_what_is_typed_wins_over_the_experiment() -> None:
    config = plain(["width=7", "data=digits", "trainer.max_epochs=3", "lr=0.1", "experiment=cifar10"])
    assert (config["width"], config["data"]["name"], config["trainer"]["max_epochs"]) == (7, "digits", 3)
    assert config["batch_size"] == plain(["experiment=cifar10", "lr=0.1"])["batch_size"]


def test_the_gpu_preset_brings_its_precision_unless_another_is_typed() -> None:
    preset = plain(["trainer=gpu"])
    assert (preset["precision"], preset["trainer"]["accelerator"]) == ("bf16-mixed", "auto")
    assert plain(["trainer=gpu", "precision=32-true"])["precision"] == "32-true"


def test_the_learning_rate_follows_the_optimizer_unless_typed() -> None:
    assert plain(["optimizer=adam"])["lr"] == 0.001
    assert plain(["optimizer=adam", "lr=0.5"])["lr"] == 0.5


def test_zero_negative_and_null_are_values_like_others() -> None:
    jobs = compose_grid(["seed=0,-1", "mlflow.tracking_uri=null"])
    assert [job.config["seed"] for job in jobs] == [0, -1]
    assert all(job.config["mlflow"]["tracking_uri"] is None for job in jobs)


# other callables


def test_another_target_gives_another_name() -> None:
    jobs = compose_grid(["activation=gelu", "activation._target_=torch.nn.Hardshrink,torch.tanh,mine.wave"])
    assert [job.config["activation"]["name"] for job in jobs] == ["Hardshrink", "tanh", "mine.wave"]
    assert jobs[-1].config["activation"]["approximate"] == "none"
    assert plain(["norm._target_=torch.nn.InstanceNorm2d"])["norm"]["name"] == "InstanceNorm2d"


def test_a_name_that_is_typed_is_kept() -> None:
    # but not that of another file, under which two different functions would meet in one cell
    jobs = compose_grid(["activation._target_=mine.wave,torch.nn.Tanh", "activation.name=wave,tanh"])
    assert [job.config["activation"]["name"] for job in jobs] == ["wave", "mine.wave", "wave", "tanh"]


# what can be wrong


@pytest.mark.parametrize(
    ("group", "typed", "nearest"),
    [
        ("activation", "relo", "relu"),
        ("data", "cifar1", "cifar10"),
        ("optimizer", "adan", "adam"),
        ("experiment", "digit", "digits"),
    ],
)
def test_misspelt_choices_get_the_nearest_and_the_folder(group: str, typed: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        compose([f"{group}={typed}"])
    valid = ", ".join(names(group))
    assert str(caught.value) == f"unknown {group} {typed!r}: did you mean {nearest!r}? Valid: {valid}"


MISSPELT_SETTINGS = [
    ("activatoin=relu", "activation"),
    ("trainer.max_epoch=3", "trainer.max_epochs"),
    ("data.augmentation.flipp=true", "data.augmentation.flip"),
    ("optimizer.momentun=.9", "optimizer.momentum"),
]


@pytest.mark.parametrize(("typed", "nearest"), MISSPELT_SETTINGS)
def test_misspelt_settings_get_the_nearest_and_the_list(typed: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        compose([typed])
    message = str(caught.value)
    assert message.startswith(f"unknown setting '{typed.partition('=')[0]}': did you mean '{nearest}'? Valid: ")
    assert nearest in message.partition("Valid: ")[2].split(", ")


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        ("activation=relu,tahn", "unknown activation 'tahn': did you mean 'tanh'?"),
        ("activaton=relu,tanh", "unknown setting 'activaton': did you mean 'activation'?"),
        ("schedule=cosine,cosin", "unknown value of schedule 'cosin': did you mean 'cosine'?"),
        ("depth=2,deep", "setting depth must be a whole number, not 'deep'"),
        ("depth=2,0", "setting depth must be at least 1, not 0"),
        ("depth=[2,", "cannot read 'depth=[2,'"),
    ],
)
def test_the_same_holds_for_the_values_of_a_grid(typed: str, what: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(what)}") as caught:
        compose_grid([typed])
    assert "\n" not in str(caught.value)


def test_the_list_of_an_unknown_setting_is_what_can_be_typed() -> None:
    with pytest.raises(UnknownNameError) as caught:
        compose(["depht=4"])
    assert str(caught.value).partition("Valid: ")[2].split(", ") == sorted([*plain([]), "experiment"])


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("depth=deep", "setting depth must be a whole number, not 'deep'"),
        ("depth=2.5", "setting depth must be a whole number, not '2.5'"),
        ("lr=fast", "setting lr must be a number or tuned, not 'fast'"),
        ("data.train_size=ten", "setting data.train_size must be a whole number, not 'ten'"),
        ("lr=0", "setting lr must be a finite number above 0, not 0"),
        ("study=???", "setting study has no value; it must be given"),
        ("~seed", "setting seed was removed; a run needs it"),
        ("activation.name=null", "setting activation.name must be a name, not None"),
    ],
)
def test_values_that_do_not_fit_are_told_with_what_would(typed: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        compose([typed])
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("typed", "quoted"),
    [
        ("trainer.keep_checkpoint=maybe", "setting trainer.keep_checkpoint"),
        ("depth=null", "setting depth"),
        ("data=null", "data=null"),
        ("seed=${oc.env:WHYRELU_NOT_SET}", "WHYRELU_NOT_SET"),
        ("depth=[1", "cannot read 'depth=[1'"),
        ("depth", "cannot read 'depth'"),
        ("activation@b=relu", "activation@b=relu"),
        ("~trainer.threads", "setting trainer.threads"),
        ("~optimizer", "optimizer.default_lr"),
    ],
)
def test_whatever_else_is_wrong_is_one_line_that_quotes_it(typed: str, quoted: str) -> None:
    with pytest.raises(UserError) as caught:
        compose([typed])
    assert "\n" not in str(caught.value)
    assert quoted in str(caught.value)


@pytest.mark.parametrize("typed", ["depth=2,4", "activation=relu,tanh", "seed=range(0,3)"])
def test_several_values_for_one_run_are_told_how(typed: str) -> None:
    with pytest.raises(UserError) as caught:
        compose([typed])
    assert str(caught.value) == f"{typed} names several values: add -m to run all of them"


@pytest.mark.parametrize("typed", ["+dept=8", "++trainer.epochs=3", "+data.augmentation.crop=2"])
def test_a_plus_does_not_let_misspelt_settings_through(typed: str) -> None:
    # such a setting changes nothing but the identity of the run, which then seems to be about it
    with pytest.raises(UnknownNameError, match=typed.lstrip("+").partition("=")[0]):
        compose([typed])


@pytest.mark.parametrize("typed", ["seed=range(0,0)", "activation=glob(sgm*)"])
def test_an_axis_without_values_is_told(typed: str) -> None:
    # an empty grid has no first run, from which everything that takes a grid reads where its runs are
    with pytest.raises(UserError) as caught:
        compose_grid([typed, "depth=2,4"])
    assert typed in str(caught.value)


@pytest.mark.parametrize("typed", ["trainer.checkpoint_seconds=inf", "optimizer.momentum=nan"])
def test_what_composes_can_be_recorded(typed: str) -> None:
    # run.json is strict JSON: a number it cannot hold would be found out when the run has been trained
    try:
        config = plain([typed])
    except UserError:
        return
    json.dumps(config, allow_nan=False)


def test_continuous_ranges_are_refused_in_words() -> None:
    with pytest.raises(UserError, match=r"^lr=interval\(0.1,1\): a grid needs a list or range"):
        compose_grid(["lr=interval(0.1,1)"])


def test_resolve_refuses_a_configuration_with_a_hole() -> None:
    with pytest.raises(UserError, match=r"^setting lr has no value"):
        resolve(OmegaConf.create({"lr": "???"}))
    with pytest.raises(UserError, match=r"^setting study was removed; a run needs it"):
        resolve(OmegaConf.create({"lr": 0.1}))
