"""Studies in a notebook: trained once, read as a report reads them, shown as the report shows them."""

import pandas as pd
import pytest
import whyrelu.interactive
from IPython.display import Image, Markdown
from whyrelu.config.composition import compose_grid
from whyrelu.interactive import places, run_study, show, table, tell

from whyrelu.errors import UnknownNameError, UserError
from whyrelu.report.accuracy_figure import accuracy_figures
from whyrelu.report.grid import Grid
from whyrelu.report.why.gradients import gradients_part

TINY = ["study=tiny", "lr=0.1", "width=2", "data.train_size=64", "trainer.max_epochs=2", "diagnostics=summary"]
GRID = [*TINY, "activation=relu,sigmoid", "depth=1,2", "seed=0,1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    # a name that means something to Hydra, and to a shell
    return tmp_path_factory.mktemp("of, mine (a=b)")


@pytest.fixture(scope="module")
def study(folder):
    return run_study(GRID, folder)


@pytest.fixture
def shown(monkeypatch):
    displayed: list = []
    monkeypatch.setattr(whyrelu.interactive, "display", displayed.append)
    return displayed


def test_a_grid_is_trained_and_read_with_its_theory(study, folder):
    assert study.name == "tiny"
    assert len(study.runs) == 8
    assert set(zip(study.cells["activation"], study.cells["depth"], strict=True)) == {
        (name, depth) for name in ("relu", "sigmoid") for depth in (1, 2)
    }
    assert study.reference.profiles["predicted_gradient_relative"].notna().any()
    assert len(list((folder / "runs").glob("*/run.json"))) == 8


def test_what_is_trained_is_not_trained_again_and_told_in_the_same_words(folder, capsys, monkeypatch):
    def untrainable(*args, **kwargs):
        pytest.fail("a finished run was trained again")

    run_study(GRID, folder)
    first = capsys.readouterr().out
    monkeypatch.setattr("whyrelu.training.fit.fit", untrainable)
    again = run_study(GRID, folder)
    assert capsys.readouterr().out == first
    assert first.count("\n") == 8
    assert len(again.runs) == 8
    assert len(run_study([*GRID, "seed=1"], folder).runs) == 4


def test_nothing_is_written_elsewhere(folder):
    (config,) = [job.config for job in compose_grid([*TINY, *places(folder)])]
    assert config["prepared_root"] == str(folder / "data")
    assert config["run_root"] == str(folder / "runs")
    assert config["mlflow"]["tracking_uri"] is None


def test_a_run_that_fails_is_one_line(folder):
    with pytest.raises(UserError, match=r"batch_size=65 failed: .*64 training images"):
        run_study([*TINY, "batch_size=64,65"], folder)


def test_several_studies_are_refused(folder):
    with pytest.raises(UserError, match="several studies"):
        run_study([*TINY, "study=tiny,other"], folder)


def test_figures_are_shown_with_their_captions(study, shown):
    show(gradients_part, study, "gradients-at-init")
    figure, caption = shown
    assert isinstance(figure, Image)
    assert figure.data.startswith(b"\x89PNG")
    assert isinstance(caption, Markdown)
    assert "layer 1 is nearest the image" in caption.data
    show(accuracy_figures, study)
    assert len(shown) == 4
    show(accuracy_figures, study)
    assert shown[4].data == shown[2].data


def test_a_figure_that_is_not_there_is_refused_with_the_ones_that_are(study, shown):
    with pytest.raises(UnknownNameError, match="did you mean 'gradients-at-init'"):
        show(gradients_part, study, "gradient-at-init")
    assert shown == []


def test_nothing_to_show_shows_nothing(study, shown):
    show(lambda study: None, study)
    assert shown == []


def test_sentences_are_a_list(shown):
    tell(["One.", "Two."])
    assert shown[0].data == "- One.\n- Two."


def test_a_table_of_the_report_is_a_data_frame():
    found = table(Grid(["setting", "activation", "depth 2"], 2, [["a", "relu", "0.1"], ["b", "relu", "0.2"]]))
    assert found.loc[("b", "relu"), "depth 2"] == "0.2"
    assert table(None).equals(pd.DataFrame())
