"""What a report says first, of studies that vary more than activation and depth."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from synthetic import make_record, make_records
from synthetic_claims import claim, contrast, write_ledger
from synthetic_layers import write_tables
from whyrelu.report.lead.choice import lead
from whyrelu.report.page import write_report
from whyrelu.report.reading import read_study

pytestmark = pytest.mark.usefixtures("undrawn")


def lead_of(records, folder):
    write_tables(records, folder / "results", level="off")
    return lead(read_study(folder / "results")).answer


def cell(activation, accuracies, depth=8, failed=0, **changed):
    """The records of one cell with these test accuracies, of which the first so many ended at chance."""
    records = [
        make_record(activation, depth, seed, outcome="at_chance" if seed < failed else "learned", **changed)
        for seed in range(len(accuracies))
    ]
    for record, accuracy in zip(records, accuracies, strict=True):
        record["metrics"]["test_accuracy"] = accuracy
    return records


# what rescues sigmoid


def rescues(*further):
    """Records of a sigmoid that fails at depth 8 in the reference, beside a relu that learns."""
    return [
        *cell("relu", [0.9] * 4),
        *cell("sigmoid", [0.1] * 4, failed=4),
        *(record for part in further for record in part),
    ]


def test_the_lead_says_which_single_changes_rescue_sigmoid_and_which_do_not(tmp_path):
    records = rescues(
        cell("sigmoid", [0.8] * 4, norm="batch"),
        cell("sigmoid", [0.1, 0.1, 0.2, 0.4], failed=2, optimizer="adam"),
        cell("sigmoid", [0.1] * 4, failed=4, init="he"),
        cell("sigmoid", [0.1] * 4, failed=4, init="pytorch"),
        # two changes at once
        cell("sigmoid", [0.85] * 4, norm="batch", init="he"),
    )
    assert lead_of(records, tmp_path) == (
        "At depth 8 with init=critical, norm=none, optimizer=sgd, sigmoid fails (mean test accuracy 10.0%, 4 of 4 runs "
        "failed; relu 90.0%): norm=batch (80.0%, n = 4) rescues it; optimizer=adam (20.0%, 2 of 4 failed) does so "
        "only in part; init=he and init=pytorch (10.0%, all runs failed) do not."
    )


def test_relatives_of_sigmoid_are_told_with_how_they_fare_in_the_same_setting(tmp_path):
    records = rescues(
        cell("sigmoid", [0.1] * 4, failed=4, norm="batch"),
        cell("rescaled_sigmoid", [0.88] * 4),
        cell("hard_sigmoid", [0.1] * 4, failed=4),
        cell("centred_sigmoid", [0.86] * 4),
        cell("centred_sigmoid", [0.2] * 4, norm="batch"),
        cell("tanh", [0.9] * 4),
    )
    assert lead_of(records, tmp_path) == (
        "At depth 8 with norm=none, sigmoid fails (mean test accuracy 10.0%, 4 of 4 runs failed; relu 90.0%): "
        "norm=batch (10.0%, 4 of 4 failed) does not rescue it. Of its relatives, rescaled_sigmoid (88.0%, n = 4) and "
        "centred_sigmoid (86.0%, n = 4) learn there; hard_sigmoid (10.0%, 4 of 4 failed) fails there too."
    )


def test_a_mean_in_the_middle_between_chance_and_the_best_is_needed_to_rescue(tmp_path):
    changes = [cell("sigmoid", [0.49] * 4, norm="batch"), cell("sigmoid", [0.51] * 4, norm="layer")]
    text = lead_of(rescues(*changes), tmp_path)
    assert "norm=layer (51.0%, n = 4) rescues it; norm=batch (49.0%, n = 4) does so only in part." in text


def test_relu_in_the_same_setting_is_told_beside_a_change(tmp_path):
    changes = [cell("sigmoid", [0.8] * 4, norm="batch"), cell("relu", [0.95] * 4, norm="batch")]
    text = lead_of(rescues(*changes, cell("sigmoid", [0.8] * 4, norm="layer")), tmp_path)
    assert text.endswith("norm=batch (80.0%, n = 4; relu 95.0%) and norm=layer (80.0%, n = 4) rescue it.")


def test_relu_is_told_beside_changes_of_which_none_rescues_and_its_failures_too(tmp_path):
    lost = [cell("sigmoid", [0.1] * 4, failed=4, init=init) for init in ("he", "pytorch")]
    relu = [cell("relu", [0.7] * 4, init="he"), cell("relu", [0.1, 0.1, 0.1, 0.5], failed=3, init="pytorch")]
    assert lead_of(rescues(*lost, *relu), tmp_path).endswith(
        "init=he (10.0%, 4 of 4 failed; relu 70.0%) and init=pytorch (10.0%, 4 of 4 failed; relu 20.0%, 3 of 4 failed) "
        "do not rescue it."
    )


def test_the_notes_say_what_relatives_are_and_what_in_part_means(tmp_path):
    relatives = cell("rescaled_sigmoid", [0.88] * 4)
    write_tables(rescues(cell("sigmoid", [0.4] * 4, norm="batch"), relatives), tmp_path / "results", level="off")
    names = ["sigmoid", "rescaled_sigmoid"]
    functions = pd.DataFrame(
        [
            {"activation": name, "x": x, "value": value, "slope": slope, "saturated": False}
            for name, values, slope in zip(names, ([0.2, 0.5, 0.8], [-0.6, 1e-16, 0.6]), (0.25, 1.0), strict=True)
            for x, value in zip((-1.0, 1e-17, 1.0), values, strict=True)
        ]
    )
    study = replace(read_study(tmp_path / "results"), functions=functions)
    assert lead(study).notes == (
        "At 0, sigmoid is 0.5 with slope 0.25 and rescaled_sigmoid is 0 with slope 1. "
        '"Only in part": the mean stays below 50.0%, the middle between chance and the best mean at this depth.'
    )
    # what the tables do not hold is not told
    assert "slope" not in lead(replace(study, functions=functions.iloc[:3])).notes
    assert "slope" not in lead(replace(study, functions=functions[functions["x"].abs() > 0.5])).notes


def test_there_are_no_notes_where_nothing_needs_one(tmp_path):
    write_tables(rescues(cell("sigmoid", [0.8] * 4, norm="batch")), tmp_path / "results", level="off")
    assert lead(read_study(tmp_path / "results")).notes == ""


def test_what_belongs_to_a_change_is_told_with_it_and_makes_no_second_change(tmp_path):
    adam = {"optimizer": "adam", "optimizer.momentum": None}
    changes = [
        cell("sigmoid", [0.1, 0.1, 0.2, 0.4], failed=2, **adam, **{"optimizer.eps": eps}) for eps in (1e-8, 1e-16)
    ]
    others = [cell("relu", [mean] * 4, **adam, **{"optimizer.eps": eps}) for mean, eps in ((0.92, 1e-8), (0.94, 1e-16))]
    text = lead_of(rescues(*changes, *others), tmp_path / "alike")
    epsilon = r"with optimizer\.eps=1e-(08|16)"
    numbers = rf"20\.0%, 2 of 4 failed, {epsilon} as {epsilon}; relu 92\.0% to 94\.0%"
    told = rf"optimizer=adam \({numbers}\) rescues it only in part\.$"
    assert {found for groups in re.findall(told, text) for found in groups} == {"08", "16"}
    changes[1] = cell("sigmoid", [0.7] * 4, **adam, **{"optimizer.eps": 1e-16})
    text = lead_of(rescues(*changes), tmp_path / "not")
    assert text.endswith(
        "optimizer=adam with optimizer.eps=1e-16 (70.0%, n = 4) rescues it; optimizer=adam with optimizer.eps=1e-08 "
        "(20.0%, 2 of 4 failed) does so only in part."
    )


def test_the_depth_is_the_one_at_which_most_was_tried_and_of_those_the_deepest(tmp_path):
    deeper = [
        *cell("sigmoid", [0.1] * 4, depth=16, failed=4),
        *cell("sigmoid", [0.1] * 4, depth=16, failed=4, precision="64-true"),
    ]
    changes = [cell("sigmoid", [0.1] * 4, failed=4, norm="batch"), cell("sigmoid", [0.1] * 4, failed=4, init="he")]
    assert lead_of(rescues(*changes, deeper), tmp_path / "most").startswith("At depth 8 with init=critical, norm=none,")
    assert lead_of(rescues(changes[0], deeper), tmp_path / "deepest").startswith("At depth 16 with precision=32-true,")


def test_there_is_no_lead_where_sigmoid_does_not_fail_or_nothing_was_changed_alone(tmp_path):
    learns = [*cell("relu", [0.9] * 4), *cell("sigmoid", [0.1, 0.1, 0.3, 0.4], failed=2)]
    assert lead_of([*learns, *cell("sigmoid", [0.9] * 4, norm="batch")], tmp_path / "learns") == ""
    assert lead_of(rescues(cell("sigmoid", [0.9] * 4, norm="batch", init="he")), tmp_path / "two") == ""
    # two that always go together, so that one of them tells all cells apart
    assert lead_of(rescues(*(cell("sigmoid", [0.9] * 4, width=w, init="he") for w in (8, 32))), tmp_path / "w") == ""
    assert lead_of(rescues(), tmp_path / "one setting") == ""
    others = cell("tanh", [0.1] * 4, failed=4) + cell("tanh", [0.9] * 4, norm="batch")
    assert lead_of(others, tmp_path / "no sigmoid") == ""


def test_other_data_is_no_change_of_a_setting(tmp_path):
    assert lead_of(rescues(cell("sigmoid", [0.9] * 4, data="digits2")), tmp_path) == ""


# whether precision changes what comes out

BASE = [0.8, 0.85, 0.9, 0.95, 0.7, 0.75]


def in_both(activation, shifts, depth=2):
    """Runs in two precisions, whose accuracies differ by so much within seeds."""
    lower = [value + shift for value, shift in zip(BASE, shifts, strict=True)]
    return cell(activation, BASE, depth) + cell(activation, lower, depth, precision="bf16-mixed")


def test_the_lead_says_in_how_many_cells_precision_changes_nothing(tmp_path):
    records = [
        *in_both("relu", [0.001, -0.001, 0.0, 0.001, -0.001, 0.0]),
        *in_both("tanh", [-0.05, -0.051, -0.049, -0.05, -0.05, -0.05]),
        *in_both("sigmoid", [0.05, -0.05, 0.04, -0.03, 0.0, 0.01]),
        *in_both("relu", [0.001, -0.001, 0.0, 0.001, -0.001, 0.0], depth=4),
    ]
    assert lead_of(records, tmp_path) == (
        "With precision=bf16-mixed instead of 32-true, test accuracy is the same within 0.5 points in 2 of 4 cells, "
        "different in 1 (tanh at depth 2 by -5.0 points) and not settled in 1 (sigmoid at depth 2). Runs are compared "
        "in pairs of the same seed, 6 in each cell."
    )


@pytest.mark.parametrize("lower", [[0.101, 0.099, 0.1, 0.101, 0.099, 0.1], [0.1, 0.13, 0.1, 0.1, 0.1, 0.1]])
def test_cells_in_which_no_run_learns_stand_apart_however_equal_they_are(tmp_path, lower):
    chance = [*cell("sigmoid", [0.1] * 6, 2, failed=6), *cell("sigmoid", lower, 2, failed=6, precision="bf16-mixed")]
    same = [0.001, -0.001, 0.0, 0.001, -0.001, 0.0]
    text = lead_of([*in_both("relu", same), *chance], tmp_path / "both")
    nothing = "With precision=bf16-mixed as with 32-true, no run of sigmoid at depth 2 learns"
    assert text.startswith(
        f"{nothing}; elsewhere test accuracy is the same within 0.5 points in 1 of 1 cell, different"
    )
    assert lead_of(chance, tmp_path / "alone").startswith(f"{nothing}. Runs are compared")


def test_cells_whose_tuned_rates_differ_between_precisions_are_named(tmp_path):
    same = [0.001, -0.001, 0.0, 0.001, -0.001, 0.0]
    records = [*in_both("relu", same), *in_both("tanh", same)]
    assert "learning rate" not in lead_of(records, tmp_path / "same")
    for record in records:
        factors = record["factors"]
        # a rate of each cell's own, as tuning gives it
        factors["lr"] = 0.1 if (factors["activation"], factors["precision"]) == ("tanh", "bf16-mixed") else 0.01
    text = lead_of(records, tmp_path / "tuned")
    assert text.endswith(
        " The learning rate differs too in 1 (tanh at depth 2) of 2 cells: there the two cannot be told apart."
    )


def test_of_several_precisions_each_cell_says_in_which_its_rate_differs(tmp_path):
    records = in_both("tanh", [0.0] * 6) + cell("tanh", BASE, 2, precision="64-true")
    for record in records:
        factors = record["factors"]
        factors["lr"] = 0.1 if factors["precision"] == "64-true" else 0.01
    text = lead_of(records, tmp_path)
    assert " differs too in 1 (tanh at depth 2 with precision=64-true) of 2 cells: there the two cannot" in text


def test_without_seeds_in_common_precisions_are_not_compared(tmp_path):
    records = [make_record("relu", 2, 0), make_record("relu", 2, 1, precision="bf16-mixed")]
    assert lead_of(records, tmp_path) == ""


# what tuned learning rates change


def rates(given, tuned, depth=4, lr="0.001"):
    """Runs of relu and sigmoid, at a given learning rate and at tuned ones, with these accuracies of relu's."""
    noise, chosen = [-0.01, 0.0, 0.01], {"relu": 0.01, "sigmoid": 0.1}
    return [
        record
        for way, mean in ((lr, given), ("tuned", tuned))
        for name, value in (("relu", mean), ("sigmoid", 0.4))
        for record in cell(
            name,
            [value + shift for shift in noise],
            depth,
            given_lr=way,
            lr=chosen[name] if way == "tuned" else float(way),
        )
    ]


