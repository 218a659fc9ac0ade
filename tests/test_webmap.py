"""The web map: one self-contained page, the same bytes each time, safe with any name."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from map_content import board, board_graph, content

from lotting.errors import PlanError
from lotting.plan import Plan
from lotting.report import webmap
from lotting.report.colours import PALETTE
from lotting.report.content import LotLimits, MapContent
from lotting.report.geometry import dissolved, label_point, simplified
from lotting.report.template import asset
from lotting.report.webmap import render_webmap, write_webmap

CHROMIUM = shutil.which("chromium")
EVIL = (
    "</script><script>document.title='broken'</script>",
    "<img src=x onerror=\"document.title='broken'\">",
    "${document.title='broken'} {{ 7 * 7 }}",
    "O'Brien & \"Sons\" @CSP@ \\u003c",
)


class Page(HTMLParser):
    """Tags, attributes and text of a page, without the content of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside != "style":
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render_webmap(content()))


def test_nothing_is_loaded(page: Page) -> None:
    """No element names a file or an address to fetch; the icon is an empty data URL."""
    assert [a["href"] for a in page.all("link")] == ["data:,"]
    assert not any("src" in attrs for _, attrs in page.tags)
    text = render_webmap(content())
    styles = "".join(re.findall(r"<style>(.*?)</style>", text, flags=re.DOTALL))
    assert "url(" not in styles
    assert "@import" not in styles
    assert "sourceMappingURL" not in text


def test_policy_forbids_the_network_and_foreign_scripts(page: Page) -> None:
    """default-src 'none', and scripts only by the hash of those on the page."""
    policy = next(
        a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert policy.count("sha256-") == len(page.all("script")) == 3
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


def test_same_content_same_bytes(tmp_path: Path) -> None:
    """Two writings, and one in another process with other hash seeds, are identical."""
    write_webmap(content(), tmp_path / "a.html")
    write_webmap(content(), tmp_path / "b.html")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from pathlib import Path; from map_content import content;"
        "from lotting.report.webmap import write_webmap;"
        "write_webmap(content(), Path(sys.argv[2]))"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path / "c.html")],
        check=True, env={"PYTHONHASHSEED": "7"},
    )
    first = (tmp_path / "a.html").read_bytes()
    assert first == (tmp_path / "b.html").read_bytes() == (tmp_path / "c.html").read_bytes()
    assert not re.search(rb"map_[0-9a-f]{32}", first)


def test_structure_for_assistive_technology(page: Page) -> None:
    """British English, one main, one h1, a skip link to a place that exists, captioned tables."""
    assert page.all("html") == [{"lang": "en-GB"}]
    assert len(page.all("main")) == len(page.all("h1")) == 1
    ids = {a["id"] for _, a in page.tags if "id" in a}
    skip = next(a for a in page.all("a") if a.get("class") == "skip")
    assert str(skip["href"]).removeprefix("#") in ids
    assert len(page.all("caption")) == len(page.all("table")) == 2
    assert all(a.get("scope") in {"col", "row", "rowgroup"} for a in page.all("th"))
    assert all(a.get("aria-labelledby", "") in ids | {""} for _, a in page.tags)
    viewport = next(a for a in page.all("meta") if a.get("name") == "viewport")
    assert "user-scalable" not in str(viewport["content"])
    assert "maximum-scale" not in str(viewport["content"])


def test_table_has_every_lot_and_figure(page: Page) -> None:
    """One row a lot with its figures, localities as row groups, limits broken said in words."""
    assert [a["data-lot"] for a in page.all("tr") if "data-lot" in a] == ["2", "3", "0", "1"]
    texts = page.texts
    assert texts.count("below the limit") == 1  # 100 of at least 200; 400 of at most 400 is fine
    assert "above the limit" not in texts
    assert texts.index("East") < texts.index("400") < texts.index("West") < texts.index("100")
    assert {"+60.0", "−60.0", "0.0", "[c]", "1,000"} <= set(texts)
    assert "Each should hold 200 to 400 hours a week." in " ".join(texts)


