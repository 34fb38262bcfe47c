"""From what a person types to resolved configurations: one, or all runs of a grid."""

import copy
import itertools
import math
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from whyrelu.config.error_messages import explain
from whyrelu.config.schema import NAMED_GROUPS, TUNED, Config, validate
from whyrelu.errors import UserError

CONFIG_DIRECTORY = Path(__file__).resolve().parents[3] / "conf"
# A larger grid is a slip of typing that would fill the memory.
MOST_RUNS = 100_000

RateOf = Callable[[Mapping[str, Any]], float]


@dataclass(frozen=True)
class Run:
    """One run of a grid: its resolved configuration, how it is started, and what tells it from the others there."""

    config: dict[str, Any]
    overrides: tuple[str, ...]
    label: str
    # What its learning rate was given as: "tuned", a number as text, or both if the tuned rate happens to be that.
    given_lr: tuple[str, ...]
    # Found by `whyrelu.runs.plan`.
    run_id: str = ""


class _Axis(NamedTuple):
    """The values of one key, each as an override; `is_set` if they are set in what is composed without them."""

    key: str
    texts: list[str]
    is_set: bool = False


def compose(overrides: Sequence[str]) -> dict[str, Any]:
    """Compose conf/train.yaml with overrides in Hydra's syntax, resolved and checked; lr may be "tuned"."""
    with _hydra(overrides):
        return resolve(hydra.compose("train", list(overrides)))


def compose_grid(overrides: Sequence[str], rate_of: RateOf | None = None, last: Sequence[str] = ()) -> list[Run]:
    """Compose every combination of the values that the overrides sweep over, in the order in which Hydra runs them.

    What an experiment declares as `hydra.sweeper.params` is swept too, unless it was typed otherwise. The grids of the
    study's `arms` follow: the same with some of its overrides replaced, but for those that come `last`. A learning rate
    that is given as "tuned" is looked up by `rate_of`, or stays so.
    """
    with _hydra(overrides):
        declared = _declared(overrides)
        runs = _product([*declared, *overrides, *last], rate_of)
        for arm in runs[0].config["arms"]:
            try:
                changes = shlex.split(arm)
            except ValueError as error:
                raise UserError(f"setting arms: cannot read {arm!r}: {error}") from error
            # what an arm says tells its runs from the rest of the grid
            keys = {change.partition("=")[0] for change in changes}
            runs += _product([*declared, *overrides, *changes, *last], rate_of, keys)
        return runs


def with_declared_grid(overrides: Sequence[str]) -> list[str]:
    """The overrides of a sweep, and what its experiment declares of the grid and they do not say."""
    with _hydra(overrides):
        typed = {axis.key for axis in _axes(overrides)}
        return [*overrides, *(text for text in _declared(overrides) if text.partition("=")[0] not in typed)]


def one_per_cell(runs: Iterable[Run]) -> list[Run]:
    """The first of all runs that differ in the seed only."""
    cells: dict[str, Run] = {}
    for run in runs:
        cells.setdefault(repr((run.given_lr, {**run.config, "seed": None})), run)
    return list(cells.values())


def resolve(config: DictConfig) -> dict[str, Any]:
    """Return a composed configuration as plain values, interpolations resolved, and checked."""
    resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert isinstance(resolved, dict)
    values = {str(key): value for key, value in resolved.items() if key != "hydra"}
    if missing := [key for key in Config.__dataclass_fields__ if key not in values]:
        raise UserError(f"setting {missing[0]} was removed; a run needs it")
    for group in NAMED_GROUPS:
        # what a person made from a file of conf/ by typing another `_target_` gets a name after that
        declared, target = _declared_target(group, str(values[group].get("name"))), values[group].get("_target_")
        if declared is not None and isinstance(target, str) and target != declared:
            values[group]["name"] = target.rpartition(".")[2] if target.startswith("torch.") else target
    validate(values)
    device = values["trainer"]["accelerator"] = _device_kind(values["trainer"]["accelerator"])
    if device == "cpu" and (precision := values["precision"]) in ("tf32", "16-mixed"):
        raise UserError(f"precision={precision} needs a CUDA GPU: 32-true, bf16-mixed and 64-true do not")
    return values


def _device_kind(accelerator: str) -> str:
    """The device, cpu or cuda, found here unless it is named; it is part of a run's identity."""
    if accelerator in ("cpu", "cuda"):
        return accelerator
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if accelerator == "gpu":
        raise UserError(
            "trainer.accelerator=gpu, and there is no CUDA GPU here: trainer=cpu and trainer=auto train without one"
        )
    return "cpu"


