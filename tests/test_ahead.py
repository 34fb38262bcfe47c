import math
import threading
import time

import pytest

from whyrelu.ahead import ahead


@pytest.mark.parametrize("count", [0, 1, 64, 5000])
def test_results_come_in_order(count: int) -> None:
    assert list(ahead(lambda number: 2 * number, range(count))) == [2 * number for number in range(count)]


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has everything look as if it waited for a disk."""
    monkeypatch.setattr("whyrelu.ahead._WAITING", -2)


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("count", [0, 1, 64, 65, 5000])
def test_results_of_threads_come_in_order(count: int) -> None:
    assert list(ahead(lambda number: 2 * number, range(count))) == [2 * number for number in range(count)]


@pytest.mark.usefixtures("waiting")
def test_only_some_steps_are_done_before_they_are_asked_for() -> None:
    taken = []

    def items():
        for number in range(100_000):
            taken.append(number)
            yield number

    results = ahead(str, items())
    assert [next(results) for _ in range(3)] == ["0", "1", "2"]
    assert len(taken) < 5000
    results.close()


def test_several_that_wait_are_done_at_once() -> None:
    # who waits here is let go only by others that wait too
    barrier = threading.Barrier(2)

    def wait(number: int) -> None:
        if number < 64:
            time.sleep(0.001)
        elif number % 64 == 0:
            barrier.wait(30)

    assert len(list(ahead(wait, range(64 * 3)))) == 64 * 3


def test_what_does_not_wait_is_done_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whyrelu.ahead._WAITING", math.inf)
    threads = set(ahead(lambda _: threading.get_ident(), range(1000)))
    assert threads == {threading.get_ident()}


@pytest.mark.usefixtures("waiting")
def test_what_goes_wrong_in_a_thread_is_raised() -> None:
    results = ahead(lambda number: 1 // (number - 100), range(200))
    with pytest.raises(ZeroDivisionError):
        list(results)


def test_what_goes_wrong_is_raised() -> None:
    def inverse(number: int) -> float:
        return 1 / number

    results = ahead(inverse, [2, 4, 0, 5])
    with pytest.raises(ZeroDivisionError):
        list(results)