@pytest.mark.parametrize(("most", "marked"), [(400.0, 0), (399.0, 1)])
def test_limit_itself_is_within(most: float, marked: int) -> None:
    """A lot at its limit is within it; one hour more is above."""
    text = render_webmap(content(limits=LotLimits(max_hours=most)))
    assert text.count('<strong class="warning">above the limit') == marked


def test_areas_table_lists_every_area(page: Page) -> None:
    """What a tooltip says is also in a table: code, name, lot, hours, zone."""
    for code, name in content().areas["area_name"].items():
        assert code in page.texts
        assert name in page.texts


def test_today_and_rurality_only_when_known() -> None:
    """No layer, legend or column for what is not known."""
    areas = board(4, 4)
    areas.attrs["rural_known"] = False
    areas["locality"] = ""
    text = render_webmap(content(today=None, areas=areas))
    for word in ("Today’s zone", "Today\\u2019s zone", "Rural", "Localit"):
        assert word not in text.replace(asset("lotting.report", "map.js"), "")
    full = render_webmap(content())
    assert all(word in full for word in ("Today’s zone", "Rural and urban", "Localities"))


def test_no_count_of_people_by_area_is_published() -> None:
    """A column of people on the areas does not reach the page: only what has a field does."""
    areas = board(4, 4)
    areas["people"] = range(987_001, 987_017)
    areas["population"] = 987_100.0
    assert "9870" not in render_webmap(content(areas=areas))
    assert "9871" not in render_webmap(content(areas=areas))


def test_withheld_hours_say_so() -> None:
    """NaN hours are written as withheld and have a class of their own in the legend."""
    hours = content().hours.copy()
    hours.iloc[3] = np.nan
    text = render_webmap(content(hours=hours))
    assert text.count("withheld") == 3  # in the legend, the area's row and its tooltip
    assert "withheld" not in render_webmap(content())


