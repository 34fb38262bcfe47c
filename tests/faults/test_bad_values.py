"""Values that no study can be made of, through the commands that people type: a defined end, in one line.

What is refused within a module is tested beside it; here is what ends a command. docs/reliability.md lists both.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from typed import forked, python
from whyrelu.config.composition import MOST_POINTS, compose, compose_grid
from whyrelu.config.schema import LARGEST, LARGEST_WHOLE
from whyrelu.data.prepare import prepare
from whyrelu.errors import UserError
from whyrelu.memory import refuse_too_large_a_set, refuse_what_cannot_fit
from whyrelu.runs.execution import execute

OFF = "mlflow.tracking_uri=null"
TINY = ["trainer.max_epochs=1", "data.train_size=64", "width=2", "depth=2", "diagnostics=off", OFF]


@pytest.fixture(autouse=True)
def one_line_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a person who has not asked for tracebacks."""
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where commands are typed."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "mine.py").write_text(
        "import torch\n"
        "def detached(x):\n    return x.detach()\n"
        "def reader(data):\n    raise KeyError('no\\nsuch thing')\n"
        "def limited(x):\n    return x.where(x.abs() < 2.5, float('nan'))\n"
        "def narrow(x):\n    if x.shape[-1] > 4: raise ValueError('too\\nwide')\n    return x\n"
    )
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "message"),
    [
        # what Hydra has no error of its own for
        ("train.py activation=null", "a config group takes the name of a file"),
        ("train.py =3", "a config group takes the name of a file"),
        ("train.py --resolve", "--resolve flag can only be used"),
        ("train.py -m activation=null,relu", "a config group takes the name of a file"),
        # what cannot be read
        ("train.py depth='4", "a quote is not closed"),
        ("train.py study=日本", "needs quotes within those of the shell"),
        ("train.py study=${", "cannot read 'study=${'"),
        ("train.py depth=${nowhere}", "Interpolation key 'nowhere' not found"),
        ("train.py study=${study}", "Recursive interpolation"),
        ("train.py depth=", "depth must be a whole number, not ''"),
        ("train.py depth=[]", "depth must be a whole number"),
        ("train.py depth=1e3", "depth must be a whole number, not '1000.0'"),
        ("train.py ~depth", "setting depth was removed"),
        ("train.py ~nope", "'nope' does not exist"),
        ("train.py +foo=1", "unknown setting 'foo'"),
        ("train.py lr=.nan", "lr must be a number or tuned"),
        ("train.py lr=nan", "lr must be a finite number above 0"),
        ("train.py lr=-1", "lr must be a finite number above 0"),
        ("train.py lr=1e300", "lr must be at most 1e+30"),
        # grids
        ("train.py -m depth=choice()", "cannot read 'depth=choice()'"),
        ("train.py -m depth=range(1,1)", "names no value"),
        ("train.py -m depth=range(1,5,0)", "must not be zero"),
        ("train.py -m activation=glob(zzz)", "names no value"),
        ("train.py -m seed=range(0,1000000000000)", "a grid of more than 2,000,000 runs"),
        ('train.py -m arms=["depth=1\'"]', "setting arms: cannot read"),
        # sizes
        ("train.py seed=9223372036854775808", "seed must be a whole number of at most 64 bits"),
        ("train.py width=1000000000", "width must be at most 1000000"),
        ("train.py depth=1000000000", "depth must be at most 10000"),
        ("train.py width=900000", "of memory"),
        ("train.py trainer.threads=1000000000", "trainer.threads must be at most 1024"),
        ("train.py -m depth=1,2 resources.memory_gb=1e300", "resources.memory_gb must be at most"),
        # callables
        ("train.py activation._target_=mine.detached", "has no derivative"),
        ("train.py activation._target_=torch.log init=he", "is nan at -2"),
        ("train.py activation._target_=mine.narrow init=he diagnostics=off", "ValueError: too wide"),
        ("train.py data.name=other data._target_=mine.reader", "data._target_=mine.reader: KeyError"),
        ("train.py model._target_=torch.nn.Linear", "TypeError: Linear.__init__()"),
        ("theory.py model._target_=torch.nn.Linear", "no network can be made of model._target_=torch.nn.Linear"),
        ("theory.py init._target_=builtins.print", "is refused: it is part of Python"),
        # the other commands
        ("prepare.py activation=null", "a config group takes the name of a file"),
        ("prepare.py data.image_size=1000000", "data.image_size must be at most 4096"),
        ("prepare.py data.name=other data._target_=os.getcwd", "is refused: it is part of Python"),
        ("tune.py depth=0", "depth must be at least 1"),
        ("tune.py activation=null", "a config group takes the name of a file"),
        ("tune.py lr=tuned optimizer.lr_grid=[0.1,inf]", "tuning needs the ends of the grid"),
        ("aggregate.py depth=0", "depth must be at least 1"),
        ("report.py ../..", "there is no results"),
        ("status.py depth=", "depth must be a whole number"),
        ("timing.py timing.sizes=[]", "timing.sizes must have at least one size"),
        ("compare.py a b", "there is no results/a"),
    ],
)
def test_a_command_ends_in_one_line(folder: Path, command: str, message: str) -> None:
    ends_in_one_line(folder, command, message)


