"""Studies in a notebook: trained once, read as a report reads them, shown as the report shows them."""

import pytest
from IPython.display import Image, Markdown

import whyrelu.report.notebook
from whyrelu.errors import UserError
from whyrelu.report.depth_figure import depth_figure
from whyrelu.report.map_figure import map_figure
from whyrelu.report.notebook import run_study, show

TINY = ["study=tiny", "lr=0.1", "width=2", "data.train_size=64", "trainer.max_epochs=2", "diagnostics=summary"]
GRID = [*TINY, "activation=relu,sigmoid", "depth=1,2", "seed=0,1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    # a name that means something to Hydra, and to a shell
    return tmp_path_factory.mktemp("of, mine (a=b)") / "deeper"


def test_a_grid_is_trained_once_and_read_with_its_theory_and_shown(folder, capsys, monkeypatch):
    study = run_study(GRID, folder)
    told = capsys.readouterr().out
    assert len(study.runs) == told.count("\n") == len(list(folder.glob("runs/**/run.json"))) == 8
    assert study.cells["decades"].notna().all()
    assert {path.name for path in folder.iterdir()} == {"data", "runs", "results"}

    monkeypatch.setattr("whyrelu.training.fit.fit", lambda *_, **__: pytest.fail("a finished run was trained again"))
    assert len(run_study([*GRID, "seed=1"], folder).runs) == 4
    # the first one is still what it was
    assert len(study.cells) == 4 and set(study.study.profiles["n"]) == {2}
    capsys.readouterr()
    run_study(GRID, folder)
    assert capsys.readouterr().out == told

    displayed: list = []
    monkeypatch.setattr(whyrelu.report.notebook, "display", displayed.append)
    for _ in range(2):
        show(depth_figure, study)
    assert [type(shown) for shown in displayed] == [Image, Markdown] * 2
    assert displayed[0].data.startswith(b"\x89PNG") and displayed[0].data == displayed[2].data
    with pytest.raises(UserError, match="no data for map_figure"):
        show(map_figure, study)


def test_a_run_that_fails_is_one_line(folder):
    with pytest.raises(UserError, match=r"batch_size=65 failed: .*64 training images"):
        run_study([*TINY, "batch_size=64,65"], folder)
