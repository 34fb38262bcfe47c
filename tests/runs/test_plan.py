"""Which runs a grid consists of."""

import pytest

from whyrelu.config.grid import compose_grid
from whyrelu.errors import DataError, UserError
from whyrelu.runs import plan as subject
from whyrelu.runs.identity import run_id
from whyrelu.runs.plan import identify, one_study, prepare_data


def test_a_plan_has_every_run_once_in_its_order(root):
    runs = compose_grid([f"prepared_root={root}", "depth=4,2", "seed=1,0,1", "run_root=a,b"])
    found = identify(runs)
    assert [(run.config["depth"], run.config["seed"]) for run in found] == [(4, 1), (4, 0), (2, 1), (2, 0)]
    assert found[0].label == "depth=4 seed=1 run_root=a"


def test_a_run_remembers_every_way_in_which_its_rate_was_given(root):
    runs = compose_grid([f"prepared_root={root}", "lr=tuned,0.1,0.2"], lambda _: 0.1)
    assert [run.given_lr for run in identify(runs)] == [("tuned", "0.1"), ("0.2",)]


def test_each_data_set_counts_with_its_own_fingerprint_and_is_read_once(monkeypatch):
    read: list[str] = []
    monkeypatch.setattr(subject, "read_facts", lambda at: (read.append(at.name), {"fingerprint": f"of {at.name}"})[1])
    runs = compose_grid(["data=digits,mnist", "seed=0,1"])
    expected = [run_id(run.config, f"of {run.config['data']['name']}") for run in runs]
    assert [run.run_id for run in identify(runs)] == expected
    assert read == ["digits", "mnist"]


def test_data_that_is_not_prepared_is_told_with_a_command(tmp_path):
    with pytest.raises(DataError, match=r"'digits' is not prepared: type python src/prepare\.py and"):
        identify(compose_grid([f"prepared_root={tmp_path}"]))


def test_a_sweep_is_of_one_study_and_one_data_set_of_a_name(tmp_path):
    grid = [f"prepared_root={tmp_path}", "study=a,b", "data.test_size=360,300"]
    configs = [run.config for run in compose_grid(grid)]
    with pytest.raises(UserError, match="one study at a time"):
        one_study(configs)
    assert one_study(configs[:2]) == "a"
    with pytest.raises(UserError, match="several folders"):
        one_study([configs[0], configs[0] | {"seed": 1_000_000}])
    with pytest.raises(UserError, match=r"different data sets under the name 'digits'.*data\.name"):
        prepare_data(configs)
