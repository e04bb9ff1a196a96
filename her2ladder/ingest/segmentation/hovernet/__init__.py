"""HoVer-Net: the network built from its checkpoint's keys, and its maps turned into nuclei as the original does.

`net = load_checkpoint(path)`; `maps = net.infer(images)`; `instances, nuclei = post_process(maps[0], net.n_types)`.
"""

from her2ladder.ingest.segmentation.hovernet.checkpoint import load_checkpoint
from her2ladder.ingest.segmentation.hovernet.post_process import post_process

__all__ = ["load_checkpoint", "post_process"]
