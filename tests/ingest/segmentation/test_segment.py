"""From a drawn slide to cells in the store: where they lie, what they are, whoever worked on it and however often it was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="torch (extra [segment]) is not installed")
pytest.importorskip("openslide", reason="openslide-python (extra [segment]) is not installed")

from her2ladder.analytics.simulate.he_picture import Picture, draw_he  # noqa: E402
from her2ladder.analytics.simulate.slide_file import write_slide  # noqa: E402
from her2ladder.ingest.segmentation.cells_of_tile import Found, fused  # noqa: E402
from her2ladder.ingest.segmentation.fusion import fused_map  # noqa: E402
from her2ladder.ingest.segmentation.hovernet import post_process  # noqa: E402
from her2ladder.ingest.segmentation.networks import Model, _HoverNet, network_of  # noqa: E402
from her2ladder.ingest.segmentation.quality import quality_of, stain_doubt  # noqa: E402
from her2ladder.schema.labels import load_label_map  # noqa: E402

CELLS = "SELECT x_um, y_um, cell_class, area_um2, class_prob FROM cell ORDER BY x_um, y_um"


@pytest.fixture(scope="module")
def drawn() -> Picture:
    return draw_he(700, 260, seed=3)


@pytest.fixture(scope="module")
def slide(drawn: Picture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn picture twice across, as a scanner's slide: two tiles."""
    path = tmp_path_factory.mktemp("slide") / "drawn.svs"
    write_slide(path, drawn.rgb, 0.25, times=(2, 1))
    return path


@pytest.fixture(scope="module")
def segmented(slide: Path, tmp_path_factory: pytest.TempPathFactory, command: Callable[..., Any]) -> Any:
    """A store with the slide's cells, and what the command said."""
    store = tmp_path_factory.mktemp("segmented") / "store"
    assert command("init", store).code == 0
    told = command("--store", store, "--json", "segment", slide, "--stain", "HE", "--patient", "P1", "--workers", 1)
    assert told.code == 0, told.err
    return store, told


