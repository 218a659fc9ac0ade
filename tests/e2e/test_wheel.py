"""The wheel carries all that the commands need, and works away from the checkout.

With ``LOTTING_WHEEL_FULL=1`` (as in CI) it is installed with its dependencies into an empty
environment; otherwise it is unpacked beside the libraries of this one, which is quick.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from .small import listing

pytestmark = pytest.mark.wheel

ROOT = Path(__file__).resolve().parents[2]
FULL = os.environ.get("LOTTING_WHEEL_FULL") == "1"
DATA = [
    *(
        f"lotting/_data/geo/{c}_{t}.csv"
        for c in ("leicestershire", "herefordshire")
        for t in ("outline", "settlements")
    ),
    "lotting/_data/geo/README.md",
    "lotting/templates/brief.toml",
    "lotting/templates/readme.txt",
    "lotting/report/assets/leaflet-1.9.4.js",
    "lotting/report/assets/leaflet-1.9.4.css",
    "lotting/report/assets/leaflet-LICENSE.txt",
    "lotting/report/assets/map.html",
    "lotting/report/assets/map.css",
    "lotting/report/assets/map.js",
    "lotting/py.typed",
    "allocation/py.typed",
]


def call(*command: object, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **settings)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it from the checkout, and leave nothing there."""
    folder = tmp_path_factory.mktemp("wheel")
    built = call(sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", folder, ROOT)
    if built.returncode and not FULL:
        pytest.skip(f"the wheel cannot be built here (no network?): {built.stderr[-300:]}")
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_it_carries_every_module_and_file(names: set[str]) -> None:
    """All of both packages, the embedded counties, templates, map assets and the typing marks."""
    modules = {
        p.relative_to(ROOT).as_posix() for d in ("lotting", "allocation") for p in (ROOT / d).rglob("*.py")
    }
    assert not modules - names
    assert not set(DATA) - names


def test_it_carries_nothing_else(names: set[str]) -> None:
    """No tests, no caches, no file of the reference data, and nothing at the top but the packages."""
    assert {name.split("/")[0] for name in names} == {"lotting", "allocation", "lotting-0.1.0.dist-info"}
    assert not [n for n in names if re.search(r"\.pyc|\.gpkg|\.geojson|(^|/)tests?/|(^|/)\.", n)]


def test_every_import_is_a_declared_dependency(wheel: Path) -> None:
    """What the packages import is in the wheel's requirements, not only in a developer's environment.

    The cluster's libraries are an extra of their own, and only its module may import them.
    """
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode()
        sources = {n: archive.read(n).decode() for n in archive.namelist() if n.endswith(".py")}
    required = {
        re.match(r"[A-Za-z0-9._-]+", line.removeprefix("Requires-Dist: "))[0].lower().replace("_", "-")
        for line in text.splitlines()
        if line.startswith("Requires-Dist: ") and "extra ==" not in line
    }
    imported = set()
    for name, source in sources.items():
        here = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                here |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                here.add(node.module.split(".")[0])
        imported |= here - ({"dask", "distributed"} if name == "lotting/design/cluster.py" else set())
    assert "extra == 'cluster'" in text
    third_party = imported - set(sys.stdlib_module_names) - {"lotting", "allocation"}
    homes = packages_distributions()
    # pyproj comes with geopandas, which cannot do without it.
    missing = {
        name for name in third_party - {"pyproj"}
        if not {d.lower().replace("_", "-") for d in homes.get(name, [])} & required
    }  # fmt: skip
    assert missing == set()


OUTPUTS = (
    "map.html", "map.png", "lots.xlsx", "plan.gpkg", "plan.csv", "result.json", "audit/certificate.json",
)


def clean(**more: str) -> dict[str, str]:
    """Give the environment without anything that points at the checkout."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "COV_"))}
    return kept | more


@pytest.mark.skipif(FULL, reason="the next test does as much in an empty environment")
def test_the_wheel_alone_runs_the_commands(wheel: Path, tmp_path: Path) -> None:
    """Unpacked away from the checkout, found before it, and run from another folder."""
    target, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    call(sys.executable, "-m", "pip", "install", "--no-deps", "--quiet", "--target", target, wheel)
    env = clean(PYTHONPATH=str(target))
    where = call(
        sys.executable, "-c", "import allocation, lotting; print(allocation.__file__, lotting.__file__)",
        cwd=elsewhere, env=env,
    )
    assert where.stdout.count(str(target)) == 2, where.stderr
    # Not design: here it would be compiled first, which takes longer than all the rest. All in one
    # process, for most of a command's time is its start.
    script = (
        "import sys\nfrom lotting.cli import main\n"
        "for line in sys.stdin.read().splitlines():\n"
        "    sys.argv = ['lotting', *line.split()]\n"
        "    try:\n        main()\n    except SystemExit as end:\n        print('exit code', end.code)\n"
    )
    ran = call(
        sys.executable, "-c", script, cwd=elsewhere, env=env,
        input="new sample --county herefordshire\ncheck sample\n"
        "map sample/today.csv --out maps --service O\n",
    )
    assert ran.returncode == 0, ran.stderr
    # 1: today's zones are not within the limits.
    assert re.findall("exit code (.*)", ran.stdout) == ["0", "0", "1"], ran.stderr
    assert {p.name for p in (elsewhere / "maps").iterdir()} == {"map.html", "map.png"}


@pytest.mark.skipif(not FULL, reason="takes minutes; LOTTING_WHEEL_FULL=1 runs it")
def test_an_empty_environment_needs_only_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """``pip install`` of the wheel in an empty environment, then ``lotting demo`` from another folder."""
    home, elsewhere = tmp_path / "empty", tmp_path / "elsewhere"
    elsewhere.mkdir()
    venv.create(home, with_pip=True)
    programs = home / ("Scripts" if os.name == "nt" else "bin")
    installed = call(
        programs / "python", "-m", "pip", "install", "--quiet", wheel, env=clean(), cwd=elsewhere
    )
    assert installed.returncode == 0, installed.stderr
    sound = call(programs / "python", "-m", "pip", "check", env=clean(), cwd=elsewhere)
    assert sound.returncode == 0, sound.stdout
    where = call(
        programs / "python", "-c", "import lotting; print(lotting.__file__)", env=clean(), cwd=elsewhere
    )
    assert where.stdout.strip().startswith(str(home)), where.stderr
    assert call(programs / "lotting", "--version", env=clean()).stdout.strip() == "lotting 0.1.0"
    ran = call(programs / "lotting", "demo", cwd=elsewhere, env=clean())
    assert ran.returncode == 0, ran.stderr
    out = Path("demo") / "leicestershire" / "out"
    for name in OUTPUTS:
        assert (elsewhere / out / name).stat().st_size > 0
        assert str(out / name) in ran.stdout.splitlines()
    result = json.loads((elsewhere / out / "result.json").read_text(encoding="utf-8"))
    assert result["violations"] == []
    assert result["versions"]["lotting"] == "0.1.0"
    assert not [p for p in listing(elsewhere) if ".writing" in p]
