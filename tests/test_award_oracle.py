"""The award beside other means of finding it: all awards enumerated, and other solvers."""

from dataclasses import replace
from itertools import permutations, product

import pandas as pd
import pytest

from allocation.award.award import AwardStatus, NoAward, award
from allocation.award.check import check_award
from allocation.award.simulate import simulate_market
from allocation.award.solve import solve_problem

RULES = {
    "one": {"providers_per_lot": 1, "max_lots": 1},
    "two at 70/30": {"providers_per_lot": 2, "shares": {2: [70, 30]}, "max_lots": 2},
    "one or two": {"providers_per_lot": [1, 2], "max_share_pct": 45, "min_weekly_hours": 1500},
    "fewest": {"providers_per_lot": [1, 2], "shares": {2: [60, 40]}, "max_providers": 3},
    "preferences": {"providers_per_lot": 1, "max_lots": 1, "respect_preferences": True},
    "cover": {"providers_per_lot": [1, 2], "failure_cover_pct": 40, "spare_pct": 30},
    "cheapest": {"providers_per_lot": [1, 2], "aim": "price", "max_locality_share_pct": 70, "max_lots": 2},
    "moved": {"providers_per_lot": 2, "shares": {2: [60, 40]}, "moved_weight": 30},
}


def value_of(case):
    """By the words of the documentation: mean score weighted by hours, less points for hours moved.

    Returns a function of rows (lot, provider, bid, weekly hours).
    """
    rules, all_hours = case.tender.rules, case.lots.frame["weekly_hours"].sum()
    offers = case.bids.offers.set_index(["bid_id", "lot"])[["score", "rate_gbp"]].to_dict("index")
    today = case.incumbents["weekly_hours"].to_dict()
    members = {
        p: list(zip(rows["member_id"], rows["share_pct"] / 100, strict=True))
        for p, rows in case.providers.members.groupby("provider_id")}

    def value(won):
        kept = sum(
            min(today.get((lot, firm), 0.0), hours * part)
            for lot, provider, _, hours in won for firm, part in members[provider])
        moved = rules.moved_weight * (1 - kept / sum(today.values()))
        if rules.aim == "price":
            return sum(h * offers[bid, lot]["rate_gbp"] for lot, _, bid, h in won) + moved * all_hours
        return sum(h * offers[bid, lot]["score"] for lot, _, bid, h in won) / all_hours - moved

    return value


def every_award(case):
    """Yield every set of bids, in every order of positions, with a number of winners allowed in each lot."""
    rules, hours = case.tender.rules, case.lots.frame["weekly_hours"].to_dict()
    offers = case.bids.offers
    lots_of = offers.groupby("bid_id")["lot"].agg(tuple).to_dict()
    owner = offers.drop_duplicates("bid_id").set_index("bid_id")["provider_id"].to_dict()
    bids = list(lots_of)

    def sets(number, by_lot):
        if number == len(bids):
            if all(len(mine) >= rules.winners(lot)[0] for lot, mine in by_lot.items()):
                yield by_lot
            return
        yield from sets(number + 1, by_lot)
        bid = bids[number]
        if all(len(by_lot[lot]) < rules.winners(lot)[1] and owner[bid] not in {owner[b] for b in by_lot[lot]}
               for lot in lots_of[bid]):
            more = {lot: [*mine, bid] if lot in lots_of[bid] else mine for lot, mine in by_lot.items()}
            yield from sets(number + 1, more)

    for by_lot in sets(0, {lot: [] for lot in hours}):
        orders = [
            permutations(mine) if len(set(rules.shares_of(len(mine)))) > 1 else [tuple(mine)]
            for mine in by_lot.values()]
        for order in product(*orders):
            yield tuple(
                (lot, owner[b], b, hours[lot] * rules.shares_of(len(mine))[i] / 100)
                for lot, mine in zip(by_lot, order, strict=True) for i, b in enumerate(mine))


def as_frame(case, won):
    """Lay rows out as an award."""
    frame = pd.DataFrame(won, columns=["lot", "provider_id", "bid_id", "weekly_hours"])
    frame["position"] = frame.groupby("lot").cumcount() + 1
    frame["share_pct"] = frame["weekly_hours"] / frame["lot"].map(case.lots.frame["weekly_hours"]) * 100
    return frame.set_index(["lot", "provider_id"])


