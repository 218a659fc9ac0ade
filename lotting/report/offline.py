"""A folium map as a page that needs no network: what every web map of ours has in common.

folium builds the map; what it would load from the net is replaced by the copy of Leaflet beside
this module, and anything it would load that is not known here is an error, not a silent hole. A
content security policy with the hashes of our own scripts forbids every request and every script
that is not ours, so a name in the data can never become code.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from .geometry import label_point
from .template import asset, render

__all__ = [
    "DECIMALS", "Parts", "escaped", "geojson", "map_page", "mark", "new_map", "parts", "script_json",
]  # fmt: skip

# 5 decimals of a degree are about 1 m here: finer than the outlines are.
DECIMALS = 5
_CSP = "@CSP@"


@dataclass(frozen=True, slots=True)
class Parts:
    """What folium wrote: the page's head (with Leaflet in it), the map's element, its script."""

    head: str
    body: str
    script: str


def map_page(package: str, template: str, built: Parts, css: tuple[str, ...] = (), **values: Any) -> str:
    """Return the page of a map, with the policy that lets nothing but its own scripts run.

    Parameters
    ----------
    package
        Whose ``assets`` hold the template and the styles.
    template
        It extends ``map-page.html``.
    built
        The map.
    css
        Styles that follow those of every map.
    **values
        What the template shows.
    """
    page = render(
        package, template, csp=_CSP, head=built.head, map=built.body, script=built.script,
        css="".join([asset(__package__, "map.css"), *(asset(package, name) for name in css)]), **values)
    return page.replace(_CSP, _policy(page), 1)


def _policy(page: str) -> str:
    """Forbid everything but the scripts of this page, its styles and drawn images."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def script_json(value: object) -> str:
    """Write a value as JSON that cannot end a script."""
    from jinja2.utils import htmlsafe_json_dumps

    return str(htmlsafe_json_dumps(value))


def escaped(text: object) -> str:
    """Escape what Leaflet's tooltips and labels would take for HTML."""
    from markupsafe import escape

    return str(escape(str(text)))


def geojson(shapes: gpd.GeoSeries, properties: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Features in WGS84, rounded; ids count from 0."""
    degrees = shapely.transform(
        np.asarray(shapes.to_crs(4326).values), lambda xy: np.round(xy, DECIMALS)
    )
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature", "id": str(i), "properties": facts,
                "geometry": shape.__geo_interface__,
            }
            for i, (shape, facts) in enumerate(zip(degrees, properties, strict=True))
        ],
    }


def new_map(bounds: tuple[float, float, float, float]) -> Any:
    """Return a folium map without tiles, and without what it has no use for.

    Parameters
    ----------
    bounds
        West, south, east and north, degrees.
    """
    import folium

    west, south, east, north = bounds
    made = folium.Map(
        location=[round((south + north) / 2, DECIMALS), round((west + east) / 2, DECIMALS)],
        zoom_start=9, tiles=None, control_scale=True, attribution_control=False,
        zoom_snap=0.125, zoom_delta=0.5, wheel_px_per_zoom_level=120, min_zoom=6, max_zoom=16,
        zoom_animation=False,
    )
    for attribute, wanted in (("default_js", {"leaflet"}), ("default_css", {"leaflet_css"})):
        # The rest is for popups and icons with pictures, and these maps have neither.
        links = [link for link in getattr(made, attribute) if link[0] in wanted]
        setattr(made, attribute, links)
    return made


def mark(shape: BaseGeometry, html: str) -> Any:
    """Return a folium marker of HTML where a shape (EPSG:27700) has most room for a label."""
    import folium

    point = gpd.GeoSeries([label_point(shape)], crs=27700).to_crs(4326).iloc[0]
    return folium.Marker(
        [round(point.y, DECIMALS), round(point.x, DECIMALS)],
        icon=folium.DivIcon(html=html, icon_size=(0, 0)),
        pane="labels", interactive=False, keyboard=False,
    )


def parts(made: Any, script_before: str, start: str) -> Parts:
    """Render a folium map.

    Parameters
    ----------
    made
        The map.
    script_before
        Script of the page that comes before the map's.
    start
        Script that comes after, naming folium's objects.

    Raises
    ------
    RuntimeError
        This version of folium wants to load something that is not carried along.
    """
    root: Any = made.get_root()
    root.render()
    head, body, script = (
        str(part.render()) for part in (root.header, root.html, root.script)
    )
    # folium draws ids at random; ours count, so that the same map gives the same page. Only
    # names of its own objects are touched, never what a user wrote.
    known = _object_names(root)
    count: dict[str, str] = {}

    def renamed(match: re.Match[str]) -> str:
        name = match.group(0)
        if name not in known:
            return name
        stem = name.rsplit("_", 1)[0]
        return count.setdefault(name, f"{stem}_{len(count) + 1}")

    pattern = re.compile(r"\b[a-z][a-z_]*_[0-9a-f]{32}")
    script = pattern.sub(renamed, script + start)
    return Parts(_vendored(pattern.sub(renamed, head)), pattern.sub(renamed, body),
                 script_before + script)


def _object_names(root: Any) -> set[str]:
    from branca.element import Element

    names: set[str] = set()

    def visit(found: dict[str, Any]) -> None:
        element = Element()
        element._name, element._id = found["name"], found["id"]  # noqa: SLF001
        names.add(element.get_name())
        for child in found.get("children", {}).values():
            visit(child)

    visit(root.to_dict())
    return names


def _vendored(head: str) -> str:
    """Put the files that folium would load in the place of their links.

    folium's own meta tags go: ours say the same, and do not forbid zooming in.
    """
    head = re.sub(r"<meta\b[^>]*>", "", head, flags=re.IGNORECASE)

    def script(match: re.Match[str]) -> str:
        licence = asset(__package__, "leaflet-LICENSE.txt").strip()
        return f"<script>\n/*! {licence}\n*/\n{_carried(match.group(1), 'js')}</script>"

    def style(match: re.Match[str]) -> str:
        # Its pictures are for controls this map does not use.
        css = re.sub(r"url\([^)]*\)", "none", _carried(match.group(1), "css"))
        return f"<style>\n{css}</style>"

    head = re.sub(r'<script\s+src="([^"]*)"\s*>\s*</script>', script, head)
    head = re.sub(r'<link\s[^>]*href="([^"]*)"[^>]*>', style, head)
    return "\n".join(line.rstrip() for line in head.splitlines() if line.strip())


def _carried(url: str, kind: str) -> str:
    if not re.search(rf"/leaflet@1\.9\.\d+/dist/leaflet\.{kind}$", url):
        raise RuntimeError(
            f"folium wants to load {url}, which the map does not carry, so it would not work "
            "without a network. Install folium 0.20, or add the file to lotting/report/assets."
        )
    return asset(__package__, f"leaflet-1.9.4.{kind}")
