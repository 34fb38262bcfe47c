"""lr=tuned."""

from pathlib import Path
from typing import Any

import pytest

from whyrelu.config.grid import compose
from whyrelu.errors import UserError
from whyrelu.runs.identity import run_id, tuning_cell
from whyrelu.tuning.rates import compose_tuned_grid, rate_at, rates_file, step_of, with_tuned_rate

DEEP = ["experiment=digits", "init=edge", "depth=8"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def compose_tuned(overrides: list[str]) -> dict[str, Any]:
    return with_tuned_rate(compose(overrides))


def write(content: str) -> Path:
    path = rates_file("digits")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_the_rate_of_the_cell_is_looked_up() -> None:
    cells = [tuning_cell(compose([*DEEP, f"activation={name}"])) for name in ("relu", "sigmoid")]
    write(f"cell,lr\n{cells[0]},0.0316\n{cells[1]},1\n")
    runs = compose_tuned_grid([*DEEP, "activation=relu,sigmoid", "seed=0,1"])
    assert [run.config["lr"] for run in runs] == [0.0316, 0.0316, 1.0, 1.0]
    # workers get the number
    assert "lr=0.0316" in runs[0].overrides and "lr=0.0316" not in runs[0].label
    tuned, typed = compose_tuned([*DEEP, "seed=3"]), compose_tuned([*DEEP, "seed=3", "lr=0.0316"])
    assert run_id(tuned, "data") == run_id(typed, "data")
    with pytest.raises(UserError, match=r"none for activation=tanh depth=8 .* such as lr=0\.05"):
        compose_tuned([*DEEP, "activation=tanh"])


def test_a_missing_rate_names_the_command() -> None:
    with pytest.raises(UserError, match=r"no results/digits/lr\.csv: python src/tune\.py -m experiment=digits"):
        compose_tuned(DEEP)
    assert compose_tuned([*DEEP, "lr=0.05"])["lr"] == 0.05


def test_a_damaged_file_is_never_used() -> None:
    for content in ("cell,rate\na,1\n", "cell,lr\na,fast\n", "cell,lr\na,-1\n", "cell,lr\na,inf\n", "cell,lr\na\n"):
        write(content)
        with pytest.raises(UserError, match=r"lr\.csv is damaged \(.*\): python src/tune\.py writes it again"):
            compose_tuned(DEEP)


def test_rates_can_be_typed() -> None:
    assert [rate_at(step) for step in (-7, -3, 0, 1)] == [0.000316, 0.0316, 1.0, 3.16]
    assert all(step_of(rate_at(step)) == step for step in range(-12, 5))
