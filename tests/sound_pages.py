"""What every page has to be, whatever it says."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def is_sound(page, most_words=1500, most_figures=5):
    """A page is whole: links, tables, numbers; it has every figure of its folder once, and is not too long."""
    text = page.read_text()
    links_lead_somewhere(page)
    shown = re.findall(r"(!?)\[([^\]]+)\]\(figures/([^)]+)\)", text)
    assert sorted(name for *_, name in shown) == sorted(path.name for path in (page.parent / "figures").glob("*.svg"))
    assert all(len(alternative) > 20 for drawn, alternative, _ in shown if drawn)
    assert len(text.split()) <= most_words and len(shown) <= most_figures
    is_whole(text)


def is_whole(text):
    """No number is missing, no cell of a table empty, and no sentence without a space before the next."""
    assert not re.search(r"\b(nan|None(?! of)|inf|NaT)\b|<NA>|\{[{%]", text)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *rows = table.splitlines()
        cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in (head, *rows)]
        assert len({len(row) for row in cells}) == 1, table
        assert all(all(row) for row in cells[1:]), table
    assert "\n\n\n" not in text and not re.search(r"[a-z)]\.[A-Z]|  +\S|[(,] ?[,.;)]| [,.;]", prose(text)), text
    assert text.count("<details>") == text.count("</details>")


def prose(text):
    """The lines of a page that are sentences, without where links lead."""
    lines = re.sub(r"```.*?```|\]\([^)]*\)", "", text, flags=re.DOTALL).splitlines()
    return "\n".join(line for line in lines if not line.startswith(("|", "!", "<")))


def links_lead_somewhere(page):
    """Every link of a page is to a file or place that there is; beside other reports only in the project itself."""
    links = re.findall(r"\]\(([^)]+)\)", page.read_text())
    assert links
    for link in links:
        name, _, anchor = link.partition("#")
        if "://" in link or (ROOT not in page.parents and re.search(r"\b(docs|results|src)/", name)):
            continue
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target.read_text()), link


def _anchors(text):
    """What a link can lead to: named places, and headings as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    titles = {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
    return set(re.findall(r'<a id="([^"]+)">', text)) | titles
