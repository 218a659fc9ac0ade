"""Less travel by moving borders: the least there is on toy maps, the cap kept, and no rule broken."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from design_cases import Case, grid, partitions
from e2e.small import CODES, add_to_brief, edit, make, run, write_csv
from hypothesis import given, settings
from hypothesis import strategies as st

from lotting.brief import LocksBrief, TravelBrief, load_brief
from lotting.certificate import write_certificate
from lotting.check import Rules, check_plan
from lotting.compare import compare_plans
from lotting.design.instance import Ints
from lotting.design.least_travel import Effort, TravelProblem, Worth, less_travel
from lotting.design.stop import Stop
from lotting.errors import InfeasibleError
from lotting.lot_travel import LotTravel, above_cap, lot_travel, travel_facts, wants_travel
from lotting.plan import Plan
from lotting.project import Project, load_project
from lotting.results import cap_in_words, describe, proof_in_short, proof_in_words, write_results
from lotting.run import design_all
from lotting.travel import StraightLine
from lotting.travel.burden_plan import QuickBurdens, plan_burden
from lotting.travel.times import Mode, TravelMatrix
from lotting.verify import verify_all

TRAVEL = StraightLine(TravelBrief())
ENOUGH = Effort(proposals=400, trials=100)


def some_visits(case: Case, each: int, seed: int) -> pd.DataFrame:
    """Visits about the point of each area, more in some than in others, over a morning."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(case.codes, rng.integers(1, 2 * each, len(case.codes)))
    n = len(codes)
    target = rng.integers(84, 144, n) * 5.0
    points = case.areas.loc[codes, ["x_m", "y_m"]].to_numpy() + rng.uniform(-450, 450, (n, 2))
    return pd.DataFrame({
        "area_code": codes, "day": "2026-01-05", "target": target, "earliest": target - 30,
        "latest": target + 30, "duration_minutes": 30.0, "carers": 1,
        "x_m": 4e5 + points[:, 0], "y_m": 3e5 + points[:, 1]})


def problem_of(case: Case, visits: pd.DataFrame, lots: int, lo: float, hi: float,
               locks: LocksBrief | None = None, **more: Any) -> tuple[TravelProblem, LotTravel]:
    instance = case.instance(lots, lo, hi, locks=locks)
    travel = LotTravel(visits, TRAVEL)
    quick = QuickBurdens(visits, [c for m in instance.members for c in m], TRAVEL)
    return TravelProblem(instance=instance, quick=quick, burden=travel.lots.lot, **more), travel


def as_plan(problem: TravelProblem, lot: Ints) -> Plan:
    return Plan({c: str(lot[u]) for u, m in enumerate(problem.instance.members) for c in m})


def every_plan(case: Case, lots: int, lo: float, hi: float) -> list[Plan]:
    """Every plan within the limits of hours, by brute force."""
    return [
        Plan({c: str(k) for k, b in enumerate(blocks) for c in b})
        for blocks in partitions(case.graph, lots)
        if all(lo - 1e-6 <= math.fsum(case.hours[c] for c in b) <= hi + 1e-6 for b in blocks)
    ]


def as_lot(problem: TravelProblem, plan: Plan) -> Ints:
    names = plan.lot_names
    return np.array([names.index(plan.lots[m[0]]) for m in problem.instance.members], np.int64)


def keeps_every_rule(case: Case, problem: TravelProblem, lot: Ints) -> bool:
    """Check by its own means: whole lots, their number and their hours."""
    for k in range(problem.instance.lots):
        codes = [c for u in np.flatnonzero(lot == k) for c in problem.instance.members[int(u)]]
        held = math.fsum(case.hours[c] for c in codes)
        if not codes or not nx.is_connected(case.graph.subgraph(codes)):
            return False
        if not problem.instance.lo - 1e-6 <= held <= problem.instance.hi + 1e-6:
            return False
    return True


# ---- the search, against brute force -----------------------------------------------------------------


@pytest.mark.parametrize(("lots", "seed"), [(2, 1), (2, 2), (3, 3)])
def test_least_travel_is_the_least_of_all_plans(lots: int, seed: int) -> None:
    """Oracle: the travel of every plan of a 3 x 3 map; the search starts from the one with most."""
    case = grid(3, 3)
    visits = some_visits(case, 4, seed)
    lo, hi = 90 / lots - 20, 90 / lots + 20
    problem, travel = problem_of(case, visits, lots, lo, hi)
    plans = every_plan(case, lots, lo, hi)
    totals = [float(travel.of(p)["travel_minutes"].sum()) for p in plans]
    assert len(plans) > 30
    worst = plans[int(np.argmax(totals))]
    found = less_travel(problem, [as_lot(problem, worst)], seed=1, effort=ENOUGH, stop=Stop(60))
    total = float(plan_burden(as_plan(problem, found), visits, TRAVEL)["travel_minutes"].sum())
    assert total == pytest.approx(min(totals), rel=1e-9)


