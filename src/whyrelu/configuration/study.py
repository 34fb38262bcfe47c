"""The study of params.yaml, as the arguments that each stage of dvc.yaml gives to its script."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import yaml

from whyrelu.errors import UserError

PARAMS = Path("params.yaml")
STAGES = ("prepare", "tune", "train", "theory", "timing", "aggregate", "report")


def study_overrides(path: Path = PARAMS) -> list[str]:
    """Return the overrides of the sweep that the train stage of dvc.yaml runs.

    Raises:
        UserError: the file is missing, lacks a key, or the study has a name that is no folder's.
    """
    study, grid, data = _parts(path)
    return [study, *grid, *data]


def stage_arguments(stage: str, path: Path = PARAMS) -> list[str]:
    """Return what a stage of dvc.yaml gives to the script of its name, one text per argument.

    Args:
        stage: one of `STAGES`.
        path: of params.yaml.

    Raises:
        UserError: as for `study_overrides`.
    """
    study, grid, data = _parts(path)
    if stage == "report":
        return [study.partition("=")[2]]
    if stage == "prepare":
        return [study, *data]
    if stage == "timing":
        # further seeds of a cell make nothing new to time
        grid = [override for override in grid if not override.startswith("seed=")]
    sweep = ["-m"] if stage in ("tune", "train", "theory") else []
    return [*sweep, study, *grid, *data]


def _parts(path: Path) -> tuple[str, list[str], list[str]]:
    """Return the overrides for the study, for its grid and for its data."""
    try:
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
        grid = params["grid"]
        study = str(params["study"])
        axes = [f"{key}={grid[key]}" for key in ("activation", "depth", "seed")]
        if unknown := set(grid) - {"activation", "depth", "seed", "more"}:
            raise UserError(f"{path}: grid.{min(unknown)} would be passed over; put it into grid.more")
        # DVC removes what is under this name before it runs a stage
        if not re.fullmatch(r"\w[\w.-]*", study):
            raise UserError(f"{path}: study: {study!r} becomes the name of folders: letters, digits, _, - and . only")
        more, data = shlex.split(grid["more"] or ""), shlex.split(params["data"] or "")
        return f"experiment={study}", [*axes, *more], data
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; run this in the project's folder") from error
    except (KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
        keys = "study, grid (activation, depth, seed, more) and data"
        what = f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise UserError(f"{path} is not a study: {what}; it needs {keys}") from error