def test_drawn_nuclei_are_found_where_they_were_drawn(segmented: Any, drawn: Picture, command: Callable[..., Any]) -> None:
    store, told = segmented
    (row,) = told.rows
    assert (row["slide_id"], row["patient_id"], row["state"], row["n_tiles"]) == ("drawn", "P1", "read", 2)
    cells = command("--store", store, "--json", "sql", CELLS).rows
    assert len(cells) == row["n_cells"]
    found = np.array([[cell["x_um"], cell["y_um"]] for cell in cells]) / 0.25
    at = drawn.instances[found[:, 1].round().astype(int).clip(0, 699), found[:, 0].round().astype(int) % 700]
    n_drawn = 2 * len(drawn.kinds)
    hit = len({(int(number), x // 700) for number, (x, _) in zip(at, found, strict=True) if number})
    assert hit / n_drawn > 0.8
    assert (at == 0).mean() < 0.15


def test_the_store_says_which_network_made_the_cells(segmented: Any, command: Callable[..., Any]) -> None:
    store, told = segmented
    assert "trained on ten patches" in told.err
    (row,) = command("--store", store, "--json", "sql", "SELECT source_format, label_map, mpp_x, slide_mpp FROM slide").rows
    assert row == {"source_format": "segmented: default", "label_map": "ladder-default", "mpp_x": 0.25, "slide_mpp": 0.25}
    (run,) = command("--store", store, "--json", "sql", "SELECT arguments, n_rows FROM run WHERE stage = 'segment'").rows
    assert '"network": "default"' in run["arguments"]
    assert "weights_sha256" in run["arguments"]
    assert command("--store", store, "check").code == 0


def test_classes_that_the_network_cannot_tell_are_in_no_cell(segmented: Any, command: Callable[..., Any]) -> None:
    classes = command("--store", segmented[0], "--json", "sql", "SELECT DISTINCT cell_class FROM cell").rows
    assert {row["cell_class"] for row in classes} <= {"Tumor", "Stroma", "Lymph"}


def test_every_tile_has_its_quality(segmented: Any, command: Callable[..., Any]) -> None:
    rows = command("--store", segmented[0], "--json", "sql", "SELECT * FROM tile_quality ORDER BY x0_um").rows
    assert [(row["x0_um"], row["x1_um"], row["y1_um"]) for row in rows] == [(0, 256, 175), (256, 350, 175)]
    assert all(0.8 < row["tissue_share"] <= 1 for row in rows)
    assert all(row["flags"] == "" for row in rows)


def test_a_slide_segmented_again_is_unchanged(segmented: Any, slide: Path, command: Callable[..., Any]) -> None:
    told = command("--store", segmented[0], "--json", "segment", slide, "--stain", "HE", "--patient", "P1", "--workers", 1)
    assert [row["state"] for row in told.rows] == ["unchanged"]


@pytest.mark.slow
def test_two_workers_and_a_killed_run_give_the_same_cells(segmented: Any, slide: Path, tmp_path: Path, command: Callable[..., Any]) -> None:
    wanted = command("--store", segmented[0], "--json", "sql", CELLS).rows
    store = tmp_path / "store"
    assert command("init", store).code == 0
    words = [
        sys.executable,
        "-c",
        "from her2ladder.cli.main import main; main()",
        "--store",
        str(store),
        "segment",
        str(slide),
        "--stain",
        "HE",
        "--patient",
        "P1",
    ]
    work = subprocess.Popen([*words, "--workers", "1"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not list((store / "segmenting").glob("*/*.arrow")) and time.monotonic() < until:
        time.sleep(0.02)
    work.send_signal(signal.SIGKILL)
    work.wait()
    kept = list((store / "segmenting").glob("*/*.arrow"))
    assert command("--store", store, "check").code == 0
    assert command("--store", store, "--json", "sql", CELLS).rows == []
    stamps = {place: place.stat().st_mtime_ns for place in kept}
    assert kept
    subprocess.run([*words, "--workers", "2"], check=True, capture_output=True, env={**os.environ})
    assert command("--store", store, "--json", "sql", CELLS).rows == wanted
    assert not (store / "segmenting").exists() or not list((store / "segmenting").iterdir())
    assert stamps  # the tile of the killed run was not done again: its file was read


@pytest.mark.parametrize(
    "words, said",
    [
        (("--checkpoint", "x.tar"), "--checkpoint x.tar|x.tar: wanted a HoVer-Net checkpoint, found no file"),
        (("--label-map", "pannuke"), "go with --checkpoint"),
        (("--preset", "other"), "--preset: wanted one of hovernet, scmtop"),
        (("--device", "tpu"), "--device: wanted auto, cpu or cuda"),
        (("--roi", "1,2"), "--roi: wanted x,y,width,height"),
        (("--model", "big"), "--model: wanted default"),
        (("--roi", "9000,0,5,5"), "on the slide"),
    ],
)
def test_a_wrong_call_is_refused_in_one_line(run_ladder: Callable[..., Any], slide: Path, words: tuple[str, ...], said: str) -> None:
    told = run_ladder("segment", slide, "--stain", "HE", *words)
    assert told.code == 1
    line = told.err.strip().splitlines()[-1]
    assert any(part in line for part in said.split("|"))


def test_a_gpu_asked_for_where_none_is_is_an_error(run_ladder: Callable[..., Any], slide: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert "torch sees no GPU here" in run_ladder("segment", slide, "--stain", "HE", "--device", "cuda").err


def test_bad_slides_are_quarantined_and_the_good_one_is_read(run_ladder: Callable[..., Any], slide: Path, tmp_path: Path) -> None:
    blank = tmp_path / "blank.svs"
    write_slide(blank, np.full((512, 512, 3), 240, np.uint8), 0.5, times=(2, 2))
    cut = tmp_path / "cut.svs"
    cut.write_bytes(slide.read_bytes()[: slide.stat().st_size // 2])
    scaleless = tmp_path / "scaleless.png"
    Image.fromarray(np.full((64, 64, 3), 180, np.uint8)).save(scaleless)
    told = run_ladder("--json", "segment", blank, cut, scaleless, slide, "--stain", "HE", "--workers", 1)
    assert told.code == 1
    assert [row["state"] for row in told.rows] == ["refused", "refused", "refused", "read"]
    assert "wanted tissue, found none" in told.rows[0]["reason"]
    assert "cut.svs" in told.rows[1]["reason"]
    assert "--mpp 0.25" in told.rows[2]["reason"]
    assert run_ladder("--json", "sql", "SELECT count(*) AS n FROM quarantine WHERE what = 'slide'").rows == [{"n": 3}]


# ------------------------------------------------------------------------------------------------ checkpoints
class _Squares:
    """A network in HoVer-Net's place: each patch's maps say where in the patch they come from."""

    input_px, output_px, n_types = 256, 164, 5

    def infer(self, images: Any) -> Any:
        return np.repeat(images[:, 46:210, 46:210, :1], 4, axis=3).astype(np.float32)


@pytest.mark.parametrize("is_plain", [True, False])
def test_patches_lie_on_one_grid_whatever_tile_asks(is_plain: bool) -> None:
    network = _HoverNet(_Squares())
    first = 0 if is_plain else 46
    for low, high in ((0, 1000), (960, 2112), (5, 300)):
        begin, end, maps_begin, maps_end = network.span(low, high, is_plain)
        assert maps_begin <= low
        assert maps_end >= high
        assert (maps_begin - first) % 164 == 0
        assert (begin, end) == (maps_begin - 46, maps_end + 46)
    image = np.random.default_rng(0).integers(0, 255, (164 * 2 + 92, 164 * 3 + 92, 3), dtype=np.uint8)
    assert (network.maps(image)[..., 0] == image[46:-46, 46:-46, 0]).all()


@pytest.mark.slow
def test_a_checkpoint_on_a_plain_image_gives_what_its_maps_give(
    weights: Callable[..., Any], run_ladder: Callable[..., Any], tmp_path: Path, drawn: Picture
) -> None:
    """As HoVer-Net's tile mode: the image mirrored at its edges, patches from its corner, one post-processing."""
    torch.save({"desc": weights("fast", 5)}, tmp_path / "net.tar")
    image = drawn.rgb[:150, 100:260]
    Image.fromarray(image).save(tmp_path / "region.png")
    told = run_ladder(
        "--json", "segment", tmp_path / "region.png", "--stain", "HE", "--mpp", 0.25, "--checkpoint", tmp_path / "net.tar",
        "--label-map", "consep", "--workers", 1,
    )  # fmt: skip
    network = network_of(Model("net.tar", str(tmp_path / "net.tar"), ""))
    padded = np.pad(image, ((46, 256 - 150 - 46), (46, 256 - 160 - 46), (0, 0)), mode="reflect")
    _, nuclei = post_process(network.maps(padded)[:150, :160], 5)
    if not nuclei:
        assert "wanted nuclei, found none" in told.err
        return
    assert told.code == 0, told.err
    found = run_ladder("--json", "sql", "SELECT x_um / 0.25 AS x, y_um / 0.25 AS y FROM cell").rows
    wanted = sorted(tuple(one["centroid"]) for one in nuclei.values() if one["type"] > 0)
    np.testing.assert_allclose(sorted((cell["x"], cell["y"]) for cell in found), wanted, atol=1e-6)


def _found(*cells: tuple[float, float, str]) -> Found:
    square = np.array([[-5.0, -5], [5, -5], [5, 5], [-5, 5]])
    places = np.array([cell[:2] for cell in cells]).reshape(-1, 2)
    return Found(places, [square + place for place in places], [cell[2] for cell in cells], np.full(len(cells), 0.9))


def test_an_immune_cell_displaces_what_covers_more_than_a_twentieth_of_it() -> None:
    base = _found((0, 0, "p:1"), (100, 0, "p:1"), (200, 0, "p:3"))
    other = _found((9.4, 0, "m:2"), (109.6, 0, "m:2"), (200, 0, "m:1"), (300, 0, "m:4"))  # 6 %, 4 %, epithelial, alone
    both = fused(base, other, frozenset({"m:2", "m:3", "m:4"}))
    assert sorted(zip(both.centroid[:, 0].tolist(), both.label, strict=True)) == [
        (9.4, "m:2"), (100.0, "p:1"), (109.6, "m:2"), (200.0, "p:3"), (300.0, "m:4"),
    ]  # fmt: skip


def test_the_fused_label_map_is_the_preset() -> None:
    made = fused_map(load_label_map("pannuke", "HE"), load_label_map("monusac", "HE"))
    preset = load_label_map("hovernet-pannuke+monusac", "HE")
    assert (made.label_map.name, made.label_map.labels) == (preset.name, preset.labels)
    assert made.wins == {"monusac:2", "monusac:3", "monusac:4"}


# ------------------------------------------------------------------------------------------------ quality
def test_what_is_wrong_with_a_tile_is_said(drawn: Picture) -> None:
    from scipy import ndimage

    white = np.array([243.0, 243, 243])
    sharp = drawn.rgb[:400, 200:600]
    assert quality_of(sharp, white, 0.25).flags == []
    blurred = ndimage.gaussian_filter(sharp, (4, 4, 0))
    assert quality_of(blurred, white, 0.25).flags == ["out_of_focus"]
    inked = sharp.copy()
    inked[:, :150] = (30, 60, 160)
    assert "pen" in quality_of(inked, white, 0.25).flags
    folded = sharp.copy()
    folded[100:250] = (folded[100:250] / 243.0) ** 5 * 243
    assert "fold" in quality_of(folded, white, 0.25).flags
    assert quality_of(np.full((400, 400, 3), 242, np.uint8), white, 0.25).flags == ["blank"]


def test_the_colours_say_which_stain_it_is(drawn: Picture) -> None:
    white = np.array([243.0, 243, 243])
    density = -np.log10((drawn.rgb[:, 200:].astype(float) + 1) / 244)
    brown = (243 * 10 ** -(density.mean(axis=2, keepdims=True) * 1.5 * np.array([0.27, 0.57, 0.78]))).astype(np.uint8)
    assert not stain_doubt(drawn.rgb, white, "HE")
    assert stain_doubt(brown, white, "HE")
    assert not stain_doubt(brown, white, "HER2")
    assert stain_doubt(drawn.rgb, white, "HER2")


# ------------------------------------------------------------------------------------------------ features
def test_what_speaks_of_a_class_that_the_network_cannot_tell_is_null(segmented: Any, command: Callable[..., Any]) -> None:
    store, _ = segmented
    assert command("--store", store, "features", "--workers", 1).code == 0
    rows = command(
        "--store", store, "--json", "sql", "SELECT feature, value FROM slide_feature WHERE rule IN ('ratio', 'first_mean_radius')"
    ).rows
    value = {row["feature"]: row["value"] for row in rows}
    assert value["Pi_Lymph_in_all_cells"] > 0
    assert value["Tumor_Lymph_Degrees"] is not None
    for name in (
        "Pi_Macro_in_all_cells",
        "Pi_Lymph_in_immune_cells",
        "Pi_Immune_in_all_cells",
        "Tumor_Neutro_Degrees",
        "Macro_Macro_Nsubgraph",
    ):
        assert value[name] is None, name


def test_features_of_cells_exported_and_ingested_again_are_the_same(segmented: Any, tmp_path: Path, command: Callable[..., Any]) -> None:
    store, _ = segmented
    asked = "SELECT feature, rule, value, n_cells FROM slide_feature ORDER BY feature, rule"
    assert command("--store", store, "features", "--workers", 1).code == 0
    wanted = command("--store", store, "--json", "sql", asked).rows
    assert (
        command("--store", store, "export", "cells", "--slide-id", "drawn", "--format", "hovernet", "-o", tmp_path / "drawn.json").code == 0
    )
    assert command("init", tmp_path / "again").code == 0
    words = ("ingest", "cells", tmp_path / "drawn.json", "--stain", "HE", "--mpp", 0.25, "--label-map", "ladder-default", "--patient", "P1")
    assert command("--store", tmp_path / "again", *words, "--workers", 1).code == 0
    assert command("--store", tmp_path / "again", "features", "--workers", 1).code == 0
    assert len(wanted) > 300
    assert command("--store", tmp_path / "again", "--json", "sql", asked).rows == wanted


# ------------------------------------------------------------------------------------------------ the demo's chain
@pytest.mark.slow
def test_the_demo_finds_most_of_the_cells_that_it_drew(
    tmp_path: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from her2ladder.cli import demo_slides

    said: list[str] = []
    monkeypatch.setattr(demo_slides, "say", said.append)
    monkeypatch.setattr(demo_slides, "SIDE_PX", 500)
    called = []

    def call(words: list[str]) -> None:
        called.append(words)
        assert command(*words).code == 0

    demo_slides.run_slides(call, tmp_path / "slides", 2)
    assert [line.split(":")[0].strip() for line in said] == ["HE", "HER2"]
    for line in said:
        hit, drawn, new, found = (int(word.replace(",", "")) for word in line.replace(":", " ").split() if word.replace(",", "").isdigit())
        assert hit > 0.75 * drawn, line
        assert new < 0.25 * found, line
    assert (tmp_path / "slides" / "map-HE.html").stat().st_size > 20_000


def test_a_map_is_drawn_over_the_slides_image(segmented: Any, slide: Path, tmp_path: Path, command: Callable[..., Any]) -> None:
    store, _ = segmented
    for name in ("map.html", "map.png"):
        assert command("--store", store, "map", "drawn", "-o", tmp_path / name, "--over", slide).code == 0
    page = (tmp_path / "map.html").read_text()
    assert "img-src data:" in page
    assert '<img class="cmap-over" alt="" src="data:image/jpeg;base64,' in page
    assert "segmented by the default network (demonstration grade)" in page
    with Image.open(tmp_path / "map.png") as picture:
        pink = (np.asarray(picture.convert("RGB")).astype(int) @ [1, -2, 1] > 40).mean()
    assert pink > 0.2  # the tissue's colour lies beneath the cells
    assert command("--store", store, "map", "drawn", "-o", tmp_path / "bare.html").code == 0
    assert "img-src" not in (tmp_path / "bare.html").read_text()
    (tmp_path / "no.svs").write_bytes(b"no slide")
    told = command("--store", store, "map", "drawn", "-o", tmp_path / "x.html", "--over", tmp_path / "no.svs")
    assert (told.code, "wanted a slide" in told.err) == (1, True)


def test_cells_of_flagged_tiles_are_left_out_of_features_and_counted(tmp_path: Path, drawn: Picture, command: Callable[..., Any]) -> None:
    inked = np.concatenate([drawn.rgb, np.full((700, 324, 3), 243, np.uint8), drawn.rgb], axis=1)  # tiles of 1024: the second is inked
    inked[:, 1024:1200] = (30, 60, 160)
    write_slide(tmp_path / "inked.svs", inked, 0.25)
    at = ("--store", tmp_path / "store")
    assert command("init", tmp_path / "store").code == 0
    assert command(*at, "segment", tmp_path / "inked.svs", "--stain", "HE", "--workers", 1).code == 0
    cells = command(*at, "--json", "sql", "SELECT count(*) AS n, count(*) FILTER (x_um < 256) AS n_left FROM cell").rows[0]
    asked = "SELECT n_cells FROM slide_feature WHERE feature = 'Pi_Lymph_in_all_cells'"
    assert command(*at, "features", "--workers", 1).code == 0
    assert command(*at, "--json", "sql", asked).rows == [{"n_cells": cells["n"]}]
    assert command(*at, "features", "--leave-out", "pen", "--workers", 1).code == 0
    assert 0 < cells["n_left"] < cells["n"]
    assert command(*at, "--json", "sql", asked).rows == [{"n_cells": cells["n_left"]}]
    noted = command(*at, "--json", "sql", "SELECT reason FROM quarantine WHERE what = 'features'").rows
    assert noted == [{"reason": f"{cells['n'] - cells['n_left']:,} cells of 1 flagged tiles are not counted"}]
    assert command(*at, "check").code == 0
    assert "--leave-out: wanted some of" in command(*at, "features", "--leave-out", "ink").err
