import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.errors import HydraException

from typed import SOURCE
from whyrelu import commandline
from whyrelu.commandline import overrides_from_arguments, reporting_errors
from whyrelu.errors import UserError


def raising(error: BaseException) -> Callable[[], None]:
    @reporting_errors()
    def main() -> None:
        raise error

    return main


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
    modules = "whyrelu.runs.plan, whyrelu.runs.status, whyrelu.tracking"
    with python(f"import sys, {modules}; print(*sys.modules)") as process:
        modules, errors = process.communicate()
    assert process.returncode == 0, errors
    heavy = {"torch", "lightning", "mlflow", "pandas", "matplotlib", "sklearn", "scipy", "torchvision"}
    assert not heavy & set(modules.split())


# arguments


def test_settings_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    given = ["activation=relu,tanh", "++a=1", "~optimizer.momentum", "url=a=b", "seed="]
    assert overrides_from_arguments("", ["-m", *given, "--multirun"]) == given
    monkeypatch.setattr(sys, "argv", ["status.py", "depth=3"])
    assert overrides_from_arguments("") == ["depth=3"]


def test_help_is_the_description(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        overrides_from_arguments("\nWhat it does.\n\n  an example\n", ["depth=3", "--help"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == "What it does.\n\n  an example\n"


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_an_interruption_that_is_lost_in_a_callback_is_repeated(number: str) -> None:
    code = (
        "import os, signal, time, weakref\n"
        "from whyrelu.commandline import reporting_errors\n"
        # where the tests run in the background it is ignored
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Thing: pass\n"
        "@reporting_errors()\n"
        "def main():\n"
        "    thing = Thing()\n"
        f"    seen = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.{number}))\n"
        "    del thing\n"
        "    print('lost', flush=True)\n"
        "    time.sleep(60)\n"
        "main()\n"
    )
    with python(code) as process:
        output, errors = process.communicate()
    assert (output, process.returncode) == ("lost\n", 130)
    assert errors.endswith("error: interrupted; the same command goes on where this one stopped\n")
