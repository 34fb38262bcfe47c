import pickle

import pytest

from whyrelu.errors import DataError, UnknownNameError, UserError, one_line


@pytest.mark.parametrize("error", [UserError("a"), DataError("b"), UnknownNameError("activation", "relo", ["relu"])])
def test_errors_cross_process_borders(error: UserError) -> None:
    # workers hand errors over by pickling; one that cannot be read back breaks the whole pool
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert isinstance(copy, UserError)
    assert str(copy) == str(error)


def test_one_line_joins_lines_and_names_what_was_not_foreseen() -> None:
    assert one_line(UserError("the disk\n   is full\n")) == "the disk is full"
    assert one_line(RuntimeError("sizes\n differ")) == "RuntimeError: sizes differ"
