"""The brief: what it takes, what it refuses, and what it says then."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from lotting.brief import Brief, LotsBrief, load_brief
from lotting.errors import InputError, Problem

SMALLEST = """\
[areas]
file = "areas.gpkg"
[demand]
hours = "hours.csv"
[lots]
number = 2
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("areas.gpkg", "hours.csv", "packages.csv", "plan.csv"):
        (tmp_path / name).write_text("x")
    return tmp_path


def load(folder: Path, text: str) -> Brief:
    (folder / "brief.toml").write_text(text, encoding="utf-8")
    return load_brief(folder)


def problems(folder: Path, text: str) -> list[Problem]:
    with pytest.raises(InputError) as caught:
        load(folder, text)
    return list(caught.value.problems)


def only(folder: Path, text: str) -> str:
    found = problems(folder, text)
    assert len(found) == 1, found
    return str(found[0])


def test_the_smallest_brief(folder: Path) -> None:
    """Three lines are enough; the defaults are those of the reference."""
    brief = load(folder, SMALLEST)
    assert brief.areas.sources == [folder / "areas.gpkg"]
    assert [(name, lots.number) for name, lots in brief.services()] == [("all", 2)]
    assert brief.services()[0][1].aims.model_dump() == {"distance": 1, "equality": 0, "moved": 0, "mix": 0}
    assert (brief.run.seed, brief.run.time_limit_s, brief.run.options) == (1, 60, 1)
    assert brief.publish.disclosure_control
    assert (brief.publish.threshold, brief.publish.rounding) == (5, 5)


def test_the_brief_of_the_issue(folder: Path) -> None:
    """The keys of the issue, as it writes them."""
    (folder / "lots.csv").write_text("x")
    brief = load(
        folder,
        """\
[areas]
file = "areas.gpkg"
layer = "lsoa21"
code = "LSOA21CD"
lookup = "lots.csv"
locality = "locality"
x = "pc_x"
y = "pc_y"
[demand]
packages = "packages.csv"
postcodes = "hours.csv"
as_of = 2026-04-01
[today]
plan = "lots.csv"
[lots]
per_locality = { "Oadby & Wigston" = 2, North = 3 }
min_hours = 2000
max_hours = 3560
tolerance_pct = 1.5
weights = { distance = 1, moved = 50 }
[run]
seed = 1
time_limit_s = 60
options = 3
""",
    )
    assert brief.demand.as_of == dt.date(2026, 4, 1)
    assert brief.lots is not None
    assert brief.lots.per_locality == {"Oadby & Wigston": 2, "North": 3}
    assert brief.lots.aims.moved == 50