@pytest.mark.parametrize(("name", "seed", "binds"), [
    ("one", 20, "max_lots"), ("two at 70/30", 20, "positions"), ("one or two", 20, "min_weekly_hours"),
    ("fewest", 18, "max_providers"), ("preferences", 24, "preferences"), ("cover", 52, "failure_cover"),
    ("cheapest", 20, "max_locality_share"), ("moved", 20, "capacity"),
])  # fmt: skip
def test_no_award_that_keeps_the_rules_is_better(name, seed, binds):
    """The objective is that of the best of all awards that the checker passes, and so is their number.

    Better ones there are, and among what rules them out is the rule that the case is about.
    """
    case = simulate_market(3, 5, seed=seed, rules=RULES[name], lots_per_bidder=2, packages=0.6)
    cheap = RULES[name].get("aim") == "price"
    value = value_of(case)
    awards = sorted(
        ((value(won), won) for won in every_award(case)), key=lambda a: a[0] if cheap else -a[0])
    tie = 1e-6 * (case.lots.frame["weekly_hours"].sum() if cheap else 1.0)
    best, equal, broken = None, 0, set()
    for worth, won in awards:
        if best is not None and abs(worth - best) > tie:
            break
        breaches = check_award(case, as_frame(case, won))
        broken |= {b.rule for b in breaches}
        if not breaches:
            best, equal = worth if best is None else best, equal + 1
    assert binds in broken
    found = award(case)
    assert found.status == AwardStatus.OPTIMAL
    assert found.objective == pytest.approx(best, rel=1e-9)
    won = found.frame.reset_index()[["lot", "provider_id", "bid_id", "weekly_hours"]]
    assert value(list(won.itertuples(index=False, name=None))) == pytest.approx(best, rel=1e-9)
    assert found.optimal_awards == equal
    assert found.unique == (equal == 1)


@pytest.mark.parametrize("seed", [1, 12])
def test_where_no_award_keeps_the_rules_none_is_found(seed):
    """Every award there is breaks a rule: the program says so, and why."""
    case = simulate_market(3, 4, seed=seed, rules=RULES["one"], lots_per_bidder=2, packages=0.6)
    awards = list(every_award(case))
    assert len(awards) > 10
    assert all(check_award(case, as_frame(case, won)) for won in awards)
    with pytest.raises(NoAward) as error:
        award(case)
    assert error.value.reasons


@pytest.mark.parametrize("solver", ["cp-sat", "cbc", "scip"])
def test_another_solver_agrees(solver):
    """HiGHS and each other solver prove the same value, and their awards pass the check."""
    case = simulate_market(6, 14, seed=5)
    first = award(case, ties=False)
    other = award(case, ties=False, solver=solver)
    assert other.status == AwardStatus.OPTIMAL
    assert other.objective == pytest.approx(first.objective, abs=1e-6)
    assert other.solver == solver
    assert check_award(case, other.frame) == []


def test_failure_rows_added_as_they_break_leave_none_broken():
    """Where a firm's lots share the same neighbours, the rows for one lot at a time are not enough."""
    case = simulate_market(6, 14, seed=2, rules={
        "providers_per_lot": [1, 3], "failure_cover_pct": 70, "spare_pct": 25, "max_share_pct": 40})
    found = award(case, ties=False)
    assert check_award(case, found.frame) == []
    assert any("_lots_" in row.name for row in found.model.problem.constraints())
    without = award(case, ties=False, rules_off=["failure_cover"])
    assert without.objective >= found.objective
    assert {b.rule for b in check_award(case, without.frame)} == {"failure_cover"}


def test_the_program_written_to_a_file_gives_the_same_award(tmp_path):
    """Anyone can solve the .mps again: PuLP reads it, CBC finds the same value; .lp names the rules."""
    import pulp

    case = simulate_market(6, 14, seed=5)
    found = award(case, ties=False)
    found.write_model(tmp_path / "model.mps")
    found.write_model(tmp_path / "model.lp")
    _, problem = pulp.LpProblem.fromMPS(str(tmp_path / "model.mps"), sense=pulp.LpMaximize)
    again = solve_problem(problem, solver="cbc")
    assert again.objective / 1000 == pytest.approx(found.objective, abs=1e-5)
    text = (tmp_path / "model.lp").read_text()
    assert all(f"{rule}__" in text for rule in ("providers_per_lot", "capacity", "max_share", "preferences"))


def test_no_time_is_no_award_and_says_so():
    """A clock that runs out before any award is found is not taken for a proof that none exists."""
    case = simulate_market(18, 60, seed=1)
    case = replace(case, tender=case.tender.changed(run={"time_limit_s": 1e-3}))
    with pytest.raises(NoAward, match=r"no award was found in 0\.001 s") as error:
        award(case, solver="cp-sat")
    assert not error.value.reasons[0].proven
