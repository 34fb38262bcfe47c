"""The commands that make a study and its page."""

from __future__ import annotations

import itertools
import shlex

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from whyrelu.report.rates import is_tuned
from whyrelu.report.study import Study

# The settings that say which data to prepare, and where; beside them all that begin with "data.".
_OF_DATA = ("experiment", "study", "prepared_root", "data")


def commands(study: Study) -> list[str]:
    """What to type, in order; the first lines prepare the data, one for each data set of the sweep."""
    overrides = study.provenance["overrides"]
    arguments = [
        *(["src/prepare.py", *chosen] for chosen in _data_overrides(overrides)),
        *([["src/tune.py", "-m", *overrides]] if is_tuned(study).any() else []),
        ["src/train.py", "-m", *overrides],
        ["src/theory.py", "-m", *overrides],
        *([["src/timing.py", *overrides]] if study.timing is not None else []),
        ["src/aggregate.py", *overrides],
        ["src/report.py", study.name],
    ]
    return [shlex.join(["python", *words]) for words in arguments]


def _data_overrides(overrides: list[str]) -> list[list[str]]:
    """The overrides that concern the data; prepare takes one value at a time, so a sweep gives one list per value."""
    parsed = OverridesParser.create().parse_overrides(overrides)
    of_data = [item for item in parsed if item.key_or_group.partition(".")[0] in _OF_DATA]
    return [list(chosen) for chosen in itertools.product(*map(_values, of_data))]


def _values(override: Override) -> list[str]:
    if override.is_sweep_override():
        return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
    return [str(override.input_line)]
