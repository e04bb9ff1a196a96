"""Regions in XML: Aperio ImageScope (Annotations) and ASAP (ASAP_Annotations). No entity of a file is ever expanded."""

from __future__ import annotations

import io
import xml.etree.ElementTree as tree
from pathlib import Path

import numpy as np

from her2ladder.errors import InputError
from her2ladder.ingest.regions.drawn import Drawn, Read, polygon
from her2ladder.ingest.regions.geojson import bounded

POLYGON, RECTANGLE, ELLIPSE = "0", "1", "2"  # ImageScope's Region/@Type


def read_xml(path: Path) -> Read:
    """raises   InputError: not XML, a document type or entity in it, or of another program"""
    content = bounded(path)
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise InputError(f"{path}: wanted regions, found XML with a document type or entities, which are not read")
    try:
        root = tree.parse(io.BytesIO(content)).getroot()
    except (tree.ParseError, ValueError, LookupError) as error:
        raise InputError(f"{path}: wanted XML, found: {error}") from error
    if root.tag == "Annotations":
        return _imagescope(root)
    if root.tag == "ASAP_Annotations":
        return _asap(root)
    raise InputError(f"{path}: wanted XML of ImageScope (Annotations) or ASAP (ASAP_Annotations), found <{root.tag}>")


def _imagescope(root: tree.Element) -> Read:
    """A layer is a class; regions of it marked NegativeROA are cut out of the others."""
    read = Read()
    for at, layer in enumerate(root.iter("Annotation")):
        label = _layer(layer)
        holes = []
        drawn: list[Drawn] = []
        for one in layer.iter("Region"):
            record = f"layer {layer.get('Id') or at + 1}, region {one.get('Id') or len(drawn) + 1}"
            points = _points(one.iter("Vertex"), "X", "Y", read, record)
            if points is None:
                continue
            kind = one.get("Type", POLYGON)
            if kind not in (POLYGON, RECTANGLE, ELLIPSE):
                read.bad.append((record, f"wanted an area (Type 0, 1 or 2), found Type {kind}: an arrow, a ruler or a pen's line"))
                continue
            shape = polygon(_ellipse(points) if kind == ELLIPSE and len(points) == 2 else _rectangle(points, kind))
            if one.get("NegativeROA") == "1" and shape is not None:
                holes.append(shape)
                continue
            drawn.append(Drawn(record, one.get("Text") or label, one.get("Text") or None, shape))
        read.regions += [_without(region, holes) for region in drawn]
    return read


def _layer(layer: tree.Element) -> str | None:
    """The name of a layer, else that of its first attribute, as ImageScope shows it."""
    attributes = (one.get("Value") or one.get("Name") for one in layer.iter("Attribute"))
    return layer.get("Name") or next((text for text in attributes if text and text != "Description"), None)


def _without(region: Drawn, holes: list[object]) -> Drawn:
    from shapely import unary_union

    shape = region.geometry
    if shape is None or not holes or not shape.is_valid:
        return region
    return Drawn(region.record, region.label, region.name, shape.difference(unary_union(holes)))


def _rectangle(points: list[tuple[float, float]], kind: str) -> list[tuple[float, float]]:
    if kind != RECTANGLE or len(points) != 2:
        return points
    (x0, y0), (x1, y1) = points
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def _ellipse(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return 128 corners on the ellipse in the box of two corners."""
    (x0, y0), (x1, y1) = points
    turn = np.linspace(0, 2 * np.pi, 128, endpoint=False)
    x = (x0 + x1) / 2 + (x1 - x0) / 2 * np.cos(turn)
    y = (y0 + y1) / 2 + (y1 - y0) / 2 * np.sin(turn)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _asap(root: tree.Element) -> Read:
    """The group is the class; an annotation of no group is its own."""
    read = Read()
    for at, one in enumerate(root.iter("Annotation")):
        name, group, kind = one.get("Name") or None, one.get("PartOfGroup"), one.get("Type", "Polygon")
        record = name or f"annotation {at + 1}"
        if kind not in ("Polygon", "Spline", "Rectangle"):
            read.bad.append((record, f"wanted a Polygon, Spline or Rectangle, found a {kind}"))
            continue
        ordered = sorted(one.iter("Coordinate"), key=lambda point: _order(point.get("Order")))
        points = _points(ordered, "X", "Y", read, record)
        if points is not None:
            read.regions.append(Drawn(record, group if group and group != "None" else name, name, polygon(points)))
    return read


def _order(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _points(found: object, x: str, y: str, read: Read, record: str) -> list[tuple[float, float]] | None:
    """Return the corners, or None and a line in `read.bad`."""
    try:
        return [(float(point.attrib[x]), float(point.attrib[y])) for point in found]  # type: ignore[attr-defined]
    except (KeyError, ValueError):
        read.bad.append((record, f"wanted numbers in {x} and {y} of every corner"))
        return None
