"""What every page has to be, whatever it says."""

import re


def is_sound(page):
    """A page and its figures are whole: links, tables, numbers; every figure is shown exactly once."""
    text = page.read_text()
    links_lead_somewhere(page)
    shown = re.findall(r"!\[([^\]]+)\]\(figures/([^)]+)\)", text)
    assert sorted(name for _, name in shown) == sorted(path.name for path in (page.parent / "figures").iterdir())
    assert all(len(alternative) > 20 for alternative, _ in shown)
    places = re.findall(r'<a id="([^"]+)"></a>', text)
    assert len(places) == len(set(places))
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table
    assert not re.search(r"\bnan\b|<NA>|\bNone\b", text)
    assert "\n\n\n" not in text
    assert text.count("<details>") == text.count("</details>")


def links_lead_somewhere(page):
    """Every link of a page is to a file or place that there is."""
    links = re.findall(r"\]\(([^)]+)\)", page.read_text())
    assert links
    for link in links:
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target.read_text()), link


def _anchors(text):
    """What a link can lead to: named places, and headings as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    titles = {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
    return set(re.findall(r'<a id="([^"]+)">', text)) | titles
