import pytest

from benchmarks import synthetic


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A small synthetic set."""
    return synthetic.make(tmp_path_factory.mktemp("synthetic"), train=800, test=20)
