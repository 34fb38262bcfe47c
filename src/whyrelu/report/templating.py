"""How Markdown pages are made from Jinja templates, alike for all pages."""

from __future__ import annotations

from pathlib import Path

import jinja2

# What claims are of, wherever a page introduces them.
ARTICLE = (
    'the article "ReLU vs. Sigmoid Function in Deep Neural Networks: Why ReLU is so Prevalent" '
    "(A. Thakur, Weights & Biases)"
)
_TEMPLATES = Path(__file__).parent / "templates"


def markdown_environment(templates: Path = _TEMPLATES) -> jinja2.Environment:
    """An environment for Markdown: nothing is escaped, tags leave no blank lines, and what is undefined is an error.

    All templates know `article`, which names it.

    Args:
        templates: the folder in which templates are, and what they include.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.globals["article"] = ARTICLE
    return environment
