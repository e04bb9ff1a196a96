"""Train the default H&E network, or measure it by cross-validation beside LoG + watershed.

python benchmarks/segmentation/train_default.py folds  DATA [--purple DATA] [--steps N]     # 5 folds over the ten patches
python benchmarks/segmentation/train_default.py final  DATA [--purple DATA] [--steps N]     # weights and card into the package

DATA: a folder with the ten CC0 patches of NuCLS (train_N.png, .npz, .csv); --purple: the 106 purple images of DSB 2018, mixed in.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from masks import Agreement, agreement, offsets
from rival import log_watershed
from torch import nn

from her2ladder.ingest.segmentation.default.net import HEADS, UNet, inputs_of, maps_of
from her2ladder.ingest.segmentation.hovernet.post_process import find_nuclei

PACKAGE = Path(__file__).parents[2] / "her2ladder" / "ingest" / "segmentation" / "default"
MPP, PATCH_MPP = 0.25, 0.2
CROP, BATCH = 128, 8
KIND = {0: 1, 1: 2, 2: 3}  # the table's labels: tumor_any, nonTIL_stromal, sTIL -> Tumor, Stroma, Lymph
UNKNOWN = -1


class Example(NamedTuple):
    """image (H, W, 3) uint8; instances (H, W) int32; kinds (H, W) int64: 0 background, 1.. type, -1 unknown."""

    name: str
    image: Any
    instances: Any
    kinds: Any


def nucls(folder: Path) -> list[Example]:
    """The patches at their own 0.2 um/px."""
    found = []
    for n in range(1, 11):
        image = cv2.cvtColor(cv2.imread(str(folder / f"train_{n}.png")), cv2.COLOR_BGR2RGB)
        held = np.load(folder / f"train_{n}.npz")
        instances, tumour = held["inst_map"].astype(np.int32), held["type_map"]
        of = np.full(instances.max() + 1, UNKNOWN)
        of[0] = 0
        of[np.unique(instances[tumour == 2])] = 1
        for x, y, label in np.loadtxt(folder / f"train_{n}.csv", delimiter=",", skiprows=1, ndmin=2):
            at = instances[min(int(y), 255), min(int(x), 255)]
            if at:
                of[at] = KIND.get(int(label), UNKNOWN)
        of[0] = 0
        found.append(Example(f"train_{n}", image, instances, of[instances].astype(np.int64)))
    return found


def purple(folder: Path, area_px: float) -> list[Example]:
    """The images of DSB 2018, each scaled so that its median nucleus has area_px; types are unknown."""
    found = []
    for path in sorted(folder.glob("[0-9][0-9][0-9].png")):
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        instances = cv2.imread(str(path).replace(".png", "_inst.png"), cv2.IMREAD_UNCHANGED).astype(np.int32)
        areas = np.bincount(instances.ravel())[1:]
        if not (areas > 0).any():
            continue
        one = scaled(
            Example(path.stem, image, instances, np.where(instances > 0, UNKNOWN, 0)), (area_px / np.median(areas[areas > 0])) ** 0.5
        )
        if min(one.instances.shape) >= CROP // 2:
            found.append(one)
    return found


def scaled(one: Example, by: float) -> Example:
    h, w = (max(round(side * by), 1) for side in one.instances.shape)
    how = cv2.INTER_AREA if by < 1 else cv2.INTER_CUBIC
    small = [cv2.resize(m.astype(np.float64), (w, h), interpolation=cv2.INTER_NEAREST).astype(m.dtype) for m in (one.instances, one.kinds)]
    return Example(one.name, cv2.resize(one.image, (w, h), interpolation=how), *small)


# ------------------------------------------------------------------------------------------------ what a network sees
H_E = np.linalg.inv(np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]]))


def sample(one: Example, random: np.random.Generator) -> tuple[Any, Any, Any, Any]:
    """A crop, turned, scaled, and stained otherwise."""
    one = scaled(one, float(np.exp(random.uniform(-0.25, 0.25))))
    image, instances, kinds = one.image, one.instances, one.kinds
    pad = [max(CROP - side, 0) for side in instances.shape]
    if any(pad):
        image = np.pad(image, ((0, pad[0]), (0, pad[1]), (0, 0)), mode="reflect")
        instances, kinds = (np.pad(m, ((0, pad[0]), (0, pad[1])), mode="reflect") for m in (instances, kinds))
    y, x = (int(random.integers(0, side - CROP + 1)) for side in instances.shape)
    cut = np.s_[y : y + CROP, x : x + CROP]
    turn = int(random.integers(0, 4))
    image, instances, kinds = (np.rot90(m[cut], turn) for m in (image, instances, kinds))
    if random.random() < 0.5:
        image, instances, kinds = (m[:, ::-1] for m in (image, instances, kinds))
    instances = np.ascontiguousarray(instances)
    return restained(image, random), instances, offsets(instances), np.ascontiguousarray(kinds)


def restained(image: Any, random: np.random.Generator) -> Any:
    """Strength of each stain, light and focus vary as between laboratories and scanners."""
    od = -np.log10((image.astype(np.float32) + 1) / 256)
    stains = od.reshape(-1, 3) @ H_E * random.uniform(0.7, 1.35, 3) + random.normal(0, 0.02, 3)
    out = 256 * 10 ** -(stains @ np.linalg.inv(H_E)) - 1
    out = out.reshape(image.shape) * random.uniform(0.93, 1.05, 3)
    if random.random() < 0.3:
        out = cv2.GaussianBlur(out, (0, 0), random.uniform(0.3, 1.0))
    return np.clip(out + random.normal(0, random.uniform(0, 4), out.shape), 0, 255).astype(np.uint8)


# ------------------------------------------------------------------------------------------------ training
class Normed(UNet):
    """The same network with a batch norm behind each convolution of a pair."""

    def __init__(self) -> None:
        super().__init__()
        for blocks in (self.down, self.up):
            for i, block in enumerate(blocks):
                layers: list[nn.Module] = []
                for layer in block:
                    layers += [layer, nn.BatchNorm2d(layer.out_channels)] if isinstance(layer, nn.Conv2d) else [layer]
                blocks[i] = nn.Sequential(*layers)

    def folded(self) -> UNet:
        """The network without batch norms that gives the same in inference."""
        from torch.nn.utils.fusion import fuse_conv_bn_eval

        plain = UNet().eval()
        self.eval()
        for mine, theirs in ((self.down, plain.down), (self.up, plain.up)):
            for block, target in zip(mine, theirs, strict=True):
                target[0] = fuse_conv_bn_eval(block[0], block[1])
                target[2] = fuse_conv_bn_eval(block[3], block[4])
        plain.head.load_state_dict(self.head.state_dict())
        return plain


def loss_of(logits: Any, instances: Any, hv: Any, kinds: Any) -> Any:
    types, nucleus, found = torch.split(logits, list(HEADS.values()), dim=1)
    inside = (instances > 0).float()[:, None]
    p = torch.sigmoid(nucleus)
    dice = 1 - (2 * (p * inside).sum() + 1) / (p.sum() + inside.sum() + 1)
    wrong = (found - hv) ** 2
    mse = (wrong * (0.2 + inside)).sum() / (2 * (0.2 + inside).sum())
    slope = ((found[..., 1:] - found[..., :-1] - hv[..., 1:] + hv[..., :-1])[:, :1] ** 2 * inside[..., 1:]).sum()
    slope = slope + ((found[..., 1:, :] - found[..., :-1, :] - hv[..., 1:, :] + hv[..., :-1, :])[:, 1:] ** 2 * inside[..., 1:, :]).sum()
    kind = F.cross_entropy(types, kinds, ignore_index=UNKNOWN)
    return F.binary_cross_entropy_with_logits(nucleus, inside) + dice + 2 * mse + slope / (inside.sum() + 1) + 0.5 * kind


def train(breast: list[Example], other: list[Example], steps: int, seed: int, share: float) -> UNet:
    """Return the trained network, its batch norms folded; weights are the moving average of the last third."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    net = Normed().to(memory_format=torch.channels_last)
    best = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.98), use_buffers=True)
    adam = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=1e-3)
    pace = torch.optim.lr_scheduler.OneCycleLR(adam, 4e-3, total_steps=steps, pct_start=0.2)
    scaled_breast = [scaled(one, PATCH_MPP / MPP) for one in breast]
    net.train()
    for step in range(steps):
        drawn = [other if other and random.random() < share * (1 - step / steps) else scaled_breast for _ in range(BATCH)]
        batch = [sample(source[int(random.integers(len(source)))], random) for source in drawn]
        images, instances, hv, kinds = (np.stack(part) for part in zip(*batch, strict=True))
        logits = net(inputs_of(images).contiguous(memory_format=torch.channels_last))
        loss = loss_of(logits, torch.from_numpy(instances), torch.from_numpy(hv).permute(0, 3, 1, 2), torch.from_numpy(kinds))
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        adam.step()
        pace.step()
        best.update_parameters(net)
        if step % 100 == 0:
            print(f"  step {step} loss {loss.item():.3f}", flush=True)
    return best.module.folded()


