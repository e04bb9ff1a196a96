"""Bad input through the command: exit code 1, one line that says where, what was wanted and what was found, and nothing written.

A slide that is refused, or a cell, is the one exception: the store records it in `quarantine` with its reason, and nothing else.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from her2ladder.schema.store import Store

CELLS = ["--stain", "HE", "--mpp", "0.25", "--label-map", "pannuke", "--workers", 1]
FACTS = ["patient", "slide", "manifest", "patient_clinical", "cohort", "score", "imported_feature", "slide_feature", "label_map"]


@pytest.fixture(scope="module")
def empty_store(command: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that every test of this file leaves as it was, or takes a copy of."""
    root = tmp_path_factory.mktemp("bad") / "store"
    assert command("init", root).code == 0
    return root


def bytes_of(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name not in (".lock", ".work"))
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def refused(command: Any, empty_store: Path) -> Callable[..., str]:
    """Run a command that must be refused with nothing written; return its one line."""

    def call(*words: object) -> str:
        before = bytes_of(empty_store)
        answer = command("--store", empty_store, *words)
        assert answer.code == 1, answer
        assert answer.out == ""
        assert answer.err.count("\n") == 1, answer.err
        assert len(answer.err) < 3000
        assert bytes_of(empty_store) == before
        return str(answer.err)

    return call


@pytest.fixture
def quarantined(run_ladder: Any, store_dir: Path) -> Callable[..., str]:
    """Run an ingest whose only slide must be refused; return its one line. The store gains one run and one row of quarantine."""

    def call(*words: object) -> str:
        before = bytes_of(store_dir)
        answer = run_ladder("ingest", "cells", *words, *CELLS)
        assert answer.code == 1, answer
        assert answer.err.count("\n") == 1, answer.err
        after = bytes_of(store_dir)
        assert {name: sha for name, sha in after.items() if name != "catalog.duckdb"} == {
            name: sha for name, sha in before.items() if name != "catalog.duckdb"
        }
        with Store(store_dir).reading() as con:
            rows = con.sql("SELECT what, source_name, reason FROM quarantine").fetchall()
            assert [con.sql(f"SELECT count(*) FROM ladder.base.{name}").fetchall()[0][0] for name in FACTS] == [0] * len(FACTS)
        ((what, source, reason),) = rows
        assert (what, source) == ("slide", Path(source).name)
        assert reason in answer.err
        return str(answer.err)

    return call