@pytest.mark.slow
def test_an_address_of_no_known_kind_is_one_line(folder: Path) -> None:
    assert forked(folder, "train.py", *TINY, "run_root=tracked").returncode == 0
    ends_in_one_line(folder, "track.py run_root=tracked mlflow.tracking_uri=nope://x", "nope://x")


def ends_in_one_line(folder: Path, command: str, message: str) -> None:
    script, *arguments = command.split(" ")
    done = forked(folder, script, *arguments)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr


@pytest.mark.parametrize("command", ["train.py --foo", "report.py", "compare.py a"])
def test_a_flag_that_nothing_knows_is_told_with_the_usage(folder: Path, command: str) -> None:
    script, *arguments = command.split(" ")
    done = python(folder, script, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")
    assert "Traceback" not in done.stderr
    assert f"{script}: error: " in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(("key", "largest"), LARGEST.items())
def test_there_is_a_largest_value_of_every_size(key: str, largest: float) -> None:
    is_list = key in ("timing.sizes", "timing.widths", "timing.vanishing_depths")
    larger = largest + 1 if isinstance(largest, int) else 2 * largest
    with pytest.raises(UserError, match=f"^setting {key} must be at most "):
        compose([f"{key}={[larger] if is_list else larger}"])
    compose([f"{key}={[largest] if is_list else largest}"])


@pytest.mark.parametrize("key", ["seed", "batch_size", "+data.options.a"])
@pytest.mark.parametrize("value", [LARGEST_WHOLE + 1, -LARGEST_WHOLE - 1])
def test_whole_numbers_have_at_most_64_bits(key: str, value: int) -> None:
    with pytest.raises(UserError, match=rf"^setting {key.strip('+')} must be a whole number of at most 64 bits"):
        compose([f"{key}={value}"])


def test_a_grid_is_counted_before_it_is_made() -> None:
    with pytest.raises(UserError, match="a grid of more than"):
        compose_grid([f"seed=range(0,{MOST_POINTS // 1000})", "width=range(1,1002)"])


def test_memory_is_asked_for_before_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whyrelu.memory.available_bytes", lambda: 10**9)
    refuse_what_cannot_fit(compose_grid(["width=64"])[0].config, (32, 32, 3))
    with pytest.raises(UserError, match=r"^depth=4 width=4096 needs at least"):
        refuse_what_cannot_fit(compose_grid(["width=4096"])[0].config, (32, 32, 3))
    with pytest.raises(UserError, match=r"^data\.augmentation\.padding=256 batch_size=9000 needs at least"):
        padded = compose_grid(["data.augmentation.padding=256", "batch_size=9000"])[0].config
        refuse_what_cannot_fit(padded, (32, 32, 3))
    refuse_too_large_a_set(1000, 32, 3)
    with pytest.raises(UserError, match=r"^data\.image_size=4096: 1000 images"):
        refuse_too_large_a_set(1000, 4096, 3)


@pytest.mark.parametrize("seed", [LARGEST_WHOLE - 1, -LARGEST_WHOLE])
def test_huge_and_negative_seeds_go_all_the_way_to_the_tables(folder: Path, seed: int) -> None:
    grid = [*TINY, f"seed={seed},{seed + 1}", "run_root=seeds", f"study=seeds{seed < 0}"]
    for command in (["train.py", "-m"], ["theory.py", "-m"], ["aggregate.py"], ["status.py"]):
        done = python(folder, *command, *grid)
        assert done.returncode == 0, done.stderr


def test_an_activation_that_is_nan_for_what_it_meets_later_is_divergence(folder: Path) -> None:
    done = python(folder, "train.py", *TINY, "activation._target_=mine.limited", "init=he", "run_root=late")
    assert done.returncode == 0, done.stderr
    (record,) = (json.loads(path.read_text()) for path in (folder / "late").glob("*/run.json"))
    assert record["status"] == "diverged"
    assert record["metrics"]["test_loss"] is None


def test_a_theory_that_overflows_leaves_gaps(folder: Path) -> None:
    done = python(folder, "theory.py", "activation._target_=torch.exp", "init=he", "depth=30")
    assert done.returncode == 0, done.stderr
    # of the last layer nothing is left but that its gradient is relative to itself
    assert done.stdout.splitlines()[-1].split() == ["30", "-", "-", "-", "1", "-"]


def test_a_step_function_trains_its_classifier_alone(tmp_path: Path, root: Path) -> None:
    config = compose_grid([*TINY, "activation._target_=torch.sign", f"prepared_root={root}", f"run_root={tmp_path}"])
    record, _ = execute(config[0].config)
    assert record["status"] == "completed"


def test_one_broken_image_is_named_and_nothing_is_left_of_its_set(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for i in range(6):
            pixels = np.random.default_rng(i).integers(0, 256, (9, 7, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / label / f"{i}.png")
    image = tmp_path / "images" / "dog" / "3.png"
    whole = image.read_bytes()
    settings = ["data=image_folder", "data.name=pets", f"data.root={tmp_path / 'images'}", "data.validation_size=2"]
    config = compose([*settings, "data.test_size=2", "data.image_size=8"])
    image.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"dog/3\.png cannot be read as an image"):
        prepare(config["data"], tmp_path / "data")
    assert not (tmp_path / "data" / "pets").exists()
    image.write_bytes(whole)
    assert prepare(config["data"], tmp_path / "data")["shape"] == [8, 8, 3]