# ------------------------------------------------------------------------------------------------ measuring
def segmented(net: UNet, image: Any) -> tuple[Any, Any]:
    """Instances of a patch at its own size: found at MPP, drawn back; and (n,) type of each."""
    h, w = image.shape[:2]
    side = [round(v * PATCH_MPP / MPP) for v in (h, w)]
    small = cv2.resize(image, side[::-1], interpolation=cv2.INTER_AREA)
    pad = [-v % 8 for v in side]
    small = np.pad(small, ((0, pad[0]), (0, pad[1]), (0, 0)), mode="reflect")
    with torch.inference_mode():
        maps = maps_of(net(inputs_of(small[None])))[0].numpy()[: side[0], : side[1]]
    _, nuclei = find_nuclei(maps, 4)
    drawn = np.zeros((h, w), np.int32)
    for i, ring in enumerate(nuclei.contours):
        points = (ring + 0.5) * (np.array([w, h]) / np.array(side[::-1])) - 0.5
        cv2.fillPoly(drawn, [np.round(points).astype(np.int32)], i + 1)
    return drawn, nuclei.type


def typed(truth: Example, drawn: Any, kinds: Any) -> tuple[int, int]:
    """Nuclei whose type is known and that were found; those of them whose type is right."""
    known = right = 0
    for number in np.unique(truth.instances)[1:]:
        inside = truth.instances == number
        kind = int(truth.kinds[inside][0])
        over = np.bincount(drawn[inside], minlength=2)[1:]
        if kind == UNKNOWN or not over.any() or over.max() < inside.sum() / 2:
            continue
        known += 1
        right += int(kinds[over.argmax()] == kind)
    return known, right