BIG = "1" * 10_000_000
DEEP = "[" * 200_000
GOOD = '{"centroid": [9, 9], "contour": [[1, 1], [17, 1], [9, 25]], "type": 1}'


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", "hello, this is no JSON", r"a\.json: wanted a file of cells .*, found a file that begins 'hello"),
        ("a.json", f'{{"mag": 40, "nuc": {{"1": {GOOD}, "2": {{"cen', r"a\.json: .*truncated"),
        ("a.json", f'{{"mag": 40, "nuc": {{"1": {GOOD}}}', r"a\.json: .*truncated"),
        ("a.json", "", r"a\.json: wanted cells, found an empty file \(0 bytes\)"),
        ("a.json", '{"mag": 40, "nuc": {}}', r"a\.json: wanted cells, found none"),
        ("a.json", GOOD.join(['{"mag": 40, "nuc": {"1": ', "}}"]).replace('"type": 1', '"type": 77'), r"labels? '77' \(cell 1"),
        ("a.json", f'{{"mag": 40, "nuc": {{"1": {GOOD.replace("[9, 9]", f"[{BIG}, 9]")}}}}}', r"cell 1: .*centroid"),
        ("a.json", f'{{"mag": {BIG}, "nuc": {{"1": {GOOD}}}}}', r"a\.json: .*mag"),
        ("a.json", f'{{"mag": 40, "nuc": {{"1": {DEEP}', r"a\.json: "),
        ("a.json", f'{{"nuc": {DEEP}', r"a\.json: .*JSON"),
        ("a.json", f'{{"mag": 40, "nuc": {{"1": {GOOD.replace("[9, 9]", "[NaN, 9]")}}}}}', r"cell 1: .*\(1 of 1 records are bad"),
        (
            "a.json",
            f'{{"mag": 40, "nuc": {{"1": {GOOD.replace("[17, 1], [9, 25]", "[17, 1]")}}}}}',
            r"cell 1: wanted an outline of at least 3",
        ),
        (
            "a.json",
            f'{{"mag": 40, "nuc": {{"1": {GOOD.replace("[9, 9]", "[9e9, 9]")}}}}}',
            r"cell 1: wanted finite coordinates below 1e9 px",
        ),
        ("a.parquet", "PAR1 and then nothing", r"a\.parquet: wanted a whole Parquet file, found a damaged one"),
        ("a.csv", "cell_id,cell_class,x_um,y_um\n1,Tumor\n", r"a\.csv: wanted a table .* found a line that does not fit"),
        ("a.csv", "cell_id,cell_class,x_px\n1,Tumor,3\n", r"a\.csv: wanted the column x_px, y_px"),
        ("a.json.gz", "not packed at all", r"a\.json\.gz: wanted"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) and len(value) < 40 else "x",
)
def test_a_file_that_cannot_be_read_is_refused_whole(quarantined: Any, tmp_path: Path, name: str, content: str, says: str) -> None:
    (tmp_path / name).write_text(content)
    line = quarantined(tmp_path / name)
    assert re.search(says, line), line[:600]
    assert line.startswith("1 slide refused: ")


def test_bytes_that_are_no_text_and_a_packed_file_cut_short_are_refused(quarantined: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(f'{{"mag": 40, "nuc": {{"1": {GOOD}}}}}'.encode())[:-9])
    assert re.search(r"a\.json\.gz: wanted a whole gzip file, found a damaged one", quarantined(path))


