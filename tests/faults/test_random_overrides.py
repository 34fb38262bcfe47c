"""Random overrides: whatever is typed ends in valid runs or in an error of one line, never in a traceback."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from typed import forked
from whyrelu.config.composition import compose_grid
from whyrelu.config.schema import validate
from whyrelu.errors import UserError
from whyrelu.runs.execution import execute

OFF = "mlflow.tracking_uri=null"
# The same examples on every machine, and all of them however slow it is.
FIXED = {"derandomize": True, "deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}

GROUPS = ("activation", "data", "model", "init", "norm", "optimizer", "trainer", "resources", "diagnostics", "timing")
KEYS = st.sampled_from(
    [
        *GROUPS,
        *(f"{group}.{key}" for group in GROUPS[:6] for key in ("name", "_target_", "nope")),
        *(
            "study",
            "depth",
            "width",
            "seed",
            "lr",
            "schedule",
            "batch_size",
            "precision",
            "arms",
            "purpose",
            "experiment",
        ),
        *("data.train_size", "data.validation_size", "data.image_size", "data.augmentation.padding", "data.options"),
        *("trainer.max_epochs", "trainer.threads", "trainer.checkpoint_seconds", "diagnostics.probe_images"),
        *(
            "resources.gpus",
            "resources.memory_gb",
            "tuning.seeds",
            "timing.sizes",
            "timing.seconds",
            "optimizer.lr_grid",
        ),
        *("nope", "depth.nope", "hydra.nope", "a/b", "", "activation@x", "run_root", "mlflow"),
    ]
)
NUMBERS = st.one_of(
    st.sampled_from(["0", "1", "2", "-1", "1e3", "0.5", "nan", "inf", "-inf", ".nan", "1e300", "1e-320", "10**9"]),
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(repr),
)
WORDS = st.sampled_from(
    [
        *("null", "true", "", "relu", "tanh,relu", "tuned", "adam", "critical", "digits", "???", "[]", "{}", "[1,2]"),
        *(
            "{name:x}",
            "torch.tanh",
            "torch.log",
            "os.path",
            "nowhere.nothing",
            "../x",
            "a b",
            "'a",
            '"b',
            "\\",
            "${",
            "}",
        ),
        *(
            "${depth}",
            "${nowhere}",
            "${study}",
            "${oc.env:NOPE}",
            "${hydra:x}",
            "1,2",
            "1,relu",
            "choice()",
            "choice(1,2)",
        ),
        *(
            "range(0,3)",
            "range(3,0)",
            "range(1,2,0)",
            "range(0,10000000000)",
            "glob(*)",
            "interval(0,1)",
            "shuffle(1,2)",
        ),
        *("sort(2,1)", "tag(a,b)", "int(x)", "(", "日本", "'日本'", "a=b", "\t", "depth=1"),
    ]
)
VALUES = st.one_of(NUMBERS, WORDS, st.text(max_size=6))
OVERRIDE = st.builds(
    lambda sign, key, equals, value: f"{sign}{key}{equals}{value}",
    st.sampled_from(["", "", "", "", "+", "++", "~"]),
    KEYS,
    st.sampled_from(["=", "=", "=", "=", "=", ""]),
    VALUES,
)
OVERRIDES = st.lists(OVERRIDE, min_size=1, max_size=3)


def composed(overrides: list[str]) -> list:
    """The grid, or nothing if it was refused as it must be."""
    try:
        return compose_grid(overrides)
    except UserError as error:
        assert str(error).strip()
        assert len(str(error).splitlines()) == 1, str(error)
        return []


@pytest.mark.slow
@settings(max_examples=400, **FIXED)
@given(OVERRIDES)
def test_any_settings_compose_to_valid_runs_or_one_line(overrides: list[str]) -> None:
    for job in composed(overrides)[:3]:
        validate(job.config)


# Whatever is accepted must also run: small where it is valid, and refused where it is not.
RUNNABLE = st.dictionaries(
    st.sampled_from(
        [
            *("depth", "width", "lr", "seed", "batch_size", "data.train_size", "data.validation_size"),
            *("data.augmentation.padding", "diagnostics.probe_images", "diagnostics.dead_images", "optimizer.momentum"),
        ]
    ),
    st.sampled_from(
        ["0", "1", "2", "3", "17", "-1", "0.5", "nan", "1e29", "1e-320", "99999999999", "abc", "[1]", "null"]
    ),
    min_size=1,
    max_size=4,
)
CHOICES = st.fixed_dictionaries(
    {
        "activation": st.sampled_from(["relu", "sigmoid", "prelu"]),
        "activation._target_": st.sampled_from(
            [None, "torch.sign", "torch.log", "torch.exp", "torch.sum", "torch.erfinv"]
        ),
        "init": st.sampled_from(["critical", "he"]),
        "norm": st.sampled_from(["none", "batch"]),
        "diagnostics": st.sampled_from(["off", "summary", "full"]),
        "precision": st.sampled_from(["32-true", "64-true", "bf16-mixed"]),
        "schedule": st.sampled_from(["cosine", "constant"]),
    }
)


@pytest.mark.slow
@settings(max_examples=60, **FIXED)
@given(CHOICES, RUNNABLE)
def test_any_small_settings_run_to_a_result_or_a_reason(root, tmp_path_factory, choices, numbers) -> None:
    chosen = {key: value for key, value in choices.items() if value is not None}
    small = {"depth": 2, "width": 2, "data.train_size": 40, "trainer.max_epochs": 1, "batch_size": 16}
    small |= {"prepared_root": root, "run_root": tmp_path_factory.mktemp("runs")}
    for job in composed([f"{key}={value}" for key, value in {**chosen, **small, **numbers}.items()]):
        record, trained = execute(job.config)
        assert trained
        assert record["status"] in ("completed", "diverged", "failed")
        assert (record["error"] is None) == (record["status"] != "failed")
        if record["error"] is not None:
            assert len(record["error"].splitlines()) == 1


@pytest.mark.slow
@settings(max_examples=25, **FIXED)
@given(st.sampled_from(["train.py", "prepare.py", "status.py", "theory.py"]), OVERRIDES)
def test_any_command_line_ends_in_one_line(tmp_path_factory, script: str, overrides: list[str]) -> None:
    # nothing is trained: a name that no set has is refused after all settings are read
    last = ["data.name=no/name", OFF]
    typed = [text for text in overrides if "\0" not in text and not text.startswith("-") and text.isprintable()]
    try:
        arguments = [text.encode().decode() for text in [*typed, *last]]
    except UnicodeEncodeError:
        return
    done = forked(tmp_path_factory.mktemp("typed"), script, *arguments)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
