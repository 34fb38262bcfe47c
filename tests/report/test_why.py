import re

import numpy as np
import pandas as pd
import pytest

from synthetic import make_record, make_records
from synthetic_layers import COLUMNS, write_tables
from whyrelu.report.page import write_report
from whyrelu.report.reading import read_study
from whyrelu.report.why.functions import sensitive_ranges
from whyrelu.report.why.gradients import decades_sentence, training_sentence, within_sentence
from whyrelu.report.why.moments import moment_epochs
from whyrelu.report.why.profiles import log_limits
from whyrelu.report.why.section import why_section
from whyrelu.report.why.trainability import depth_scales, map_sentence

# what figures look like, and that they can be drawn at all, is for the tests that use `drawn`
pytestmark = pytest.mark.usefixtures("undrawn")

MEASURED = {"gradients-at-init", "gradient-decades", "gradients-in-training", "saturation", "dead-channels", "collapse"}
THEORETICAL = {"functions", "trainability"}
ACTIVATIONS = ["relu", "tanh", "sigmoid"]


def setting(**values):
    """A change of the layers of a record: columns are given these values, for all epochs and layers."""

    def change(record, layers):
        for name, value in values.items():
            layers[:, :, COLUMNS.index(name)] = value(record) if callable(value) else value
        return layers

    return change


def study_of(records, folder, level="full", change=None):
    write_tables(records, folder, level=level, change=change)
    return read_study(folder)


def section_of(records, folder, level="full", change=None):
    """The titles and sentences of the section, without its captions and definitions."""
    return {part.title: part.sentences for part in why_section(study_of(records, folder, level, change)).parts}


def page_of(records, folder, level="full", change=None):
    """The section of the page and the names of the figures, which are all linked and none more."""
    write_tables(records, folder / "results", level=level, change=change)
    page = write_report(folder / "results", folder / "report").read_text()
    linked = re.findall(r"!\[([^\]]+)\]\(figures/([^)]+)\.svg\)", page)
    assert {name for _, name in linked} == {path.stem for path in (folder / "report" / "figures").iterdir()}
    assert len(linked) == len({name for _, name in linked})
    assert "\n\n\n" not in page
    assert not re.search(r"\bnan\b|\binf\b", page)
    for block in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1
    section = page[page.index("## Why") : page.index("## Assumptions and limits")]
    others = ("accuracy", "failures", "convergence", "learning-curves")
    return section, {name for _, name in linked if not name.startswith(others)}


def gradient_of(decades):
    """Gradients that lose so many decades in every record, evenly."""
    return lambda record: 10 ** (-decades * np.linspace(1, 0, record["factors"]["depth"]))


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    folder = tmp_path_factory.mktemp("usual")
    return *page_of(make_records(ACTIVATIONS, depths=[2, 4, 8], seeds=2), folder), folder


def test_every_part_is_on_the_page_with_its_figures(usual):
    section, figures, _ = usual
    assert figures == MEASURED | THEORETICAL
    titles = re.findall(r"^### (.*)$", section, re.MULTILINE)
    assert len(titles) == 8
    assert titles[0] == "At a glance"
    assert "Measured at init and after every epoch, in 18 of 18 runs, in each always on the same images" in section
    assert "infinitely wide layers, at init only" in section


def test_the_section_stands_after_the_tables(usual):
    _, _, folder = usual
    page = (folder / "report" / "README.md").read_text()
    assert page.index("figures/accuracy.svg") < page.index("## All cells") < page.index("## Why")


def test_the_same_tables_give_the_same_bytes(usual, tmp_path, drawn):
    _, _, folder = usual
    write_report(folder / "results", tmp_path)
    for path in (folder / "report").rglob("*.*"):
        assert (tmp_path / path.relative_to(folder / "report")).read_bytes() == path.read_bytes(), path.name


def test_no_figure_is_higher_than_a_screen_or_two(usual):
    _, _, folder = usual
    for path in (folder / "report" / "figures").iterdir():
        width, height = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', path.read_text()).groups() or ()
        if not width:
            pytest.fail(path.name)
        assert float(width) == 600 and float(height) < 800


@pytest.mark.parametrize(
    ("decades", "told", "within"),
    [
        (3.0, "relu 3.0 (0.0)", "relu vanishing at every depth"),
        (0.2, "relu 0.2 (0.0)", "relu within it at every depth"),
        (-2.0, "relu -2.0 (0.0)", "relu exploding at every depth"),
    ],
)
def test_sentences_on_gradients_say_what_the_tables_say(tmp_path, decades, told, within):
    records = make_records(["relu"], depths=[2, 4], seeds=2)
    (facet,) = study_of(records, tmp_path, change=setting(gradient=gradient_of(decades))).facets
    assert decades_sentence(facet).endswith(f"(theory in brackets): {told}.")
    assert decades_sentence(facet).startswith("At depth 4, ")
    assert within in within_sentence(facet)
    assert training_sentence(facet) == (
        f"Decades lost at depth 4 after epoch 1: relu {decades:.1f}; at the end (epoch 4): relu {decades:.1f}."
    )


