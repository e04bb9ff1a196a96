"""Makes many small slides: `python benchmarks/growth/make_slides.py SLIDES CELLS FOLDER`; a manifest lies beside them. Synthetic and seeded."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

CLASSES = np.array(["Tumor", "Stroma", "Lymph", "Neutro", "Macro"])


def main(n_slides: int, n_cells: int, folder: Path) -> None:
    """Write the slides as point tables, and their manifest."""
    (folder / "slides").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    lines = ["path,slide_id,patient_id,stain,mpp"]
    for at in range(n_slides):
        table = pa.table(
            {
                "cell_id": np.arange(n_cells),
                "cell_class": CLASSES[rng.integers(0, len(CLASSES), n_cells)],
                "x_um": rng.uniform(0, 200, n_cells).round(3),
                "y_um": rng.uniform(0, 200, n_cells).round(3),
            }
        )
        pc.write_csv(table, folder / f"slides/S{at:05d}.csv")
        lines.append(f"slides/S{at:05d}.csv,S{at:05d},P{at // 2:05d},HE,0.5")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
