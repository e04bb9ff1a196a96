"""The network has the released checkpoints' keys and gives what a plain reading of them gives."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch (extra [segment]) is not installed")
F = torch.nn.functional

from her2ladder.errors import InputError  # noqa: E402
from her2ladder.ingest.segmentation.hovernet import load_checkpoint  # noqa: E402
from her2ladder.ingest.segmentation.hovernet.net import HoverNet  # noqa: E402

Weights = Callable[[str, int | None], dict[str, Any]]


@pytest.mark.parametrize(
    "mode, n_types, n_parameters, n_keys",
    [("fast", 5, 37_639_561, 798), ("fast", 6, 37_639_626, 798), ("original", 5, 54_744_457, 798), ("original", None, 45_028_676, 632)],
)
def test_the_network_has_the_parameters_and_keys_of_the_released_ones(
    mode: str, n_types: int | None, n_parameters: int, n_keys: int
) -> None:
    with torch.device("meta"):
        net = HoverNet(mode, n_types)
    assert sum(p.numel() for p in net.parameters()) == n_parameters
    keys = net.state_dict()
    assert len(keys) == n_keys
    for name, shape in (
        ("conv0./.weight", (64, 3, 7, 7)),
        ("d0.units.0.conv1/bn.weight", (64,)),
        ("d0.units.1.preact/bn.weight", (256,)),
        ("d0.shortcut.weight", (256, 64, 1, 1)),
        ("conv_bot.weight", (1024, 2048, 1, 1)),
        ("upsample2x.unpool_mat", (2, 2)),
    ):
        assert tuple(keys[name].shape) == shape
    assert ("decoder.tp.u3.dense.units.0.preact_bna/bn.weight" in keys) == (n_types is not None)


# ------------------------------------------------------------------------------------------------ a plain reading of the keys
class Plain:
    """HoVer-Net written once more, as functions of the weights by name: no module, no shared code."""

    def __init__(self, w: dict[str, Any]) -> None:
        self.w = w
        self.fast = w["decoder.np.u3.conva.weight"].shape[-1] == 3

    def bn(self, x: Any, at: str) -> Any:
        mean, var = self.w[f"{at}.running_mean"], self.w[f"{at}.running_var"]
        scale = self.w[f"{at}.weight"] / torch.sqrt(var + 1e-5)
        return torch.relu((x - mean[:, None, None]) * scale[:, None, None] + self.w[f"{at}.bias"][:, None, None])

    def residual(self, x: Any, at: str, n: int, stride: int) -> Any:
        around = F.conv2d(x, self.w[f"{at}.shortcut.weight"], stride=stride)
        for i in range(n):
            u, step = f"{at}.units.{i}", stride if i == 0 else 1
            y = x if i == 0 else self.bn(x, f"{u}.preact/bn")
            y = self.bn(F.conv2d(y, self.w[f"{u}.conv1.weight"]), f"{u}.conv1/bn")
            y = F.pad(y, (0, 1, 0, 1) if step == 2 else (1, 1, 1, 1))  # sides are even here
            y = self.bn(F.conv2d(y, self.w[f"{u}.conv2.weight"], stride=step), f"{u}.conv2/bn")
            x = around = F.conv2d(y, self.w[f"{u}.conv3.weight"]) + around
        return self.bn(x, f"{at}.blk_bna.bn")

    def dense(self, x: Any, at: str, n: int) -> Any:
        for i in range(n):
            u = f"{at}.units.{i}"
            y = F.conv2d(self.bn(x, f"{u}.preact_bna/bn"), self.w[f"{u}.conv1.weight"])
            y = F.conv2d(self.bn(y, f"{u}.conv1/bn"), self.w[f"{u}.conv2.weight"], groups=4)
            k = self.w[f"{u}.conv2.weight"].shape[-1] // 2
            x = torch.cat([x[:, :, k:-k, k:-k], y], dim=1)
        return self.bn(x, f"{at}.blk_bna.bn")

    def head(self, name: str, d: list[Any]) -> Any:
        def up(x: Any) -> Any:
            return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)

        w, at, k = self.w, f"decoder.{name}", 3 if self.fast else 5
        x = F.conv2d(up(d[3]) + d[2], w[f"{at}.u3.conva.weight"])
        x = F.conv2d(self.dense(x, f"{at}.u3.dense", 8), w[f"{at}.u3.convf.weight"])
        x = F.conv2d(up(x) + d[1], w[f"{at}.u2.conva.weight"])
        x = F.conv2d(self.dense(x, f"{at}.u2.dense", 4), w[f"{at}.u2.convf.weight"])
        x = F.conv2d(up(x) + d[0], w[f"{at}.u1.conva.weight"], padding=k // 2)
        return F.conv2d(self.bn(x, f"{at}.u0.bn"), w[f"{at}.u0.conv.weight"], w[f"{at}.u0.conv.bias"])

    def __call__(self, images: Any) -> dict[str, Any]:
        d0 = self.bn(F.conv2d(images / 255, self.w["conv0./.weight"], padding=3 if self.fast else 0), "conv0.bn")
        d = [self.residual(d0, "d0", 3, 1)]
        for at, n in (("d1", 4), ("d2", 6), ("d3", 3)):
            d.append(self.residual(d[-1], at, n, 2))
        d[3] = F.conv2d(d[3], self.w["conv_bot.weight"])
        a, b = (46, 18) if self.fast else (92, 36)
        d[0], d[1] = d[0][:, :, a:-a, a:-a], d[1][:, :, b:-b, b:-b]
        return {name: self.head(name, d) for name in ("tp", "np", "hv") if f"decoder.{name}.u0.conv.weight" in self.w}


@pytest.mark.slow
@pytest.mark.parametrize("mode, n_types", [("fast", 5), ("original", None)])
def test_logits_and_maps_equal_a_plain_reading_of_the_weights(weights: Weights, tmp_path: Path, mode: str, n_types: int | None) -> None:
    torch.save({"desc": weights(mode, n_types)}, tmp_path / "net.tar")
    net = load_checkpoint(tmp_path / "net.tar")
    assert (net.mode, net.n_types) == (mode, n_types)
    assert (net.input_px, net.output_px) == ((256, 164) if mode == "fast" else (270, 80))
    image = np.random.default_rng(3).integers(0, 256, (1, net.input_px, net.input_px, 3), dtype=np.uint8)
    with torch.inference_mode():
        wanted = Plain(weights(mode, n_types))(torch.from_numpy(image).permute(0, 3, 1, 2).float())
    maps = net.infer(image)
    assert maps.shape == (1, net.output_px, net.output_px, 4)
    assert maps.dtype == np.float32
    nucleus = torch.softmax(wanted["np"], dim=1)[0, 1].numpy()
    assert nucleus.std() > 0.01  # the weights do let something through
    np.testing.assert_allclose(maps[0, ..., 1], nucleus, atol=1e-4)
    np.testing.assert_allclose(maps[0, ..., 2:], wanted["hv"][0].permute(1, 2, 0).numpy(), atol=2e-3)
    if n_types is None:
        assert not maps[..., 0].any()
    else:
        top = wanted["tp"][0].topk(2, dim=0).values
        sure = (top[0] - top[1] > 1e-3).numpy()
        assert (maps[0, ..., 0] == wanted["tp"][0].argmax(0).numpy())[sure].all()


# ------------------------------------------------------------------------------------------------ files
@pytest.mark.parametrize("layout", ["released", "training", "parallel", "bare", "without counters", "old format"])
def test_checkpoints_of_every_layout_load_strictly(weights: Weights, tmp_path: Path, layout: str) -> None:
    w = weights("fast", 6)
    held: Any = {
        "released": {"desc": w},
        "training": {"desc": w, "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-4}]}, "epoch": 3},
        "parallel": {"desc": {f"module.{name}": tensor for name, tensor in w.items()}},
        "bare": w,
        "without counters": {"desc": {name: tensor for name, tensor in w.items() if not name.endswith("num_batches_tracked")}},
        "old format": {"desc": w},
    }[layout]
    torch.save(held, tmp_path / "net.tar", _use_new_zipfile_serialization=layout != "old format")
    net = load_checkpoint(tmp_path / "net.tar")
    assert (net.mode, net.n_types, net.training) == ("fast", 6, False)
    assert torch.equal(net.state_dict()["conv_bot.weight"], w["conv_bot.weight"])


class Bomb:
    """Runs code where it is unpickled by a reader that lets it."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os

        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("as_torch", [True, False])
