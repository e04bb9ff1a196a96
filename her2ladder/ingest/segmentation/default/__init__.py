"""The default H&E network: trained by this repository on ten CC0 patches, shipped with it; good for a demonstration (MODEL_CARD.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from her2ladder.errors import InputError
from her2ladder.ingest.segmentation.extra import needs_extra

WEIGHTS = Path(__file__).with_name("weights.safetensors")
MPP = 0.25


def load_default(device: str = "cpu") -> Any:
    """Return the network (net.UNet), ready to infer.

    raises   InputError where the extra [segment] is not installed
    """
    torch = needs_extra("torch")
    load_file = needs_extra("safetensors.torch").load_file
    from her2ladder.ingest.segmentation.default.net import UNet

    net = UNet()
    try:
        net.load_state_dict(load_file(WEIGHTS), strict=True)
    except (OSError, RuntimeError) as error:
        raise InputError(f"{WEIGHTS}: the default network's weights are damaged: install her2ladder again ({error})") from error
    return net.eval().requires_grad_(False).to(device=device, memory_format=torch.channels_last)
