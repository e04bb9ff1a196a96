"""A simulated study on disk: complete, consistent, the same bytes from the same seed, and refused where it cannot be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from her2ladder.analytics.simulate import plan
from her2ladder.analytics.simulate import run as study_of
from her2ladder.analytics.simulate.draw import SlideTask
from her2ladder.analytics.simulate.run import Simulated, simulate
from her2ladder.errors import InputError, StageError
from her2ladder.schema.labels import preset_names

SMALL = plan.scaled(14, cells_per_slide=120)


def _digests(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Simulated]:
    folder = tmp_path_factory.mktemp("study") / "deep" / "study"
    return folder, simulate(folder, SMALL, 4)


def test_any_number_of_workers_writes_the_same_bytes(study: tuple[Path, Simulated], tmp_path: Path) -> None:
    simulate(tmp_path / "two", SMALL, 4, workers=2)
    assert _digests(tmp_path / "two") == _digests(study[0])


def test_another_seed_writes_other_slides(study: tuple[Path, Simulated], tmp_path: Path) -> None:
    simulate(tmp_path / "other", SMALL, 5)
    mine, other = _digests(study[0]), _digests(tmp_path / "other")
    assert all(mine[name] != other[name] for name in mine if name.startswith("slides/"))


def test_every_slide_of_every_seed_is_drawn_by_random_numbers_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seeds: list[tuple[int, ...]] = []

    def told(tasks: list[SlideTask], work: object, *, workers: int) -> Iterator[tuple[SlideTask, int]]:
        seeds.extend(task.seed for task in tasks)
        return ((task, 1) for task in tasks)

    monkeypatch.setattr(study_of, "fan_out", told)
    for seed in (4, 5):
        simulate(tmp_path / str(seed), SMALL, seed)
    assert len(seeds) == len(set(seeds)) == 2 * 28


def test_the_manifest_names_two_slides_a_patient_that_exist(study: tuple[Path, Simulated]) -> None:
    folder, made = study
    manifest = pd.read_csv(made.manifest)
    assert manifest.columns.tolist() == ["path", "slide_id", "patient_id", "stain", "mpp", "label_map", "format"]
    assert len(manifest) == made.n_slides == 28
    assert manifest["slide_id"].is_unique
    assert manifest.groupby("patient_id")["stain"].agg(" ".join).eq("HE HER2").all()
    assert (manifest["mpp"] == 0.25).all()
    cells = [len(json.loads((folder / path).read_bytes())["nuc"]) for path in manifest["path"]]
    assert sum(cells) == made.n_cells
    assert min(cells) >= 60
    assert max(cells) <= 240
    assert len(list((folder / "slides").iterdir())) == 28


def test_the_tables_speak_of_the_same_patients(study: tuple[Path, Simulated]) -> None:
    _, made = study
    clinical, told, scores = (pd.read_csv(path) for path in (made.clinical, made.truth_table, made.scores))
    assert clinical["patient_id"].tolist() == told["patient_id"].tolist()
    assert len(clinical) == made.n_patients
    analysed = told.loc[told["analysed"] == 1, "patient_id"].tolist()
    assert scores["patient_id"].tolist() == analysed
    assert pd.read_csv(made.manifest)["patient_id"].unique().tolist() == analysed
    assert set(clinical["is_pcr"].dropna()) <= {0, 1}


def test_the_folder_says_that_it_is_synthetic(study: tuple[Path, Simulated]) -> None:
    folder, made = study
    assert (folder / "README.txt").read_text().startswith("SYNTHETIC DATA")
    assert json.loads(made.truth.read_text())["synthetic"] is True


def test_one_stain_and_point_tables_can_be_asked_for(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    made = simulate(
        tmp_path / "a", replace(SMALL, stains=("HER2",), cell_format="parquet"), 4, progress=lambda done, total: seen.append((done, total))
    )
    manifest = pd.read_csv(made.manifest)
    assert set(manifest["stain"]) == {"HER2"}
    assert manifest["path"].str.endswith(".parquet").all()
    assert seen == [(i + 1, 14) for i in range(14)]


def test_a_slide_does_not_depend_on_which_stains_were_asked_for(study: tuple[Path, Simulated], tmp_path: Path) -> None:
    simulate(tmp_path / "a", replace(SMALL, stains=("HER2",)), 4)
    mine, all_of_them = _digests(tmp_path / "a"), _digests(study[0])
    assert all(all_of_them[name] == digest for name, digest in mine.items() if name.startswith("slides/"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stains": ("HE", "ER")}, "stains must be"),
        ({"stains": ()}, "stains must be"),
        ({"cell_format": "xml"}, "format must be"),
        ({"cells_per_slide": 3}, "at least 20 cells"),
    ],
)
def test_a_plan_that_cannot_be_drawn_is_refused_and_writes_nothing(change: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        simulate(tmp_path / "a", replace(SMALL, **change), 4)
    assert not (tmp_path / "a").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="empty folder"):
        simulate(tmp_path, SMALL, 4)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(InputError, match="seed"):
        simulate(tmp_path / "b", SMALL, -1)


def test_a_slide_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("her2ladder.analytics.simulate.files.write_hovernet_json", full)
    with pytest.raises(StageError, match="No space left"):
        simulate(tmp_path / "a", SMALL, 4)
    assert list(tmp_path.iterdir()) == []


def test_labels_and_formats_are_those_that_ingest_knows(study: tuple[Path, Simulated]) -> None:
    manifest = pd.read_csv(study[1].manifest)
    assert dict(zip(manifest["stain"], manifest["label_map"], strict=True)) == {"HE": "hovernet-pannuke+monusac", "HER2": "her2-membrane"}
    assert set(manifest["label_map"]) <= set(preset_names())