def test_a_cap_that_some_plan_keeps_is_kept(tmp_path: Path) -> None:
    """Oracle: of all plans, the ones whose largest lot has least travel; a cap just above is met."""
    case = grid(3, 4)
    visits = some_visits(case, 4, 5)
    problem, travel = problem_of(case, visits, 2, 40, 80)
    plans = every_plan(case, 2, 40, 80)
    largest = np.array([travel.of(p)["travel_minutes_per_contact_hour"].max() for p in plans])
    start = as_lot(problem, plans[int(np.argmax(largest))])
    cap = float(np.quantile(largest, 0.1))
    capped = replace(problem, cap_minutes=cap, least=False)
    assert capped.worth(start).excess_minutes > 0
    found = less_travel(capped, [start], seed=1, effort=ENOUGH, stop=Stop(60))
    assert capped.worth(found).excess_minutes == 0
    assert not above_cap(travel.of(as_plan(problem, found)), cap)


def test_a_cap_that_no_plan_keeps_ends_in_the_least_excess() -> None:
    """Oracle: the least excess of all plans; the search comes near it and claims nothing."""
    case = grid(2, 4)
    visits = some_visits(case, 4, 6)
    problem, travel = problem_of(case, visits, 2, 20, 60)
    plans = every_plan(case, 2, 20, 60)
    largest = min(travel.of(p)["travel_minutes_per_contact_hour"].max() for p in plans)
    capped = replace(problem, cap_minutes=0.5 * largest, least=False)
    least = min(capped.worth(as_lot(problem, p)).excess_minutes for p in plans)
    found = less_travel(capped, [as_lot(problem, plans[0])], seed=1, effort=ENOUGH, stop=Stop(60))
    assert capped.worth(found).excess_minutes == pytest.approx(least, rel=0.05)


def test_the_cap_itself_is_within_it() -> None:
    """A lot with exactly the cap keeps it, one with a hundred-thousandth more does not."""
    table = pd.DataFrame({"travel_minutes_per_contact_hour": [14.0, 14.00001, np.nan]}, index=["a", "b", "c"])
    assert list(above_cap(table, 14.0)) == ["b"]
    assert above_cap(table, None) == {}
    case = grid(1, 2)
    problem, travel = problem_of(case, some_visits(case, 3, 1), 1, 0, 20)
    lot = np.zeros(2, np.int64)
    minutes = travel.minutes(case.codes)
    assert minutes > 0
    assert replace(problem, cap_minutes=minutes).worth(lot).excess_minutes == 0
    assert replace(problem, cap_minutes=minutes - 1e-5).worth(lot).excess_minutes > 0


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 10**6), st.integers(2, 3), st.booleans(), st.booleans())
def test_no_rule_is_broken_and_nothing_gets_worse(seed: int, lots: int, least: bool, locked: bool) -> None:
    """Whatever it starts from, the search keeps hours, connection and locks, and never adds travel."""
    rng = np.random.default_rng(seed)
    case = grid(3, 3, rng.integers(5, 15, 9).astype(float).tolist())
    codes = case.codes
    locks = LocksBrief(
        together=[[codes[0], codes[1]]], apart=[(codes[0], codes[8])], lot={codes[8]: "x"},
    ) if locked else LocksBrief()
    mean = case.total / lots
    plans = [
        p for p in every_plan(case, lots, 0.5 * mean, 1.5 * mean)
        if not locked or (p.lots[codes[0]] == p.lots[codes[1]] and p.lots[codes[0]] != p.lots[codes[8]])
    ]
    if not plans:
        return
    visits = some_visits(case, 3, seed)
    cap = float(rng.uniform(1, 8)) if rng.random() < 0.7 else None
    problem, _ = problem_of(
        case, visits, lots, 0.5 * mean, 1.5 * mean, locks, cap_minutes=cap, least=least)
    starts = [as_lot(problem, plans[int(i)]) for i in rng.integers(len(plans), size=2)]
    found = less_travel(problem, starts, seed=seed, effort=Effort(120, 8), stop=Stop(60))
    again = less_travel(problem, starts, seed=seed, effort=Effort(120, 8), stop=Stop(60))
    assert found.tolist() == again.tolist()
    assert keeps_every_rule(case, problem, found)
    assert problem.instance.feasible(found)
    assert problem.worth(found) <= min(problem.worth(s) for s in starts)


