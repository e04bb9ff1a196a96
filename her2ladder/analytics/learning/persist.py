"""Save a trained model as a folder of two files and load it without trusting it.

model.skops  the fitted steps, in skops' format: no pickle, and every type in it must be on ALLOWED below, never on the file's own list
model.json   what the model is: features in order, members and weights, cuts, threshold, versions, and a fingerprint of its training cohort
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from sklearn.pipeline import Pipeline

from her2ladder.analytics.learning.candidates import CANDIDATES
from her2ladder.analytics.learning.cuts import Cuts
from her2ladder.analytics.learning.ensemble import Ensemble
from her2ladder.analytics.learning.pipeline import Keep, Prepare
from her2ladder.analytics.learning.train import Fitted
from her2ladder.errors import InputError, MissingError

FORMAT = 1
LARGEST_BYTES = 500_000_000
"""Most that model.skops may unpack to; the paper-sized model needs a tenth."""

_OBJECTS = (
    "her2ladder.analytics.learning.pipeline.Keep",
    "her2ladder.analytics.learning.pipeline.Prepare",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn.calibration.CalibratedClassifierCV",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.dummy.DummyClassifier",
    "sklearn.ensemble._forest.ExtraTreesClassifier",
    "sklearn.ensemble._forest.RandomForestClassifier",
    "sklearn.ensemble._gb.GradientBoostingClassifier",
    "sklearn.linear_model._logistic.LogisticRegression",
    "sklearn.naive_bayes.GaussianNB",
    "sklearn.neighbors._classification.KNeighborsClassifier",
    "sklearn.neural_network._multilayer_perceptron.MLPClassifier",
    "sklearn.pipeline.Pipeline",
    "sklearn.preprocessing._data.StandardScaler",
    "sklearn.preprocessing._label.LabelBinarizer",
    "sklearn.svm._classes.SVC",
    "sklearn.tree._classes.DecisionTreeClassifier",
    "sklearn.tree._classes.DecisionTreeRegressor",
    "sklearn.tree._classes.ExtraTreeClassifier",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
)
ALLOWED = frozenset(
    {(name, "ObjectNode") for name in _OBJECTS}
    | {
        ("builtins.bytearray", "BytearrayNode"),
        ("builtins.dict", "DictNode"),
        ("builtins.list", "ListNode"),
        ("builtins.str", "JsonNode"),
        ("builtins.str", "TypeNode"),
        ("builtins.tuple", "TupleNode"),
        ("numpy.float64", "NdArrayNode"),
        ("numpy.int64", "NdArrayNode"),
        ("numpy.ndarray", "NdArrayNode"),
        ("numpy.random.mtrand.RandomState", "RandomStateNode"),
        ("sklearn._loss._loss.CyHalfBinomialLoss", "LossNode"),
        ("sklearn.tree._tree.Tree", "TreeNode"),
    }
)
"""Every (type, loader) that a model file may hold."""


@dataclass(frozen=True)
class Model:
    """A model as loaded.

    ensemble  what scores
    cuts      frozen at training
    card      model.json as it stands
    differs   packages whose version is not the one of the training, each as a phrase: scores may differ and should be compared
    """

    ensemble: Ensemble
    cuts: Cuts
    card: dict[str, Any]
    differs: tuple[str, ...]


def save(fitted: Fitted, folder: Path, name: str) -> dict[str, Any]:
    """Write model.skops and model.json into an existing or new folder and return what model.json holds."""
    folder.mkdir(parents=True, exist_ok=True)
    steps = {"prepare": fitted.ensemble.prepare, "members": dict(fitted.ensemble.members)}
    packed = skops.io.dumps(steps, compression=zipfile.ZIP_DEFLATED)
    _audit(packed, folder / "model.skops")
    card = _card(fitted, name) | {"model_skops_sha256": hashlib.sha256(packed).hexdigest()}
    (folder / "model.skops").write_bytes(packed)
    (folder / "model.json").write_text(json.dumps(card, indent=1, allow_nan=False) + "\n")
    return card


def load(folder: Path) -> Model:
    """Return the model of a folder that `save` wrote.

    raises   MissingError where a file is not there; InputError where one is damaged, holds a type that is not on ALLOWED,
             or is not what model.json says
    """
    for file in ("model.json", "model.skops"):
        if not (folder / file).is_file():
            raise MissingError(f"{folder}: a model is a folder with model.json and model.skops, {file} is not there; train the model again")
    card = _read_card(folder / "model.json")
    packed = (folder / "model.skops").read_bytes()
    if hashlib.sha256(packed).hexdigest() != card["model_skops_sha256"]:
        raise InputError(f"{folder / 'model.skops'}: the file is not the one that model.json was written with; train the model again")
    _audit(packed, folder / "model.skops")
    try:
        steps = skops.io.loads(packed, trusted=[name for name, _ in sorted(ALLOWED)])
        ensemble = _ensemble(steps, card)
    except Exception as wrong:
        # whatever a made-up file provokes in the libraries below, the user's answer is the same one line
        raise InputError(
            f"{folder / 'model.skops'}: not a model of this program ({type(wrong).__name__}: {wrong}); train the model again"
        ) from wrong
    return Model(ensemble, Cuts(card["q1"], card["q2"], card["threshold"]), card, _differs(card))


def fingerprint(fitted: Fitted) -> str:
    """Return a hash of the training cohort: ids, columns, values and outcomes, in the order of patient ids."""
    told = hashlib.sha256("\n".join((*fitted.patient_ids, "", *fitted.columns)).encode())
    told.update(np.ascontiguousarray(fitted.values).tobytes())
    told.update(fitted.y.astype(np.int64).tobytes())
    return told.hexdigest()


def _versions() -> dict[str, str]:
    return {package: version(package) for package in ("her2ladder", "numpy", "scikit-learn", "skops", "xgboost-cpu")}


def _differs(card: dict[str, Any]) -> tuple[str, ...]:
    now = _versions()
    return tuple(
        f"{package} {then} at training, {now.get(package)} now" for package, then in card["versions"].items() if now.get(package) != then
    )


def _card(fitted: Fitted, name: str) -> dict[str, Any]:
    names = fitted.ensemble.prepare.names(fitted.columns)
    params = {t.candidate: t.params for t in fitted.tried if t.chosen}
    return {
        "format": FORMAT,
        "name": name,
        "predicts": "residual disease",
        "features": list(fitted.columns),
        "kinds": list(fitted.kinds),
        "features_used": [fitted.columns[j] for j in fitted.ensemble.used_columns()],
        "prepared": list(names),
        "members": [
            {"candidate": m, "label": CANDIDATES[m].label, "weight": w, "params": params[m]} for m, w in fitted.ensemble.weights.items()
        ],
        "q1": fitted.cuts.q1,
        "q2": fitted.cuts.q2,
        "threshold": fitted.cuts.threshold,
        "settings": asdict(fitted.settings) | {"candidates": list(fitted.settings.candidates)},
        "training": {"patients": len(fitted.y), "residual_disease": int(fitted.y.sum()), "fingerprint": fingerprint(fitted)},
        "versions": _versions(),
    }


def _read_card(file: Path) -> dict[str, Any]:
    try:
        card = json.loads(file.read_text())
        sound = (
            card["format"] == FORMAT
            and all(isinstance(feature, str) for feature in card["features"])
            and all(isinstance(card[cut], float) for cut in ("q1", "q2", "threshold"))
            and all(m["candidate"] in CANDIDATES and isinstance(m["weight"], float) for m in card["members"])
            and isinstance(card["model_skops_sha256"], str)
            and isinstance(card["versions"], dict)
            and abs(sum(m["weight"] for m in card["members"]) - 1) < 1e-9
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise InputError(f"{file}: wanted the description of a model, format {FORMAT}, got something else; train the model again")
    return dict(card)


def _audit(packed: bytes, file: Path) -> None:
    """Refuse, before anything is built, a file with a type or loader that is not on ALLOWED."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            schema = json.loads(archive.read("schema.json")) if size <= LARGEST_BYTES else None
        strange = [] if schema is None else sorted(_strange(schema))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError) as wrong:
        raise InputError(f"{file}: not a skops file ({type(wrong).__name__}); train the model again") from wrong
    if schema is None:
        raise InputError(f"{file}: unpacks to {size} bytes, at most {LARGEST_BYTES} are read")
    if strange:
        raise InputError(f"{file}: holds types that no model of this program has: {', '.join(strange[:5])}; the file is refused")


def _strange(schema: Any) -> set[str]:
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if any(key in node for key in ("__class__", "__module__", "__loader__")):
                kind = (f"{node.get('__module__')}.{node.get('__class__')}", str(node.get("__loader__")))
                if kind not in ALLOWED:
                    found.add(f"{kind[0]} by {kind[1]}")
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return found


def _ensemble(steps: Any, card: dict[str, Any]) -> Ensemble:
    members = [m["candidate"] for m in card["members"]]
    if not isinstance(steps, dict) or set(steps) != {"prepare", "members"} or list(steps["members"]) != members:
        raise InputError(f"wanted the members {', '.join(members)}")
    prepare = steps["prepare"]
    width = len(card["features"])
    if not isinstance(prepare, Prepare) or not ((prepare.source_ >= 0) & (prepare.source_ < width)).all():
        raise InputError(f"wanted a preparation of {width} features")
    for model in steps["members"].values():
        if not isinstance(model, Pipeline) or not isinstance(model.named_steps.get("keep"), Keep):
            raise InputError("wanted a pipeline for each member")
    weights = {m["candidate"]: m["weight"] for m in card["members"]}
    return Ensemble(tuple(card["features"]), prepare, steps["members"], weights)
