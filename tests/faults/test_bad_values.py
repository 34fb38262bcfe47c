"""Values that no study can be made of: one line that says what would be right; more of them in tests/config."""

import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from typed import ended, start
from whyrelu.commandline import overrides_from_arguments
from whyrelu.config.grid import compose, compose_grid
from whyrelu.config.schema import validate
from whyrelu.config.targets import bind
from whyrelu.errors import UserError

# What is typed behind python src/train.py, and a fragment of the line it ends with
REFUSED = [
    # names
    ("activation=relo", "unknown activation 'relo': did you mean 'relu'? Valid: celu, "),
    ("experiment=cifar", "unknown experiment 'cifar': did you mean 'cifar10'?"),
    ("hydra/launcher=jobli", "unknown hydra/launcher 'jobli': did you mean 'joblib'?"),
    ("depht=4", "unknown setting 'depht': did you mean 'depth'? Valid: activation, "),
    ("optimizer.momentun=.9", "unknown setting 'optimizer.momentun': did you mean 'optimizer.momentum'?"),
    # such a setting changes nothing but the identity of the run, which then seems to be about it
    ("+dept=8", "unknown setting 'dept': did you mean 'depth'?"),
    # values
    ("depth=0", "setting depth must be at least 1, not 0"),
    ("depth=deep", "setting depth: Value 'deep' of type 'str' could not be converted to Integer"),
    ("depth=null", "is not Optional"),
    ("lr=fast", "setting lr must be a finite number above 0 or tuned, not 'fast'"),
    ("study=???", "Missing mandatory value: study"),
    ("data=image_folder", "Missing mandatory value: validation_size"),
    ("activation=null", "a config group takes the name of a file"),
    ("~seed", "setting seed was removed"),
    ("~nope", "'nope' does not exist"),
    # what cannot be read
    ("foo", "cannot read 'foo': settings are given as key=value"),
    ("--depth=3", "cannot read '--depth=3': settings are given as key=value"),
    ('"depth=\'4"', "a quote is not closed"),
    ("study=日本", "its value needs quotes within those of the shell"),
    ("'depth=[2,'", "cannot read 'depth=[2,'"),
    ("depth=${nowhere}", "Interpolation key 'nowhere' not found"),
    ("seed=${oc.env:WHYRELU_NOT_SET}", "WHYRELU_NOT_SET"),
    # grids
    ("depth=2,4", "'depth=2,4': add -m to run all of its values"),
    ("'seed=range(0,3)'", "requires --multirun: add -m to run all of its values"),
    ("-m activation=relu,tahn", "unknown activation 'tahn': did you mean 'tanh'?"),
    ("-m activation=leaky_relu,relu activation.negative_slope=0.1", "unknown setting 'activation.negative_slope'"),
    ("-m seed=0,true", "setting seed must be a whole number, not True"),
    ("-m 'seed=range(0,0)'", "seed=range(0,0) names no value"),
    ("-m 'activation=glob(zzz)'", "names no value"),
    ("-m 'lr=interval(0.1,1)'", "a grid needs a list or range of values"),
    ("-m 'seed=range(0,1000000000000)'", "a grid of more than 100,000 runs"),
    ("-m \"arms=['depht=2']\"", "unknown setting 'depht': did you mean 'depth'?"),
    ('-m \'arms=["depth=\\"1"]\'', "No closing quotation"),
    # callables; tests/config/test_targets.py has more
    ("activation._target_=torch.nn.Hardshrimp", "did you mean torch.nn.Hardshrink?"),
]


@pytest.mark.parametrize(("command", "fragment"), REFUSED)
def test_what_is_mistyped_is_one_line_that_says_what_would_be_right(command: str, fragment: str) -> None:
    words = shlex.split(command)
    with pytest.raises(UserError) as caught:
        overrides = overrides_from_arguments("", words)
        configs = [run.config for run in compose_grid(overrides)] if "-m" in words else [compose(overrides)]
        bind("activation", configs[0]["activation"])
    assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("command", "fragment"),
    [
        ("train.py activation=relo", "did you mean 'relu'"),
        ("train.py activation._target_=nowhere.f depth=1 mlflow.tracking_uri=null", "'nowhere.f' is not found"),
        ("tune.py -m depth=0", "setting depth must be at least 1, not 0"),
    ],
)
def test_a_command_ends_in_one_line_and_an_exit_code(tmp_path: Path, command: str, fragment: str) -> None:
    code, output, errors = ended(start(tmp_path, *command.split(" ")))
    assert code == 1, output
    assert errors.startswith("error: ")
    assert len(errors.splitlines()) == 1, errors
    assert fragment in errors


# Anything at all

KEYS = shlex.split(
    """
    activation data norm optimizer trainer diagnostics timing experiment hydra/launcher
    activation.name activation._target_ model.nope data.train_size data.options optimizer.lr_grid
    study depth seed lr schedule precision arms timing.sizes trainer.max_epochs
    nope depth.nope hydra.nope a/b '' activation@x run_root mlflow
    """
)
VALUES = shlex.split(
    r"""
    0 -1 1e3 nan inf 1e300 10**9 null true '' relu tanh,relu tuned adam
    ??? [] {} [1,2] {name:x} torch.tanh torch.nowhere ../x 'a b' \'a \"b \\ ${ ${depth} ${nowhere} ${hydra:x}
    1,2 1,relu choice() range(0,3) range(1,2,0) glob(*) ( 日本
    interval(0,1) shuffle(1,2) sort(2,1) tag(a,b) int(x) a=b depth=1
    """
)
VALUE = st.one_of(
    st.sampled_from([*VALUES, "\t"]), st.integers(-(2**70), 2**70).map(str), st.floats().map(repr), st.text(max_size=6)
)
SIGNS = st.sampled_from(["", "", "", "+", "++", "~"])
OVERRIDE = st.builds("{}{}{}{}".format, SIGNS, st.sampled_from(KEYS), st.sampled_from(["=", "=", "=", ""]), VALUE)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(st.lists(OVERRIDE, min_size=1, max_size=3))
def test_whatever_is_typed_makes_valid_runs_or_one_line(overrides: list[str]) -> None:
    try:
        runs = compose_grid(overrides)
    except UserError as error:
        assert len(str(error).splitlines()) == 1, str(error)
        return
    for run in runs[:3]:
        validate(run.config)