def test_it_stops_at_once_when_told() -> None:
    """With the switch set before it begins, the best start comes back."""
    case = grid(3, 4)
    problem, _ = problem_of(case, some_visits(case, 3, 1), 2, 40, 80)
    starts = [as_lot(problem, p) for p in every_plan(case, 2, 40, 80)[:5]]
    stop = Stop(60)
    stop.interrupted.set()
    found = less_travel(problem, starts, seed=1, effort=ENOUGH, stop=stop)
    assert problem.worth(found) == min(problem.worth(s) for s in starts)


def test_units_of_several_areas_move_whole() -> None:
    """Areas locked together are in one lot, and the worth counts the visits of all of them."""
    case = grid(2, 4)
    visits = some_visits(case, 3, 2)
    locks = LocksBrief(together=[[case.codes[1], case.codes[2]]])
    problem, _ = problem_of(case, visits, 2, 20, 60, locks)
    start = as_lot(problem, every_plan(case, 2, 20, 60)[0])
    found = as_plan(problem, less_travel(problem, [start], seed=1, effort=ENOUGH, stop=Stop(60)))
    assert found.lots[case.codes[1]] == found.lots[case.codes[2]]
    total = float(plan_burden(found, visits, TRAVEL)["travel_minutes"].sum())
    assert problem.worth(as_lot(problem, found)) == Worth(0.0, pytest.approx(total))


# ---- a whole design ----------------------------------------------------------------------------------


def council(folder: Path, lots: str = "", **tables: str) -> Path:
    """A council with a tenth of the hours of the small one, so that there are few visits."""
    make(folder)
    hours = pd.read_csv(folder / "hours.csv")
    hours["weekly_hours"] /= 10
    write_csv(folder / "hours.csv", hours)
    edit(folder / "brief.toml", "min_hours = 900", "min_hours = 90")
    edit(folder / "brief.toml", "max_hours = 1700", "max_hours = 170")
    edit(folder / "brief.toml", "max_hours = 170", f"max_hours = 170\n{lots}")
    edit(folder / "brief.toml", "time_limit_s = 20", "time_limit_s = 1")
    for table, text in tables.items():
        add_to_brief(folder, f"[{table}]\n{text}\n")
    return folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return load_project(council(tmp_path_factory.mktemp("travel") / "council", travel=""))


def test_only_briefs_that_ask_are_measured(tmp_path: Path) -> None:
    """[travel], empty or not, a cap or travel as the aim; a path elsewhere in the brief is no reason."""
    plain = council(tmp_path / "plain")
    assert not wants_travel(load_brief(plain))
    outcome = describe(load_project(plain), "all", Plan(dict.fromkeys(CODES, "1")))
    assert outcome.travel is None
    assert not any("travel" in c or "per_visit" in c for c in (*outcome.table, *outcome.facts))
    assert wants_travel(load_brief(council(tmp_path / "table", travel="")))
    assert wants_travel(load_brief(council(tmp_path / "cap", "max_travel_minutes = 9")))
    assert wants_travel(load_brief(council(tmp_path / "aim", 'minimise = "travel"')))


