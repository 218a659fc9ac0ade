"""The visits of a project, from its file, its packages or its hours: one shape, every hour kept."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from lotting.errors import InputError
from lotting.project import Project, load_project
from lotting.scaffold import new_project
from lotting.visits.frame import check_visits, visit_hours
from lotting.visits.project import Visits, project_visits


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "council"
    new_project(path, "herefordshire")
    return path


def variant(folder: Path, name: str, text: str, *, demand: str = "") -> Project:
    """Load the sample with other tables added, or with another [demand]."""
    brief = (folder / "brief.toml").read_text(encoding="utf-8")
    if demand:
        head, _, tail = brief.partition("[demand]")
        brief = f"{head}[demand]\n{demand}\n" + tail[tail.index("\n["):]
    path = folder / f"{name}.toml"
    path.write_text(f"{brief}\n{text}", encoding="utf-8")
    return load_project(path)


@pytest.fixture(scope="module")
def sample(folder: Path) -> Project:
    return load_project(folder)


@pytest.fixture(scope="module")
def visits(sample: Project) -> Visits:
    return project_visits(sample)


def hours_by_area(visits: pd.DataFrame) -> pd.Series:
    return (visits["duration_minutes"] * visits["carers"]).groupby(visits["area_code"]).sum() / 60


def test_packages_give_the_visits_of_their_week(sample, visits):
    """Hours of the visits in every area = the demand of that area, services together."""
    check_visits(visits.frame)
    demand = sum(d.frame["weekly_hours"] for d in sample.demands)
    got = hours_by_area(visits.frame).reindex(demand.index, fill_value=0.0)
    pd.testing.assert_series_equal(got, demand, check_names=False, atol=1e-6)
    sums = visits.sums.frame["hours"]
    table = sample.reconciliation.frame
    whole = table[table["service"] == "all services"].set_index("reason")["hours"]
    assert sums.to_dict() == pytest.approx(whole.to_dict())
    assert visits.not_placed["hours"].sum() == pytest.approx(whole["read"] - whole["placed"])
    assert {d.weekday() for d in visits.frame["day"]} == set(range(7))
    assert dt.date(2026, 4, 1) in set(visits.frame["day"])


def test_one_service_has_its_own_hours(sample):
    """Each service's visits have the hours of its demand; an unknown one is refused."""
    for demand in sample.demands:
        assert visit_hours(project_visits(sample, demand.service).frame) == pytest.approx(demand.total_hours)
    with pytest.raises(InputError, match="no such service"):
        project_visits(sample, "Z")


def test_any_day_of_the_week_can_be_taken(visits):
    """The days add up to the week; a day without visits is refused with what there is."""
    days = sorted(set(visits.frame["day"]))
    assert sum(len(visits.of_day(day)) for day in days) == len(visits.frame)
    assert visits.of_day().equals(visits.of_day(visits.day))
    assert visits.day.weekday() < 5
    with pytest.raises(InputError, match="2026-03-30 to 2026-04-05"):
        visits.of_day(dt.date(2026, 4, 6))


def test_packages_are_where_their_postcode_is(sample, visits):
    """Visits of packages with a postcode or coordinates are at their point, inside the map."""
    from lotting.locating import areas_at

    frame = visits.frame.drop_duplicates("package_id")
    codes, _ = areas_at(frame["x_m"], frame["y_m"], sample.areas)
    assert (codes == frame["area_code"]).mean() > 0.99


def test_hours_of_areas_are_enough(folder, sample):
    """[demand] hours only: packages are drawn, every area has its hours, and it is said."""
    areas = sample.areas.index[:20]
    rows = pd.DataFrame({"area_code": areas, "service": "O", "weekly_hours": 30.3})
    rows.to_csv(folder / "few.csv", index=False)
    project = variant(folder, "hours", "[visits]\nday = 2026-05-06\ndouble_handed_share_pct = 20",
                      demand='hours = "few.csv"')
    visits = project_visits(project)
    assert hours_by_area(visits.frame).to_list() == pytest.approx([30.3] * 20)
    assert visits.day == dt.date(2026, 5, 6)
    assert any("20 % of the hours are double-handed" in text for text in visits.assumed)
    two = visits.frame[visits.frame["carers"] == 2]
    assert visit_hours(two) / visit_hours(visits.frame) == pytest.approx(0.2, abs=0.02)


def test_a_file_of_visits_is_placed_by_the_packages(folder, sample, visits):
    """Rows without a place of their own: where the package or the person is; others are listed."""
    packages = pd.read_csv(folder / "packages.csv", dtype="str").drop_duplicates("package_id", keep=False)
    first = visits.frame.drop_duplicates("package_id")
    known = first[first["package_id"].isin(packages["package_id"])].iloc[0]
    person = packages.set_index("package_id").loc[known["package_id"], "person_id"]
    rows = pd.DataFrame({
        "package_id": [known["package_id"], "", ""], "person_id": ["", person, "P99999x"],
        "date": "2026-04-01", "start": ["08:00", "12:00", "17:00"], "duration": "0:30"})
    rows.to_csv(folder / "visits.csv", index=False)
    project = variant(folder, "file", '[visits]\nfile = "visits.csv"\nday = 2026-04-01')
    visits = project_visits(project)
    assert visits.frame["area_code"].iloc[0] == known["area_code"]
    assert len(visits.frame) == 2
    assert visits.sums.frame["hours"].to_dict() == pytest.approx(
        {"read": 1.5, "placed": 1.0, "not placed: no location given": 0.5})
    assert folder / "visits.csv" in project.inputs
    assert any("all services" in str(w) for w in project_visits(project, sample.demands[0].service).warnings)
    assert "P99999" not in " ".join(map(str, visits.warnings))


def test_a_day_without_visits_is_refused(folder, sample):
    """Nothing is planned for a day on which nothing is."""
    area = sample.areas.index[0]
    hours = 'hours = "single.csv"'
    pd.DataFrame({"area_code": [area], "service": "O", "weekly_hours": 9.0}).to_csv(
        folder / "single.csv", index=False)
    rows = pd.DataFrame({"area_code": [area], "date": "2026-04-01",
                         "start": "08:00", "duration": "0:30", "person_id": "p"})
    rows.to_csv(folder / "one.csv", index=False)
    project = variant(folder, "one", '[visits]\nfile = "one.csv"\nday = 2026-04-02', demand=hours)
    with pytest.raises(InputError, match="2026-04-01 to 2026-04-01"):
        project_visits(project)
    project = variant(folder, "none", '[visits]\nfile = "one.csv"\nday = 2026-05-02', demand=hours)
    with pytest.raises(InputError, match="no visit is placed"):
        project_visits(project)