def test_a_file_of_random_bytes_is_refused(quarantined: Any, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(hashlib.sha512(b"seed").digest() * 30)
    assert "a.json: wanted" in quarantined(tmp_path / "a.json")


def test_bad_cells_are_quarantined_with_file_record_and_reason_and_the_others_are_read(
    nuclei: Any, hovernet: Any, run_ladder: Any, store_dir: Path
) -> None:
    nuc = nuclei(400)  # at x = 100.25 + 30 i; the slide is 12,000 px wide: the last is beyond it
    nuc["7"]["centroid"], nuc["9"]["contour"] = [float("nan"), 1], [[1, 1], [9, 9]]
    path = hovernet(nuc)
    answer = run_ladder("ingest", "cells", path, *CELLS, "--width-px", 12_050, "--height-px", 200)
    assert answer.code == 0, answer
    with Store(store_dir).reading() as con:
        rows = con.sql("SELECT what, source_name, slide_id, record, reason FROM quarantine ORDER BY record::int").fetchall()
        assert con.sql("SELECT count(*) FROM cell").fetchall() == [(397,)]
    assert [row[:4] for row in rows] == [("cell", "slide.json", "slide", record) for record in ("7", "9", "400")]
    for (*_, reason), wanted in zip(rows, ("centroid", "outline of at least 3", "centroid on the slide"), strict=True):
        assert re.search(f"wanted .*{wanted}|{wanted}.*: wanted", reason), reason
        assert "found" in reason


def test_more_than_one_in_a_hundred_bad_cells_refuse_the_slide(nuclei: Any, hovernet: Any, quarantined: Any) -> None:
    nuc = nuclei(200)
    for name in ("3", "9", "12"):
        nuc[name]["contour"] = [[1, 1], [2, 2]]
    line = quarantined(hovernet(nuc))
    assert re.search(r"slide\.json: cell 3: wanted an outline .* \(3 of 200 records are bad", line)


@pytest.mark.parametrize("mpp", [None, "0", "-1", "25", "nan", "inf", "0.25,0", "1,2,3", "quarter", "9" * 500])
def test_no_mpp_or_an_absurd_one_is_refused(refused: Any, hovernet: Any, nuclei: Any, mpp: str | None) -> None:
    words = [] if mpp is None else ["--mpp", mpp]
    line = refused("ingest", "cells", hovernet(nuclei(3)), "--stain", "HE", "--label-map", "pannuke", *words)
    wanted = "no mpp: give micrometres per pixel" if mpp is None else "mpp must be 0.05 to 2.0 micrometres per pixel"
    assert f"slide.json: {wanted}" in line


def test_an_absurd_mpp_of_a_manifest_refuses_that_slide(quarantined: Any, hovernet: Any, nuclei: Any, tmp_path: Path) -> None:
    hovernet(nuclei(3))
    (tmp_path / "m.csv").write_text("path,mpp\nslide.json,25\n")
    line = quarantined(tmp_path / "m.csv")
    assert re.search(r"m\.csv: line 2: mpp must be 0\.05 to 2\.0 .* found 25", line)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("path,mpp\n../a.json,0.25\n", r"m\.csv: line 2: a path must not contain '\.\.', found '\.\./a\.json'"),
        ("path,mpp\nx/../../a.json,0.25\n", r"m\.csv: line 2: a path must not contain '\.\.'"),
        ("path,mpp\n,0.25\n", r"m\.csv: line 2: wanted a path, found none"),
        ("path,mpp\n", r"m\.csv: wanted one line a slide, found none"),
        ("path,mpp,colour\na.json,0.25,red\n", r"m\.csv: a manifest has the columns path, .* found also colour"),
        ("path,mpp,path\na.json,0.25,red\n", r"m\.csv: column 'path' stands twice"),
        ("path,mpp,slide_id\na.json,0.25,../../etc\n", r"m\.csv: line 2: slide_id must not contain a path separator"),
        ("path,mpp,slide_id\na.json,0.25,..\n", r"m\.csv: line 2: slide_id must be 1 to 150 printable characters"),
        ("path,mpp,patient_id\na.json,0.25,x\x1b[31m\n", r"m\.csv: line 2: patient_id must be 1 to 150 printable"),
        ("path,mpp,stain\na.json,0.25,H/E/S\n", r"m\.csv: line 2: a stain is a word of letters and digits, found 'H/E/S'"),
        ("path,mpp,width_px\na.json,0.25,wide\n", r"m\.csv: line 2: width_px: wanted whole pixels, found 'wide'"),
        ("path,mpp,slide_id\na.json,0.25,S\nb.json,0.25,S\n", r"slide S, stain HE: two different files, .*a\.json and .*b\.json"),
        ("path,mpp,slide_id,patient_id\na.json,0.25,S,P\na.json,0.25,S,Q\n", r"slide S, stain HE: two patients, P and Q"),
        ("path,mpp,label_map\na.json,0.25,nosuch\n", r"no label map 'nosuch': wanted one of .*pannuke"),
        ("path,mpp\na.json,0.25\nb.json,0.25,9,9\n", r"m\.csv: "),
    ],
)
def test_a_wrong_manifest_is_refused_before_a_byte_is_read(
    refused: Any, nuclei: Any, hovernet: Any, tmp_path: Path, rows: str, says: str
) -> None:
    hovernet(nuclei(3), name="a.json")
    hovernet(nuclei(4), name="b.json")
    (tmp_path / "m.csv").write_text(rows)
    line = refused("ingest", "cells", tmp_path / "m.csv", "--stain", "HE")
    assert re.search(says, line), line