def test_depths_that_differ_are_told_apart(tmp_path):
    gradient = setting(gradient=lambda r: gradient_of(3 if r["factors"]["depth"] > 2 else 0)(r))
    (facet,) = study_of(make_records(["tanh"], depths=[2, 4, 8]), tmp_path, change=gradient).facets
    assert "tanh within it at depth 2 and vanishing at depth 4 and 8" in within_sentence(facet)


def test_theory_and_measurement_are_compared_as_a_number(tmp_path):
    # theory of relu: 1 at every layer
    gradient = setting(gradient=lambda r: np.array([4.0, 2.0, 2.0, 1.0]), collapse=0.5)
    sections = section_of([make_record("relu", 4)], tmp_path, change=gradient)
    assert any(
        "median factor of 2.00 over 3 layers of 1 cell." in text
        and text.endswith("relu at depth 4, layer 1: measured 4.0 times the prediction.")
        for text in sections["Gradients"]
    )
    assert any("median factor of 2.00 over 4 layers" in text for text in sections["Collapse: do images still differ?"])


def test_gradients_that_underflow_are_counted_and_not_drawn(tmp_path, drawn):
    gradient = setting(gradient=lambda r: np.array([0, 0, 1e-30, 1.0]))
    section, figures = page_of([make_record("sigmoid", 4)], tmp_path, change=gradient)
    assert "sigmoid all (a gradient of exactly 0) (1.2)" in section
    assert "2 of 4 points are exactly 0 in at least one run" in section
    assert "1 of 1 runs have no such number" not in section
    assert "2 more are exactly 0 in a run" in section
    assert figures >= MEASURED - {"gradient-decades"}


def test_runs_that_diverged_do_not_silence_the_others(tmp_path):
    records = [make_record("relu", 4, seed, outcome=outcome) for seed, outcome in enumerate(["learned", "diverged"])]
    section, figures = page_of(records, tmp_path)
    assert "Of these runs only some have finite numbers then: relu 1 of 2." in section
    assert figures >= MEASURED


def test_a_study_in_which_all_diverge(tmp_path):
    records = [make_record("relu", 4, seed, outcome="diverged") for seed in range(2)]
    section, figures = page_of(records, tmp_path)
    assert "at the end (" not in section
    assert figures >= MEASURED


def test_numbers_that_are_missing_everywhere_leave_no_sentence(tmp_path, drawn):
    everything = setting(**dict.fromkeys(COLUMNS, np.nan))
    section, _ = page_of(make_records(["relu", "tanh"], depths=[2, 4], seeds=1), tmp_path, change=everything)
    assert "median factor" not in section
    assert "| relu | 0/1 | - (0.0) | - (1.0) | - | - | - |" in section


def test_saturation_and_slope_are_told_apart_or_not_as_the_tables_say(tmp_path):
    saturated = {"relu": 0.5, "sigmoid": 0.1}
    slopes = {"relu": 0.5, "sigmoid": 0.04}

    def change(by_name):
        return setting(
            saturated=lambda r: saturated[r["factors"]["activation"]],
            slope_square=lambda r: by_name[r["factors"]["activation"]],
        )

    records = make_records(["relu", "sigmoid"], depths=[2], seeds=2)
    apart = section_of(records, tmp_path / "apart", change=change(slopes))["Saturation and slopes"]
    assert "at init, at depth 2, means over layers: relu 50.0% and 0.50, sigmoid 10.0% and 0.040." in apart[0]
    assert any(
        "relu has the most saturated units (50.0%), sigmoid the smallest mean squared slope (0.040, 10.0% saturated)."
        in text
        for text in apart
    )
    # as good as equal
    saturated["sigmoid"] = 0.499
    equal = section_of(records, tmp_path / "equal", change=change(slopes))["Saturation and slopes"]
    assert any("relu and sigmoid have the most saturated units (50.0%), sigmoid the smallest" in text for text in equal)
    saturated["sigmoid"] = 0.1
    together = section_of(records, tmp_path / "together", change=change({"relu": 0.01, "sigmoid": 0.04}))
    assert any(
        "relu has both the most saturated units (50.0%) and the smallest mean squared slope (0.010)" in text
        for text in together["Saturation and slopes"]
    )


