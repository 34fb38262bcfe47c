"""From what a person types to resolved configurations: one, or the whole grid of a sweep."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from whyrelu.configuration.explanation import explain
from whyrelu.configuration.schema import NAMED_GROUPS, TUNED, Config, register, validate
from whyrelu.errors import UserError
from whyrelu.tuning.rates import tuned_rate

CONFIG_DIRECTORY = Path(__file__).resolve().parents[3] / "conf"
CONFIG_NAME = "train"


class Job(NamedTuple):
    """One point of a grid: its overrides, those of them that vary over the grid, and its resolved configuration.

    `is_tuned` tells whether its learning rate was given as "tuned"; the configuration has the number.
    """

    overrides: list[str]
    varied: list[str]
    config: dict[str, Any]
    is_tuned: bool = False

    @property
    def given_lr(self) -> str:
        """What the learning rate was given as: "tuned", or its number."""
        return TUNED if self.is_tuned else f"{float(self.config['lr']):.12g}"

    @property
    def label(self) -> str:
        """What tells this point from the others of its grid."""
        return " ".join(self.varied or self.overrides) or "defaults"


class _Axis(NamedTuple):
    """The values of one key, each as an override.

    Attributes:
        texts: the overrides.
        is_set: whether the values are set in copies of a composition.
        group: the config group that is chosen from, if it is one and stands in the configuration under its own name.
    """

    texts: list[str]
    is_set: bool
    group: str | None = None


def compose(overrides: Sequence[str], look_up: bool = True) -> DictConfig:
    """Compose conf/train.yaml with overrides in Hydra's syntax, resolved and checked.

    Args:
        overrides: as typed.
        look_up: whether lr=tuned becomes the rate that was chosen.

    Raises:
        UserError: one line about what cannot be composed.
    """
    with _hydra():
        composed = _compose(overrides)
    return OmegaConf.create(resolve(composed, look_up))


def compose_grid(overrides: Sequence[str], look_up: bool = True, last: Sequence[str] = ()) -> list[Job]:
    """Compose every combination of the values that the overrides sweep over, in the order Hydra would run them.

    Those of each of the study's `arms` follow: the same grid with some of its overrides replaced.

    Composing takes Hydra a tenth of a second, too long for grids of thousands; so it composes only the combinations of
    config groups (or, where groups are independent, their options alone), and swept values (depth, seed, lr) are set
    in copies.

    Args:
        overrides: as typed.
        look_up: whether lr=tuned becomes the rate that was chosen.
        last: overrides that hold in arms too, whatever they say.

    Raises:
        UserError: one line about what cannot be composed.
    """
    with _hydra():
        jobs = _product([*overrides, *last], look_up)
        for arm in jobs[0].config["arms"]:
            changes = shlex.split(arm)
            keys = {change.partition("=")[0] for change in changes}
            jobs += [
                # what an arm says tells it from the rest of the grid
                job._replace(
                    varied=[t for t in job.overrides if t in job.varied or t.partition("=")[0].lstrip("+~") in keys]
                )
                for job in _product([*overrides, *changes, *last], look_up)
            ]
        return jobs


def _product(overrides: Sequence[str], look_up: bool) -> list[Job]:
    axes = _axes(overrides)
    composed = _compositions([axis for axis in axes if not axis.is_set])
    jobs = []
    for texts in itertools.product(*(axis.texts for axis in axes)):
        base = tuple(text for text, axis in zip(texts, axes, strict=True) if not axis.is_set)
        config = composed[base].copy()
        for text, axis in zip(texts, axes, strict=True):
            if axis.is_set:
                _set(config, text)
        varied = [text for text, axis in zip(texts, axes, strict=True) if len(axis.texts) > 1]
        resolved = resolve(config, look_up)
        typed = list(texts)
        if look_up and config.lr == TUNED:
            # a worker need not look it up again
            typed = [*(text for text in texts if not text.startswith("lr=")), f"lr={resolved['lr']}"]
        jobs.append(Job(typed, varied, resolved, config.lr == TUNED))
    return jobs


def resolve(config: DictConfig, look_up: bool = True) -> dict[str, Any]:
    """Return a composed configuration as plain values, interpolations resolved, and checked.

    Args:
        config: as Hydra composes it.
        look_up: whether lr=tuned becomes the rate that was chosen.

    Raises:
        UserError: one line about a value that is missing, cannot be resolved or is not valid.
    """
    try:
        resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except Exception as error:
        raise explain(error, []) from error
    assert isinstance(resolved, dict)
    values = {str(key): value for key, value in resolved.items() if key != "hydra"}
    for key in Config.__dataclass_fields__:
        if key not in values:
            raise UserError(f"setting {key} was removed; a run needs it")
    for group in NAMED_GROUPS:
        _rename_after_target(group, values[group])
    is_tuned = values["lr"] == TUNED
    validate(values | {"lr": 1.0} if is_tuned else values)
    if is_tuned and look_up:
        values["lr"] = tuned_rate(values)
    return values


def _rename_after_target(group: str, named: dict[str, Any]) -> None:
    """Give a new name to what a person made from a file of conf/ by typing another `_target_`."""
    declared = _declared_target(group, str(named.get("name")))
    target = named.get("_target_")
    if declared is not None and isinstance(target, str) and target != declared:
        named["name"] = target.rpartition(".")[2] if target.startswith("torch.") else target


@cache
def _declared_target(group: str, name: str) -> str | None:
    path = CONFIG_DIRECTORY / group / f"{name}.yaml"
    if not path.is_file():
        return None
    declared = OmegaConf.select(OmegaConf.load(path), "_target_")
    return None if declared is None else str(declared)


@contextmanager
def _hydra() -> Iterator[None]:
    """Hydra with this project's conf/, or the one that is running this process already."""
    if GlobalHydra.instance().is_initialized():
        yield
        return
    register()
    with hydra.initialize_config_dir(str(CONFIG_DIRECTORY), version_base="1.3"):
        yield