@cache
def _declared_target(group: str, name: str) -> str | None:
    path = CONFIG_DIRECTORY / group / f"{name}.yaml"
    return OmegaConf.select(OmegaConf.load(path), "_target_") if path.is_file() else None


@contextmanager
def _hydra(overrides: Sequence[str]) -> Iterator[None]:
    """Hydra with this project's conf/, or the one that is running this process; its errors as one line."""
    try:
        if GlobalHydra.instance().is_initialized():
            yield
            return
        with hydra.initialize_config_dir(str(CONFIG_DIRECTORY), version_base="1.3"):
            yield
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise explain(error, overrides) from error


def _declared(overrides: Sequence[str]) -> list[str]:
    """The grid that the chosen experiment declares."""
    first = [axis.texts[0] for axis in _axes(overrides)]
    params = hydra.compose("train", first, return_hydra_config=True).hydra.sweeper.get("params")
    return [f"{key}={value}" for key, value in (params or {}).items()]


def _product(overrides: Sequence[str], rate_of: RateOf | None, varied_keys: Iterable[str] = ()) -> list[Run]:
    axes = _axes(overrides)
    if math.prod(len(axis.texts) for axis in axes) > MOST_RUNS:
        raise UserError(f"these settings make a grid of more than {MOST_RUNS:,} runs: sweep over fewer values")
    named = {axis.key for axis in axes if len(axis.texts) > 1} | {key.lstrip("+~") for key in varied_keys}
    # Hydra takes a tenth of a second to compose a choice of files; values are set in copies of that
    composed = cache(lambda base: hydra.compose("train", list(base)))
    resolved = cache(lambda base, texts: _resolved_with(composed(base), texts, rate_of))
    follows_seed = cache(lambda base: "seed}" in OmegaConf.to_yaml(composed(base)))
    runs = []
    for texts in itertools.product(*(axis.texts for axis in axes)):
        pairs = list(zip(axes, texts, strict=True))
        base = tuple(text for axis, text in pairs if not axis.is_set)
        values = {axis.key: text for axis, text in pairs if axis.is_set}
        seed = values.get("seed")
        if not follows_seed(base) and not any("seed}" in str(_value(text)) for text in values.values()):
            # one configuration, whatever the seed
            values.pop("seed", None)
        config, given_lr = copy.deepcopy(resolved(base, tuple(values.values())))
        if seed is not None:
            config["seed"] = _value(seed)
            validate(config)
        typed = (*(text for text in texts if not text.startswith("lr=")), f"lr={config['lr']}")
        label = " ".join(text for axis, text in pairs if axis.key in named) or " ".join(texts) or "defaults"
        runs.append(Run(config, typed, label, (given_lr,)))
    return runs


def _resolved_with(composed: DictConfig, texts: Sequence[str], rate_of: RateOf | None) -> tuple[dict[str, Any], str]:
    """The configuration with some values set in what was composed without them, and what its lr was given as."""
    config = composed.copy()
    for text in texts:
        OmegaConf.update(config, text.partition("=")[0], _value(text))
    values = resolve(config)
    given = values["lr"]
    if given != TUNED:
        return values, f"{float(given):.12g}"
    if rate_of is not None:
        values["lr"] = rate_of(values)
    return values, TUNED


@cache
def _value(text: str) -> Any:
    return OverridesParser.create().parse_override(text).value()


def _axes(overrides: Sequence[str]) -> list[_Axis]:
    loader = GlobalHydra.instance().config_loader()
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(overrides))
    # the last one counts where a key is given twice, as in Hydra
    last = {override.get_key_element().lstrip("+"): override for override in parsed}
    return [_axis(override, bool(loader.get_group_options(override.key_or_group))) for override in last.values()]


def _axis(override: Override, is_group: bool) -> _Axis:
    key = override.get_key_element()
    if not override.is_sweep_override():
        return _Axis(key.lstrip("+~"), [override.input_line or ""])
    if not override.is_discrete_sweep():
        raise UserError(f"{override.input_line}: a grid needs a list or range of values, such as lr=0.01,0.1")
    texts = [f"{key}={value}" for value in itertools.islice(override.sweep_string_iterator(), MOST_RUNS + 1)]
    if not texts:
        raise UserError(f"{override.input_line} names no value")
    return _Axis(key.lstrip("+~"), texts, is_set=not is_group and key == override.key_or_group)
