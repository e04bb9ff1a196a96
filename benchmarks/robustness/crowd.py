"""A crowd at one store: a writer that is killed over and over, readers that never stop, and slides of which one in twenty is bad.

Readers open the store some times a second: it must open, hold whole slides alone, and never lose one. The writer reads 500 small slides and
profiles them; SIGKILL goes to its process group at random moments. At the end the facts have the hash of a store that nobody disturbed, every
bad slide is refused with its reason, and no good one is.

    python benchmarks/robustness/crowd.py [--slides 500] [--seconds 180] [--readers 2] [--seed 0]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import soak

READER = """
import json, sys, time
from pathlib import Path
from her2ladder.schema.store import Store
n, most, until = 0, 0, time.monotonic() + float(sys.argv[3])
while time.monotonic() < until and not Path(sys.argv[4]).exists():
    with Store(Path(sys.argv[1])).reading() as con:
        cells, slides = con.sql("SELECT count(*), count(DISTINCT slide_id) FROM cell").fetchall()[0]
        listed = con.sql("SELECT count(*) FROM slide").fetchall()[0][0]
    assert cells == slides * int(sys.argv[2]) and slides == listed and slides >= most, (cells, slides, listed, most)
    n, most = n + 1, slides
print(json.dumps({"opened": n, "slides": most}))
"""
BAD = {
    "cut off": lambda text: text[: len(text) // 2] + '"',
    "no cells": lambda text: text.splitlines()[0] + "\n",
    "no column of classes": lambda text: text.replace("cell_class", "kind"),
    "an unknown class": lambda text: text.replace("Tumor", "Boat"),
    "places that are no numbers": lambda text: "\n".join([text.splitlines()[0], *(f"{i},Tumor,nan,1" for i in range(40))]) + "\n",
    "not text at all": lambda text: "\x00\x01\x02" * 500,
    "not there": lambda text: None,
}


def spoil(folder: Path, n_slides: int, rng: random.Random) -> dict[str, str]:
    """Spoil one slide in twenty, each kind in turn; return slide -> kind."""
    spoilt = {}
    for at, i in enumerate(sorted(rng.sample(range(n_slides), n_slides // 20))):
        kind = list(BAD)[at % len(BAD)]
        path = folder / f"S{i:02d}.csv"
        text = BAD[kind](path.read_text())
        path.unlink() if text is None else path.write_text(text)
        spoilt[f"S{i:02d}"] = kind
    return spoilt


def write(store: Path, manifest: Path, seconds: float, rng: random.Random) -> tuple[int, int]:
    """Run the writer until it is done, killing it on the way while there is time; return kills and whole runs."""
    until, kills, runs = time.monotonic() + seconds, 0, 0
    for words in (("ingest", "cells", manifest, "--workers", 2), ("features", "--workers", 2)):
        while True:
            process = soak.start(store, *words)
            try:
                process.communicate(timeout=rng.uniform(1, 15) if time.monotonic() < until else None)
                runs += 1
                break
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                kills += 1
    return kills, runs


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in {"slides": 500, "cells": 60, "seconds": 180, "readers": 2, "seed": 0}.items():
        asked.add_argument(f"--{name}", type=int, default=value)
    given = asked.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        manifest = soak.slides(folder / "slides", given.slides, given.cells, given.seed)
        spoilt = spoil(folder / "slides", given.slides, rng)
        stores = {name: folder / name for name in ("calm", "crowded")}
        for store in stores.values():
            subprocess.run([soak.LADDER, "init", store], check=True, capture_output=True)
        write(stores["calm"], manifest, 0, rng)
        over = folder / "over"
        command = [sys.executable, "-c", READER, stores["crowded"], str(given.cells), str(given.seconds * 20), over]
        readers = [
            subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(given.readers)
        ]
        kills, runs = write(stores["crowded"], manifest, given.seconds, rng)
        over.touch()
        seen = [reader.communicate() for reader in readers]
        assert all(reader.returncode == 0 for reader in readers), seen
        mended = subprocess.run([soak.LADDER, "--store", stores["crowded"], "check", "--mend"], capture_output=True, text=True)
        clean = subprocess.run([soak.LADDER, "--store", stores["crowded"], "check"], capture_output=True, text=True)
        assert clean.returncode == 0, clean
        assert soak.facts(stores["calm"]) == soak.facts(stores["crowded"])
        listed = subprocess.run(
            [soak.LADDER, "--store", stores["crowded"], "--json", "sql", "SELECT DISTINCT slide_id, reason FROM quarantine WHERE what = 'slide' ORDER BY 1"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        refused = {row["slide_id"]: row["reason"] for row in json.loads(listed.stdout)}
        assert set(refused) == set(spoilt), (sorted(refused), sorted(spoilt))
        opened = [json.loads(out)["opened"] for out, _ in seen]
        print(
            f"{given.slides} slides, {len(spoilt)} of them bad; the writer was killed {kills} times in {runs} commands; readers opened the store {sum(opened):,} times."
        )
        print(f"check --mend afterwards: {mended.stderr.strip()}; then: {clean.stderr.strip()}. Same facts as the undisturbed store.\n")
        print("| bad slide | what the quarantine says |\n|---|---|")
        for kind in sorted(set(spoilt.values())):
            slide = next(slide for slide, of in spoilt.items() if of == kind)
            print(f"| {kind} | {refused[slide].replace(str(folder / 'slides') + '/', '').replace('|', '/')[:140]} |")


if __name__ == "__main__":
    main()
