"""What the tests of segmentation share: seeded weights of HoVer-Net, and masks with known nuclei."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch (extra [segment]) is not installed")

MASKS = Path(__file__).parents[3] / "benchmarks" / "segmentation" / "masks.py"


@pytest.fixture(scope="session")
def masks() -> Any:
    """The benchmark's maps and measures of masks."""
    spec = importlib.util.spec_from_file_location("masks", MASKS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def weights() -> Callable[[str, int | None], dict[str, Any]]:
    """Weights of a mode and a number of types, seeded, of a size that keeps the signal alive through all layers."""
    from her2ladder.ingest.segmentation.hovernet.net import HoverNet

    kept: dict[tuple[str, int | None], dict[str, Any]] = {}

    def make(mode: str, n_types: int | None) -> dict[str, Any]:
        if (mode, n_types) not in kept:
            torch.manual_seed(20)
            kept[mode, n_types] = {name: _seeded(name, tensor) for name, tensor in HoverNet(mode, n_types).state_dict().items()}
        return kept[mode, n_types]

    return make


def _seeded(name: str, tensor: Any) -> Any:
    if name.endswith(("num_batches_tracked", "unpool_mat")):
        return tensor
    if name.endswith("running_var"):
        return torch.rand_like(tensor) + 0.5
    if tensor.ndim == 4:
        return torch.randn_like(tensor) * ((0.2 if ".u0." in name else 1.0) / tensor[0].numel()) ** 0.5
    return torch.rand_like(tensor) * 0.4 + 0.8 if name.endswith(".weight") else torch.randn_like(tensor) * 0.1


@pytest.fixture
def ellipses() -> Callable[..., Any]:
    """A mask of ellipses, some of which touch, and a map of types (each nucleus mostly of one)."""

    def draw(side: int = 300, n: int = 60, seed: int = 5, n_types: int = 5, apart: bool = False) -> tuple[Any, Any]:
        random = np.random.default_rng(seed)
        yy, xx = np.mgrid[:side, :side]
        mask, types = np.zeros((side, side), np.int32), random.integers(0, n_types, (side, side)).astype(np.int32)
        for i in range(1, n + 1):
            (x, y), (a, b), turn = random.uniform(13, side - 13, 2), random.uniform(5, 12, 2), random.uniform(0, np.pi)
            u, v = (xx - x) * np.cos(turn) + (yy - y) * np.sin(turn), (yy - y) * np.cos(turn) - (xx - x) * np.sin(turn)
            inside = (u / a) ** 2 + (v / b) ** 2 <= 1
            if apart and mask[inside].any():
                continue
            inside &= mask == 0
            mask[inside] = i
            types[inside & (random.random((side, side)) < 0.7)] = i % n_types
        return mask, types

    return draw