@pytest.mark.parametrize(("separator", "name"), [(",", "m.csv"), (";", "m.csv"), ("\t", "m.csv"), ("\t", "m.tsv"), ("\t", "m.txt")])
def test_a_manifest_may_have_commas_semicolons_or_tabs(
    run_ladder: Any, nuclei: Any, hovernet: Any, tmp_path: Path, separator: str, name: str
) -> None:
    """As Excel in Europe writes it: semicolons, and a byte order mark in front."""
    hovernet(nuclei(3), name="a.json")
    rows = [["path", "slide_id", "patient_id", "stain", "mpp"], ["a.json", "S", "P", "HE", "0,5" if separator == ";" else "0.5"]]
    (tmp_path / name).write_text("\ufeff" + "".join(separator.join(row) + "\r\n" for row in rows))
    answer = run_ladder("ingest", "cells", tmp_path / name, "--dry-run", "--label-map", "pannuke")
    assert answer.code == 0, answer
    assert re.search(r"S +HE +P +would read", answer.out), answer.out


def test_a_table_with_tabs_in_micrometres_needs_no_mpp(run_ladder: Any, tmp_path: Path) -> None:
    for name in ("a.tsv", "b.txt"):
        (tmp_path / name).write_text("cell_id\tcell_class\tx_um\ty_um\n1\tTumor\t8\t4\n")
    answer = run_ladder("--json", "ingest", "cells", tmp_path / "a.tsv", tmp_path / "b.txt", "--stain", "HE", "--workers", 1)
    assert [(row["slide_id"], row["state"]) for row in answer.rows] == [("a", "read"), ("b", "read")]


def test_two_different_files_for_one_slide_and_stain_are_refused(refused: Any, nuclei: Any, hovernet: Any, tmp_path: Path) -> None:
    hovernet(nuclei(3), name="S.json")
    (tmp_path / "x").mkdir()
    hovernet(nuclei(4), name="x/S.json")
    line = refused("ingest", "cells", tmp_path / "S.json", tmp_path / "x" / "S.json", *CELLS)
    assert re.search(r"slide S, stain HE: two different files, .*S\.json and .*x/S\.json: name one; nothing was written", line)


def test_what_is_not_there_and_what_is_a_folder_is_said(refused: Any, tmp_path: Path) -> None:
    assert re.search(r"none\.json: wanted a file of cells or a manifest, found nothing", refused("ingest", "cells", tmp_path / "none.json"))
    assert re.search(r"wanted a file of cells or a manifest, found a folder", refused("ingest", "cells", tmp_path))


def test_a_zip_bomb_is_refused_with_bounded_memory(store_dir: Path, tmp_path: Path) -> None:
    """A packed gigabyte; the whole process, libraries and all, stays below 600 MB."""
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b'{"mag": 40, "nuc": {') + 1000 * gzip.compress(b" " * 1_000_000))
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, tmp_path / "peak", *ladder_words(store_dir, "ingest", "cells", path, *CELLS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"1 slide refused: .*bomb\.json\.gz: unpacks to [\d,]+ times its size .* a zip bomb, refused\n", done.stderr)
    assert 50_000 < int((tmp_path / "peak").read_text()) < 600_000  # KiB


# A small process between: the peak of a process that pytest starts itself counts pytest's own memory until exec.
WATCHED = (
    "import pathlib,resource,subprocess,sys;done=subprocess.run(sys.argv[2:]);"
    "pathlib.Path(sys.argv[1]).write_text(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss));sys.exit(done.returncode)"
)


def ladder_words(store: Path, *words: object) -> list[str]:
    return [str(Path(sys.executable).with_name("ladder")), "--store", str(store), *map(str, words)]