def test_the_lead_tells_accuracies_and_difference_at_given_and_at_tuned_rates(tmp_path):
    assert lead_of(rates(0.7, 0.3), tmp_path) == (
        "With lr=0.001, not tuned, relu reaches a test accuracy of 70.0% and sigmoid of 40.0% at depth 4, +30.0 [27.7, "
        "32.3] points (n = 6); with tuned learning rates (relu 0.01, sigmoid 0.1) relu reaches a test accuracy of "
        "30.0% and sigmoid of 40.0% at depth 4, -10.0 [-12.3, -7.7] points (n = 6)."
    )


def test_a_tuned_rate_that_is_the_same_for_both_is_said_to_be(tmp_path):
    records = rates(0.7, 0.5)
    for record in records:
        if record["factors"]["given_lr"] == "tuned":
            record["factors"]["lr"] = 0.00316
    assert "with tuned learning rates (0.00316 for both) relu" in lead_of(records, tmp_path)


def test_several_depths_are_averaged_over(tmp_path):
    records = [*rates(0.7, 0.5, depth=2), *rates(0.9, 0.7, depth=4)]
    text = lead_of(records, tmp_path)
    assert "80.0% and sigmoid of 40.0% on average over 2 depths, +40.0 [38.7, 41.3] points (n = 12)" in text


