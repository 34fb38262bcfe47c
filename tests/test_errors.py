import pickle

import pytest

from whyrelu.errors import DataError, UnknownNameError, UserError, one_line


def test_unknown_name_tells_the_nearest_and_all_valid_names_in_order() -> None:
    error = UnknownNameError("activation", "relo", ["tanh", "relu", "elu"])
    assert str(error) == "unknown activation 'relo': did you mean 'relu'? Valid: elu, relu, tanh"


def test_unknown_name_suggests_nothing_where_nothing_is_near() -> None:
    error = UnknownNameError("activation", "xyzzy", ["tanh", "relu"])
    assert str(error) == "unknown activation 'xyzzy': Valid: relu, tanh"


@pytest.mark.parametrize("kind", [DataError, UnknownNameError])
def test_everything_a_person_can_mend_is_a_user_error(kind: type[Exception]) -> None:
    assert issubclass(kind, UserError)


@pytest.mark.parametrize(
    "error",
    [UserError("a"), DataError("b"), UnknownNameError("activation", "relo", ["relu"])],
    ids=lambda error: type(error).__name__,
)
def test_errors_cross_process_borders(error: UserError) -> None:
    # workers of a sweep hand errors over by pickling; one that cannot be read back breaks the whole pool
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)


def test_one_line_joins_lines_and_names_what_was_not_foreseen() -> None:
    assert one_line(UserError("the disk\n   is full\n")) == "the disk is full"
    assert one_line(RuntimeError("sizes\n differ")) == "RuntimeError: sizes differ"