def ladder(store: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(ladder_words(store, *words), capture_output=True, text=True, check=False)


CLINICAL = [
    ("patient_id,cohort\n,A\n", r"row 2: wanted a patient_id, found none"),
    ("cohort\nA\n", r"wanted a column patient_id, found cohort"),
    ("patient_id,cohort\nP1,\n", r"row 2 \(patient P1\): cohort: wanted a cohort, found none"),
    ("patient_id\nP1\n", r"wanted a column cohort, found patient_id"),
    ("patient_id,cohort,os_event\nP1,A,1\n", r"row 2 \(patient P1\): os_event without os_months: wanted both or neither"),
    ("patient_id,cohort,dfs_months\nP1,A,12\n", r"row 2 \(patient P1\): dfs_months without dfs_event: wanted both or neither"),
    ("patient_id,cohort,os_months,os_event\nP1,A,-3,1\n", r"os_months: wanted 0 to inf, found '-3'"),
    ("patient_id,cohort,os_months,os_event\nP1,A,inf,1\n", r"os_months: wanted 0 to inf, found 'inf'"),
    ("patient_id,cohort,age_years\nP1,A,-1\n", r"row 2 \(patient P1\): age_years: wanted 0 to 120, found '-1'"),
    (f"patient_id,cohort,age_years\nP1,A,{BIG}\n", r"age_years: wanted 0 to 120, found '1+…'"),
    ("patient_id,cohort,age_years\nP1,A,old\n", r"age_years: wanted a number, found 'old'"),
    ("patient_id,cohort,is_pcr\nP1,A,2\n", r"row 2 \(patient P1\): is_pcr: wanted 0 or 1, found '2'"),
    ("patient_id,cohort,hr_status\nP1,A,maybe\n", r"hr_status: wanted one of positive, negative, found 'maybe'"),
    ("patient_id,cohort,clinical_stage\nP1,A,V\n", r"clinical_stage: wanted I, II, III or IV"),
    ("patient_id,cohort,shoe_size\nP1,A,9\n", r"columns shoe_size are neither known nor mapped"),
    ("patient_id,cohort,name\nP1,A,Ada\n", r"columns name are neither known nor mapped"),
    ("patient_id,cohort,birth date\nP1,A,1970-01-01\n", r"columns birth date are neither known nor mapped"),
    ('patient_id,cohort,"two\nlines"\nP1,A,9\n', r": "),
    ("patient_id,cohort\nP1,A\nP1,A\n", r"patient 'P1' stands in 2 rows, wanted one row a patient"),
    ("patient_id,cohort\nP1,A\nP1,B\n", r"patient 'P1' stands in 2 rows, wanted one row a patient"),
    ("patient_id,cohort,cohort\nP1,A,B\n", r"column 'cohort' stands twice in the header"),
    ("patient_id,cohort,cohort_role\nP1,A,construction\nP2,A,adjuvant\n", r"cohort 'A' has the roles adjuvant, construction: wanted one"),
    ("patient_id,cohort\nP1,A,9,9\n", r"cannot be read as \.csv"),
    ("", r"wanted a table with a header line, found an empty file"),
    ("\0\0\0", r"wanted text, found binary data"),
    ("\n\n", r": "),
    ("patient_id,cohort\n", r": wanted .* found none"),
]


@pytest.mark.parametrize(("text", "says"), CLINICAL, ids=[re.sub(r"\W+", "_", text[:60]) or "empty" for text, _ in CLINICAL])
def test_a_wrong_clinical_table_is_refused_whole(refused: Any, tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "clinical.csv"
    path.write_text(text)
    line = refused("ingest", "clinical", path)
    assert line.startswith(f"ladder: {path}: ")
    assert re.search(says, line), line


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", "Ada"),
        ("Patient_Name", "Ada"),
        ("birth_date", "1970-01-01"),
        ("DOB", "3.4.1970"),
        ("comment", "fine"),
        ("marker", "1970-01-01"),
    ],
)
def test_a_name_a_birth_date_or_free_text_does_not_enter_even_where_the_map_asks_for_it(
    refused: Any, tmp_path: Path, column: str, value: str
) -> None:
    (tmp_path / "c.csv").write_text(f"patient_id,cohort,{column}\nP1,A,{value}\n")
    (tmp_path / "m.toml").write_text(f'extra = ["{column}"]\n')
    line = refused("ingest", "clinical", tmp_path / "c.csv", "--map", tmp_path / "m.toml")
    assert re.search(rf"c\.csv: .*column '?{column}'?.*(do not|does not) enter the store", line), line


