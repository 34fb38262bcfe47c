"""A study that is timed, in processes of their own."""

import json

import pytest

from configured import configured
from whyrelu.config.grid import compose_grid
from whyrelu.errors import UserError
from whyrelu.timing.stage import named_activations, time_runs, time_study, write_timing

TINY = ["width=2", "batch_size=16", "timing=quick", "timing.seconds=0.1", "timing.sizes=[16]", "timing.widths=[2]"]


def test_each_process_gives_a_number_for_everything(root, tmp_path) -> None:
    timing = time_study(configured(root, *TINY, "activation=relu,sigmoid", "depth=1,2", "seed=0,1", "norm=batch,none"))
    write_timing(timing, tmp_path / "timing.json")
    assert json.loads((tmp_path / "timing.json").read_text()).keys() == timing.keys()
    assert len(timing["op"]) == 2 * 2
    assert len(timing["step"]) == 2 * 2 * 2
    for entry in [*timing["op"], *timing["step"]]:
        assert len(entry["seconds"]) == 2
    # the first cell stands for all
    assert (timing["settings"]["norm"], timing["settings"]["shape"]) == ("batch", [8, 8, 1])
    assert (timing["machine"]["device"], timing["machine"]["threads"]) == ("cpu", 1)
    assert all(timing["machine"][name] for name in ("cpu", "instructions", "cores", "python", "libraries"))


def test_without_seconds_the_file_is_there_and_empty(root, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("subprocess.run", None)
    time_runs(compose_grid([f"prepared_root={root}", "activation=relu,sigmoid", "timing=off"]))
    timing = json.loads((tmp_path / "results/digits/timing.json").read_text())
    assert (timing["op"], timing["step"], timing["load"]["is_busy"]) == ([], [], False)
    assert timing["settings"]["timing"]["name"] == "off"


def test_what_fails_in_a_process_is_one_line(root) -> None:
    with pytest.raises(UserError, match=r"^timing failed: .*no_such_function"):
        time_study(configured(root, *TINY, "activation._target_=torch.no_such_function"))


def test_activations_of_one_name_are_told_apart_by_their_arguments(root) -> None:
    found = named_activations(configured(root, *TINY, "activation=relu,leaky_relu", "depth=1,2"))
    assert list(found) == ["relu", "leaky_relu"]
    slopes = configured(root, *TINY, "activation=leaky_relu", "activation.negative_slope=0.1,0.2")
    assert list(named_activations(slopes)) == ["leaky_relu(negative_slope=0.1)", "leaky_relu(negative_slope=0.2)"]