def test_the_first_table_has_the_main_numbers_of_the_deepest_nets(tmp_path):
    def change(record, layers):
        name = record["factors"]["activation"]
        values = {"gradient": gradient_of({"relu": 0.5, "sigmoid": 3}[name])(record), "collapse": 0.25}
        values |= {"saturated": 0.4, "slope_square": 0.05, "dead": 0.2}
        return setting(**values)(record, layers)

    section, _ = page_of(make_records(["relu", "sigmoid"], depths=[2, 4], seeds=2), tmp_path, change=change)
    assert "| relu | 0/2 | 0.5 (0.0) | 0.25 (1.0) | 40.0% | 0.050 | 20.0% |" in section
    assert re.search(r"\| sigmoid \| 2/2 \| 3\.0 \(1\.2\) \|", section)
    assert "Nets of depth 4, means over runs (geometric ones of gradients and collapse ratios):" in section
    assert "Failed runs and the others" not in section


def test_failed_runs_stand_beside_the_others_of_their_cell(tmp_path):
    outcomes = ["at_chance", "learned", "learned"]
    records = [make_record("relu", 4, seed, outcome=outcome) for seed, outcome in enumerate(outcomes)]
    dead = {0: 0.9, 1: 0.1, 2: 0.3}
    section, _ = page_of(records, tmp_path, change=setting(dead=lambda record: dead[record["factors"]["seed"]]))
    part = section[section.index("### Failed runs and the others") :]
    row = re.findall(r"^\| relu \| 4 \|.*$", part, re.MULTILINE)[0]
    texts = [text.strip() for text in row.strip("|").split("|")]
    assert (texts[2], texts[5]) == ("1 / 2", "90.0% / 20.0%")


def test_dead_channels_that_never_were_have_no_figure(tmp_path):
    section, figures = page_of(make_records(["relu"], seeds=1), tmp_path, change=setting(dead=0.0))
    assert "dead-channels" not in figures
    assert "No channel of any run is dead" in section


def test_deaths_and_revivals_are_summed_over_epochs(tmp_path):
    def change(record, layers):
        for name, value in (("dead", 0.25), ("died", 0.02), ("revived", 0.01)):
            layers[:, :, COLUMNS.index(name)] = value
        layers[0, :, COLUMNS.index("died")] = layers[0, :, COLUMNS.index("revived")] = np.nan
        return layers

    sections = section_of([make_record("relu", 2, epochs=4)], tmp_path, change=change)
    assert sections["Dead channels"] == [
        "Dead channels at depth 2, mean over layers, at init and at the end (epoch 4): relu 25.0% and 25.0%.",
        "Channels that died, and dead ones that came back, summed over all epochs, in percent of all channels at depth "
        "2: relu 8.0% and 4.0%.",
    ]


def test_the_end_of_float32_is_marked_where_it_is_near(tmp_path):
    records = [make_record("sigmoid", 8)]
    near = setting(collapse=lambda r: 10.0 ** -np.arange(8))
    study = study_of(records, tmp_path / "near", change=near)
    (sentence, *_) = next(p for p in why_section(study).parts if p.title.startswith("Collapse")).sentences
    assert sentence.startswith(
        "Collapse ratio of the last layer at init, at depth 8 (theory in brackets): sigmoid 1.0e-7 "
    )


def test_what_another_precision_does_to_the_collapse_ratio_is_said_where_there_is_one(tmp_path):
    def notes(*precisions):
        records = [make_record("relu", 2, precision=name) for name in precisions]
        study = study_of(records, tmp_path / "-".join(precisions))
        definition = next(part for part in why_section(study).parts if part.title.startswith("Collapse")).definition
        return definition.partition("the outputs no longer depend on the image.")[2]

    assert notes("32-true") == ""
    assert "trained in bf16, which already loses the difference between images below about 0.0078" in notes(
        "bf16-mixed"
    )
    both = notes("32-true", "16-mixed", "64-true")
    assert "bf16" not in both and "trained in fp16" in both
    assert "With precision=64-true both are done in float64, which keeps it down to about 2.2e-16" in both


def test_nothing_measured_is_said_in_one_line_with_the_setting(tmp_path):
    section, figures = page_of(make_records(ACTIVATIONS, depths=[2, 4], seeds=1), tmp_path, level="off")
    assert figures == THEORETICAL
    assert section.count("diagnostics=full") == 1
    assert "Nothing was measured inside the networks of this study" in section
    assert re.findall(r"^### (.*)$", section, re.MULTILINE) == ["Depth against theory", "The activation functions"]


def test_a_summary_has_both_ends_and_no_curvature(tmp_path):
    section, figures = page_of(make_records(ACTIVATIONS, depths=[2, 4], seeds=1), tmp_path, level="summary")
    assert figures == MEASURED | THEORETICAL
    assert "at init and after the last epoch only (`diagnostics=full`" in section
    assert "Curvature" not in section
    assert "came back to life" not in section
    assert "epoch 1" not in section


