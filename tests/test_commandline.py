import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf

from typed import SOURCE
from whyrelu import commandline
from whyrelu.commandline import fail, overrides_from_arguments, overrides_of_params, reporting_errors
from whyrelu.config.grid import compose_grid
from whyrelu.errors import UserError


@pytest.fixture(autouse=True)
def process_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `reporting_errors` changes for the whole process is put back after each test."""
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setattr(sys, "path", list(sys.path))


def raising(error: BaseException) -> Callable[[], None]:
    @reporting_errors()
    def main() -> None:
        raise error

    return main


# errors


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("two\n   lines"), 1, "error: two lines"),
        (HydraException("no such thing"), 1, "error: no such thing"),
        (FileNotFoundError(2, "No such file", "x.csv"), 1, "error: [Errno 2] No such file: 'x.csv'"),
        (KeyboardInterrupt(), 130, "error: interrupted; the same command goes on where this one stopped"),
    ],
)
def test_what_a_person_can_mend_is_one_line_and_an_exit_code(
    error: BaseException, code: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py"])
    with pytest.raises(SystemExit) as caught:
        raising(error)()
    assert caught.value.code == code
    assert capsys.readouterr() == ("", f"{line}\n")


def test_errors_of_configuration_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    @reporting_errors()
    def main() -> None:
        config = OmegaConf.create({"depth": 3})
        OmegaConf.set_struct(config, True)
        OmegaConf.update(config, "dept", 4)

    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err.startswith("error: unknown setting 'dept': did you mean 'depth'? Valid: depth")


@pytest.mark.parametrize("error", [ValueError("a mistake of ours"), AssertionError(), SystemExit(3)])
def test_mistakes_of_the_code_keep_their_traceback_and_exit_codes_pass(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        raising(error)()
    assert caught.value is error


def test_tracebacks_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commandline, "_WANTS_TRACEBACK", True)
    with pytest.raises(UserError):
        raising(UserError("the disk is full"))()


def test_a_command_sees_modules_beside_it_but_never_in_place_of_installed_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[object] = []

    @reporting_errors()
    def main(given: int) -> None:
        seen.append((given, sys.path.count(str(tmp_path)), sys.path[-1], os.environ["HYDRA_FULL_ERROR"]))

    main(1)
    main(given=2)
    assert seen == [(1, 1, str(tmp_path), "1"), (2, 1, str(tmp_path), "1")]


def test_fail_prints_one_line_and_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        fail("a\nb   c", code=7)
    assert caught.value.code == 7
    assert capsys.readouterr().err == "error: a b c\n"


def python(code: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    code = (
        "from whyrelu.commandline import reporting_errors\n"
        "@reporting_errors()\n"
        "def main():\n"
        "    for _ in range(100000): print('a line of a long table')\n"
        "main()\n"
    )
    with python(code) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "a line of a long table\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_planning_needs_no_heavy_library() -> None:
    # status, skipping what is done and every error of configuration are a matter of a second
    with python("import sys; import whyrelu.runs.plan, whyrelu.runs.status; print(*sys.modules)") as process:
        modules, errors = process.communicate()
    assert process.returncode == 0, errors
    heavy = {"torch", "lightning", "mlflow", "pandas", "matplotlib", "sklearn", "scipy", "torchvision"}
    assert not heavy & set(modules.split())


# arguments


def test_settings_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    given = ["activation=relu,tanh", "+a.b=true", "++a=1", "~optimizer.momentum", "~a=1", "url=a=b", "seed="]
    assert overrides_from_arguments("", ["-m", *given, "--multirun"]) == given
    monkeypatch.setattr(sys, "argv", ["status.py", "depth=3"])
    assert overrides_from_arguments("") == ["depth=3"]


@pytest.mark.parametrize("argument", ["depth", "--depth=3", "-x", "3", ""])
def test_what_is_no_setting_is_told(argument: str) -> None:
    with pytest.raises(UserError) as caught:
        overrides_from_arguments("", ["seed=1", argument])
    assert str(caught.value) == f"cannot read {argument!r}: settings are given as key=value; --help shows examples"


@pytest.mark.parametrize("asked", ["-h", "--help"])
def test_help_is_the_description(asked: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        overrides_from_arguments("\nWhat it does.\n\n  an example\n", ["depth=3", asked])
    assert caught.value.code == 0
    assert capsys.readouterr().out == "What it does.\n\n  an example\n"


# params.yaml


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ('""', []),
        ("", []),
        ("depth=4,8 lr=0.1", ["depth=4,8", "lr=0.1"]),
        ("\"'seed=range(0, 5)' activation=relu\"", ["seed=range(0, 5)", "activation=relu"]),
    ],
)
def test_params_are_the_study_and_what_a_person_would_type(tmp_path: Path, overrides: str, expected: list[str]) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(f"study: mechanisms\noverrides: {overrides}\n")
    assert overrides_of_params(path) == ["experiment=mechanisms", *expected]


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ("study: digits\n", "must say study: and overrides: ('overrides')"),
        ("", "must say study: and overrides:"),
        ("- study\n", "must say study: and overrides:"),
        ("study: [", "must say study: and overrides:"),
        ("study: digits\noverrides: 3\n", "must say study: and overrides:"),
        ('study: digits\noverrides: "\'depth=4"\n', "must say study: and overrides: (No closing quotation)"),
    ],
)
def test_params_that_say_something_else_are_one_line(tmp_path: Path, content: str, fragment: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        overrides_of_params(path)
    assert str(caught.value).startswith(f"{path} {fragment}")


def test_the_params_of_the_project_are_a_grid() -> None:
    overrides = overrides_of_params(SOURCE.parent / "params.yaml")
    assert len(compose_grid([*overrides, "activation=relu"])) > 1
