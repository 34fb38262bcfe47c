"""From what a person types to resolved configurations: one, or the whole grid of a sweep."""

from __future__ import annotations

import itertools
import math
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from whyrelu.configuration.choices import plain_choices
from whyrelu.configuration.explanation import explain
from whyrelu.configuration.points import points_of
from whyrelu.configuration.schema import NAMED_GROUPS, TUNED, Config, register, validate
from whyrelu.configuration.settings import Change, Job, Settings
from whyrelu.errors import UserError
from whyrelu.runs.identity import is_apart_from_cell
from whyrelu.tuning.rates import tuned_rate

CONFIG_DIRECTORY = Path(__file__).resolve().parents[3] / "conf"
CONFIG_NAME = "train"
# Points of a grid; twice what docs/scale.md speaks of. Beyond it is a slip of typing that would fill the memory.
MOST_POINTS = 2_000_000


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
    config groups (or, where groups are independent, their options alone); see `points` for swept values (depth, seed,
    lr).

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
            changes = _split(arm)
            keys = {change.partition("=")[0] for change in changes}
            jobs += [
                # what an arm says tells it from the rest of the grid
                job._replace(
                    varied=[t for t in job.overrides if t in job.varied or t.partition("=")[0].lstrip("+~") in keys]
                )
                for job in _product([*overrides, *changes, *last], look_up)
            ]
        return jobs


def _split(arm: str) -> list[str]:
    try:
        return shlex.split(arm)
    except ValueError as error:
        raise UserError(f"setting arms: cannot read {arm!r}: {error}") from error


def _product(overrides: Sequence[str], look_up: bool) -> list[Job]:
    axes = _axes(overrides)
    if math.prod(len(axis.texts) for axis in axes) > MOST_POINTS:
        raise UserError(f"these settings make a grid of more than {MOST_POINTS:,} runs: sweep over fewer values")
    composed = _compositions([axis for axis in axes if not axis.is_set])
    set_axes = [axis.texts for axis in axes if axis.is_set]
    known: dict[str, Change] = {}
    points = {
        base: points_of(config, set_axes, lambda config: resolve(config, look_up=False), _check, known)
        for base, config in composed.items()
    }
    rate_of = _rates() if look_up else None
    jobs = []
    for texts in itertools.product(*(axis.texts for axis in axes)):
        base = tuple(text for text, axis in zip(texts, axes, strict=True) if not axis.is_set)
        settings = points[base]([text for text, axis in zip(texts, axes, strict=True) if axis.is_set])
        varied = [text for text, axis in zip(texts, axes, strict=True) if len(axis.texts) > 1]
        typed = list(texts)
        is_tuned = settings.value("lr") == TUNED
        if rate_of and is_tuned:
            lr = rate_of(settings)
            settings = settings.changed(lr=lr)
            # a worker need not look it up again
            typed = [*(text for text in texts if not text.startswith("lr=")), f"lr={lr}"]
        jobs.append(Job(typed, varied, settings, is_tuned))
    return jobs


def _rates() -> Callable[[Settings], float]:
    """Looks up the learning rate of a point, once per cell."""
    found: dict[tuple[int, str], float] = {}

    def rate_of(settings: Settings) -> float:
        own = [change for change in settings.changes if not is_apart_from_cell(change[0])]
        cell = id(settings.shared), repr(own)
        if cell not in found:
            found[cell] = tuned_rate(settings.config())
        return found[cell]

    return rate_of


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
    _check(values)
    if values["lr"] == TUNED and look_up:
        values["lr"] = tuned_rate(values)
    return values


def _check(values: Mapping[str, Any]) -> None:
    validate({**values, "lr": 1.0} if values["lr"] == TUNED else values)


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
    compose_once = cache(_compose)
    if varied and all(axes[i].group for i in varied):
        assembled = _assembled(axes, varied, compose_once)
        # choices could act together in a way that none shows alone, through interpolation in a defaults list; conf/ has
        # none, and what a person adds is checked at the corner farthest from the first
        if assembled is not None and _plain(assembled[grid[-1]]) == _plain(compose_once(grid[-1])):
            return assembled
    return {texts: compose_once(texts) for texts in grid}


def _assembled(
    axes: Sequence[_Axis], varied: Sequence[int], compose_once: Callable[[tuple[str, ...]], DictConfig]
) -> dict[tuple[str, ...], DictConfig] | None:
    """The same from compositions with one choice unlike the first; None if one changes more than its group."""
    first = tuple(axis.texts[0] for axis in axes)
    base = compose_once(first)
    nodes: dict[tuple[int, str], Any] = {}
    for i in varied:
        group, options = str(axes[i].group), axes[i].texts

        def with_choice(text: str, i: int = i) -> DictConfig:
            return compose_once((*first[:i], text, *first[i + 1 :]))

        ends = {text: _plain(with_choice(text))[group] for text in (options[0], options[-1])}
        files = plain_choices(CONFIG_DIRECTORY, group, options, ends)
        for text in ends if files else options:
            if _plain(with_choice(text), leave_out=group) != _plain(base, leave_out=group):
                return None
        for text in options:
            nodes[i, text] = files[text] if files else with_choice(text)[group]
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
    texts = [f"{key}={value}" for value in itertools.islice(override.sweep_string_iterator(), MOST_POINTS + 1)]
    if not texts:
        raise UserError(f"{override.input_line} names no value")
    is_set = not is_group and key == override.key_or_group
    return _Axis(
        texts, is_set, group=override.key_or_group if is_group and key in Config.__dataclass_fields__ else None
    )
