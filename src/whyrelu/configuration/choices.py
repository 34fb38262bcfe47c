"""The choices of a config group, where their files are sure to be all that they bring into a configuration.

Composing takes Hydra a twentieth of a second; twenty activations of a grid need not be composed one by one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from whyrelu.configuration.schema import NAMED_GROUPS


def plain_choices(
    directory: Path, group: str, texts: Sequence[str], composed: Mapping[str, Any]
) -> dict[str, dict[str, Any]] | None:
    """Return what each choice makes of its group, from its file.

    Args:
        directory: conf/.
        group: of which one is chosen.
        texts: the choices, as overrides group=name.
        composed: what Hydra makes of the group for some of them.

    Returns:
        by text; None unless files are plain mappings, those that were composed are as in their files, and have nothing
        in common: whatever else set a value of the group (an override, an experiment), it would have done so in all.
    """
    if group not in NAMED_GROUPS:
        return None
    files: dict[str, dict[str, Any]] = {}
    for text in texts:
        path = directory / group / f"{text.partition('=')[2]}.yaml"
        if not path.is_file() or "@package" in path.read_text(encoding="utf-8"):
            return None
        content = OmegaConf.to_container(OmegaConf.load(path))
        if not isinstance(content, dict) or "defaults" in content:
            return None
        files[text] = {str(key): value for key, value in content.items()}
    if any(files[text] != content for text, content in composed.items()):
        return None
    items = [{(key, json.dumps(value)) for key, value in content.items()} for content in composed.values()]
    return None if set.intersection(*items) else files
