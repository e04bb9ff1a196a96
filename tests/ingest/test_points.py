"""Point tables in: columns by name, units, what is quarantined, and that the container changes nothing."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from her2ladder.errors import InputError
from her2ladder.ingest.readers.base import ReadOptions
from her2ladder.ingest.readers.table import detect
from her2ladder.ingest.readers.table_headers import names_image, unit_said
from her2ladder.schema.labels import load_label_map

TABLE = "cell_id,cell_class,x_px,y_px\na,Tumor,10,20\nb,Lymph,30.5,40\nc,Other,5000,3\n"


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str | bytes, name: str = "points.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_a_table_in_pixels_becomes_micrometres_by_mpp(table: Any, read: Any) -> None:
    written, rows = read(table(TABLE), label_map="store", mpp_x=0.5, mpp_y=0.25)
    assert rows["source_id"].to_pylist() == ["a", "b", "c"]
    assert rows["cell_class"].to_pylist() == ["Tumor", "Lymph", "Other"]
    assert rows["x_um"].to_pylist() == [5.0, 15.25, 2500.0]
    assert rows["y_um"].to_pylist() == [5.0, 10.0, 0.75]
    assert rows["contour"].null_count == rows["area_um2"].null_count == rows["x_min_px"].null_count == 3
    assert (written.mpp_x, written.mpp_y, written.source_format) == (0.5, 0.25, "table")


def test_a_table_in_micrometres_is_kept_to_the_last_bit_and_needs_no_mpp(table: Any, read: Any) -> None:
    path = table("cell_id,cell_class,x_um,y_um,area_um2\n1,Tumor,0.1,1234.5678901234567,40.5\n")
    written, rows = read(path, label_map="store", mpp_x=None, mpp_y=None)
    assert (rows["x_um"][0].as_py(), rows["y_um"][0].as_py()) == (0.1, 1234.5678901234567)
    assert rows["area_um2"].to_pylist() == [40.5]
    assert (written.mpp_x, written.mpp_y) == (1.0, 1.0)
    assert read(path, label_map="store", mpp_x=0.3, mpp_y=0.3)[1]["x_um"][0].as_py() == 0.1


def test_two_mpp_of_the_command_are_those_of_x_and_y_and_others_read_the_file_again(table: Any, run_ladder: Any) -> None:
    path = table("cell_class,x_px,y_px\nTumor,100,200\n")
    ask = "SELECT x_um, y_um, mpp_x, mpp_y FROM cell"
    states = []
    for mpp in ("0.25,0.5", "0.25,0.5", "0.5"):
        answer = run_ladder("--json", "ingest", "cells", path, "--stain", "HE", "--mpp", mpp, "--workers", 1)
        states += [row["state"] for row in answer.rows]
        wanted = (25.0, 100.0, 0.25, 0.5) if mpp == "0.25,0.5" else (50.0, 100.0, 0.5, 0.5)
        assert [tuple(row.values()) for row in run_ladder("--json", "sql", ask).rows] == [wanted]
    assert states == ["read", "unchanged", "read"]


def test_pixels_without_mpp_are_refused_with_the_way_to_give_it(table: Any, read: Any) -> None:
    with pytest.raises(InputError, match=r"no mpp: coordinates are in pixels; .*--mpp 0.25"):
        read(table(TABLE), label_map="store", mpp_x=None, mpp_y=None)


@pytest.mark.parametrize("mpp", [0.0, 0.04, 2.5, 352.8, float("nan"), -0.25])
def test_an_absurd_mpp_is_refused(table: Any, read: Any, mpp: float) -> None:
    with pytest.raises(InputError, match=r"mpp must be 0.05 to 2.0 micrometres per pixel, found"):
        read(table(TABLE), label_map="store", mpp_x=mpp)


def test_columns_of_other_names_are_mapped(table: Any, read: Any) -> None:
    path = table("Object;type;X;Y;note\n7;T;1;2;x\n")
    told = {"cell_id": "Object", "cell_class": "type", "x_px": "X", "y_px": "Y"}
    with pytest.raises(InputError, match="wanted the column cell_class and x_px, y_px"):
        read(path, label_map="store")
    _, rows = read(table("Object;type;X;Y;note\n7;Tumor;1;2;x\n"), label_map="store", columns=told)
    assert (rows["source_id"][0].as_py(), rows["x_um"][0].as_py()) == ("7", 0.25)


@pytest.mark.parametrize(
    ("text", "columns", "says"),
    [
        ("cell_id,x_px,y_px\n1,2,3\n", {}, "wanted the column cell_class, found cell_id, x_px, y_px"),
        ("cell_id,cell_class,x_px\n1,Tumor,3\n", {}, "wanted the column x_px, y_px (or x_um, y_um), found cell_id, cell_class, x_px"),
        (TABLE, {"x_px": "X"}, "no column 'X' as the mapping says; found cell_id"),
        (TABLE, {"x": "x_px"}, "no column of ours is called 'x'; there is cell_id"),
        ("cell_class,x_px,y_px,x_um,y_um\nTumor,1,2,3,4\n", {}, "found both x_px, y_px and x_um, y_um: say which"),
        ("cell_class,x_px,x_px,y_px\nTumor,1,2,3\n", {}, "column 'x_px' stands twice"),
        ("cell_id,cell_class,x_px,y_px\n1,Tumor,3\n", {}, "found a line that does not fit it: wanted 4 values, found 3"),
        ("cell_id,cell_class,x_px,y_px\n", {}, "wanted cells, found none"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(table: Any, read: Any, text: str, columns: dict[str, str], says: str) -> None:
    with pytest.raises(InputError) as error:
        read(table(text), label_map="store", columns=columns, format="table")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_where_both_units_are_there_the_mapping_says_which(table: Any, read: Any) -> None:
    path = table("cell_class,x_px,y_px,x_um,y_um\nTumor,8,8,3,4\n")
    assert read(path, label_map="store", columns={"x_um": "x_um", "y_um": "y_um"})[1]["x_um"][0].as_py() == 3
    assert read(path, label_map="store", columns={"x_px": "x_px", "y_px": "y_px"})[1]["x_um"][0].as_py() == 2


@pytest.mark.parametrize(
    "header", ["Image", "Image Name", "ImageNumber", "FileName_DNA", "slide_id", "SLIDE", "Sample Name", "Metadata_Slide"]
)
def test_a_column_that_names_the_image_is_known_in_any_case(header: str) -> None:
    assert names_image(header)
    assert not any(names_image(name) for name in ("Metadata_Site", "ImageQuality", "slide_x", "Object ID", "filenames", "Parent"))


@pytest.mark.parametrize("n_before", [1, 400])
@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet"])
def test_cells_of_two_images_are_not_one_slide(tmp_path: Path, read: Any, kind: str, n_before: int) -> None:
    # the second image may begin blocks later, after blocks that name none
    rows = {"Image": ["A.svs"] * n_before + [None] * (n_before - 1) + ["B.svs", "A.svs"], "cell_class": "Tumor", "x_um": 8.0, "y_um": 4.0}
    frame, path = pl.DataFrame(rows), tmp_path / f"cells.{kind}"
    frame.write_parquet(path) if kind == "parquet" else frame.write_csv(path, separator="\t" if kind == "tsv" else ",")
    says = "cells: wanted the cells of one slide, found two in column 'Image', 'A.svs' and 'B.svs': write one file a slide (or"
    with pytest.raises(InputError) as error:
        read(path, label_map="store", options=ReadOptions(chunk_bytes=1000))
    assert says in str(error.value).replace(f".{kind}", "", 1)


def test_one_image_or_a_column_that_is_mapped_names_no_second_slide(table: Any, read: Any) -> None:
    one = "Image,ImageNumber,cell_class,x_um,y_um\nA,1,Tumor,1,1\n,1,Tumor,2,2\nA,1,Tumor,3,3\n"
    assert read(table(one), label_map="store")[0].n_rows == 3
    mapped = "sample,cell_class,x_um,y_um\na,Tumor,1,1\nb,Tumor,2,2\n"
    assert read(table(mapped), label_map="store", columns={"cell_id": "sample"})[0].n_rows == 2
    with pytest.raises(InputError, match="found two in column 'ImageNumber', '1' and '2'"):
        read(table(one.replace("A,1,Tumor,3", "A,2,Tumor,3")), label_map="store")


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("Centroid X \u00b5m", "um"),
        ("Centroid X \u03bcm", "um"),
        ("X(\u00b5m)", "um"),
        ("x_um", "um"),
        ("X [um]", "um"),
        ("Position X microns", "um"),
        ("Centroid X px", "px"),
        ("X(px)", "px"),
        ("x_pixels", "px"),
        ("X", None),
        ("Location_Center_X", None),
        ("x_num", None),
        ("Column X", None),
        ("x_px_per_um", None),
    ],
)
def test_a_header_says_its_unit_only_as_a_word_of_its_own(header: str, unit: str | None) -> None:
    assert unit_said(header) == unit


@pytest.mark.parametrize(
    ("unit", "theirs", "says"),
    [
        (
            "px",
            "Centroid {} \u00b5m",
            "column 'Centroid X \u00b5m' says micrometres, mapped to x_px: distances would be wrong by the mpp; map it to x_um",
        ),
        ("um", "Centroid {} px", "column 'Centroid X px' says pixels, mapped to x_um: distances would be wrong by the mpp; map it to x_px"),
    ],
)
def test_a_column_of_one_unit_is_not_read_as_the_other(table: Any, read: Any, unit: str, theirs: str, says: str) -> None:
    path = table(f"cell_class,{theirs.format('X')},{theirs.format('Y')}\nTumor,8,4\n")
    with pytest.raises(InputError) as error:
        read(path, label_map="store", columns={f"x_{unit}": theirs.format("X"), f"y_{unit}": theirs.format("Y")})
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("unit", "label", "theirs"), [("um", "Classification", "\u00b5m"), ("um", "Class", "\u00b5m"), ("px", "Classification", "px")]
)
def test_a_qupath_export_needs_no_columns(table: Any, read: Any, unit: str, label: str, theirs: str) -> None:
    path = table(f"Image\tObject ID\t{label}\tCentroid X {theirs}\tCentroid Y {theirs}\na.svs\tc1\tTumor\t8\t4\n", "export.tsv")
    written, rows = read(path, label_map="store")
    assert written.why == "QuPath's measurement table"
    assert (rows["source_id"].to_pylist(), rows["x_um"].to_pylist()) == (["c1"], [8.0 if unit == "um" else 2.0])


HALO = "Image Location,Object Id,XMin,XMax,YMin,YMax,Tumor,T cell,Nucleus Area (\u00b5m\u00b2)\n"


def test_a_halo_table_has_boxes_and_a_column_a_phenotype(table: Any, read: Any) -> None:
    path = table(HALO + "a,1,10,20,30,41,1,0,20.5\na,2,50,60,70,80,0,1,9\na,3,90,95,1,2,0,0,9\na,4,90,95,1,2,1,1,9\n", "halo.csv")
    with pytest.raises(InputError, match=r'wanted the column cell_class, .*--columns "cell_class=Tumor\|T cell\|Macrophage"'):
        read(path, label_map="store")
    label_map = load_label_map("store", "HE")
    label_map = replace(label_map, labels={"Tumor": "Tumor", "T cell": "Lymph", "null": "Other"})
    written, rows = read(path, label_map=label_map, columns={"cell_class": "Tumor|T cell"}, max_bad_share=0.5)
    assert rows["x_um"].to_pylist() == [3.75, 13.75, 23.125]
    assert rows["y_um"].to_pylist() == [8.875, 18.75, 0.375]
    assert rows["cell_class"].to_pylist() == ["Tumor", "Lymph", "Other"]
    assert rows["area_um2"].to_pylist() == [20.5, 9, 9]
    assert written.quarantined == [("4", "wanted one phenotype, found 'Tumor' and 'T cell'")]


@pytest.mark.parametrize(("unit", "x_um"), [("pixels", 25.0), ("square microns", 100.0)])
def test_an_inform_table_is_in_the_unit_of_its_areas(unit: str, x_um: float, table: Any, read: Any) -> None:
    path = table(f"Sample Name\tCell ID\tCell X Position\tCell Y Position\tPhenotype\tNucleus Area ({unit})\ns\t7\t100\t200\tTumor\t#N/A\n")
    written, rows = read(path, label_map="store")
    assert "inForm" in written.why
    assert (rows["source_id"].to_pylist(), rows["x_um"].to_pylist()) == (["7"], [x_um])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("z,Tumor,nan,3", "x_px: wanted a finite number, found none"),
        ("z,Tumor,,3", "x_px: wanted a finite number, found none"),
        ("z,Tumor,1,inf", "y_px: wanted a finite number, found 'inf'"),
        ("z,Tumor,1,4 mm", "y_px: wanted a finite number, found '4 mm'"),
        ("z,,1,3", "wanted a label, found none"),
        ("z,Tumor,2e9,3", "wanted a centroid on the slide (-1,000,000,000 to 1,000,000,000 px, -1,000,000,000 to 1,000,000,000 px), found 2e+09, 3"),
        ("5,Tumor,1,3", "wanted an id of its own, found the id of an earlier record"),
    ],
)
def test_a_bad_row_goes_to_quarantine(table: Any, read: Any, line: str, reason: str) -> None:
    body = "".join(f"{i},Tumor,{10 * i},5\n" for i in range(150))
    written, _ = read(table("cell_id,cell_class,x_px,y_px\n" + body + line + "\n"), label_map="store")
    assert written.quarantined == [(line[0], reason)]
    assert written.n_rows == 150


def test_measures_out_of_range_are_bad_and_absent_ones_are_null(table: Any, read: Any) -> None:
    head = "cell_id,cell_class,x_px,y_px,class_prob,membrane_completeness,membrane_od\n"
    text = head + "1,HER2null,1,1,0.5,,0.25\n2,HER2null,1,1,,1.5,0.2\n3,HER2null,1,1,,0.5,-1\n4,HER2null,2,2,NA,1,0\n"
    written, rows = read(table(text), label_map="store", stain="HER2", max_bad_share=0.5)
    assert rows["membrane_completeness"].to_pylist() == [None, 1.0]
    assert rows["class_prob"].to_pylist() == [0.5, None]
    assert rows["membrane_od"].to_pylist() == [0.25, 0.0]
    assert written.quarantined == [
        ("2", "membrane_completeness: wanted 0 to 1, found '1.5'"),
        ("3", "membrane_od: wanted a number of 0 or more, found '-1'"),
    ]


def test_the_same_table_as_csv_tsv_gz_or_parquet_gives_the_same_bytes(tmp_path: Path, read: Any) -> None:
    n = 3000
    frame = pl.DataFrame(
        {
            "cell_id": [f"c{i}" for i in range(n)],
            "cell_class": [("Tumor", "Lymph", "Macro")[i % 3] for i in range(n)],
            "x_um": [i * 7.1 % 900 for i in range(n)],
            "y_um": [i * 3.3 % 1200 for i in range(n)],
        }
    )
    names = [tmp_path / name for name in ("a.csv", "a.tsv", "quoted.csv", "a.csv.gz", "a.parquet", "words.parquet")]
    frame.write_csv(names[0])
    frame.write_csv(names[1], separator="\t", line_terminator="\r\n")
    frame.write_csv(names[2], quote_style="always", include_bom=True)
    names[3].write_bytes(gzip.compress(names[0].read_bytes()))
    frame.write_parquet(names[4], row_group_size=700)
    frame.with_columns(pl.col("cell_class").cast(pl.Categorical), pl.col("x_um").cast(pl.String)).write_parquet(names[5])
    small = ReadOptions(chunk_bytes=2000)
    found = {read(path, label_map="store", options=options)[0].sha256 for path in names for options in (ReadOptions(), small)}
    assert len(found) == 1


def test_numbers_as_labels_are_read_as_their_digits(tmp_path: Path, read: Any) -> None:
    frame = pl.DataFrame({"cell_class": [1, 3, 2], "x_px": [1, 2, 3], "y_px": [1, 2, 3]})
    for kind in (pl.Int8, pl.Float64, pl.String):
        path = tmp_path / "p.parquet"
        frame.with_columns(pl.col("cell_class").cast(kind)).write_parquet(path)
        _, rows = read(path)
        assert rows["cell_class"].to_pylist() == ["Tumor", "Stroma", "Lymph"]
        assert rows["source_id"].to_pylist() == [None] * 3


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_cells_without_a_label_are_kept_where_the_map_says_so(tmp_path: Path, read: Any, kind: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text('name = "own"\nidentity = true\n[labels]\n"" = "Other"\n')
    frame = pl.DataFrame({"cell_class": ["Tumor", None, ""], "x_um": 8.0, "y_um": 4.0})
    path = tmp_path / f"cells.{kind}"
    frame.write_parquet(path) if kind == "parquet" else frame.write_csv(path)
    with pytest.raises(InputError, match=r'--max-bad-share lets more .*; a label map with the line "" = "Other" under \[labels\] keeps'):
        read(path, label_map="store")
    written, _ = read(path, label_map=load_label_map(own, "HE"))
    assert written.counts == {"Tumor": 1, "Other": 2}


def test_a_table_from_windows_is_read_as_its_header_says(table: Any, read: Any) -> None:
    text = "cell_id;cell_class;X \u00b5m;Y \u00b5m\nZ\u00e4hler 1;Tumor;8;4\n"
    columns = {"x_um": "X \u00b5m", "y_um": "Y \u00b5m"}
    for encoding in ("latin-1", "utf-8", "utf-8-sig"):
        assert read(table(text.encode(encoding)), label_map="store", columns=columns)[1]["source_id"].to_pylist() == ["Z\u00e4hler 1"]
    with pytest.raises(InputError, match="wanted text in UTF-8, found another encoding: save the table as UTF-8"):
        read(table(text.replace("\u00b5", "").encode("latin-1")), label_map="store", columns={"x_um": "X m", "y_um": "Y m"})


def test_a_damaged_parquet_file_is_refused(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "p.parquet"
    pl.DataFrame({"cell_class": ["Tumor"] * 500, "x_px": [1.0] * 500, "y_px": [1.0] * 500}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="wanted a whole Parquet file, found a damaged one"):
        read(path, label_map="store")


@pytest.mark.parametrize(
    ("content", "is_table"),
    [
        (TABLE, True),
        ("a;b;c\n", True),
        ("hello, world\n", False),
        ("[1, 2, 3]", False),
        ("<a,b,c>", False),
        ("a,b,c\0", False),
        ("PAR1", True),
    ],
)
def test_a_table_is_known_by_its_content(table: Any, content: str, is_table: bool) -> None:
    assert bool(detect(table(content, "any.name"))) is is_table


@pytest.mark.shared
def test_real_nuclei_as_a_table_count_as_they_were_labelled(shared_data: Path, read: Any, tmp_path: Path) -> None:
    """NuCLS, CC0: one slide of the published table, in micrometres, by its published labels."""
    slide = "TCGA-A2-A0YE-DX1"
    frame = pl.read_parquet(shared_data / "nucls" / "nucls_core_cells.parquet")
    frame = frame.filter(pl.col("slide_name").str.starts_with(slide[:12]))
    assert frame.height > 100
    path = tmp_path / "nucls.parquet"
    frame.write_parquet(path)
    written, rows = read(
        path,
        label_map="nucls",
        mpp_x=None,
        mpp_y=None,
        columns={"cell_id": "ann_id", "cell_class": "type5", "x_um": "x_um", "y_um": "y_um"},
    )
    assert written.counts["Tumor"] == frame.filter(pl.col("type5") == "tumor").height
    assert sorted(rows["x_um"].to_pylist()) == sorted(frame["x_um"].to_list())


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_decimal_commas_are_read_where_commas_do_not_part_columns(run_ladder: Any, tmp_path: Path, separator: str) -> None:
    rows = [
        ("cell_id", "cell_class", "x_um", "y_um"),
        ("a", "Tumor", "318,48", "1,234"),
        ("b", "Lymph", "7", "1,5e2"),
        ("c", "Lymph", "2.5", "3"),
    ]
    path = tmp_path / "S1.csv"
    path.write_text("\n".join(separator.join(row) for row in rows) + "\n")
    assert run_ladder("ingest", "cells", path, "--stain", "HE").code == 0
    found = run_ladder("--json", "sql", "SELECT source_id, x_um, y_um FROM cell ORDER BY source_id").rows
    assert [tuple(row.values()) for row in found] == [("a", 318.48, 1.234), ("b", 7, 150), ("c", 2.5, 3)]


def test_a_quoted_comma_of_a_table_with_commas_is_no_decimal_one(table: Any, read: Any) -> None:
    """There it parts thousands: 1,234 read as 1.234 would be a thousandth of the place."""
    rows = "\n".join(f"{i},Tumor,{i},{i}" for i in range(200))
    written, _ = read(table(f'cell_id,cell_class,x_um,y_um\n{rows}\n200,Tumor,"1,234",5\n'), label_map="store")
    assert (written.n_rows, written.n_quarantined) == (200, 1)
    assert "wanted a finite number, found '1,234'" in written.quarantined[0][1]


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        ('1,Tumor,1,2\n2,"Tumor,3,4\n3,Lymph,5,6\n', 3, "not closed on its line"),
        ('1,Tumor,1,2\n2,"Tumor,3,4\n3,Lymph",5,6\n4,Lymph,7,8\n', 3, "not closed on its line"),  # which Arrow reads as one cell of the two
        ('1,Tumor,1,2\n2,Tumor,3,"4', 3, "not closed on its line"),
        ('1,"Tumor"s,1,2\n', 2, "text behind a closed quote"),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [8_000_000, 40])
def test_a_stray_quote_is_named_with_its_line(table: Any, read: Any, body: str, line: int, says: str, chunk_bytes: int) -> None:
    with pytest.raises(InputError, match=f"points.csv: line {line}: .*{says}"):
        read(table("cell_id,cell_class,x_px,y_px\n" + body), label_map="store", options=ReadOptions(chunk_bytes=chunk_bytes))
    with pytest.raises(InputError, match="line 1: a quote that opens a column's name"):
        read(table('cell_id,"cell_class,x_px,y_px\n' + body), label_map="store")


@pytest.mark.parametrize("chunk_bytes", [8_000_000, 7])
def test_quotes_that_belong_there_are_read(table: Any, read: Any, chunk_bytes: int) -> None:
    path = table('cell_id,cell_class,x_px,y_px,note\r\n"a,1",Tumor,"10",20,\r\n"b ""2""",Lymph,30,40,5" wide\r\n')
    _, rows = read(path, label_map="store", options=ReadOptions(chunk_bytes=max(chunk_bytes, 45)))
    assert rows["source_id"].to_pylist() == ["a,1", 'b "2"']