def test_a_checkpoint_that_holds_code_is_refused_and_does_not_run(tmp_path: Path, as_torch: bool) -> None:
    path, ran = tmp_path / "bomb.tar", tmp_path / "ran"
    if as_torch:
        torch.save({"desc": Bomb(ran)}, path)
    else:
        path.write_bytes(pickle.dumps({"desc": Bomb(ran)}))
    with pytest.raises(InputError, match=r"bomb\.tar: (refused|wanted)") as refused:
        load_checkpoint(path)
    assert not ran.exists()
    assert "\n" not in str(refused.value)
    if as_torch:
        assert "system" in str(refused.value)


def _drop(w: dict[str, Any]) -> None:
    del w["d1.units.2.conv2.weight"]


def _add(w: dict[str, Any]) -> None:
    w["decoder.xx.weight"] = torch.zeros(1)


def _reshape(w: dict[str, Any]) -> None:
    w["d3.units.0.conv3.weight"] = torch.zeros(2048, 512, 3, 3)


def _poison(w: dict[str, Any]) -> None:
    w["conv_bot.weight"] = torch.full_like(w["conv_bot.weight"], float("nan"))


def _other_network(w: dict[str, Any]) -> None:
    w.clear()
    w["fc.weight"] = torch.zeros(2, 2)


@pytest.mark.parametrize(
    "damage, said",
    [
        (_drop, "key d1.units.2.conv2.weight is missing"),
        (_add, "key decoder.xx.weight is none of the network's"),
        (_reshape, r"d3.units.0.conv3.weight: wanted shape \(2048, 512, 1, 1\), found \(2048, 512, 3, 3\)"),
        (_poison, "conv_bot.weight: wanted finite numbers"),
        (_other_network, "key decoder.np.u3.conva.weight is missing"),
    ],
)
def test_the_key_that_is_wrong_is_named(weights: Weights, tmp_path: Path, damage: Callable[[dict[str, Any]], None], said: str) -> None:
    held = dict(weights("fast", 6))
    damage(held)
    torch.save(held, tmp_path / "net.pth")
    with pytest.raises(InputError, match=said):
        load_checkpoint(tmp_path / "net.pth")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_checkpoint_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.tar").write_bytes(content)
    with pytest.raises(InputError, match="wanted a HoVer-Net checkpoint"):
        load_checkpoint(tmp_path / "net.tar")


def test_images_of_another_size_are_refused() -> None:
    with torch.device("meta"):
        net = HoverNet("fast", 5)
    with pytest.raises(InputError, match=r"wanted images of shape \(N, 256, 256, 3\)"):
        net.infer(np.zeros((1, 128, 128, 3), dtype=np.uint8))
