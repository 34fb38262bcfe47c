import pytest

import whyrelu.report.page


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are composed and then written as empty files, which takes a tenth of the time."""

    def write_empty(figure, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    monkeypatch.setattr(whyrelu.report.page, "save_svg", write_empty)
