"""Points of a grid that share a configuration."""

from typing import Any

from whyrelu.config.settings import Job, Settings, one_per_cell

SHARED = {"depth": 2, "lr": 0.1, "data": {"name": "digits", "sizes": [1, 2]}, "seed": 0}


def test_a_point_is_what_it_shares_with_its_own_values_in_place() -> None:
    settings = Settings(SHARED, (("depth", 8), ("data.name", "mnist")))
    assert settings.config() == {"depth": 8, "lr": 0.1, "data": {"name": "mnist", "sizes": [1, 2]}, "seed": 0}
    assert list(settings.config()) == list(SHARED)
    assert [settings.value(key) for key in ("depth", "lr", "data.name", "data.sizes")] == [8, 0.1, "mnist", [1, 2]]


def test_configurations_share_nothing_that_can_be_changed() -> None:
    value = [5]
    settings = Settings(SHARED, (("data.sizes", value),))
    config = settings.config()
    config["data"]["name"] = "changed"
    config["data"]["sizes"].append(6)
    assert (SHARED["data"], value) == ({"name": "digits", "sizes": [1, 2]}, [5])
    assert settings.config()["data"] == {"name": "digits", "sizes": [5]}


def test_changing_a_point_leaves_it_as_it_is() -> None:
    settings = Settings(SHARED, (("depth", 8), ("seed", 3)))
    changed = settings.changed(seed=4, lr=0.5)
    assert [changed.value(key) for key in ("depth", "seed", "lr")] == [8, 4, 0.5]
    assert [settings.value(key) for key in ("depth", "seed", "lr")] == [8, 3, 0.1]


def job(shared: dict[str, Any], **changes: Any) -> Job:
    return Job([], [], Settings(shared, tuple(changes.items())))


def test_points_that_differ_in_the_seed_are_one_cell() -> None:
    other = {**SHARED, "lr": 0.2}
    jobs = [job(shared, depth=depth, seed=seed) for shared in (SHARED, other) for depth in (2, 4) for seed in range(3)]
    cells = one_per_cell(jobs)
    found = [(cell.config["lr"], cell.config["depth"], cell.config["seed"]) for cell in cells]
    assert found == [(0.1, 2, 0), (0.1, 4, 0), (0.2, 2, 0), (0.2, 4, 0)]