def test_evil_names_stay_text() -> None:
    """Names with markup, template and script syntax are shown as they are, everywhere."""
    areas = board(4, 4)
    areas["area_name"] = [EVIL[i % 4] for i in range(16)]
    areas["locality"] = [EVIL[i // 8] for i in range(16)]
    zones = pd.Series([EVIL[i % 3] for i in range(16)], index=areas.index)
    changed = content(
        EVIL, areas=areas, today=zones, title=EVIL[0], subtitle=EVIL[1], source=EVIL[2],
        notes=EVIL[0], facts={EVIL[0]: EVIL[1]},
    )
    changed.lot_measures["locality"] = [EVIL[0], EVIL[0], EVIL[1], EVIL[1]]
    text = render_webmap(changed)
    page = Page(text)
    assert len(page.all("script")) == 3
    assert page.all("img") == []
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert EVIL[0] in page.texts
    assert EVIL[1] in page.texts
    assert EVIL[2] in page.texts
    # folium's tooltips and labels set innerHTML: what reaches them is escaped once more.
    assert "<img" not in text.replace("&lt;img", "")
    data = page.scripts[-1].split("names: ")[0]  # the names after it are only used as text
    assert "\\u003cimg" not in data
    assert '"Lot": "\\u0026lt;img' in data


def test_unknown_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should a folium of the future load something else, that is an error, not a hole."""
    import folium

    links = [("leaflet", "https://cdn.example/leaflet@2.0.0/dist/leaflet.js")]
    monkeypatch.setattr(folium.Map, "default_js", links)
    with pytest.raises(RuntimeError, match=r"cdn\.example.*does not carry"):
        render_webmap(content())


def test_vendored_leaflet_is_the_published_one() -> None:
    """The Subresource Integrity hashes that leafletjs.com gives for 1.9.4 still hold."""
    assets = resources.files("lotting.report") / "assets"
    script = (assets / "leaflet-1.9.4.js").read_bytes().rstrip(b"\n")
    for text, integrity in (
        (script + b"\n//# sourceMappingURL=leaflet.js.map",
         "20nQCchB9co0qIjJZRGuk2/Z9VM+kNiyxNV1lvTlZBo="),
        ((assets / "leaflet-1.9.4.css").read_bytes(),
         "p4NxAoJBhIIN+hmNHrzRCf9tD/miZyoHS5obTRR9BMY="),
    ):
        assert base64.b64encode(hashlib.sha256(text).digest()).decode() == integrity
    assert "Redistribution and use in source and binary forms" in render_webmap(content())


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=60))
def test_hour_classes_cover_every_density(values: list[float]) -> None:
    """Each area falls into the class whose label holds its figure."""
    density = pd.Series(values)
    classes, legend = webmap._hour_classes(density)
    breaks = webmap._breaks(density)
    assert len(legend) == len(breaks) + 1 <= 5
    for value, index in zip(values, classes, strict=True):
        assert (index == 0 or breaks[index - 1] <= value)
        assert (index == len(breaks) or value < breaks[index])


def test_content_that_does_not_fit_is_refused() -> None:
    """Each table has to cover the map; the message names what is missing."""
    good = content()
    with pytest.raises(PlanError, match="1 of 16 areas have no row in weekly hours: a33"):
        content(hours=good.hours.drop("a33"))
    with pytest.raises(PlanError, match="1 of 4 lots have no measures: 4"):
        content(lot_measures=good.lot_measures.drop("4"))
    with pytest.raises(PlanError, match="1 of 16 areas have no lot"):
        content(plan=Plan(good.plan.lots.drop("a00")))
    with pytest.raises(ValueError, match="EPSG:27700"):
        content(areas=good.areas.to_crs(4326))


def test_keys_stand_in_for_long_names() -> None:
    """Short names are their own keys; with one long name, all lots are numbered in order."""
    assert content(("1", "2", "10", "N W")).keys == {"1": "1", "2": "2", "10": "10", "N W": "N W"}
    long = content(("1", "2", "10", "Castle Donington & Whitwick"))
    assert list(long.keys.values()) == ["1", "2", "3", "4"]


def test_outlines_of_neighbours_stay_shared() -> None:
    """A clean coverage is simplified as one: still clean, with every hole and lot in place."""
    rng = np.random.default_rng(1)
    areas = board(4, 4)
    areas["geometry"] = shapely.segmentize(areas.geometry.values, 20)
    noise = {}

    def shake(xy: np.ndarray) -> np.ndarray:
        return np.array([
            noise.setdefault(tuple(p), p + rng.normal(0, 2, 2)) for p in xy.tolist()
        ])

    areas["geometry"] = shapely.transform(areas.geometry.values, shake)
    assert shapely.coverage_is_valid(areas.geometry.values)
    fewer = simplified(areas)
    assert shapely.coverage_is_valid(fewer.values)
    assert fewer.count_coordinates().sum() < areas.count_coordinates().sum() / 2


@pytest.mark.parametrize("gap_m", [0.0, 3.0])
def test_gaps_between_areas_leave_no_lines_in_a_lot(gap_m: float) -> None:
    """Two squares with a hairline between them make one lot without a seam."""
    left, right = shapely.box(0, 0, 1000, 1000), shapely.box(1000 + gap_m, 0, 2000, 1000)
    far = shapely.box(5000, 0, 6000, 1000).union(shapely.box(5999, 0, 6001, 1))
    shapes = gpd.GeoSeries([left, right, far], index=list("abc"), crs=27700)
    lots = dissolved(shapes, pd.Series(["1", "1", "2"], index=list("abc")))
    assert lots["1"].geom_type == "Polygon"
    assert lots["1"].area == pytest.approx(2_000_000, rel=0.005)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=40)
)
def test_labels_lie_within_the_largest_part(cells: list[tuple[int, int]]) -> None:
    """Whatever the shape, the label's point is inside its largest part."""
    shape = shapely.union_all([shapely.box(x, y, x + 1, y + 1) for x, y in cells])
    largest = max(shapely.get_parts(shape), key=lambda part: part.area)
    point = label_point(shape)
    assert shape.contains(point)
    assert any(
        part.contains(point) for part in shapely.get_parts(shape)
        if part.area == pytest.approx(largest.area)
    )


# In a browser ---------------------------------------------------------------------------------


def open_page(path: Path, folder: Path) -> tuple[str, list[str]]:
    """Open a page with no network: the document after its scripts ran, and what it asked for."""
    log = folder / "net.json"
    done = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-extensions", "--disable-default-apps",
            f"--user-data-dir={folder / 'profile'}", "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--log-net-log={log}", "--window-size=1440,900", "--virtual-time-budget=3000",
            "--dump-dom", path.as_uri(),
        ],
        capture_output=True, text=True, check=True, timeout=120,
    )
    net = json.loads(log.read_text(encoding="utf-8"))
    start = net["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    jobs = [e["params"] for e in net["events"] if e["type"] == start and "url" in e["params"]]
    # What the browser asks for itself (its clock, its updates) has no page as its origin.
    asked = [str(job["url"]) for job in jobs if job.get("initiator") != "not an origin"]
    return done.stdout, asked


def foreign(asked: list[str]) -> list[str]:
    return [url for url in asked if not url.startswith(("file:", "data:"))]


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
class TestInBrowser:
    def test_log_would_show_a_request(self, tmp_path: Path) -> None:
        """The check below is worth something: a page that asks for a picture is caught."""
        asking = tmp_path / "asking.html"
        asking.write_text('<img src="http://tiles.example/1.png">', encoding="utf-8")
        _, asked = open_page(asking, tmp_path)
        assert any("tiles.example" in url for url in foreign(asked))

    def test_opens_without_a_network(self, tmp_path: Path) -> None:
        """Lots, legend, layers and table are there, and nothing but the file was asked for."""
        write_webmap(content(), tmp_path / "map.html")
        text, asked = open_page(tmp_path / "map.html", tmp_path)
        assert foreign(asked) == []
        page = Page(text)
        classes = [str(a.get("class", "")) for _, a in page.tags]
        fills = [a.get("fill") for a in page.all("path")]
        assert sum(str(fill).upper() in PALETTE for fill in fills) == 4
        assert classes.count("lot-label") == 4
        assert any("leaflet-control-scale" in c for c in classes)
        inputs = [a.get("type") for a in page.all("input")]
        assert inputs.count("radio") == 3
        assert inputs.count("checkbox") == 4
        assert any(a.get("id") == "legend" for a in page.all("div"))
        assert any(a.get("id") == "lots-table" for a in page.all("table"))
        assert len([a for a in page.all("tr") if "data-lot" in a]) == 4

    def test_evil_names_do_not_run(self, tmp_path: Path) -> None:
        """Markup in names is text to the browser too: nothing ran, no picture was made."""
        areas = board(4, 4)
        areas["area_name"] = EVIL[1]
        write_webmap(content(EVIL, areas=areas, title="Sound"), tmp_path / "map.html")
        text, asked = open_page(tmp_path / "map.html", tmp_path)
        page = Page(text)
        assert re.search(r"<title>Sound</title>", text)
        assert page.all("img") == []
        assert len(page.all("script")) == 3
        assert foreign(asked) == []


# On real boundaries ---------------------------------------------------------------------------


def real_content(shared: Path, county: str, lots: int) -> MapContent:
    """Areas of a county in vertical strips; no graph is needed to draw it."""
    areas = gpd.read_file(shared / "geo/units" / f"{county}.gpkg", layer="lsoa21").rename(
        columns={"LSOA21CD": "area_code", "LSOA21NM": "area_name"}
    ).set_index("area_code").sort_index()
    areas["locality"] = ""
    areas["rural"] = areas["rural"].astype(bool)
    areas.attrs["rural_known"] = True
    strip = pd.qcut(areas["cen_x"], lots, labels=False)
    plan = Plan(strip.map(lambda i: f"{i + 1}"))
    graph = board_graph(0, 0)
    graph.add_nodes_from(areas.index)
    measures = pd.DataFrame({"weekly_hours": 1000.0}, index=plan.lot_names)
    return content(areas=areas, plan=plan, graph=graph, lot_measures=measures, today=None,
                   hours=pd.Series(10.0, index=areas.index))


def test_hampshire_stays_under_3_mb(shared: Path, tmp_path: Path) -> None:
    """865 areas in one file of less than 3 MB."""
    write_webmap(real_content(shared, "hampshire", 16), tmp_path / "map.html")
    assert (tmp_path / "map.html").stat().st_size < 3_000_000
