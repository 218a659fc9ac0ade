"""Disclosure control, attacked with everything a reader of the published tables could know."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp
from toy_map import toy_areas, toy_demand, toy_graph

from lotting.measures import lot_table, plan_facts
from lotting.plan import Plan
from lotting.reconciliation import Reconciliation
from lotting.report.disclosure import control_counts, control_two_way, round_counts
from lotting.report.tables import ReportContent, publish

COUNT = st.one_of(st.integers(0, 9), st.integers(0, 60))


def interval(shown: object, hidden: bool, threshold: int, base: int) -> tuple[float, float]:
    """Bound one published count by all that a reader knows, the rules included."""
    if hidden:
        return 1, np.inf
    r = int(shown)  # type: ignore[call-overload]
    if r == 0:
        return 0, 0
    low, high = r - base // 2, r - base // 2 + base - 1
    return (max(threshold, 1) if r == base else max(low, threshold, 1)), high


def ranges(
    known: list[tuple[float, float]], sums: list[tuple[int, list[int]]], wanted: list[int]
) -> list[tuple[int, int]]:
    """Least and most that a count can be over every whole-number table that fits (exact)."""
    n = len(known)
    matrix = np.zeros((len(sums), n))
    for row, (total, parts) in enumerate(sums):
        matrix[row, total] = -1
        matrix[row, parts] = 1
    low, high = np.array(known).T
    found = []
    for i in wanted:
        ends = []
        for sign in (1, -1):
            goal = np.zeros(n)
            goal[i] = sign
            # an upper end far above any count stands for "no upper end"
            result = milp(
                goal, constraints=LinearConstraint(matrix, 0, 0), integrality=np.ones(n),
                bounds=Bounds(low, np.minimum(high, 10_000)),
            )
            assert result.success, "the true table fits, so some table must"
            ends.append(round(sign * result.fun))
        found.append((ends[0], ends[1]))
    return found


@given(
    table=st.lists(st.tuples(st.sampled_from("abc"), COUNT), min_size=1, max_size=12),
    threshold=st.integers(2, 7), base=st.sampled_from([1, 5, 10]),
)
@settings(max_examples=80, deadline=None)
def test_no_withheld_count_of_a_list_follows_from_what_is_shown(table, threshold, base):
    """Areas, lots and the grand total: each withheld count keeps at least two possible values."""
    frame = pd.DataFrame(table, columns=["lot", "people"])
    done = control_counts(
        frame, columns=["people"], groups=["lot"], threshold=threshold, rounding=base
    )
    lots, every = done.totals["lot"], done.totals["all"]
    known, hidden = [], []
    for part in (done, lots, every):
        for shown, gone in zip(part.frame["people"], part.suppressed["people"], strict=True):
            known.append(interval(shown, gone, threshold, base))
            hidden.append(gone)
    n, m = len(frame), len(lots.frame)
    sums = [
        (n + k, list(np.flatnonzero(frame["lot"] == lot))) for k, lot in enumerate(lots.frame.index)
    ]
    sums.append((n + m, list(range(n, n + m))))
    small = (frame["people"] >= 1) & (frame["people"] < threshold)
    assert done.suppressed.loc[small, "people"].all(), "every small count is withheld"
    wanted = list(np.flatnonzero(hidden))
    for low, high in ranges(known, sums, wanted):
        assert high > low


@given(
    rows=st.integers(1, 4), columns=st.integers(1, 4), data=st.data(),
    threshold=st.integers(2, 7), base=st.sampled_from([1, 5]),
)
@settings(max_examples=60, deadline=None)
def test_no_withheld_count_of_a_two_way_table_follows(rows, columns, data, threshold, base):
    """Rows by columns with both sums and the grand total shown."""
    values = data.draw(st.lists(COUNT, min_size=rows * columns, max_size=rows * columns))
    table = pd.DataFrame(np.reshape(values, (rows, columns)))
    done = control_two_way(table, threshold=threshold, rounding=base)
    known = [
        interval(s, g, threshold, base)
        for s, g in zip(done.frame.to_numpy(object).ravel(), done.suppressed.to_numpy().ravel(),
                        strict=True)
    ]
    hidden = list(done.suppressed.to_numpy().ravel())
    for name in ("row", "column", "all"):
        part = done.totals[name]
        known += [
            interval(s, g, threshold, base)
            for s, g in zip(part.frame["count"], part.suppressed["count"], strict=True)
        ]
        hidden += list(part.suppressed["count"])
    n = rows * columns
    sums = [(n + i, [i * columns + j for j in range(columns)]) for i in range(rows)]
    sums += [(n + rows + j, [i * columns + j for i in range(rows)]) for j in range(columns)]
    sums += [
        (n + rows + columns, [n + i for i in range(rows)]),
        (n + rows + columns, [n + rows + j for j in range(columns)]),
    ]
    for low, high in ranges(known, sums, list(np.flatnonzero(hidden))):
        assert high > low


@given(table=st.lists(st.tuples(st.sampled_from("ab"), COUNT), min_size=1, max_size=10))
@settings(max_examples=60, deadline=None)
def test_exact_hours_beside_withheld_counts_do_not_give_a_row_away(table):
    """Hours are published exactly: the withheld ones must not follow by subtraction."""
    frame = pd.DataFrame(table, columns=["lot", "people"])
    frame["hours"] = frame["people"] * 7.5
    done = control_counts(frame, columns=["people"], groups=["lot"], magnitudes=["hours"])
    gone = [*done.suppressed["hours"]]
    rows = []
    lots = done.totals["lot"]
    n, m = len(frame), len(lots.frame)
    gone += [*lots.suppressed["hours"], *done.totals["all"].suppressed["hours"]]
    for k, lot in enumerate(lots.frame.index):
        row = np.zeros(n + m + 1)
        row[:n][frame["lot"] == lot] = 1
        row[n + k] = -1
        rows.append(row)
    row = np.zeros(n + m + 1)
    row[n:n + m], row[-1] = 1, -1
    rows.append(row)
    unknown = np.array(rows)[:, gone]
    # a variable is determined by linear equations when dropping its column lowers the rank
    rank = np.linalg.matrix_rank(unknown) if unknown.size else 0
    for i in range(unknown.shape[1]):
        assert np.linalg.matrix_rank(np.delete(unknown, i, axis=1)) == rank
    assert done.frame["hours"].isna().tolist() == done.suppressed["people"].tolist()


@pytest.mark.parametrize("base", [2, 3, 5, 10])
def test_rounding_is_to_the_nearest_multiple_and_never_hides_that_someone_is_there(base):
    """Zero stays zero, anything above zero does not become zero, the rest is nearest."""
    for count, shown in zip(range(60), round_counts(range(60), base), strict=True):
        assert shown % base == 0
        assert (shown == 0) == (count == 0)
        if count >= base:
            assert abs(shown - count) <= base / 2


def test_the_threshold_itself_is_shown_and_one_below_is_not():
    """Under 5 goes; 5 may be shown; 0 may be shown."""
    frame = pd.DataFrame({"people": [0, 4, 5]})
    done = control_counts(frame, columns=["people"], totals=False)
    assert done.shown()["people"].tolist() == [0, "[c]", 5]


def test_one_small_count_takes_the_next_smallest_with_it():
    """The rule every guide states: exactly one gap beside a total is no gap."""
    frame = pd.DataFrame({"people": [40, 3, 12, 25, 0]})
    done = control_counts(frame, columns=["people"], rounding=1)
    assert done.shown()["people"].tolist() == [40, "[c]", "[c]", 25, 0]
    assert done.totals["all"].frame["people"].tolist() == [80]


def test_two_gaps_that_can_only_be_one_and_one_take_a_third():
    """1 + 1 = 2 has one solution in counts above 0, so two gaps are not enough there."""
    frame = pd.DataFrame({"people": [1, 1, 30, 9]})
    done = control_counts(frame, columns=["people"], rounding=1)
    assert done.shown()["people"].tolist() == ["[c]", "[c]", 30, "[c]"]


def test_a_list_of_ones_gives_up_its_total():
    """Seven ones under a shown total of seven would all be known: the total goes."""
    done = control_counts(pd.DataFrame({"people": [1] * 7}), columns=["people"], rounding=1)
    assert done.suppressed["people"].all()
    assert done.totals["all"].suppressed["people"].all()


def test_people_and_packages_of_a_row_go_together():
    """A row with few people but many packages is withheld in both columns."""
    frame = pd.DataFrame({"people": [3, 20, 9], "packages": [8, 30, 7]})
    done = control_counts(frame, columns=["people", "packages"])
    assert done.suppressed["people"].equals(done.suppressed["packages"])
    assert done.suppressed["people"].tolist() == [True, False, True]


def test_nothing_is_changed_when_control_is_off():
    """Threshold 0 and rounding 1 publish the counts as they are."""
    frame = pd.DataFrame({"people": [0, 1, 2, 13]})
    done = control_counts(frame, columns=["people"], threshold=0, rounding=1)
    assert done.frame["people"].tolist() == [0, 1, 2, 13]
    assert not done.suppressed["people"].any()


def test_a_group_withheld_elsewhere_is_withheld_here_and_protected():
    """A lot hidden in another table must not be recoverable from its areas or its neighbours."""
    frame = pd.DataFrame({"lot": list("aabbcc"), "people": [20, 30, 40, 50, 60, 70]})
    done = control_counts(frame, columns=["people"], groups=["lot"], withhold={"lot": ["a"]})
    assert done.totals["lot"].suppressed["people"].loc["a"]
    assert done.suppressed["people"][:2].any(), "else the lot is the sum of its areas"
    assert done.totals["lot"].suppressed["people"].sum() >= 2, "else it is the rest of the total"


def test_a_row_that_is_published_elsewhere_stays_and_the_total_goes():
    """What another table shows anyway cannot hide anything here."""
    frame = pd.DataFrame({"people": [900, 3]}, index=["placed", "unknown postcode"])
    free = control_counts(frame, columns=["people"])
    assert free.shown()["people"].tolist() == ["[c]", "[c]"]
    done = control_counts(frame, columns=["people"], keep=["placed"])
    assert done.shown()["people"].tolist() == [900, "[c]"]
    assert done.totals["all"].suppressed["people"].all()


@pytest.mark.parametrize("bad", [[1, -1], [1, 1.5], [1, None]])
def test_what_is_no_count_is_refused(bad):
    """Negative, broken and missing counts are mistakes upstream, not counts to publish."""
    with pytest.raises(ValueError, match="count is"):
        control_counts(pd.DataFrame({"people": bad}), columns=["people"])


def test_groups_that_do_not_nest_are_refused():
    """A lot in two localities has no single total to belong to."""
    frame = pd.DataFrame({"lot": ["a", "a"], "locality": ["x", "y"], "people": [9, 9]})
    with pytest.raises(ValueError, match="nest"):
        control_counts(frame, columns=["people"], groups=["lot", "locality"])
    frame["locality"] = "x"
    control_counts(frame, columns=["people"], groups=["lot", "locality"])


def test_every_small_table_by_brute_force():
    """All lists of three counts up to 5, no rounding: every gap keeps two values by counting."""
    for values in itertools.product(range(6), repeat=3):
        done = control_counts(pd.DataFrame({"n": values}), columns=["n"], rounding=1)
        if not done.suppressed["n"].any() or done.totals["all"].suppressed["n"].any():
            continue
        fits = [
            t for t in itertools.product(range(16), repeat=3) if sum(t) == sum(values)
            and all((a >= 1) if g else a == b
                    for a, b, g in zip(t, values, done.suppressed["n"], strict=True))
        ]
        for i in np.flatnonzero(done.suppressed["n"]):
            assert len({t[i] for t in fits}) > 1


def test_a_county_of_output_areas_is_controlled_and_safe_to_subtract():
    """4,000 areas in 40 lots: no lot has exactly one gap beside its shown total."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"lot": np.arange(4000) % 40, "people": rng.poisson(3, 4000)})
    done = control_counts(frame, columns=["people"], groups=["lot"])
    gaps = done.suppressed["people"].groupby(frame["lot"]).sum()
    assert (gaps != 1).all()
    assert not done.totals["lot"].suppressed["people"].any()