def test_a_single_run_has_no_interval(tmp_path):
    records = [record for record in rates(0.7, 0.5) if record["factors"]["seed"] == 0]
    assert "at depth 4, +30.0 points (n = 2)" in lead_of(records, tmp_path)


def test_without_relu_and_sigmoid_at_a_common_depth_rates_are_not_compared(tmp_path):
    records = [record for record in rates(0.7, 0.5) if record["factors"]["activation"] == "relu"]
    assert lead_of(records, tmp_path) == ""


# on the page


def test_the_lead_is_in_bold_and_the_headline_follows_in_a_paragraph_of_its_own(tmp_path):
    records = make_records(["relu", "sigmoid"], depths=[2, 4], axes={"norm": ["none", "batch"]})
    write_tables(records, tmp_path / "results", level="off")
    tests = [contrast("relu - sigmoid", 4, 40.0, "better", facet="norm=none")]
    write_ledger(tmp_path / "results", [claim("C17", figure="differences")], tests, None)
    page = write_report(tmp_path / "results", tmp_path / "report").read_text()
    _, first, second, third, *_ = page.split("\n\n")
    assert re.fullmatch(r"\*\*At depth 4 with norm=none, sigmoid fails .*: norm=batch .* rescues it\.\*\*", first)
    assert second.startswith("With norm=none, relu is better than sigmoid at depth 4, by 40.0 [39.0, 42.0] points")
    assert second.endswith("Of 1 claim: ✓ **1 supported** ([C17](#c17)).")
    assert third.startswith("Test accuracies of 24 runs")


