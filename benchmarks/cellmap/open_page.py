"""How long does a browser take to open a map of a million cells, and to draw it again?

Run: `python benchmarks/cellmap/open_page.py` (needs Chromium). WebGL is here Chromium's software renderer, which
the page itself would decline: a graphics card does far better.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "tests" / "analytics" / "cellmap")]

from cellmap_browser import NO_WEBGL, WEBGL, open_browser  # noqa: E402
from measure import ladder_html, slide  # noqa: E402

# Five redraws, each waited for by reading a pixel back, which no renderer can put off.
FRAMES = """new Promise((ok) => { const took = [], c = document.querySelector('.cmap-canvas'), d = document.createElement('canvas');
const step = (left) => { if (!left) return ok(took.sort((a, b) => a - b)[2]); const t = performance.now();
c.dispatchEvent(new KeyboardEvent('keydown', { key: left % 2 ? 'ArrowLeft' : 'ArrowRight' }));
requestAnimationFrame(() => { const g = d.getContext('2d'); g.drawImage(c, 0, 0, 1, 1); g.getImageData(0, 0, 1, 1);
took.push(performance.now() - t); step(left - 1); }); }; step(5); })"""


def main() -> None:
    """Print a table: two sizes, with WebGL and without."""
    print("| cells | drawn by | open to drawn, s | redraw whole slide, ms | redraw zoomed in, ms |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for n in (100_000, 1_000_000):
            path = Path(folder) / f"{n}.html"
            ladder_html(slide(n), path)
            for name, flags in (("webgl", WEBGL), ("none", NO_WEBGL)):
                with open_browser(Path(folder) / f"{name}{n}", flags) as page:
                    start = time.perf_counter()
                    page.open(path)
                    opened = time.perf_counter() - start
                    way, whole = page.run("document.querySelector('.cmap').dataset.drawnBy"), page.run(FRAMES)
                    for _ in range(9):
                        page.run("document.querySelector('.cmap-in').click()")
                    page.frame()
                    print(f"| {n:,} | {way} | {opened:.2f} | {whole:.0f} | {page.run(FRAMES):.0f} |", flush=True)
                    assert page.problems == []


if __name__ == "__main__":
    main()