def report(
    lots: list[str], people: list[int], *, today: list[str] | None = None, n: int = 8, **more
) -> ReportContent:
    """Make a toy county's report."""
    areas = toy_areas(1, n)
    demand = toy_demand(areas, [2.5 * p for p in people], people, payers=["LCC", "LCC", "NHS"])
    plan = Plan(dict(zip(areas.index, lots, strict=True)))
    zones = None if today is None else Plan(dict(zip(areas.index, today, strict=True)))
    graph = toy_graph(1, n)
    total = sum(people)
    table = Reconciliation(pd.DataFrame({
        "service": "all", "reason": ["read", "placed", "not placed: unknown postcode"],
        "hours": [2.5 * total + 9, 2.5 * total, 9.0], "packages": [total + 2, total, 2],
        "people": [total + 2, total, 2],
    }))
    return ReportContent(
        title="Toy", areas=areas, demand=demand, plan=plan, reconciliation=table,
        lot_table=lot_table(areas, graph, demand, plan, today=zones), today=zones,
        facts=plan_facts(areas, graph, demand, plan, today=zones), **more,
    )


@given(
    lots=st.lists(st.sampled_from("AB"), min_size=8, max_size=8),
    people=st.lists(COUNT, min_size=8, max_size=8),
    today=st.lists(st.sampled_from("AB"), min_size=8, max_size=8),
)
@settings(max_examples=25, deadline=None)
def test_all_tables_of_a_report_together_give_no_count_away(lots, people, today):
    """Areas, lots, who moves by lot, and the county, read side by side by one attacker."""
    content = report(lots, people, today=today)
    done = publish(content)
    areas, table = done.areas, done.lots
    known = [
        interval(s, g, 5, 5)
        for s, g in zip(areas.frame["people"], areas.suppressed["people"], strict=True)
    ]
    hidden = list(areas.suppressed["people"])
    sums = []

    def add(shown: object, gone: bool, parts: list[int]) -> None:
        known.append(interval(0 if gone else shown, gone, 5, 5))
        hidden.append(gone)
        sums.append((len(known) - 1, parts))

    moves = np.array([content.lot_table.loc[lot, "zone_today"] for lot in lots]) != today
    for lot in table.frame.index:
        inside = np.array(lots) == lot
        add(table.frame.loc[lot, "people"], table.suppressed.loc[lot, "people"],
            list(np.flatnonzero(inside)))
        add(table.frame.loc[lot, "moved_people"], table.suppressed.loc[lot, "moved_people"],
            list(np.flatnonzero(inside & moves)))
    for key, parts in (("people", list(range(8))), ("moved_people", list(np.flatnonzero(moves)))):
        add(done.facts[key], done.facts[key] == "[c]", parts)
    for low, high in ranges(known, sums, list(np.flatnonzero(hidden))):
        assert high > low


