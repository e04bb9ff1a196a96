"""HoVer-Net as a torch module whose state_dict has the keys of the released checkpoints.

A residual encoder (pre-activation ResNet-50 with 7x7 stem at stride 1) and two or three decoders of dense units: `tp` (types), `np` (nucleus
or not) and `hv` (distances to the nucleus's centre). Mode `original` convolves 5x5 without padding, 270 px in and 80 out; `fast` 3x3, 256 px
in and 164 out, with a padded stem. The odd names of layers (`conv0./`, `preact_bna/bn`) are the checkpoints' own.

source   Graham et al., Medical Image Analysis 2019; vqdang/hover_net models/hovernet/net_desc.py, net_utils.py
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from her2ladder.errors import InputError


class Shape(NamedTuple):
    """What the two modes differ in.

    kernel           of the decoders
    input_px, output_px   side of a patch in and out
    crop             what the skip connections of levels 0 and 1 lose, in both directions together
    """

    kernel: int
    input_px: int
    output_px: int
    crop: tuple[int, int]


MODES = {"original": Shape(5, 270, 80, (184, 72)), "fast": Shape(3, 256, 164, (92, 36))}
PIXELS_A_BATCH = 4 * 256 * 256  # chosen: 1.3 GB of activations at most, whatever number of images is asked for


def memory_format(device: torch.device) -> torch.memory_format:
    """Return how images and weights lie in memory: on a CPU as the original's do, so that sums are made in the same order (channels_last
    is a tenth faster there); elsewhere channels_last, which is much faster."""
    return torch.contiguous_format if device.type == "cpu" else torch.channels_last


def _conv(n_in: int, n_out: int, kernel: int, **more: Any) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, kernel, bias=more.pop("bias", False), **more)


def _norm(n: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(n, eps=1e-5)


def _sequence(**layers: nn.Module) -> nn.Sequential:
    """Return layers in a row; `__` in a name stands for the checkpoints' `/`."""
    row = nn.Sequential()
    for name, layer in layers.items():
        row.add_module(name.replace("__", "/"), layer)
    return row


