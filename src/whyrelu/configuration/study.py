"""The study of params.yaml as the overrides of its sweep, the same that dvc.yaml pastes into commands."""

from __future__ import annotations

import shlex
from pathlib import Path

import yaml

from whyrelu.errors import UserError


def study_overrides(path: Path = Path("params.yaml")) -> list[str]:
    """Return the overrides of the sweep that the train stage of dvc.yaml runs.

    Raises:
        UserError: the file is missing or lacks a key.
    """
    try:
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
        grid = params["grid"]
        axes = [f"{key}={grid[key]}" for key in ("activation", "depth", "seed")]
        if unknown := set(grid) - {"activation", "depth", "seed", "more"}:
            raise UserError(f"{path}: grid.{min(unknown)} would be passed over; put it into grid.more")
        return [
            f"experiment={params['study']}",
            *axes,
            *shlex.split(grid["more"] or ""),
            *shlex.split(params["data"] or ""),
        ]
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; run this in the project's folder") from error
    except (KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
        keys = "study, grid (activation, depth, seed, more) and data"
        what = f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise UserError(f"{path} is not a study: {what}; it needs {keys}") from error