def test_hours_go_with_the_people_they_belong_to():
    """An area with one person: its hours are that person's package."""
    done = publish(report(list("AAAABBBB"), [1, 6, 20, 30, 9, 9, 9, 9]))
    assert done.areas.frame["weekly_hours"].isna().tolist() == [True, True] + [False] * 6
    assert done.areas.shown()["weekly_hours"].tolist()[:3] == ["[c]", "[c]", 50.0]
    assert not done.lots.suppressed["weekly_hours"].any(), "57 and 36 people are not a few"


def test_a_lot_of_a_few_people_is_withheld_with_all_that_tells_its_hours():
    """Hours, deviation, cost and centre of a lot with three people are theirs."""
    done = publish(report(list("ABBBCCCC"), [3, 6, 20, 30, 9, 9, 9, 9]))
    gone = done.lots.suppressed.loc["A"]
    for name in ("people", "packages", "weekly_hours", "annual_hours", "deviation_hours",
                 "deviation_pct", "hess_cost", "centre", "weekly_hours_LCC"):
        assert gone[name], name
    assert done.lots.suppressed["weekly_hours"].sum() == 2, "or it is the rest of the county"
    assert done.facts["smallest_lot_hours"] == "[c]"


def test_a_payer_with_a_few_people_in_a_lot_is_withheld_with_its_hours():
    """Its hours must not be the lot's hours less the other payer's."""
    done = publish(report(list("AAAABBBB"), [20, 20, 2, 20, 9, 9, 9, 9]))
    gone = done.lots.suppressed[["people_NHS", "weekly_hours_NHS", "weekly_hours_LCC"]]
    assert gone.all().all(), "both payers in both lots, or one follows from a total"
    assert not done.lots.suppressed["people"].any()
    assert done.facts["weekly_hours_by_payer.LCC"] == 2.5 * 87


