"""Makes a hospital's own table, SYNTHETIC and seeded: 80 patients, German, as a workbook and as its CSV twin.

`python benchmarks/first_hour/hospital.py FOLDER` writes kohorte.xlsx and kohorte.csv (cp1252, semicolons, decimal commas): a title row, 30 columns, names,
birth dates, ja/nein, k.A., leading zeros, free text.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from openpyxl import Workbook

HEADER = ["Patientennummer", "Nachname", "Vorname", "Geburtsdatum", "Alter", "Größe_cm", "Gewicht_kg", "Menopause", "Stadium", "Hormonrezeptorstatus", "HER2", "Ki67_Prozent", "Grading", "TILs", "Therapie", "pCR", "Rezidiv", "Tod", "DFS_Monate", "OS_Monate", "EFS_days", "EFS_event", "Raucherin", "Diabetes", "Familienanamnese", "Station", "Telefon", "Bemerkungen", "Studienarm", "Zentrum"]
FAMILY = ("Müller", "Schäfer", "Groß", "Weiß", "Böhm", "Krüger", "Jäger", "Köhler")
FIRST = ("Anna", "Käthe", "Jürgen", "Ursula", "Björn", "Sabine")


def rows() -> list[list[object]]:
    """Return 80 patients."""
    rng = np.random.default_rng(7)
    made: list[list[object]] = []
    for at in range(80):
        pcr, dead, relapsed = rng.random() < 0.45, rng.random() < 0.2, rng.random() < 0.3
        os_months = float(rng.uniform(8, 70))
        dfs_months = os_months * float(rng.uniform(0.3, 0.9)) if relapsed else os_months
        yes = ("nein", "ja")
        made.append(
            [
                f"{at + 17:05d}", FAMILY[at % 8], FIRST[at % 6], f"{1 + at % 28:02d}.{1 + at % 12:02d}.{1940 + at % 45}",
                f"{rng.uniform(30, 78):.1f}".replace(".", ","), int(rng.integers(150, 182)), f"{rng.uniform(50, 95):.1f}".replace(".", ","),
                ("prä", "post", "k.A.")[at % 3], ("IIA", "IIB", "IIIA", "IIIB")[at % 4], ("positiv", "negativ", "k.A.")[0 if rng.random() < 0.5 else 1 + (at % 17 == 0)],
                ("3+", "2+")[at % 5 == 0], int(rng.integers(5, 80)), ("G2", "G3")[at % 2], int(rng.integers(0, 70)),
                ("TCbHP", "THP", "ddAC-THP")[at % 3], yes[pcr], yes[relapsed], yes[dead],
                f"{dfs_months:.1f}".replace(".", ","), f"{os_months:.1f}".replace(".", ","), int(dfs_months * 30.4375), int(relapsed),
                yes[at % 4 == 0], yes[at % 7 == 0], ("leer", "Mamma-Ca Mutter")[at % 6 == 0], f"Station {1 + at % 4}", f"0711 {550000 + at * 37}",
                "Patientin wünscht Rückruf nach der Besprechung im Tumorboard am kommenden Mittwoch" if at % 9 == 0 else None, ("A", "B")[at % 2], "Süd",
            ]
        )  # fmt: skip
    return made


def main(folder: Path) -> None:
    """Write both files."""
    folder.mkdir(parents=True, exist_ok=True)
    book = Workbook()
    sheet = book.active
    sheet.append(["Mamma-Ca HER2+ neoadjuvant, Auswertung 2026 (SYNTHETISCH)"])
    sheet.append(HEADER)
    for row in rows():
        sheet.append(row)
    book.save(folder / "kohorte.xlsx")
    lines = ["Mamma-Ca HER2+ neoadjuvant, Auswertung 2026 (SYNTHETISCH)" + ";" * (len(HEADER) - 1), ";".join(HEADER)]
    lines += [";".join("" if value is None else str(value) for value in row) for row in rows()]
    (folder / "kohorte.csv").write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
