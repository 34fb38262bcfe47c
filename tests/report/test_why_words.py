"""Numbers and lists in the sentences on why."""

from whyrelu.report.why.words import ranked, short, tenths


def test_numbers_of_very_different_sizes():
    assert [short(x) for x in (0.0459, 6.24, 128.9, 3.21e-7, 0, float("nan"), 9.96, -0.5)] == [
        "0.046",
        "6.2",
        "130",
        "3.2e-7",
        "0",
        "-",
        "10",
        "-0.50",
    ]
    assert (tenths(-0.04), tenths(6.25), tenths(float("nan"))) == ("0.0", "6.2", "-")


def test_of_many_activations_the_extremes_and_those_of_the_project_are_named():
    values = {"a": 9.0, "relu": 5.0, "b": 8.0, "c": 6.0, "d": 4.0, "sigmoid": 4.5, "e": 2.0, "f": float("nan")}
    assert ranked(values, lambda name: f"is {values[name]}") == (
        "a is 9.0, b is 8.0, relu is 5.0, sigmoid is 4.5, e is 2.0, f is nan (2 others in between)"
    )
    assert ranked({"a": 1.0, "b": 2.0}, str.upper) == "b B, a A"