def _compose(overrides: Sequence[str]) -> DictConfig:
    try:
        return hydra.compose(CONFIG_NAME, list(overrides))
    except Exception as error:
        raise explain(error, overrides) from error


def _compositions(axes: Sequence[_Axis]) -> dict[tuple[str, ...], DictConfig]:
    """Every combination of the texts of these axes, composed."""
    grid = list(itertools.product(*(axis.texts for axis in axes)))
    varied = [i for i, axis in enumerate(axes) if len(axis.texts) > 1]
    if len(varied) > 1 and all(axes[i].group for i in varied):
        assembled = _assembled(axes, varied)
        # choices could act together in a way that none shows alone, through interpolation in a defaults list; conf/ has
        # none, and what a person adds is checked at the corner farthest from the first
        if assembled is not None and _plain(assembled[grid[-1]]) == _plain(_compose(grid[-1])):
            return assembled
    return {texts: _compose(texts) for texts in grid}


def _assembled(axes: Sequence[_Axis], varied: Sequence[int]) -> dict[tuple[str, ...], DictConfig] | None:
    """The same from compositions with one choice unlike the first; None if one changes more than its group."""
    first = tuple(axis.texts[0] for axis in axes)
    base = _compose(first)
    nodes: dict[tuple[int, str], Any] = {}
    for i in varied:
        group = str(axes[i].group)
        for text in axes[i].texts:
            alone = base if text == first[i] else _compose((*first[:i], text, *first[i + 1 :]))
            if _plain(alone, leave_out=group) != _plain(base, leave_out=group):
                return None
            nodes[i, text] = alone[group]
    combined = {}
    for texts in itertools.product(*(axis.texts for axis in axes)):
        config = base.copy()
        for i in varied:
            OmegaConf.update(config, str(axes[i].group), nodes[i, texts[i]], merge=False)
        combined[texts] = config
    return combined


def _plain(config: DictConfig, leave_out: str = "") -> dict[str, Any]:
    values = OmegaConf.to_container(config, resolve=False)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items() if key != leave_out}


def _axes(overrides: Sequence[str]) -> list[_Axis]:
    loader = GlobalHydra.instance().config_loader()
    try:
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(overrides))
        # the last one counts where a key is given twice, as in Hydra
        last = {override.get_key_element(): override for override in parsed}
        return [_axis(override, bool(loader.get_group_options(override.key_or_group))) for override in last.values()]
    except Exception as error:
        raise explain(error, overrides) from error


def _axis(override: Override, is_group: bool) -> _Axis:
    if not override.is_sweep_override():
        return _Axis([override.input_line or ""], is_set=False)
    if not override.is_discrete_sweep():
        raise UserError(
            f"{override.input_line}: a grid needs a list or range of values; hydra/sweeper=optuna searches an interval"
        )
    key = override.get_key_element()
    texts = [f"{key}={value}" for value in override.sweep_string_iterator()]
    if not texts:
        raise UserError(f"{override.input_line} names no value")
    is_set = not is_group and key == override.key_or_group
    return _Axis(
        texts, is_set, group=override.key_or_group if is_group and key in Config.__dataclass_fields__ else None
    )


def _set(config: DictConfig, text: str) -> None:
    override = OverridesParser.create().parse_override(text)
    try:
        OmegaConf.update(config, override.key_or_group, override.value())
    except Exception as error:
        raise explain(error, [text]) from error
