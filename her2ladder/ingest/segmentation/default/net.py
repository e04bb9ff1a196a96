"""The small network of the default: a U-Net of 3x3 convolutions with HoVer-Net's heads (types, nucleus, h and v).

Convolutions have a bias and no normalisation: the training script folds its batch norms into them.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

WIDTHS = (16, 32, 64, 128)  # channels of the levels; level k is at 1 / 2^k
TYPES = ("Background", "Tumor", "Stroma", "Lymph")
STRIDE = 2 ** (len(WIDTHS) - 1)
HEADS = {"tp": len(TYPES), "np": 1, "hv": 2}


class UNet(nn.Module):  # type: ignore[misc]
    """Images (N, 3, H, W) as inputs_of gives them, sides a multiple of STRIDE -> (N, 4 + 1 + 2, H, W): types, nucleus, h and v."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        n = 3
        for width in WIDTHS:
            self.down.append(_pair(n, width))
            n = width
        for width in reversed(WIDTHS[:-1]):
            self.up.append(_pair(n + width, width))
            n = width
        self.head = nn.Conv2d(n, sum(HEADS.values()), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips = []
        for i, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if i else x)
            skips.append(x)
        for block, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), skip], dim=1))
        return self.head(x)


def _pair(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(n_out, n_out, 3, padding=1), nn.ReLU(inplace=True)
    )


def inputs_of(images: NDArray[np.uint8]) -> torch.Tensor:
    """Return (N, 3, H, W) of images (N, H, W, 3): white is 0, black 2."""
    return (255.0 - torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()) / 127.5


def maps_of(logits: torch.Tensor) -> torch.Tensor:
    """Return (N, H, W, 4) type, P(nucleus), h, v. A nucleus's pixel is of a type: the background has no vote."""
    types, nucleus, hv = torch.split(logits.float(), list(HEADS.values()), dim=1)
    kind = types[:, 1:].argmax(dim=1, keepdim=True) + 1
    return torch.cat([kind.float(), torch.sigmoid(nucleus), hv], dim=1).permute(0, 2, 3, 1)


def infer(net: UNet, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (H, W, 4) type, P(nucleus), h, v of an image (H, W, 3), whose sides are filled up to whole strides by reflection."""
    height, width = rgb.shape[:2]
    more = (-height % STRIDE, -width % STRIDE)
    filled = np.pad(rgb, ((0, more[0]), (0, more[1]), (0, 0)), mode="symmetric")
    weights = net.head.weight
    with torch.inference_mode():
        x = inputs_of(filled[None]).to(device=weights.device, dtype=weights.dtype, memory_format=torch.channels_last)
        return np.ascontiguousarray(maps_of(net(x))[0, :height, :width].cpu().numpy())