def test_a_patient_of_another_cohort_is_refused_unless_asked_for(run_ladder: Any, store_dir: Path, tmp_path: Path) -> None:
    for cohort in "AB":
        (tmp_path / f"{cohort}.csv").write_text(f"patient_id,cohort\nP1,{cohort}\n")
    assert run_ladder("ingest", "clinical", tmp_path / "A.csv").code == 0
    before = bytes_of(store_dir)
    answer = run_ladder("ingest", "clinical", tmp_path / "B.csv")
    assert answer.code == 1
    assert re.fullmatch(
        r"ladder: .*B\.csv: patient 'P1' is in cohort 'A' in the store and in 'B' here \(1 such\): .*--supersede.*\n", answer.err
    )
    assert bytes_of(store_dir) == before
    assert run_ladder("ingest", "clinical", tmp_path / "B.csv", "--supersede").code == 0


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[columns", r"m\.toml: not a TOML file"),
        ("a = " + "[" * 5000, r"m\.toml: not a TOML file"),
        ("colour = 1", r"m\.toml: wanted sections .* found colour"),
        ("columns = 5", r"m\.toml: wanted a section \[columns\], found columns = 5"),
        ("[columns]\ndfs_months = 5", r'm\.toml: \[columns\]: wanted dfs_months = "their column", found 5'),
        ('[columns]\nage_years = "age"', r"\[columns\] age_years = 'age': the table has no such column; it has patient_id, cohort, x"),
        ('[columns]\nage = "x"', r"\[columns\] age = 'x': age is not a column we know"),
        ("[values]\nhr_status = 1", r"m\.toml: wanted \[values\.hr_status\]"),
        ('drop = ["x"]\n[values.hr_status]\n"1" = "positive"', r"\[values\.hr_status\] speaks of a column that is not in the table"),
        ('[scale]\nos_months = "days"', r"m\.toml: \[scale\] os_months: wanted a factor greater than 0, found 'days'"),
        ("[scale]\nos_months = -1", r"m\.toml: \[scale\] os_months: wanted a factor"),
        ("[scale]\nos_moths = 2", r"m\.toml: scale names os_moths: not a column we know"),
        ('[constants]\ncohrt = "A"', r"m\.toml: constants names cohrt: not a column we know"),
        ('inverted = ["os"]', r"m\.toml: inverted names os: not a column we know"),
        ('extra = "x"', r'm\.toml: wanted extra = \["column", …\], found \'x\''),
        ('extra = ["y"]\ndrop = ["x"]', r"extra names y, found columns"),
        ("sheet = 3", r'm\.toml: wanted sheet = "name", found 3'),
    ],
)
def test_a_wrong_column_map_is_refused(refused: Any, tmp_path: Path, toml: str, says: str) -> None:
    (tmp_path / "c.csv").write_text("patient_id,cohort,x\nP1,A,9\n")
    (tmp_path / "m.toml").write_text(toml)
    line = refused("ingest", "clinical", tmp_path / "c.csv", "--map", tmp_path / "m.toml")
    assert re.search(says, line), line


