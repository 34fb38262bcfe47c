"""lr=tuned."""

from __future__ import annotations

from pathlib import Path

import pytest
from whyrelu.config.composition import compose, compose_grid

from whyrelu.errors import UserError
from whyrelu.runs.identity import run_id, tuning_cell
from whyrelu.tuning.rates import rate_at, rates_file, step_of

DEEP = ["experiment=digits", "depth=8"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(*rows: tuple[str, object]) -> Path:
    path = rates_file("digits")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("cell,lr\n" + "".join(f"{cell},{rate}\n" for cell, rate in rows))
    return path


def cell(*overrides: str) -> str:
    return tuning_cell(compose_grid([*DEEP, *overrides], look_up=False)[0].config)


def test_the_rate_of_the_cell_is_looked_up() -> None:
    write((cell(), 0.0316), (cell("activation=sigmoid"), 1))
    jobs = compose_grid([*DEEP, "activation=relu,sigmoid", "seed=0,1"])
    assert [job.config["lr"] for job in jobs] == [0.0316, 0.0316, 1.0, 1.0]
    # workers get the number
    assert jobs[0].overrides[-1] == "lr=0.0316"
    assert "lr=0.0316" not in jobs[0].label
    assert compose([*DEEP, "seed=3"]).lr == 0.0316


def test_a_tuned_run_is_the_run_with_that_rate() -> None:
    write((cell(), 0.0316))
    tuned, typed = compose_grid(DEEP)[0], compose_grid([*DEEP, "lr=0.0316"])[0]
    assert run_id(tuned.config, "data") == run_id(typed.config, "data")


def test_what_is_measured_and_the_seed_make_no_cell_of_their_own() -> None:
    assert cell("diagnostics=off", "seed=7", "lr=0.1") == cell()
    others = ["trainer.max_epochs=3", "batch_size=32", "optimizer.momentum=0.5", "norm=batch", "width=8"]
    assert len({cell(), *(cell(other) for other in others)}) == len(others) + 1


def test_typed_rates_need_no_file() -> None:
    assert compose([*DEEP, "lr=0.05"]).lr == 0.05
    assert compose(DEEP, look_up=False).lr == "tuned"


def test_a_missing_rate_names_the_command() -> None:
    with pytest.raises(
        UserError, match=r"there is no results/digits/lr\.csv: python src/tune\.py -m experiment=digits"
    ):
        compose(DEEP)
    write((cell("activation=sigmoid"), 1))
    with pytest.raises(UserError, match=r"none for activation=relu depth=8 .* such as lr=0\.05"):
        compose(DEEP)


@pytest.mark.parametrize(
    "content", ["", "cell,rate\na,1\n", "cell,lr\na,fast\n", "cell,lr\na,-1\n", "cell,lr\na,nan\n"]
)
def test_a_damaged_file_is_never_used(content: str) -> None:
    path = write()
    path.write_text(content)
    with pytest.raises(UserError, match=r"damaged|has none"):
        compose(DEEP)


def test_rates_can_be_typed() -> None:
    assert [rate_at(step) for step in (-7, -3, 0, 1)] == [0.000316, 0.0316, 1.0, 3.16]
    assert all(step_of(rate_at(step)) == step for step in range(-12, 5))