def test_a_net_of_one_layer_has_no_ratio(tmp_path, drawn):
    section, figures = page_of([make_record("relu", 1)], tmp_path)
    assert figures == {"functions", "saturation", "dead-channels"}
    assert "### Gradients" not in section
    assert "Depth against theory" not in section


def test_facets_are_told_one_by_one(tmp_path, drawn):
    records = make_records(["relu", "sigmoid"], depths=[2, 4], seeds=1, axes={"norm": ["none", "batch"]})
    section, figures = page_of(records, tmp_path)
    assert figures == MEASURED | THEORETICAL
    assert section.count("**norm=batch.** ") >= 5
    assert "per image are approximate with norm=batch." in section
    # theory knows no collapse ratio of batch norm
    assert len(re.findall(r"Theory against measurement of the collapse ratio", section)) == 1
    assert "| setting | activation | depth 2 | depth 4 |" in section


def test_many_activations_get_a_panel_each(tmp_path, drawn):
    names = ["relu", "sigmoid", *(f"activation_{i}" for i in range(6))]
    section, figures = page_of(make_records(names, depths=[2, 4], seeds=1), tmp_path)
    assert figures == MEASURED | THEORETICAL
    assert section.count("one panel per activation") >= 4
    decades = re.search(r"- At depth 4, decades of gradient lost.*: (.*)\.\n", section).group(1)
    assert "relu " in decades and "sigmoid " in decades and "others in between" in decades


def test_theory_that_says_nothing(tmp_path):
    write_tables(make_records(["relu", "tanh"], depths=[2, 4], seeds=1), tmp_path / "results")
    for name in ("theory", "profiles"):
        path = tmp_path / "results" / f"{name}.parquet"
        table = pd.read_parquet(path)
        predicted = [
            column for column in table if name == "theory" and column in ("gradient_relative", "xi", "collapse")
        ]
        predicted += [column for column in table if column.startswith("predicted")]
        table.assign(**dict.fromkeys(predicted, np.nan)).to_parquet(path)
    page = write_report(tmp_path / "results", tmp_path / "report").read_text()
    assert "Depth against theory" not in page
    assert "median factor" not in page
    assert "tanh 0.1 (-)" in page or "tanh 0.2 (-)" in page
    assert not (tmp_path / "report" / "figures" / "trainability.svg").exists()


def cells(scales, failures, mean):
    return pd.DataFrame({"scales": scales, "failures": failures, "n": 4, "mean": mean})


def test_the_map_counts_cells_by_what_theory_says():
    said = map_sentence(cells([0.1, -0.2, 3, 8, 20, -4], [0, 0, 4, 4, 0, 0], [0.9, 0.8, 0.1, 0.1, 0.7, 0.5]))
    assert "2 of 2 within 1 of 0; 0 of 1 from 1 to 6 (vanishing); 1 of 2 above 6; " in said
    assert "1 of 1 below -1 (exploding)." in said


def test_depth_scales_leave_out_what_has_none(tmp_path):
    records = make_records(["relu", "sigmoid"], depths=[1, 4], seeds=1)
    (facet,) = study_of(records, tmp_path).facets
    table = depth_scales(facet)
    assert list(table["depth"]) == [4, 4]
    # chi = 1 keeps everything; 3 layers of ln 0.15
    np.testing.assert_allclose(table["scales"], [0, -3 * np.log(0.15)])


def test_ranges_are_read_off_the_curve():
    def curve(saturated):
        return pd.DataFrame({"x": [-2.0, -1, 0, 1, 2], "saturated": saturated})

    assert sensitive_ranges(curve([True, True, False, False, True])) == [(-0.5, 1.5)]
    assert sensitive_ranges(curve([True, True, True, False, False])) == [(0.5, np.inf)]
    assert sensitive_ranges(curve([False] * 5)) == [(-np.inf, np.inf)]
    assert sensitive_ranges(curve([True] * 5)) == []
    assert sensitive_ranges(curve([False, True, True, True, False])) == [(-np.inf, -1.5), (1.5, np.inf)]


@pytest.mark.parametrize(
    ("epochs", "moments"),
    [
        (1, {"init": 0, "end": 1}),
        (2, {"init": 0, "first": 1, "end": 2}),
        (8, {"init": 0, "first": 1, "middle": 4, "end": 8}),
    ],
)
def test_moments_that_coincide_are_one(epochs, moments):
    assert moment_epochs(epochs) == moments
    assert list(moment_epochs(epochs)) == list(moments)


def test_logarithmic_axes_hold_what_has_a_logarithm():
    low, high = log_limits(np.array([0.0, 1e-6, 1.0, np.nan]))
    assert 1e-7 < low < 1e-6 and 1 < high < 10
    low, high = log_limits(np.array([1.0, 1.01]))
    assert high / low > 30
    assert log_limits(np.array([np.nan, 0.0])) == (0.1, 10)