def test_the_measures_are_those_of_the_estimate(measured: Project) -> None:
    """Every lot as plan_burden has it, the facts from its sums."""
    plan = Plan({c: str(i % 6 // 3) for i, c in enumerate(CODES)})
    travel = lot_travel(measured, "all")
    assert travel is not None
    own = plan_burden(plan, travel.visits, travel.travel, rural=travel.rural)
    outcome = describe(measured, "all", plan, travel=travel)
    for name in ("travel_minutes_per_contact_hour", "km_per_visit"):
        assert outcome.table[name].to_list() == pytest.approx(own[name].to_list())
    total = own["travel_minutes"].sum()
    assert outcome.facts["travel_minutes_a_day"] == pytest.approx(total)
    assert outcome.facts["travel_minutes_per_contact_hour"] == pytest.approx(
        total / own["contact_hours"].sum())
    assert outcome.facts["largest_travel_minutes"] == own["travel_minutes_per_contact_hour"].max()
    assert travel_facts(own)["travel_km_a_day"] == pytest.approx(own["km"].sum())
    assert "personal data" in repr(travel)


def test_the_check_has_the_cap(measured: Project) -> None:
    """Just at the estimate a lot keeps the cap; just below it is reported, with the difference."""
    plan = Plan({c: str(i % 6 // 3) for i, c in enumerate(CODES)})
    travel = lot_travel(measured, "all")
    assert travel is not None
    most = travel.of(plan)["travel_minutes_per_contact_hour"].max()
    for cap, number in ((most, 0), (most - 0.01, 1)):
        found = check_plan(plan, measured.areas, measured.graph, measured.demands[0],
                           Rules(max_travel_minutes=cap), travel=travel.minutes)
        assert len(found) == number
    assert (found[0].rule, found[0].limit) == ("max_travel_minutes", most - 0.01)
    assert "0.01 above" in found[0].message


def test_a_design_with_travel(tmp_path: Path) -> None:
    """An option with least travel is added; it has less than every other, and what is written says how."""
    folder = council(tmp_path / "council", travel="")
    edit(folder / "brief.toml", "time_limit_s = 1", "time_limit_s = 1\noptions = 2")
    project = load_project(folder)
    result = design_all(project, project.brief.run)[0]
    travel = [o.facts["travel_minutes_a_day"] for o in result.outcomes]
    titles = [o.title for o in result.design.options]
    assert titles[0] == "The brief's own aims"
    if "Least travel" in titles:
        assert titles[-1] == "Least travel"
        assert travel[-1] == min(travel) < min(travel[:-1])
    assert not any(o.violations for o in result.outcomes)
    data = write_results(project, result, tmp_path / "out")
    assert data["travel"]["bound"] is None
    assert data["travel"]["estimated"] is True
    assert "straight line" in data["travel"]["travel_times"]["engine"]
    assert data["travel"]["assumed"]
    assert data["measures"]["travel_minutes_per_contact_hour"] == pytest.approx(
        result.outcome.facts["travel_minutes_per_contact_hour"])
    assert "Travel minutes per contact hour (estimated)" in (tmp_path / "out/map.html").read_text("utf-8")
    assert all(c.holds for c in verify_all(project, tmp_path / "out"))


def test_travel_as_the_aim_has_no_bound(tmp_path: Path) -> None:
    """The first plan has least travel; its certificate holds for its cost, and nothing claims more."""
    folder = council(tmp_path / "council", 'minimise = "travel"')
    project = load_project(folder)
    result = design_all(project, project.brief.run)[0]
    shorter = load_project(council(tmp_path / "short", travel=""))
    other = design_all(shorter, shorter.brief.run)[0]
    assert (result.outcome.facts["travel_minutes_a_day"]
            <= other.outcome.facts["travel_minutes_a_day"] + 1e-9)
    assert "no bound" in proof_in_words(result.design)
    assert proof_in_short(result.design) == ("No bound", "How much less travel any plan could have")
    assert result.design.bound <= result.design.objective
    assert result.design.objective == pytest.approx(result.outcome.facts["hess_cost"])
    (tmp_path / "out/audit").mkdir(parents=True)
    result.outcome.plan.to_csv(tmp_path / "out/plan.csv")
    write_certificate(result.design, "all", tmp_path / "out/audit/certificate.json")
    assert all(c.holds for c in verify_all(project, tmp_path / "out"))


def test_a_cap_that_is_not_kept_is_said(tmp_path: Path) -> None:
    """Exit 1 with the lots above and by how much, and no claim that there is no such plan."""
    folder = council(tmp_path / "council", "max_travel_minutes = 0.1")
    done = run("design", folder, "--quiet")
    assert done.code == 1
    said = " ".join(done.said.split())
    assert "No plan was found in which every lot keeps to 0.1" in said
    assert "That there is none is not proven." in said
    assert "above its most of 0.1" in said
    assert (folder / "out/plan.csv").is_file()
    project = load_project(folder)
    result = design_all(project, project.brief.run)[0]
    assert result.design.travel is not None
    assert result.design.travel.above == pytest.approx({
        v.lot: v.value for v in result.outcome.violations})
    assert "by" not in cap_in_words(result.design, figures=False).split("above it: ")[1]


def test_a_place_that_is_one_lot_is_proof(tmp_path: Path) -> None:
    """Where a locality is one lot its travel is what it is: no plan, with the figure to raise the cap to."""
    folder = council(tmp_path / "council", "max_travel_minutes = 0.1")
    edit(folder / "brief.toml", "number = 4", "number = 2")
    edit(folder / "brief.toml", "max_hours = 170", "max_hours = 300")
    project = load_project(folder)
    with pytest.raises(InfeasibleError) as raised:
        design_all(project, project.brief.run)
    assert len(raised.value.reasons) == 2
    travel = lot_travel(project, "all")
    assert travel is not None
    for reason in raised.value.reasons:
        codes = list(project.areas.index[project.areas["locality"] == reason.place])
        assert f"{travel.minutes(codes):.1f}" in reason.message
        assert reason.proven
    assert run("design", folder, "--quiet").code == 3
    assert run("check", folder, "--quiet").code == 3


def test_the_check_tells_of_todays_zones(tmp_path: Path) -> None:
    """Zones in force above the cap are named with their minutes; that is no mistake of the brief."""
    folder = council(tmp_path / "council", "max_travel_minutes = 0.1", today='plan = "today.csv"')
    zones = pd.DataFrame({"area_code": CODES, "lot": [f"Z{i // 6}" for i in range(24)]})
    write_csv(folder / "today.csv", zones)
    done = run("check", folder, "--quiet")
    assert done.code == 0
    assert "above 0.1 are Z0 (" in done.said


def test_two_plans_are_compared_by_travel(measured: Project, tmp_path: Path) -> None:
    """Travel of both plans beside each other; lots of B above the cap end in exit 1."""
    a = Plan({c: str(i % 6 // 3) for i, c in enumerate(CODES)})
    b = Plan({c: str(i // 12) for i, c in enumerate(CODES)})
    travel = lot_travel(measured, "all")
    assert travel is not None
    demand = measured.demands[0]
    most = [travel.of(p)["travel_minutes_per_contact_hour"].max() for p in (a, b)]
    found = compare_plans(a, b, measured.areas, measured.graph, demand, travel=travel, cap_minutes=min(most))
    assert [bool(above) for above in found.above] == [m > min(most) for m in most]
    row = found.plans.loc["largest_travel_minutes"]
    assert [row["a"], row["b"]] == most
    assert "travel minutes per contact" in found.to_text()
    assert "ravel" not in compare_plans(a, b, measured.areas, measured.graph, demand).to_text()
    folder = council(tmp_path / "c", "max_travel_minutes = 0.1")
    for name, plan in (("a.csv", a), ("b.csv", b)):
        write_csv(tmp_path / name, plan.lots.rename_axis("area_code").reset_index())
    done = run("compare", folder, tmp_path / "a.csv", tmp_path / "b.csv", "--quiet")
    assert done.code == 1
    assert "B has 2 lots above 0.1 travel minutes" in " ".join(done.said.split())
    edit(folder / "brief.toml", "max_travel_minutes = 0.1", "max_travel_minutes = 1000")
    assert run("compare", folder, tmp_path / "a.csv", tmp_path / "b.csv", "--quiet").code == 0


def test_every_start_is_tried_only_once() -> None:
    """Plans that differ in the names of their lots alone are one start."""
    case = grid(2, 3)
    problem, _ = problem_of(case, some_visits(case, 3, 1), 2, 20, 40)
    plans = every_plan(case, 2, 20, 40)
    lot = as_lot(problem, plans[0])
    one = less_travel(problem, [lot], seed=1, effort=ENOUGH, stop=Stop(60))
    two = less_travel(problem, [lot, 1 - lot], seed=1, effort=ENOUGH, stop=Stop(60))
    assert one.tolist() == two.tolist()


def test_a_slow_engine_is_asked_once() -> None:
    """Roads and servers give their matrix once; the figures are those of asking lot by lot."""
    class Slow:
        def __init__(self) -> None:
            self.asked = 0

        def settings(self) -> dict[str, Any]:
            return {"engine": "OSRM", "server": "http://localhost:5000"}

        def matrix(self, origins: pd.DataFrame, destinations: pd.DataFrame | None = None, *,
                   mode: Mode = "car") -> TravelMatrix:
            self.asked += 1
            return TRAVEL.matrix(origins, destinations, mode=mode)

    case = grid(2, 3)
    visits = some_visits(case, 4, 3)
    rural = pd.Series([True, False] * 3, index=case.codes)
    engine = Slow()
    travel = LotTravel(visits, engine, rural=rural)
    plans = [Plan(dict(zip(case.codes, names, strict=True))) for names in ("aaabbb", "ababab", "abcabc")]
    for plan in plans:
        own = plan_burden(plan, visits, TRAVEL, rural=rural)
        assert travel.of(plan)["travel_minutes"].to_list() == pytest.approx(own["travel_minutes"].to_list())
    assert engine.asked == 1
    assert "server" not in travel.about(counts=False)["travel_times"]