@pytest.mark.parametrize("named", ["folder", "file"])
def test_paths_are_relative_to_the_brief(named: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From wherever the command is run, and however the brief is named."""
    (folder / "brief.toml").write_text(SMALLEST)
    monkeypatch.chdir(folder.parent)
    brief = load_brief(Path(folder.name) / ("brief.toml" if named == "file" else ""))
    assert brief.demand.hours == folder / "hours.csv"


def test_absolute_paths_and_a_byte_order_mark(folder: Path) -> None:
    """Notepad writes the mark; nobody sees it."""
    text = SMALLEST.replace("hours.csv", (folder / "plan.csv").as_posix())
    (folder / "brief.toml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load_brief(folder).demand.hours == folder / "plan.csv"


# ---- every key ------------------------------------------------------------------------------------


def tables(model: type[BaseModel] = Brief, where: str = "") -> list[tuple[str, type[BaseModel]]]:
    found = [(where, model)]
    for key, field in model.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found += tables(kind, f"{where}.{key}".lstrip("."))
    return found


@pytest.mark.parametrize(("where", "model"), tables(), ids=[w or "top" for w, _ in tables()])
def test_no_table_takes_an_unknown_key(where: str, model: type[BaseModel]) -> None:
    """A misspelt limit never passes for no limit; and no setting changes once it is read."""
    assert model.model_config["extra"] == "forbid"
    assert model.model_config["frozen"]


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("lots.min_hour = 3", "[lots] min_hour: unknown key. Did you mean min_hours?"),
        ("run.sed = 3", "[run] sed: unknown key. Did you mean seed?"),
        (
            "market.providers = 'plan.csv'\nmarket.max_hours = 5",
            "[market] max_hours: unknown key. Did you mean",
        ),
        ("zzz = 3", "brief.toml, zzz: unknown key. The keys are areas, demand, lots"),
    ],
)
def test_an_unknown_key_names_the_nearest(key: str, says: str, folder: Path) -> None:
    text = SMALLEST.replace("[lots]\nnumber = 2\n", "")
    assert says in only(folder, f"lots.number = 2\n{key}\n{text}")


def test_unknown_keys_deep_in_a_service(folder: Path) -> None:
    text = (
        SMALLEST + '[[service]]\nname = "O"\n[[service]]\nname = "D"\nlots = { number = 1, minhours = 3 }\n'
    )
    assert "[[service]] 2, lots.minhours: unknown key. Did you mean min_hours?" in only(folder, text)


# ---- values at the edge -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("number = 1", "number = 0"),
        ("number = [3, 3]", "number = [3, 2]"),
        ("number = [1, 3]", "number = [0, 3]"),
        ("number = [1, 3]", "number = [1, 2, 3]"),
        ("number = 2", "number = 2.0"),
        ("number = 2", 'number = "2"'),
        ("number = 2", "number = [2]"),
        ("number = 2", "number = []"),
        ("number = 2", "number = [true, 3]"),
        ("per_locality = { A = 1 }", "per_locality = { A = 0 }"),
        ("per_locality = { A = 1 }", "per_locality = { A = 1.5 }"),
        ("number = 2\nper_locality = { A = 2 }", "number = 3\nper_locality = { A = 2 }"),
        ("number = 2\nmin_hours = 0", "number = 2\nmin_hours = -0.1"),
        ("number = 2\nmin_hours = 5\nmax_hours = 5", "number = 2\nmin_hours = 5.1\nmax_hours = 5"),
        ("number = 2\nmax_hours = 0.1", "number = 2\nmax_hours = 0"),
        ("number = 2\nmax_hours = 9", "number = 2\nmax_hours = inf"),
        ("number = 2\nmax_hours = 9", "number = 2\nmax_hours = nan"),
        ("number = 2\nmax_hours = 9", "number = 2\nmax_hours = true"),
        ("number = 2\ntolerance_pct = 0", "number = 2\ntolerance_pct = -1"),
        ("number = 2\ntolerance_pct = 100", "number = 2\ntolerance_pct = 101"),
        ("number = 2\nweights = { mix = 1 }", "number = 2\nweights = { mix = 0 }"),
        ("number = 2\nweights = { mix = 1 }", "number = 2\nweights = { mix = -1 }"),
        ("number = 2\nminimise = 'equality'", "number = 2\nminimise = 'fairness'"),
        ("number = 2\nminimise = 'equality'", "number = 2\nminimise = 'equality'\nweights = { mix = 1 }"),
        ("number = 2\nacross_localities = true", "per_locality = { A = 2 }\nacross_localities = true"),
        ("number = 2\nacross_localities = true", "number = 2\nacross_localities = 1.5"),
    ],
)
def test_lots_at_the_edge(good: str, bad: str, folder: Path) -> None:
    """The last value that passes stands beside the first that does not; one problem, not several."""
    load(folder, SMALLEST.replace("number = 2", good))
    assert only(folder, SMALLEST.replace("number = 2", bad)).startswith("brief.toml, [lots]")


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("[run]\nseed = 0", "[run]\nseed = -1"),
        ("[run]\nseed = 0", "[run]\nseed = 1.5"),
        ("[run]\ntime_limit_s = 0.1", "[run]\ntime_limit_s = 0"),
        ("[run]\noptions = 12", "[run]\noptions = 13"),
        ("[run]\noptions = 1", "[run]\noptions = true"),
        ("[publish]\nthreshold = 0", "[publish]\nthreshold = -1"),
        ("[publish]\nrounding = 1", "[publish]\nrounding = 0"),
        ("[publish]\ntitle = 'x'", "[publish]\ntitle = 3"),
        ("[publish]\ndisclosure_control = false", "[publish]\ndisclosure_control = 'off?'"),
        ("[locks]\nlot = { a = 'N', b = 3 }", "[locks]\nlot = { a = ['N'] }"),
        ("[locks]\ntogether = [['a', 'b']]", "[locks]\ntogether = ['a', 'b']"),
        ("[locks]\napart = [['a', 'b']]", "[locks]\napart = [['a', 'b', 'c']]"),
        ("[today]\nplan = 'plan.csv'", "[today]\nplan = 3"),
        ("[today]\nplan = 'plan.csv'", "[today]"),
        (
            "[market]\nproviders = 'plan.csv'\nmax_share_pct = 100",
            "[market]\nproviders = 'plan.csv'\nmax_share_pct = 0",
        ),
    ],
)
def test_other_tables_at_the_edge(good: str, bad: str, folder: Path) -> None:
    load(folder, f"{SMALLEST}{good}\n")
    found = problems(folder, f"{SMALLEST}{bad}\n")
    assert all("\n" not in str(p) and p.file == "brief.toml" for p in found)
    assert bad.split("]", maxsplit=1)[0] + "]" in str(found[0])


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("as_of = 2026-04-01", "as_of = 20260401"),
        ("as_of = 2026-04-01", 'as_of = "1 April"'),
        ("as_of = 2026-04-01", "as_of = 1775001600.0"),
        ("as_of = 2026-04-01", "as_of = false"),
        ("as_of = 2026-04-01T00:00:00", "as_of = 2026-04-01T12:00:00"),
    ],
)
def test_as_of_is_a_date(good: str, bad: str, folder: Path) -> None:
    """A number is not taken for seconds since 1970."""
    text = SMALLEST.replace('hours = "hours.csv"', 'packages = "packages.csv"\nAS_OF')
    assert load(folder, text.replace("AS_OF", good)).demand.as_of == dt.date(2026, 4, 1)
    assert "[demand] as_of" in only(folder, text.replace("AS_OF", bad))


@pytest.mark.parametrize("name", ["Complex", "24-hour care", "Gofal cymhleth", "a.b", "D"])
def test_service_names_that_are_folders(name: str, folder: Path) -> None:
    brief = load(folder, f'{SMALLEST}[[service]]\nname = "{name}"\n')
    assert brief.services()[0][0] == name


@pytest.mark.parametrize(
    "name", ["..", ".", "../up", "a/b", "a\\\\b", " a", "a ", "a.", "", "a:b", "x" * 41, "a\\tb"]
)
def test_service_names_that_would_leave_the_folder(name: str, folder: Path) -> None:
    """Results go into a folder of this name; it may not lead out of out/."""
    assert "[[service]] 1, name" in only(folder, f'{SMALLEST}[[service]]\nname = "{name}"\n')


def test_keeping_people_in_their_zones_needs_zones(folder: Path) -> None:
    """To minimise moved without [today] would call any plan the best."""
    text = SMALLEST.replace("number = 2", 'number = 2\nminimise = "moved"')
    assert "add [today]" in only(folder, text)
    load(folder, text + "[today]\nplan = 'plan.csv'\n")


# ---- files -------------------------------------------------------------------------------------------


def test_every_missing_file_is_named(folder: Path) -> None:
    text = (
        '[areas]\nfiles = ["areas.gpkg", "b.gpkg", "c.gpkg"]\nlookup = "l.csv"\n[demand]\nhours = "h.csv"\n'
        '[lots]\nnumber = 2\n[today]\nplan = "t.csv"\n[market]\nproviders = "p.csv"\n'
    )
    found = [(p.column, Path(str(p.value)).name) for p in problems(folder, text)]
    assert found == [
        ("[areas] files[2]", "b.gpkg"),
        ("[areas] files[3]", "c.gpkg"),
        ("[areas] lookup", "l.csv"),
        ("[demand] hours", "h.csv"),
        ("[today] plan", "t.csv"),
        ("[market] providers", "p.csv"),
    ]


def test_mistakes_do_not_hide_missing_files(folder: Path) -> None:
    text = (
        SMALLEST.replace("hours.csv", "h.csv").replace("number = 2", "number = 0\nmax = 3")
        + "[run]\nseed = 'x'\n"
    )
    assert {p.column for p in problems(folder, text)} == {
        "[lots] number",
        "[lots] max",
        "[run] seed",
        "[demand] hours",
    }


@pytest.mark.parametrize("path", ["C:\\data\\a.gpkg", "C:\\users\\a.gpkg", "C:\\temp\\new.gpkg"])
def test_backslashes_in_double_quotes(path: str, folder: Path) -> None:
    """Refused by TOML, or taken for a tab: either way the message says how to write it."""
    assert "Write Windows paths with forward slashes" in only(folder, SMALLEST.replace("areas.gpkg", path))


@given(text=st.text(max_size=200))
def test_any_text_is_a_brief_or_a_clear_problem(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing that can be typed ends in a traceback."""
    folder = tmp_path_factory.mktemp("any")
    (folder / "brief.toml").write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    with pytest.raises(InputError):
        load_brief(folder)


toml_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.text("ab./\\0", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["number", "name", "a"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(
    table=st.sampled_from(
        ["areas", "demand", "lots", "service", "locks", "run", "today", "market", "publish"]
    ),
    key=st.sampled_from(
        ["file", "files", "bridges", "hours", "columns", "number", "per_locality", "weights", "name", "lots",
         "together", "apart", "lot", "plan", "providers", "seed", "title"]
    ),
    value=toml_values,
)  # fmt: skip
def test_any_value_anywhere_is_taken_or_refused_in_words(table: str, key: str, value: object) -> None:
    """Whatever stands under a key, the model takes it or says where it is wrong."""
    from pydantic import ValidationError

    from lotting.settings import _files, _problem

    raw = {
        "areas": {"file": "a"}, "demand": {"hours": "h"}, "lots": {"number": 2},
        table: [{key: value}] if table == "service" else {key: value},
    }  # fmt: skip
    list(_files(Brief, raw))
    try:
        Brief.model_validate(raw)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            assert str(_problem(item, Brief, "brief.toml")).startswith("brief.toml")


def test_limits_of_one_lots_table_do_not_leak_into_another() -> None:
    assert LotsBrief(number=2).aims == LotsBrief(number=2, minimise="distance").aims
