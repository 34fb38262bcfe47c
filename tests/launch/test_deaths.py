import pytest

from whyrelu.launch.deaths import how_it_died

LOKY = (
    "A worker process managed by the executor was unexpectedly terminated. This could be caused by a segmentation "
    "fault.\n\nThe exit codes of the workers are {%s}"
)


@pytest.mark.parametrize(
    ("exits", "words"),
    [
        ("SIGKILL(-9)", "killed by SIGKILL, perhaps out of memory"),
        ("SIGSEGV(-11)", "segmentation fault (SIGSEGV)"),
        ("SIGTERM(-15)", "killed by SIGTERM"),
        ("EXIT(3)", "exit code 3"),
        ("SIGKILL(-9), SIGKILL(-9)", "killed by SIGKILL, perhaps out of memory"),
        ("SIGSEGV(-11), EXIT(1)", "segmentation fault (SIGSEGV) or exit code 1"),
    ],
)
def test_the_signal_or_exit_code_is_told(exits: str, words: str) -> None:
    assert how_it_died(RuntimeError(LOKY % exits)) == words


def test_what_other_launchers_say_is_kept_short_and_in_one_line() -> None:
    assert how_it_died(RuntimeError("job 7\nended")) == "RuntimeError: job 7 ended"
    assert len(how_it_died(RuntimeError("x" * 1000))) < 310