def test_what_stands_behind_a_gzip_file_is_left_out_with_a_word(table: Any, read: Any, tmp_path: Path) -> None:
    body = TABLE + "".join(f"d{i},Tumor,{i % 300 * 10},{100 + i // 300 * 10}\n" for i in range(60_000))  # of several blocks
    packed = gzip.compress(body.encode())
    plain, _ = read(table(packed, "whole.csv.gz"), label_map="store")
    for name, behind, is_said in (("zeros", b"\0" * 700, False), ("junk", b"\0\0junk", True), ("half", b"\x1f", True)):
        written, _ = read(table(packed + behind, f"{name}.csv.gz"), label_map="store")
        assert written.sha256 == plain.sha256
        assert ("bytes behind the end of the gzip file" in " ".join(written.notes)) == is_said
    half = len(body) // 2
    two, _ = read(table(gzip.compress(body[:half].encode()) + b"\0" * 9 + gzip.compress(body[half:].encode()), "two.csv.gz"), label_map="store")
    assert two.sha256 == plain.sha256
    for damaged in (packed[:-9], packed[: len(packed) // 2], packed[:-5] + b"\0" + packed[-4:], packed + packed[:40]):
        with pytest.raises(InputError, match="wanted a whole gzip file, found a damaged one"):
            read(table(damaged, "cut.csv.gz"), label_map="store")
