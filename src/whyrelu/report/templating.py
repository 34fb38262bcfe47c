"""Text from Jinja templates, alike for all pages."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from whyrelu.report import names

_TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment_of(folder: Path = _TEMPLATES, autoescape: bool = False) -> jinja2.Environment:
    """An environment for the templates of a folder: tags leave no blank lines, and what is undefined is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=autoescape,
    )
    environment.filters.update(
        percent=names.percent,
        part_of=names.part_of,
        thousands="{:,}".format,
        span=names.span,
        number=names.number,
        listing=names.listing,
        in_words=names.in_words,
        data_name=names.data_name,
        cell=lambda value: str(value).replace("|", "\\|") or "-",
    )
    return environment


def said(template: str, macro: str, *values: Any) -> str:
    """What a macro of a template says of some values, on one line."""
    module = environment_of().get_template(template).make_module()
    return " ".join(str(getattr(module, macro)(*values)).split())


def rendered(template: str, **values: Any) -> str:
    """A page with at most one blank line in a row."""
    return re.sub(r"\n{3,}", "\n\n", environment_of().get_template(template).render(values))
