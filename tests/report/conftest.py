import pytest

import whyrelu.report.page


@pytest.fixture
def drawn():
    """For tests that look at the figures themselves."""


@pytest.fixture
def undrawn(request, monkeypatch):
    """Figures are composed and then written as empty files, which takes a tenth of the time; unless `drawn` is used."""

    def write_empty(figure, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(whyrelu.report.page, "save_svg", write_empty)
