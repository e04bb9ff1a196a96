"""How fast is the pair kernel beside scipy, plain SQL and squidpy? Same cells, one process a way, CPU seconds and peak memory.

python benchmarks/kernel/run.py [--sizes 100000,1000000] [--squidpy PYTHON] [--write]

Equality first: the kernel's, scipy's and SQL's values must have the same hash, or nothing is printed. squidpy's spatial_neighbors can do
only a part (one radius graph of all cells); PYTHON is the interpreter of an environment that has it. --write puts the table in RESULTS.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REPEATS = {"kernel": 5, "kernel + slide values": 3}
SAME = ("kernel", "kernel + slide values", "sql", "scipy")
LEGEND = """
All ways but squidpy give the same values to the last bit (asserted by hash before anything is printed): Nsubgraph, Degrees, shortest and
mean edge of every cell in 15 pairs of 5 classes, 5,000 cells/mm2, rows in random order, one thread. squidpy makes one radius graph of all
cells, without classes, lists of k, degrees or components: the part of the work it offers. CPU s is the median of the repeats, after a first
call on 200 cells; memory is the process's peak, imports and input included. The original sc-MTOP code takes 242 CPU s and 2.4 GiB for
1,000,000 cells (measured before this project began; it needs igraph, which is no part of this benchmark).
"""


def measure(way: str, n: int, mix: str, python: str) -> dict[str, Any]:
    command = [python, str(HERE / "one_way.py"), way, str(n), mix, str(REPEATS.get(way, 1))]
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **one_thread})
    if done.returncode:
        raise SystemExit(f"{way}: {done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def table(sizes: list[int], mixes: list[str], squidpy: str | None) -> list[str]:
    lines = ["| cells | mix | way | CPU s | fastest - slowest | x kernel | peak MiB | with |", "|--:|---|---|--:|--:|--:|--:|---|"]
    for n in sizes:
        for mix in mixes:
            found = {way: measure(way, n, mix, sys.executable) for way in SAME}
            hashes = {way: answer["sha256"] for way, answer in found.items()}
            if len(set(hashes.values())) > 1:
                raise SystemExit(f"{n} cells, {mix}: the ways differ: {hashes}")
            if squidpy:
                found["squidpy"] = measure("squidpy", n, mix, squidpy)
            base = statistics.median(found["kernel"]["seconds"])
            for way, answer in found.items():
                seconds = answer["seconds"]
                middle, spread = statistics.median(seconds), f"{min(seconds):.2f} - {max(seconds):.2f}" if len(seconds) > 1 else ""
                name = "squidpy (one graph)" if way == "squidpy" else way
                cost = f"{middle:.2f} | {spread} | {middle / base:.1f} | {answer['peak_mib']:,.0f}"
                lines.append(f"| {n:,} | {mix} | {name} | {cost} | {answer['versions']} |")
                print(lines[-1], file=sys.stderr)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100000,1000000")
    parser.add_argument("--mixes", default="even,tumour-rich")
    parser.add_argument("--squidpy", metavar="PYTHON")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    lines = table([int(n) for n in asked.sizes.split(",")], asked.mixes.split(","), asked.squidpy)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {platform.system()}"
    command = f"python benchmarks/kernel/run.py --sizes {asked.sizes} --mixes {asked.mixes}" + (
        " --squidpy PYTHON" if asked.squidpy else ""
    )
    text = "\n".join(
        [
            "# The pair kernel beside other ways",
            "",
            f"{datetime.date.today()}, {machine}; `{command}`, on a machine shared with other work.",
            "",
            *lines,
            LEGEND,
        ]
    )
    print(text)
    if asked.write:
        (HERE / "RESULTS.md").write_text(text)


if __name__ == "__main__":
    main()