def test_a_map_that_is_not_there_is_said(refused: Any, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("patient_id,cohort\nP1,A\n")
    assert "none.toml: no such file" in refused("ingest", "clinical", tmp_path / "c.csv", "--map", tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("what", "text", "says"),
    [
        ("scores", "patient_id,score\nP1,high\n", r"row 2: column score: wanted a finite number, found 'high'"),
        ("scores", "patient_id,score\nP1,0.5\nP2,inf\n", r"row 3: column score: wanted a finite number, found 'inf'"),
        ("scores", "patient_id,score\nP1,0.5\nP1,0.6\n", r"patient 'P1' stands in 2 rows"),
        ("scores", "patient_id,score\nP1,nan\n", r"every score is missing"),
        ("scores", "patient_id,score\n,0.5\n", r"row 2: wanted a patient_id, found none"),
        ("scores", "patient_id,points\nP1,0.5\n", r"wanted columns patient_id, score; found patient_id, points"),
        ("features", "patient_id,a\nP1,tall\n", r"row 2: column a: wanted a finite number, found 'tall'"),
        ("features", "patient_id\nP1\n", r"wanted feature columns beside patient_id, found none"),
        ("features", "patient_id,a,a\nP1,1,2\n", r"column 'a' stands twice in the header"),
        ("features", "patient_id,a\n", r"found none"),
        ("scores", f"patient_id,score\nP1,x{BIG}\n", r"wanted a finite number, found 'x1+'"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_wrong_scores_and_features_are_refused(refused: Any, tmp_path: Path, what: str, text: str, says: str) -> None:
    path = tmp_path / "made.csv"
    path.write_text(text)
    line = refused("ingest", what, path, "--name", "rival")
    assert line.startswith(f"ladder: {path}: ")
    assert re.search(says, line), line[:600]


def test_missing_scores_and_unknown_patients_are_taken_and_told(run_ladder: Any, tmp_path: Path) -> None:
    """A table of scores may come before the clinical one; NaN stands for missing and is counted."""
    (tmp_path / "s.csv").write_text("patient_id,score\nP1,0.5\nP2,NaN\n")
    answer = run_ladder("--json", "ingest", "scores", tmp_path / "s.csv", "--name", "rival")
    assert answer.code == 0
    assert {"n_patients": 2, "n_missing": 1, "n_known": 0, "unknown": ["P1", "P2"]}.items() <= answer.rows[0].items()
    assert "patients that no clinical table names: 2: P1, P2" in answer.err


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65, "é"])
def test_a_score_is_named_by_plain_words(refused: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / "s.csv").write_text("patient_id,score\nP1,0.5\n")
    assert "a score is named by letters" in refused("ingest", "scores", tmp_path / "s.csv", "--name", name)


def test_an_error_stays_one_line_whatever_a_name_from_outside_holds(refused: Any, tmp_path: Path) -> None:
    path = tmp_path / "c\x1b[31m\nd.csv"
    path.write_text("patient_id,cohort,x\nP1,A,9\n")
    line = refused("ingest", "clinical", path)
    assert "\x1b" not in line
    assert "c\\x1b[31m\\nd.csv" in line


def test_the_command_itself_exits_with_one_line_and_no_traceback(empty_store: Path, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(json.dumps({"no": "table"}))
    done = ladder(empty_store, "ingest", "clinical", tmp_path / "c.csv")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"ladder: {tmp_path / 'c.csv'}: ")
    nowhere = ladder(tmp_path / "nowhere", "runs")
    assert (nowhere.returncode, nowhere.stderr.count(os.linesep)) == (1, 1)
    assert "no store here" in nowhere.stderr


@pytest.mark.parametrize("size", ["inf", "-5", "0", "wide"])
def test_a_size_that_no_slide_has_is_refused(refused: Any, nuclei: Any, hovernet: Any, tmp_path: Path, size: str) -> None:
    hovernet(nuclei(3), name="a.json")
    (tmp_path / "m.csv").write_text(f"path,mpp,width_px\na.json,0.25,{size}\n")
    line = refused("ingest", "cells", tmp_path / "m.csv", "--stain", "HE")
    assert f"line 2: width_px: wanted whole pixels, found '{size}'" in line


def test_the_command_line_fills_what_a_manifest_lacks(run_ladder: Any, nuclei: Any, hovernet: Any, tmp_path: Path) -> None:
    hovernet(nuclei(3), name="a.json")
    (tmp_path / "m.csv").write_text("path,mpp\na.json,0.25\n")
    words = ("--stain", "HE", "--label-map", "pannuke", "--patient", "P9", "--slide-id", "S9")
    assert run_ladder("ingest", "cells", tmp_path / "m.csv", *words).code == 0
    assert run_ladder("--json", "sql", "SELECT slide_id, patient_id FROM slide").rows == [{"slide_id": "S9", "patient_id": "P9"}]