def test_facts_show_the_same_totals_as_the_tables():
    """Rounded once, the same everywhere; shares are taken of what is shown."""
    content = report(
        list("AAAABBBB"), [20, 21, 22, 23, 9, 9, 9, 9], today=list("AAABBBBB"),
    )
    done = publish(content)
    assert done.facts["people"] == 120
    assert done.facts["moved_people"] == 25
    assert done.facts["moved_pct"] == pytest.approx(100 * 25 / 120)
    assert done.lots.frame["moved_people"].to_dict() == {"A": 25, "B": 0}


def test_the_reconciliation_keeps_hours_and_what_is_placed():
    """Two people without a place are withheld; what the lots are made of is not."""
    done = publish(report(list("AAAABBBB"), [20, 21, 22, 23, 9, 9, 9, 9])).reconciliation
    assert done.shown()["people"].tolist() == ["[c]", 120, "[c]"]
    assert done.frame["hours"].tolist() == [2.5 * 122 + 9, 2.5 * 122, 9.0]


def test_the_reconciliation_of_several_services_is_controlled_across_them():
    """A small count hidden in one service must not be the total of all less the other."""
    rows = []
    for service, (placed, ended, lost) in {
        "D": (58, 20, 3), "O": (768, 90, 60), "all services": (820, 110, 63),
    }.items():
        rows += [(service, "read", placed + ended + lost), (service, "placed", placed),
                 (service, "not placed: ended", ended), (service, "not placed: outside", lost)]
    frame = pd.DataFrame(rows, columns=["service", "reason", "people"])
    frame["packages"], frame["hours"] = frame["people"], frame["people"] * 10.0
    content = report(list("AAAABBBB"), [9] * 8)
    done = publish(ReportContent(
        **{f: getattr(content, f) for f in ("title", "areas", "demand", "plan", "lot_table")},
        reconciliation=Reconciliation(frame),
    )).reconciliation
    shown = done.shown()["people"].tolist()
    assert shown[1] == 60
    assert shown[5] == 770
    lost = [shown[i] for i in (3, 7, 11)]
    assert lost[0] == "[c]"
    assert lost.count("[c]") >= 2, "else 3 is 63 less 60"


