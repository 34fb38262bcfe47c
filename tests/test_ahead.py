import threading

import pytest

from whyrelu.ahead import ahead


@pytest.mark.parametrize("count", [0, 1, 64, 5000])
def test_results_come_in_order(count: int) -> None:
    assert list(ahead(lambda number: 2 * number, range(count))) == [2 * number for number in range(count)]


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


def test_several_are_done_at_once() -> None:
    # who waits here is let go only by others that wait too
    barrier = threading.Barrier(2)
    assert len(list(ahead(lambda number: barrier.wait(30) if number % 64 == 0 else 0, range(128)))) == 128


def test_what_goes_wrong_is_raised_in_its_place() -> None:
    def inverse(number: int) -> float:
        return 1 / number

    results = ahead(inverse, [2, 4, 0, 5])
    with pytest.raises(ZeroDivisionError):
        list(results)
