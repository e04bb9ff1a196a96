"""Saved models: they score as before, hold no type outside the list, and a made-up file is refused before anything is built."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.preprocessing import FunctionTransformer

from her2ladder.analytics.learning import persist
from her2ladder.analytics.learning.candidates import CANDIDATES, draws
from her2ladder.analytics.learning.design import Design
from her2ladder.analytics.learning.score import score
from her2ladder.analytics.learning.train import Trained
from her2ladder.analytics.learning.tuning import fit_model, learn_front
from her2ladder.errors import InputError, MissingError


@pytest.fixture
def folder(trained: Trained, tmp_path: Path) -> Path:
    persist.save(trained.model, tmp_path / "m", "m")
    return tmp_path / "m"


def _replace(folder: Path, packed: bytes) -> None:
    """Put other bytes in the place of model.skops and make model.json agree with them, as a forger would."""
    (folder / "model.skops").write_bytes(packed)
    card = json.loads((folder / "model.json").read_text())
    card["model_skops_sha256"] = hashlib.sha256(packed).hexdigest()
    (folder / "model.json").write_text(json.dumps(card))


def _refused(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        persist.load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_loaded_model_scores_to_the_last_bit_as_before(trained: Trained, folder: Path) -> None:
    model = persist.load(folder)
    values = trained.model.values
    assert model.ensemble.scores(values).tobytes() == trained.model.ensemble.scores(values).tobytes()
    assert model.cuts == trained.model.cuts
    assert model.ensemble.weights == trained.model.ensemble.weights


def test_the_card_says_what_the_model_is(trained: Trained, folder: Path) -> None:
    card = persist.load(folder).card
    assert card["features"] == list(trained.model.columns)
    assert card["training"]["patients"] == 100
    assert len(card["training"]["fingerprint"]) == 64
    assert set(card["versions"]) >= {"scikit-learn", "skops", "numpy"}
    assert [m["candidate"] for m in card["members"]] == list(trained.model.ensemble.members)


def test_a_model_trained_with_other_versions_loads_and_says_so(folder: Path) -> None:
    assert persist.load(folder).differs == ()
    card = json.loads((folder / "model.json").read_text())
    card["versions"]["scikit-learn"] = "0.1"
    (folder / "model.json").write_text(json.dumps(card))
    (difference,) = persist.load(folder).differs
    assert difference.startswith("scikit-learn 0.1 at training, ")


def test_every_candidate_on_every_kind_of_draw_fits_the_list_of_types(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(60, 12))
    y = (values[:, 0] + random.logistic(size=60) > 0).astype(np.int64)
    front = learn_front(values, y, 1)
    for name, candidate in CANDIDATES.items():
        models = [fit_model(front, front.prepare.transform(values), y, name, p, 1, 5) for p in draws(candidate, 8, 1)]
        packed = skops.io.dumps({"prepare": front.prepare, "members": models})
        persist._audit(packed, tmp_path)
        loaded = skops.io.loads(packed, trusted=[t for t, _ in persist.ALLOWED])["members"]
        for before, after in zip(models, loaded, strict=True):
            assert before.predict_proba(values).tobytes() == after.predict_proba(values).tobytes()


def test_a_file_that_names_a_function_is_refused_before_it_is_built(folder: Path) -> None:
    _replace(folder, skops.io.dumps({"prepare": FunctionTransformer(func=shutil.rmtree), "members": {}}))
    assert "shutil.rmtree" in _refused(folder)


def test_a_type_that_skops_itself_trusts_is_refused_where_it_is_not_on_our_list(folder: Path) -> None:
    packed = skops.io.dumps({"prepare": Ridge(), "members": {}})
    assert skops.io.get_untrusted_types(data=packed) == []
    _replace(folder, packed)
    assert "Ridge" in _refused(folder)


def test_a_known_type_behind_another_loader_is_refused(folder: Path) -> None:
    def other_loader(schema: dict[str, Any]) -> None:
        schema["__loader__"] = "MethodNode"

    _replace(folder, _with_schema((folder / "model.skops").read_bytes(), other_loader, folder))
    assert "builtins.dict by MethodNode" in _refused(folder)


def _with_schema(packed: bytes, change: Callable[[dict[str, Any]], None], folder: Path) -> bytes:
    source, target = folder / "before.zip", folder / "after.zip"
    source.write_bytes(packed)
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(target, "w") as after:
        for entry in before.infolist():
            data = before.read(entry)
            if entry.filename == "schema.json":
                schema = json.loads(data)
                change(schema)
                data = json.dumps(schema).encode()
            after.writestr(entry, data)
    return target.read_bytes()


def test_a_pickle_a_text_and_a_cut_file_are_refused(folder: Path) -> None:
    whole = (folder / "model.skops").read_bytes()
    for packed in (pickle.dumps({"a": 1}), b"hello", whole[: len(whole) // 2], b""):
        _replace(folder, packed)
        assert "not a skops file" in _refused(folder)


def test_allowed_types_in_the_wrong_place_are_refused(folder: Path) -> None:
    for steps in ({"prepare": 1, "members": {}}, [1, 2], {"members": {}}):
        _replace(folder, skops.io.dumps(steps))
        assert "not a model of this program" in _refused(folder)


def test_a_file_that_unpacks_beyond_the_limit_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persist, "LARGEST_BYTES", 1000)
    assert "at most 1000 are read" in _refused(folder)


def test_a_file_other_than_the_one_the_card_was_written_with_is_refused(folder: Path) -> None:
    (folder / "model.skops").write_bytes(skops.io.dumps({}))
    assert "not the one that model.json was written with" in _refused(folder)


def test_a_strange_card_is_refused_and_a_missing_file_is_named(folder: Path) -> None:
    card = json.loads((folder / "model.json").read_text())
    for broken in ("[]", "{", json.dumps(card | {"format": 99}), json.dumps(card | {"q1": "low"})):
        (folder / "model.json").write_text(broken)
        assert "model.json" in _refused(folder)
    (folder / "model.json").unlink()
    with pytest.raises(MissingError, match=r"model\.json is not there"):
        persist.load(folder)


def test_scoring_takes_columns_in_any_order_and_reports_what_was_missing(trained: Trained, folder: Path) -> None:
    model, fitted = persist.load(folder), trained.model
    used = model.card["features_used"]
    values = np.nan_to_num(fitted.values[:4].copy())
    values[1, fitted.columns.index(used[0])] = np.nan
    values[2] = np.nan
    turned = Design(
        ("a", "b", "c", "d"), (*fitted.columns[::-1], "extra"), ("continuous",) * 31, np.column_stack([values[:, ::-1], np.zeros(4)])
    )
    scored = score(model, turned)
    np.testing.assert_array_equal(scored.scores, model.ensemble.scores(values))
    assert scored.imputed.tolist() == [0, 1, len(used), 0]
    assert scored.missing[used[0]] == 2
    assert scored.n_used == len(used)
    assert scored.positive == tuple((scored.scores >= model.cuts.threshold).tolist())


def test_a_score_at_the_threshold_is_positive(trained: Trained) -> None:
    model = trained.model
    design = Design(tuple("abcdef"), model.columns, ("continuous",) * 30, model.values[:6])
    middle = float(np.sort(model.ensemble.scores(design.values))[3])
    scored = score(replace(model, cuts=replace(model.cuts, threshold=middle)), design)
    assert dict(zip(scored.scores.tolist(), scored.positive, strict=True))[middle] is True
    assert sum(scored.positive) == 3


def test_features_that_the_table_lacks_are_listed(trained: Trained, folder: Path) -> None:
    model = persist.load(folder)
    few: NDArray[np.float64] = np.zeros((2, 28))
    with pytest.raises(InputError, match=r"needs 30 columns and 2 are not there: f28, f29") as caught:
        score(model, Design(("a", "b"), trained.model.columns[:28], ("continuous",) * 28, few))
    assert "\n" not in str(caught.value)
