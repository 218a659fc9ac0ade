"""The printed map: A4 at 300 dpi, the same bytes each time, labels that do not collide."""

from __future__ import annotations

import itertools
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from map_content import EDGE_M, board, board_graph, content

from lotting.plan import Plan
from lotting.report import figure
from lotting.report.content import LotLimits
from lotting.report.figure import draw_figure, scale_bar_km, write_figure
from lotting.report.geometry import dissolved

LONG = (
    "Castle Donington & Whitwick", "Ashby de la Zouch & Coalville",
    "Loughborough West & Shepshed", "Oadby",
)


def chunks(data: bytes) -> dict[bytes, bytes]:
    """Chunks of a PNG by type, checked against their checksums."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = {}, 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        (check,) = struct.unpack(">I", data[at + 8 + size : at + 12 + size])
        assert check == zlib.crc32(kind + body)
        found[kind] = found.get(kind, b"") + body
        at += 12 + size
    return found


def texts(content_figure: object) -> list[str]:
    parts = list(content_figure.texts)  # type: ignore[attr-defined]
    for axes in content_figure.axes:  # type: ignore[attr-defined]
        parts += axes.texts
    return [part.get_text() for part in parts]


def test_a4_landscape_at_300_dpi_without_a_date(tmp_path: Path) -> None:
    """3508 x 2480 pixels, 300 dots an inch (11,811 a metre), no time and no version inside."""
    write_figure(content(), tmp_path / "map.png")
    data = chunks((tmp_path / "map.png").read_bytes())
    assert struct.unpack(">II", data[b"IHDR"][:8]) == (3508, 2480)
    assert struct.unpack(">IIB", data[b"pHYs"]) == (11811, 11811, 1)
    assert b"tIME" not in data
    assert b"atplotlib" not in data[b"tEXt"]
    assert b"Toy county" in data[b"tEXt"]


def test_same_content_same_bytes(tmp_path: Path) -> None:
    """Written twice, and once more in another process with other hash seeds.

    That process also sees that drawing neither imports pyplot nor changes matplotlib's settings.
    """
    write_figure(content(LONG), tmp_path / "a.png")
    write_figure(content(LONG), tmp_path / "b.png")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "import matplotlib; before = matplotlib.rcParams.copy();"
        "from pathlib import Path; from map_content import content; from test_figure import LONG;"
        "from lotting.report.figure import write_figure;"
        "write_figure(content(LONG), Path(sys.argv[2]));"
        "assert 'matplotlib.pyplot' not in sys.modules;"
        "after = matplotlib.rcParams.copy();"
        "assert all(dict.get(after, k) == dict.get(before, k) for k in dict.keys(before))"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path / "c.png")],
        check=True, env={"PYTHONHASHSEED": "7"},
    )
    first = (tmp_path / "a.png").read_bytes()
    assert first == (tmp_path / "b.png").read_bytes() == (tmp_path / "c.png").read_bytes()


def test_page_says_what_it_must() -> None:
    """Title, source, facts, each lot with its hours, the limits broken, and the scale."""
    said = texts(draw_figure(content(LONG)))
    assert "Toy county" in said
    assert "Source: made up for tests." in said
    assert {"60.0 %", "35"} <= set(said)
    assert set(LONG) <= set(said)
    assert {"▼ 100", "250", "400", "1,000", "[c]", "+60.0", "−60.0"} <= set(said)
    assert not any(part.startswith("▲ 4") for part in said)
    assert "0.5 km" in said  # a fifth of 4 km and margins is a little over 0.8 km
    assert {"Lot", "Locality", "Today’s zone"} <= set(said)


def test_unknown_zones_and_localities_have_no_key() -> None:
    """The legend names only lines that are drawn."""
    areas = board(4, 4)
    areas["locality"] = ""
    said = texts(draw_figure(content(areas=areas, today=None)))
    assert "Today’s zone" not in said
    assert "Locality" not in said


def test_dollars_are_no_mathematics() -> None:
    """Dollar signs and backslashes in a name are drawn, not read as TeX."""
    figure_ = draw_figure(content(("$x^2$ $", r"a\frac", "C", "D"), title="$100 & $200"))
    figure_.canvas.draw()
    assert "$100 & $200" in texts(figure_)


@pytest.mark.parametrize("names", [LONG, ("1", "2", "3", "4")])
def test_labels_stay_on_their_lot_and_apart(names: tuple[str, str, str, str]) -> None:
    """Measured on the drawn page: no label leaves its lot, and no two overlap."""
    drawn = content(names)
    page = draw_figure(drawn)
    page.canvas.draw()
    axes = page.axes[0]
    outlines = dissolved(drawn.areas.geometry, drawn.lots)
    boxes = []
    for label in figure._place_labels(axes, drawn, outlines.reindex(drawn.plan.lot_names)):
        parts = [t for t in axes.texts if t.get_text() in label.lines
                 and outlines[label.lot].covers(figure.Point(t.get_position()))]
        assert len(parts) == len(label.lines)
        ends = np.array([axes.transData.inverted().transform(t.get_window_extent())
                         for t in parts])
        west, south = ends[:, 0].min(axis=0)
        east, north = ends[:, 1].max(axis=0)
        box = figure.shapely.box(west, south, east, north)
        assert outlines[label.lot].covers(box)
        boxes.append(box)
    assert len(boxes) == 4
    assert not any(a.intersects(b) for a, b in itertools.combinations(boxes, 2))


def test_a_lot_too_small_for_words_has_its_key() -> None:
    """A corner of 20 m among squares of 1 km is still labelled."""
    areas = board(4, 4)
    x, y = areas.geometry["a00"].bounds[:2]
    corner = figure.shapely.box(x, y, x + 20, y + 20)
    areas.loc["a00", "geometry"] = corner
    plan = content(LONG).plan.move(dict.fromkeys(("a01", "a10", "a11"), LONG[1]))
    drawn = content(LONG, areas=areas, plan=plan)
    assert drawn.keys[LONG[0]] in [t.get_text() for t in draw_figure(drawn).axes[0].texts]


@given(st.floats(0.01, 5000))
def test_scale_bar_is_a_round_length_that_fits(width_km: float) -> None:
    """1, 2 or 5 times a power of ten, at most a fifth of the map, and the next would not fit."""
    length = scale_bar_km(width_km)
    assert length <= width_km / 5 * 1.000001
    digits = f"{length:.0e}"
    assert digits[0] in "125"
    assert float(digits) == pytest.approx(length)
    assert length * 2.5 > width_km / 5 * 0.999999


def test_scale_bar_has_its_true_length() -> None:
    """The bar's pixels over the map's pixels a metre give the length it is labelled with."""
    page = draw_figure(content())
    page.canvas.draw()
    axes = page.axes[0]
    (x0, _), (x1, _) = axes.transData.transform([(0, 0), (EDGE_M, 0)])
    halves = [a for a in page.artists if a.get_gid() == "scale-bar"]
    pixels = sum(half.get_window_extent().width for half in halves)
    assert pixels / (x1 - x0) * EDGE_M / 1000 == pytest.approx(scale_bar_km(4.12), rel=1e-6)


def test_forty_lots_fit_their_table() -> None:
    """Every row of a long table lies on the page above the source line."""
    areas = board(9, 5)
    lots = [f"Lot with quite a long name {i}" for i in range(45)]
    areas["locality"] = [f"Locality {i // 5}" for i in range(45)]
    measures = pd.DataFrame({"weekly_hours": 123.0}, index=lots)
    measures["locality"] = list(areas["locality"])
    page = draw_figure(content(
        areas=areas, plan=Plan(pd.Series(lots, index=areas.index)), graph=board_graph(9, 5),
        hours=pd.Series(1.0, index=areas.index), today=None, lot_measures=measures, notes="",
        limits=LotLimits(),
    ))
    page.canvas.draw()
    rows = [t for t in page.texts if t.get_text() == "123"]
    assert len(rows) == 45
    edges = sorted(t.get_window_extent().y0 for t in rows)
    assert edges[0] > 0.05 * page.bbox.height
    heights = [t.get_window_extent().height for t in rows]
    assert all(b - a >= h * 0.999 for a, b, h in zip(edges, edges[1:], heights, strict=False))