def test_control_can_be_switched_off_and_set():
    """Off: exact. Threshold 10: nine is withheld too."""
    people = [9, 30, 30, 30, 30, 30, 30, 31]
    off = publish(report(list("AAAABBBB"), people, disclosure_control=False))
    assert off.areas.frame["people"].tolist() == people
    assert off.facts["people"] == sum(people)
    on = publish(report(list("AAAABBBB"), people))
    assert on.areas.frame["people"].tolist() == [10, 30, 30, 30, 30, 30, 30, 30]
    ten = publish(report(list("AAAABBBB"), people, threshold=10, rounding=10))
    assert ten.areas.suppressed["people"].sum() == 2


def test_nested_facts_do_not_smuggle_exact_counts_out():
    """Whatever a caller puts among the facts, counts of people are controlled."""
    content = report(list("AAAABBBB"), [9] * 8)
    done = publish(ReportContent(
        **{f: getattr(content, f) for f in
           ("title", "areas", "demand", "plan", "lot_table", "reconciliation")},
        facts={"measures": {"people": 72, "late_people": 3}, "rows": [{"people": 3}],
               "seed": 3, "bound": None, "gap": float("nan")},
    ))
    assert done.facts == {
        "measures.people": 70, "measures.late_people": "[c]", "seed": 3, "bound": "[x]",
        "gap": "[x]",
    }