class SamePadding(nn.Module):  # type: ignore[misc]
    """Pad as TensorFlow's `same` does: where the padding is odd, the extra row and column come at the end."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        over = x.shape[2] % self.stride  # the original looks at the height alone: its patches are square
        pad = max(self.kernel - (over or self.stride), 0)
        before, after = pad // 2, pad - pad // 2
        return F.pad(x, (before, after, before, after))


class ResidualBlock(nn.Module):  # type: ignore[misc]
    """Units of 1x1, 3x3, 1x1 with a sum around each; the first unit strides, and has no pre-activation."""

    def __init__(self, n_in: int, n_mid: int, n_out: int, n_units: int, stride: int) -> None:
        super().__init__()
        self.units = nn.ModuleList()
        for i in range(n_units):
            step = stride if i == 0 else 1
            head = {} if i == 0 else {"preact__bn": _norm(n_out), "preact__relu": nn.ReLU()}
            self.units.append(
                _sequence(
                    **head,
                    conv1=_conv(n_in if i == 0 else n_out, n_mid, 1),
                    conv1__bn=_norm(n_mid),
                    conv1__relu=nn.ReLU(),
                    conv2__pad=SamePadding(3, step),
                    conv2=_conv(n_mid, n_mid, 3, stride=step),
                    conv2__bn=_norm(n_mid),
                    conv2__relu=nn.ReLU(),
                    conv3=_conv(n_mid, n_out, 1),
                )
            )
        self.shortcut = _conv(n_in, n_out, 1, stride=stride)
        self.blk_bna = _sequence(bn=_norm(n_out), relu=nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        around = self.shortcut(x)
        for unit in self.units:
            x = around = unit(x) + around
        return self.blk_bna(x)


class DenseBlock(nn.Module):  # type: ignore[misc]
    """Units whose output is stacked upon their (cropped) input, 32 channels each, in 4 groups."""

    def __init__(self, n_in: int, kernel: int, n_units: int) -> None:
        super().__init__()
        self.units = nn.ModuleList()
        for i in range(n_units):
            n = n_in + 32 * i
            self.units.append(
                _sequence(
                    preact_bna__bn=_norm(n),
                    preact_bna__relu=nn.ReLU(),
                    conv1=_conv(n, 128, 1),
                    conv1__bn=_norm(128),
                    conv1__relu=nn.ReLU(),
                    conv2=_conv(128, 32, kernel, groups=4),
                )
            )
        self.blk_bna = _sequence(bn=_norm(n_in + 32 * n_units), relu=nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for unit in self.units:
            new = unit(x)
            x = torch.cat([_cropped(x, x.shape[2] - new.shape[2]), new], dim=1)
        return self.blk_bna(x)


def _cropped(x: torch.Tensor, by: int) -> torch.Tensor:
    """Return the middle: `by` rows and columns are lost, the odd one at the end."""
    begin, end = by // 2, by - by // 2
    return x[:, :, begin : x.shape[2] - end, begin : x.shape[3] - end]


def _decoder(n_out: int, kernel: int) -> nn.Sequential:
    return _sequence(
        u3=_sequence(conva=_conv(1024, 256, kernel), dense=DenseBlock(256, kernel, 8), convf=_conv(512, 512, 1)),
        u2=_sequence(conva=_conv(512, 128, kernel), dense=DenseBlock(128, kernel, 4), convf=_conv(256, 256, 1)),
        u1=_sequence(conva_pad=SamePadding(kernel, 1), conva=_conv(256, 64, kernel)),
        u0=_sequence(bn=_norm(64), relu=nn.ReLU(), conv=_conv(64, n_out, 1, bias=True)),
    )


class Upsample(nn.Module):  # type: ignore[misc]
    """Each pixel becomes 2 x 2, times a matrix that the checkpoints carry: ones."""

    unpool_mat: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("unpool_mat", torch.ones(2, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.interpolate(x, scale_factor=2.0, mode="nearest")
        if bool((self.unpool_mat == 1).all()):
            return out
        return out * self.unpool_mat.repeat(x.shape[2], x.shape[3])


class HoverNet(nn.Module):  # type: ignore[misc]
    """The network.

    mode, n_types         original | fast; types with the background, None = it tells nuclei, not types
    input_px, output_px   side of a patch in and out: output is the middle of the input
    """

    def __init__(self, mode: str, n_types: int | None) -> None:
        super().__init__()
        shape = MODES[mode]
        self.mode, self.n_types = mode, n_types
        self.input_px, self.output_px, self._crop = shape.input_px, shape.output_px, shape.crop
        stem: dict[str, nn.Module] = {"__": _conv(3, 64, 7), "bn": _norm(64), "relu": nn.ReLU()}
        self.conv0 = _sequence(**({"pad": SamePadding(7, 1)} if mode == "fast" else {}), **stem)
        self.d0 = ResidualBlock(64, 64, 256, 3, stride=1)
        self.d1 = ResidualBlock(256, 128, 512, 4, stride=2)
        self.d2 = ResidualBlock(512, 256, 1024, 6, stride=2)
        self.d3 = ResidualBlock(1024, 512, 2048, 3, stride=2)
        self.conv_bot = _conv(2048, 1024, 1)
        heads = {"np": 2, "hv": 2} if n_types is None else {"tp": n_types, "np": 2, "hv": 2}
        self.decoder = nn.ModuleDict({name: _decoder(n, shape.kernel) for name, n in heads.items()})
        self.upsample2x = Upsample()

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return head -> logits (N, C, output_px, output_px) of images (N, 3, input_px, input_px), RGB 0..255."""
        d0 = self.d0(self.conv0(images / 255.0))
        d1 = self.d1(d0)
        d2 = self.d2(d1)
        d3 = self.conv_bot(self.d3(d2))
        d0, d1 = _cropped(d0, self._crop[0]), _cropped(d1, self._crop[1])
        out = {}
        for name, head in self.decoder.items():
            x = head.u3(self.upsample2x(d3) + d2)
            x = head.u2(self.upsample2x(x) + d1)
            x = head.u1(self.upsample2x(x) + d0)
            out[name] = head.u0(x)
        return out

    def infer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (N, output_px, output_px, 4): type (0 where there are no types), P(nucleus), h and v.

        images   (N, input_px, input_px, 3) RGB, 0..255; worked on in batches of bounded memory, where the weights are
        raises   InputError where the images have another shape
        """
        images = np.asarray(images)
        wanted = (self.input_px, self.input_px, 3)
        if images.ndim != 4 or images.shape[1:] != wanted:
            raise InputError(f"HoVer-Net, mode {self.mode}: wanted images of shape (N, {wanted[0]}, {wanted[1]}, 3), found {images.shape}")
        n_batch = max(PIXELS_A_BATCH // self.input_px**2, 1)
        maps = np.empty((len(images), self.output_px, self.output_px, 4), dtype=np.float32)
        for at in range(0, len(images), n_batch):
            maps[at : at + n_batch] = self._maps(images[at : at + n_batch])
        return maps

    def _maps(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        weights = self.conv_bot.weight
        batch = torch.from_numpy(np.ascontiguousarray(images)).to(weights.device).permute(0, 3, 1, 2)
        with torch.inference_mode():
            heads = self(batch.to(weights.dtype).contiguous(memory_format=memory_format(weights.device)))
            nucleus = torch.softmax(heads["np"].float(), dim=1)[:, 1:]
            # the original takes the argmax after a float32 softmax, where near ties can become ties
            types = torch.softmax(heads["tp"].float(), dim=1).argmax(dim=1, keepdim=True) if "tp" in heads else torch.zeros_like(nucleus)
            maps = torch.cat([types.float(), nucleus, heads["hv"].float()], dim=1)
            return np.asarray(maps.permute(0, 2, 3, 1).cpu().numpy())
