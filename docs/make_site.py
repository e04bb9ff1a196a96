"""Builds the site of all pages, offline and strict: `python docs/make_site.py FOLDER`. A dead link fails."""

from __future__ import annotations

import logging
import re
import shutil
import sys
import tempfile
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config

DOCS = Path(__file__).resolve().parent
REPO = DOCS.parent
SETTINGS = """
site_name: HER2-LADDER
docs_dir: {docs}
site_dir: {site}
use_directory_urls: false
theme: {{name: material, font: false}}
plugins: [search]
validation: {{links: {{not_found: warn, anchors: warn, unrecognized_links: warn}}, nav: {{omitted_files: ignore}}}}
markdown_extensions: [tables, admonition, pymdownx.superfences]
exclude_docs: "*.py"
"""


def notebook_page(notebook: Path) -> str:
    """Return an executed notebook as Markdown: its text, its code, what it printed."""
    import nbformat

    lines: list[str] = []
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "markdown":
            lines += [cell.source, ""]
            continue
        lines += ["```python", cell.source, "```", ""]
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                lines += [f'<img alt="figure" src="data:image/png;base64,{data["image/png"].strip()}">', ""]
            elif "text/html" in data:
                lines += [f'<div>{data["text/html"]}</div>', ""]
            elif "text/plain" in data or "text" in output:
                lines += ["```text", data.get("text/plain", output.get("text", "")).rstrip(), "```", ""]
    return "\n".join(lines)


def index_page(folder: Path, title: str) -> str:
    """Return a list of the pages below a folder, each by its first line."""
    lines = [f"# {title}", ""]
    for page in sorted(folder.rglob("*.md")):
        head = page.read_text().splitlines()[0].lstrip("# ")
        lines.append(f"- [{head}]({page.relative_to(folder).as_posix()})")
    return "\n".join(lines) + "\n"


def main(site: Path) -> None:
    """Build the site into a folder.

    raises   mkdocs' Abort, after a line for each, where a link is dead
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    with tempfile.TemporaryDirectory() as held:
        pages = Path(held) / "docs"
        shutil.copytree(DOCS, pages)
        for results in (REPO / "benchmarks").rglob("*.md"):
            place = pages / "benchmarks" / results.relative_to(REPO / "benchmarks")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(results.read_text().replace("](../../docs/", "](../../"))
        for card in (REPO / "her2ladder").rglob("MODEL_CARD.md"):
            (pages / f"model_card_{card.parent.name}.md").write_text(card.read_text())
        for page in pages.glob("*.md"):
            text = page.read_text().replace("](../benchmarks/", "](benchmarks/")
            page.write_text(re.sub(r"\]\(\.\./her2ladder/[\w/]*?(\w+)/MODEL_CARD\.md\)", r"](model_card_\1.md)", text))
        readme = (REPO / "README.md").read_text().replace("](docs/decisions)", "](decisions/index.md)").replace("](docs/", "](")
        (pages / "index.md").write_text(readme.replace("](benchmarks)", "](benchmarks/index.md)"))
        (pages / "CHANGELOG.md").write_text((REPO / "CHANGELOG.md").read_text())
        for folder, title in (("decisions", "Decisions"), ("benchmarks", "What was measured")):
            (pages / folder / "index.md").write_text(index_page(pages / folder, title))
        (pages / "tour.md").write_text(notebook_page(DOCS / "tour.ipynb"))
        config = Path(held) / "mkdocs.yml"
        config.write_text(SETTINGS.format(docs=pages, site=site.resolve()))
        build(load_config(str(config), strict=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
