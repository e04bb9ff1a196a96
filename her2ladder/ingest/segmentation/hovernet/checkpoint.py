"""HoVer-Net checkpoints: read without running what is in them, and held against the keys that the network must have.

A released `.tar` and a training checkpoint have the weights under `desc`, TIAToolbox's `.pth` is the weights; all names may begin with
`module.`. The mode and the number of types are read from the shapes of the weights.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from her2ladder.errors import InputError
from her2ladder.ingest.segmentation.extra import needs_extra

MAX_BYTES = 2_000_000_000  # the largest network has 219 MB of weights; a training checkpoint has two moments of each beside them
MODE_KEY, TYPES_KEY = "decoder.np.u3.conva.weight", "decoder.tp.u0.conv.weight"
MAX_TYPES = 1000


def load_checkpoint(path: str | Path, device: str = "cpu") -> Any:
    """Return the network (net.HoverNet) that a checkpoint holds, ready to infer.

    device   where its weights go: cpu, cuda, cuda:1
    raises   InputError: not a checkpoint; it holds code (refused); not HoVer-Net's, with the key or shape that is wrong
    """
    torch = needs_extra("torch")
    from her2ladder.ingest.segmentation.hovernet.net import HoverNet, memory_format

    path = Path(path)
    weights = _weights(path, torch)
    mode, n_types = _mode(path, weights), _n_types(path, weights)
    net = HoverNet(mode, n_types)
    _check(path, weights, net.state_dict(), f"HoVer-Net, mode {mode}, {'no types' if n_types is None else f'{n_types} types'}")
    net.load_state_dict(weights, strict=True)
    return net.eval().requires_grad_(False).to(device=device, memory_format=memory_format(torch.device(device)))


def _weights(path: Path, torch: Any) -> dict[str, Any]:
    """Return name -> tensor, without `module.`.

    raises   InputError
    """
    held = _unpickled(path, torch)
    held = held.get("desc", held) if isinstance(held, Mapping) else held
    if not isinstance(held, Mapping) or not held or not all(isinstance(name, str) for name in held):
        raise InputError(f"{path}: wanted a HoVer-Net checkpoint (names with weights, or these under 'desc'), found {_what(held)}")
    weights = {name.removeprefix("module."): tensor for name, tensor in held.items()}
    for name, tensor in weights.items():
        if not isinstance(tensor, torch.Tensor):
            raise InputError(f"{path}: {name[:80]}: wanted weights, found {type(tensor).__name__}: this is not a HoVer-Net checkpoint")
    return weights


def _what(held: object) -> str:
    return "an empty one" if isinstance(held, Mapping) and not held else f"an object of type {type(held).__name__}"


def _unpickled(path: Path, torch: Any) -> Any:
    if not path.is_file():
        raise InputError(f"{path}: wanted a HoVer-Net checkpoint, found no file")
    try:
        n_bytes = path.stat().st_size
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as members:
                n_bytes = max(n_bytes, sum(member.file_size for member in members.infolist()))
        if n_bytes > MAX_BYTES:
            raise InputError(f"{path}: wanted a HoVer-Net checkpoint of at most {MAX_BYTES:,} bytes, found {n_bytes:,}")
        return torch.load(path, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except pickle.UnpicklingError as error:
        raise InputError(f"{path}: {_refusal(str(error))}") from None
    except Exception as error:  # a damaged or hostile file can make torch fail in any way
        said = (str(error).splitlines() or [""])[0]
        raise InputError(
            f"{path}: wanted a HoVer-Net checkpoint written by torch.save, found a file that torch cannot read ({said[:160]})"
        ) from None


def _refusal(said: str) -> str:
    """Say in one line why torch would not read the file."""
    for sign in ("GLOBAL ", "call of "):
        if sign in said:
            name = said.split(sign, 1)[1].split()[0].strip("`'\".,")
            return (
                f"refused, because it would run code when it is read (it asks for {name[:80]}): a checkpoint holds weights alone; "
                "if you trust the file, write it again with its weights only"
            )
    return "wanted a HoVer-Net checkpoint written by torch.save, found a file that is no such one, or is damaged"


def _mode(path: Path, weights: Mapping[str, Any]) -> str:
    from her2ladder.ingest.segmentation.hovernet.net import MODES

    if MODE_KEY not in weights:
        first = next(iter(weights))
        raise InputError(f"{path}: not a HoVer-Net checkpoint: key {MODE_KEY} is missing (its first key is {first[:80]})")
    shape = tuple(weights[MODE_KEY].shape)
    for mode, told in MODES.items():
        if shape[-1:] == (told.kernel,):
            return mode
    raise InputError(f"{path}: {MODE_KEY}: wanted a kernel of 5 (original) or 3 (fast), found shape {shape}")


def _n_types(path: Path, weights: Mapping[str, Any]) -> int | None:
    if TYPES_KEY not in weights:
        return None
    shape = tuple(weights[TYPES_KEY].shape)
    if len(shape) != 4 or not 2 <= shape[0] <= MAX_TYPES:
        raise InputError(f"{path}: {TYPES_KEY}: wanted 2 to {MAX_TYPES} types, found shape {shape}")
    return int(shape[0])


def _check(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any], what: str) -> None:
    """Hold names and shapes against the network's.

    raises   InputError: the first key that is wrong, and how many are
    """
    counters = ".num_batches_tracked"  # training writes them, the released files lack them; they change nothing
    faults = [f"key {name} is missing" for name in wanted if name not in found and not name.endswith(counters)]
    faults += [f"key {name[:120]} is none of the network's" for name in found if name not in wanted]
    faults += [
        f"{name}: wanted shape {tuple(tensor.shape)}, found {tuple(found[name].shape)}"
        for name, tensor in wanted.items()
        if name in found and found[name].shape != tensor.shape
    ]
    faults += [
        f"{name}: wanted finite numbers, found {'NaN or infinity' if tensor.is_floating_point() else tensor.dtype}"
        for name, tensor in found.items()
        if not name.endswith(counters) and not (tensor.is_floating_point() and bool(tensor.isfinite().all()))
    ]
    if faults:
        more = f" (and {len(faults) - 1} further faults)" if len(faults) > 1 else ""
        raise InputError(f"{path}: not a checkpoint of {what}: {faults[0]}{more}")
