import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hydra
import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf

from whyrelu import commandline
from whyrelu.commandline import fail, overrides_from_arguments, reports_errors
from whyrelu.config.grid import CONFIG_DIRECTORY
from whyrelu.errors import UserError


@pytest.fixture(autouse=True)
def process_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `reports_errors` changes for the whole process is put back after each test."""
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setattr(sys, "path", list(sys.path))


def raising(error: BaseException) -> Callable[[], None]:
    @reports_errors
    def main() -> None:
        raise error

    return main


# errors


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("the disk is full"), "error: the disk is full"),
        (UserError("two\n   lines"), "error: two lines"),
        (HydraException("no such thing"), "error: no such thing"),
        (
            FileNotFoundError(2, "No such file or directory", "x.csv"),
            "error: [Errno 2] No such file or directory: 'x.csv'",
        ),
    ],
)
def test_what_a_person_can_mend_is_one_line_and_an_exit_code(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        raising(error)()
    assert caught.value.code == 1
    printed = capsys.readouterr()
    assert printed.err == f"{line}\n"
    assert printed.out == ""


def test_errors_of_configuration_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    @reports_errors
    def main() -> None:
        config = OmegaConf.create({"depth": 3})
        OmegaConf.set_struct(config, True)
        OmegaConf.update(config, "dept", 4)

    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err.startswith("error: unknown setting 'dept': did you mean 'depth'? Valid: depth")


@pytest.mark.parametrize("error", [ValueError("a mistake of ours"), AssertionError(), KeyError("x")])
def test_mistakes_of_the_code_keep_their_traceback(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        raising(error)()
    assert caught.value is error


def test_tracebacks_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commandline, "_WANTS_TRACEBACK", True)
    with pytest.raises(UserError):
        raising(UserError("the disk is full"))()


def test_an_interruption_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        raising(KeyboardInterrupt())()
    assert caught.value.code == 130
    assert capsys.readouterr().err == "error: interrupted; the same command goes on where this one stopped\n"


def test_an_exit_code_passes() -> None:
    with pytest.raises(SystemExit) as caught:
        raising(SystemExit(3))()
    assert caught.value.code == 3


def test_what_goes_well_passes_with_its_arguments() -> None:
    given: list[object] = []

    @reports_errors
    def main(first: int, second: int = 0) -> None:
        """Its words."""
        given.extend([first, second])

    main(1, second=2)
    assert given == [1, 2]
    assert (main.__name__, main.__doc__) == ("main", "Its words.")


def test_hydra_is_made_to_pass_errors_on() -> None:
    seen: list[str | None] = []
    reports_errors(lambda: seen.append(os.environ.get("HYDRA_FULL_ERROR")))()
    assert seen == ["1"]


def test_modules_in_the_working_folder_can_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beside_the_command.py").write_text("VALUE = 3\n")
    # but never in place of installed ones
    (tmp_path / "omegaconf.py").write_text("raise ImportError\n")
    monkeypatch.chdir(tmp_path)
    found: list[object] = []

    @reports_errors
    def main() -> None:
        found.append(hydra.utils.get_object("beside_the_command.VALUE"))
        found.append(sys.path.count(str(tmp_path)))
        found.append(sys.path[-1])

    main()
    main()
    assert found == [3, 1, str(tmp_path)] * 2


def test_fail_prints_one_line_and_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        fail("a\nb   c", code=7)
    assert caught.value.code == 7
    assert capsys.readouterr().err == "error: a b c\n"


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    code = (
        "from whyrelu.commandline import reports_errors\n"
        "@reports_errors\n"
        "def main():\n"
        "    for _ in range(100000): print('a line of a long table')\n"
        "main()\n"
    )
    environment = {"PYTHONPATH": str(CONFIG_DIRECTORY.parent / "src")}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "a line of a long table\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


# arguments


def test_settings_are_taken_as_they_are() -> None:
    given = [
        "activation=relu,tanh",
        "+activation.inplace=true",
        "++a=1",
        "~optimizer.momentum",
        "~a=1",
        "url=a=b",
        "seed=",
    ]
    assert overrides_from_arguments("", ["-m", *given, "--multirun"]) == given
    assert overrides_from_arguments("", []) == []


def test_arguments_are_those_of_the_process_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_planning_needs_no_heavy_library() -> None:
    # status, skipping what is done and every error of configuration are a matter of a second
    code = "import sys; import whyrelu.runs.plan, whyrelu.runs.status; print(*sys.modules)"
    environment = {"PYTHONPATH": str(CONFIG_DIRECTORY.parent / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    heavy = {"torch", "lightning", "mlflow", "pandas", "matplotlib", "sklearn", "scipy", "torchvision"}
    assert not heavy & set(done.stdout.split())
