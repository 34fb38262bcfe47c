"""docs/protocol.md and docs/claims.md say what conf/ declares."""

import re
from typing import Any

import pytest
import yaml

from whyrelu.claims.declaration import read_claims
from whyrelu.config.grid import CONFIG_DIRECTORY, compose_grid, with_declared_grid
from whyrelu.report.templating import rendered

DOCS = CONFIG_DIRECTORY.parent / "docs"
STUDIES = sorted(path.stem for path in (CONFIG_DIRECTORY / "experiment").glob("*.yaml"))
# As the table of studies has them, which says from what a name is derived.
SHORT = {"shifted_sigmoid": "shifted", "rescaled_sigmoid": "rescaled"}
LEFT_OUT = {"cifar10_remedies": {"xavier", "sgd", "8"}}


def rows() -> dict[str, dict[str, str]]:
    """The table of studies, by their names."""
    lines = [line for line in (DOCS / "protocol.md").read_text().splitlines() if line.startswith("|")]
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): dict(zip(header, row, strict=True)) for row in rows}


def numbers(text: str) -> set[float]:
    return {float(number.replace(",", "")) for number in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", text)}


def names(group: str) -> set[str]:
    """The words that stand for the options of a group."""
    return {SHORT.get(path.stem, path.stem) for path in (CONFIG_DIRECTORY / group).glob("*.yaml")}


def test_the_page_of_claims_is_made_from_their_files() -> None:
    assert rendered("claims.md.jinja", claims=read_claims()) == (DOCS / "claims.md").read_text()


def test_the_table_has_all_studies() -> None:
    assert sorted(rows()) == STUDIES


@pytest.mark.parametrize("study", STUDIES)
def test_the_row_of_a_study_is_what_its_file_composes_to(study: str) -> None:
    row = rows()[study]
    experiment = yaml.safe_load((CONFIG_DIRECTORY / "experiment" / f"{study}.yaml").read_text())
    cells: list[dict[str, Any]] = [
        run.config for run in compose_grid(with_declared_grid([f"experiment={study}", "seed=0"]))
    ]
    words = set(re.findall(r"[a-z_]+", row["grid"].lower())) | LEFT_OUT.get(study, set())
    for group in ("activation", "init"):
        composed = {SHORT.get(cell[group]["name"], cell[group]["name"]) for cell in cells}
        assert composed == words & names(group), group
    if found := re.search(r"depth ((?:\d+, )*\d+)", row["grid"]):
        assert numbers(found[1]) == {cell["depth"] for cell in cells}
    assert re.fullmatch(r"range\(0,(\d+)\)", experiment["hydra"]["sweeper"]["params"]["seed"])[1] == row["seeds"]  # type: ignore[index]
    assert numbers(row["epochs"]) == {cell["trainer"]["max_epochs"] for cell in cells}
    size = cells[0]["data"]["train_size"]
    assert ({size} if size else set()) == numbers(row["data"].replace("CIFAR-10", ""))
    assert row["data"].startswith({"digits": "digits", "cifar10": "CIFAR-10"}[cells[0]["data"]["name"]])
    gains = [cell["init"]["gain"] for cell in cells if cell["init"]["name"] == "gain"]
    shifts = [cell["activation"]["shift"] for cell in cells if cell["activation"]["name"] == "shifted_sigmoid"]
    assert set(shifts) <= numbers(row["grid"])
    if gains:
        shown = re.search(r"gain ([\d.]+), ([\d.]+) \.\.\. ([\d.]+)", row["grid"])
        ordered = sorted(set(gains))
        assert shown and [float(gain) for gain in shown.groups()] == [*ordered[:2], ordered[-1]]
    for tuning in (cell["tuning"] for cell in cells):
        if tuning["rates"]:
            assert set(tuning["rates"]) <= numbers(row["learning rates"])
            assert f"{tuning['seeds']} seed" in row["learning rates"]
        else:
            assert f"(a) {tuning['seeds']} seed" in row["learning rates"]
        confirmed = re.search(r"\(b\) (\d+) seeds", row["learning rates"])
        assert tuning["confirm_seeds"] == (int(confirmed[1]) if confirmed else 0)