def interval(parts: list[Agreement], which: str, n: int = 2000) -> tuple[float, float]:
    """Percentile interval over patches drawn again."""
    random = np.random.default_rng(0)
    values = []
    for _ in range(n):
        total = Agreement(0, 0.0, 0, 0)
        for i in random.integers(0, len(parts), len(parts)):
            total = total + parts[i]
        values.append(getattr(total, which))
    lo, hi = np.percentile(values, [2.5, 97.5])
    return float(lo), float(hi)


def folds(patches: list[Example], other: list[Example], steps: int, share: float, only: int, keep: Path | None) -> None:
    ours: list[Agreement] = []
    rival: list[Agreement] = []
    known = right = 0
    for k in range(only):
        held = patches[2 * k : 2 * k + 2]
        begun = time.process_time()
        net = train([p for p in patches if p not in held], other, steps, seed=k, share=share)
        if keep:
            torch.save(net.state_dict(), keep / f"fold_{k}.pt")
        for one in held:
            drawn, kinds = segmented(net, one.image)
            ours.append(agreement(one.instances, drawn))
            rival.append(agreement(one.instances, log_watershed(one.image, PATCH_MPP)))
            n, good = typed(one, drawn, kinds)
            known, right = known + n, right + good
            print(
                f"fold {k} {one.name}: F1 {ours[-1].f1:.3f} PQ {ours[-1].pq:.3f}; LoG {rival[-1].f1:.3f} {rival[-1].pq:.3f}; type {good}/{n}"
            )
        print(f"fold {k}: {time.process_time() - begun:.0f} CPU s", flush=True)
    out: dict[str, Any] = {"steps": steps, "purple": len(other), "type_right": right, "type_known": known}
    for name, parts in (("default", ours), ("LoG + watershed", rival)):
        total = sum(parts, Agreement(0, 0.0, 0, 0))
        out[name] = {which: [round(v, 3) for v in (getattr(total, which), *interval(parts, which))] for which in ("f1", "pq")}
    print(json.dumps(out, indent=1))


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("what", choices=["folds", "final"])
    told.add_argument("data", type=Path)
    told.add_argument("--purple", type=Path)
    told.add_argument("--share", type=float, default=0.6)
    told.add_argument("--steps", type=int, default=600)
    told.add_argument("--only", type=int, default=5, help="the first folds alone")
    told.add_argument("--keep", type=Path, help="folder for the folds' weights")
    args = told.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    patches = nucls(args.data)
    areas = np.concatenate([np.bincount(p.instances.ravel())[1:] for p in patches])
    area_px = float(np.median(areas[areas > 0])) * (PATCH_MPP / MPP) ** 2
    other = purple(args.purple, area_px) if args.purple else []
    if args.what == "folds":
        folds(patches, other, args.steps, args.share, args.only, args.keep)
        return
    from safetensors.torch import save_file

    begun = time.process_time()
    net = train(patches, other, args.steps, seed=100, share=args.share)
    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, PACKAGE / "weights.safetensors")
    print(f"{sum(p.numel() for p in net.parameters()):,} parameters, {time.process_time() - begun:.0f} CPU s")


if __name__ == "__main__":
    main()