def test_a_lead_without_claims_is_alone(tmp_path):
    write_tables(rescues(cell("sigmoid", [0.8] * 4, norm="batch")), tmp_path / "results", level="off")
    page = write_report(tmp_path / "results", tmp_path / "report").read_text()
    assert re.search(r"^\*\*At depth 8 .*\*\*\n\nTest accuracies of 12 runs", page, re.MULTILINE)
    assert page.partition("![")[0].count("**") == 2


def test_the_page_names_both_ways_of_giving_rates_and_not_their_column(tmp_path):
    write_tables(rates(0.7, 0.5), tmp_path / "results", level="off")
    page = write_report(tmp_path / "results", tmp_path / "report").read_text()
    assert "given_lr" not in page
    assert "(2 activations x 1 depth x 2 settings (lr=0.001 and lr=tuned) x 3 seeds)" in page
    assert "| lr as given | activation | depth 4 |" in page
    assert re.findall(r"relu minus sigmoid with (lr=\S+) in points of test accuracy", page) == ["lr=0.001", "lr=tuned"]
    # of a single depth there is no line
    assert "lines between depths" not in page
    assert "per depth" not in page and "deeper nets" not in page
    assert re.search(r"^Validation accuracy after every epoch with lr=0.001, at depth 4\.", page, re.MULTILINE)
