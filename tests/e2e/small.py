"""A small council for the commands: 24 squares of 2 km, six across and four up, two localities.

Everything a test needs to break is a file in one folder, so that a test says what it breaks and
nothing else. Codes are those of real LSOAs in form only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd
from shapely.geometry import box
from typer.testing import CliRunner

from lotting.cli import app

ACROSS, UP = 6, 4
SIDE_M = 2000
WEST, SOUTH = 440_000, 300_000
CODES = [f"E0100{i:04d}" for i in range(1, ACROSS * UP + 1)]
#: Weekly hours: 100 to 330 a square, 5,160 in all; 2,580 each in the west and the east.
HOURS = dict(zip(CODES, [100.0 + 10 * i for i in range(24)], strict=True))

BRIEF = """\
[areas]
file = "areas.gpkg"
lookup = "lookup.csv"
locality = "locality"

[demand]
hours = "hours.csv"

[lots]
number = 4
min_hours = 900
max_hours = 1700

[run]
seed = 1
time_limit_s = 20
"""

PACKAGES_DEMAND = """\
packages = "packages.csv"
postcodes = "postcodes.csv"
as_of = 2026-04-01
"""

#: Of every personal field of the packages; none may ever be printed or written.
PERSON, PACKAGE, POSTCODE = "QQPERSON", "QQPACK", "ZQ"


def grid(across: int = ACROSS, up: int = UP) -> gpd.GeoDataFrame:
    """Squares in rows from the south-west, EPSG:27700."""
    places = [(i % across, i // across) for i in range(across * up)]
    return gpd.GeoDataFrame(
        {
            "LSOA21CD": [f"E0100{i:04d}" for i in range(1, across * up + 1)],
            "LSOA21NM": [f"Square {i + 1}" for i in range(across * up)],
        },
        geometry=[
            box(
                WEST + SIDE_M * i,
                SOUTH + SIDE_M * j,
                WEST + SIDE_M * (i + 1),
                SOUTH + SIDE_M * (j + 1),
            )
            for i, j in places
        ],
        crs="EPSG:27700",
    )


def middle(code: str) -> tuple[int, int]:
    """Easting and northing of the middle of a square."""
    i = CODES.index(code)
    return (
        WEST + SIDE_M * (i % ACROSS) + SIDE_M // 2,
        SOUTH + SIDE_M * (i // ACROSS) + SIDE_M // 2,
    )


def locality(code: str) -> str:
    """West or East, half of the squares each."""
    return "West" if CODES.index(code) % ACROSS < ACROSS // 2 else "East"


def postcode(code: str) -> str:
    """Return a made-up postcode of a square (ZQ is no postcode area)."""
    i = CODES.index(code)
    return f"{POSTCODE}{1 + i // 10} {1 + i % 9}{'ABDEFGHJLN'[i % 10]}{'PQRSTUWXYZ'[i // 3 % 10]}"


def hours_table() -> pd.DataFrame:
    """Ready-made hours."""
    return pd.DataFrame({"area_code": CODES, "weekly_hours": [f"{HOURS[c]:g}" for c in CODES]})


def packages_table() -> pd.DataFrame:
    """Make ten packages a square, of eight people, that add up to the square's hours; all run."""
    rows = [
        {
            "package_id": f"{PACKAGE}{n:02d}{k}",
            "person_id": f"{PERSON}{n:02d}{min(k, 7)}",
            "postcode": postcode(code),
            "weekly_hours": f"{HOURS[code] / 10:g}",
            "payer": "Council" if k % 3 else "NHS",
            "start": "2026-01-05",
            "end": "",
            "carers": "1",
        }
        for n, code in enumerate(CODES)
        for k in range(10)
    ]
    return pd.DataFrame(rows)


def postcodes_table() -> pd.DataFrame:
    """Write a postcode directory in the columns of the NSPL."""
    return pd.DataFrame(
        {
            "pcds": [postcode(c) for c in CODES],
            "doterm": "",
            "oseast1m": [middle(c)[0] for c in CODES],
            "osnrth1m": [middle(c)[1] for c in CODES],
            "osgrdind": 1,
            "lsoa21": CODES,
        }
    )


def write_csv(path: Path, table: pd.DataFrame) -> None:
    table.to_csv(path, index=False, lineterminator="\n")


def make(folder: Path, *, packages: bool = False) -> Path:
    """Write a council that works, with ready-made hours or with packages."""
    folder.mkdir(parents=True, exist_ok=True)
    grid().to_file(folder / "areas.gpkg", layer="lsoa")
    write_csv(
        folder / "lookup.csv",
        pd.DataFrame(
            {
                "area_code": CODES,
                "locality": [locality(c) for c in CODES],
                "x": [middle(c)[0] for c in CODES],
                "y": [middle(c)[1] for c in CODES],
            }
        ),
    )
    brief = BRIEF
    if packages:
        brief = brief.replace('hours = "hours.csv"\n', PACKAGES_DEMAND)
        write_csv(folder / "packages.csv", packages_table())
        write_csv(folder / "postcodes.csv", postcodes_table())
    else:
        write_csv(folder / "hours.csv", hours_table())
    (folder / "brief.toml").write_text(brief, encoding="utf-8", newline="\n")
    return folder


def edit(path: Path, old: str, new: str) -> None:
    """Replace text in a file; the text must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8", newline="\n")


def add_to_brief(folder: Path, text: str) -> None:
    path = folder / "brief.toml"
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8", newline="\n")


def listing(folder: Path) -> dict[str, str]:
    """Every file and folder below, with a hash of what is in it."""
    return {
        str(p.relative_to(folder)): (hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "folder")
        for p in sorted(folder.rglob("*"))
    }


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Everything it said on one line, so that no wrapping hides a phrase."""
        return " ".join((self.out + " " + self.err).split())


def run(*arguments: object, env: dict[str, str] | None = None) -> Ran:
    """Run a command in this process, as the console script does."""
    found = CliRunner().invoke(app, [str(a) for a in arguments], env=env)
    unforeseen = found.exception
    if unforeseen is not None and not isinstance(unforeseen, SystemExit):
        raise unforeseen
    return Ran(found.exit_code, found.stdout, found.stderr)
