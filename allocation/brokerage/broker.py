"""Placing packages: rank, decide, take the hours, write it all down, in one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lotting.errors import InputError, Problem, StoppedError

from .eligible import Package
from .ledger import TOLERANCE_HOURS, Entry, Ledger
from .office import Office
from .ranking import Desk, Ranking
from .register import Decision, Register, Writer

if TYPE_CHECKING:
    from .batch import Shared

__all__ = ["Broker", "Outcome", "Placed"]

_TOGETHER = 10  # packages a transaction: each waits for the disk once


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Outcome:
    """What became of one package.

    Attributes
    ----------
    kind
        ``placed``, ``unplaced``, ``before``: it was placed by an earlier decision (or runs today); or
        ``changed``: so it was, but with other hours than are asked for now.
    rank
        Place in its ranking of the offer it got; None where it got none.
    score
        Points of that offer.
    decision
        Number in the register; 0 where nothing was written, or it is today's export that says so.
    """

    package: Package
    kind: str
    provider_id: str = ""
    route: str = ""
    pool: str = ""
    step: str = ""
    rank: int | None = None
    score: float = float("nan")
    rate_gbp: float = float("nan")
    added_km: float = float("nan")
    reason: str = ""
    decision: int = 0
    ranking: tuple[dict[str, Any], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A list that was gone through.

    Attributes
    ----------
    outcomes
        One a package, in the list's order.
    shared
        How the whole list was shared out, where it was.
    one_by_one
        What the same list would have come to one by one, where it was shared out whole.
    replaced
        Packages that others' decisions in the meantime left to be placed one by one.
    """

    outcomes: tuple[Outcome, ...]
    shared: Shared | None = None
    replaced: int = 0

    def hours(self) -> tuple[float, float, float]:
        """Return hours asked, placed (now or before) and not placed; the first is the sum of the others."""
        placed = sum(o.package.hours for o in self.outcomes if o.kind in {"placed", "before"})
        unplaced = sum(o.package.hours for o in self.outcomes if o.kind in {"unplaced", "changed"})
        return sum(o.package.hours for o in self.outcomes), placed, unplaced


@dataclass(frozen=True, slots=True, eq=False)
class _Planned:
    """What sharing out has found for a package; ``full``: how many before it in the order are full then."""

    ranking: Ranking
    offer: int
    full: int


def _before(before: int, full: int) -> str:
    """Say why those that come first in the order did not get a package."""
    many = before > 1
    if full == before:
        return f"the hours of the {before if many else 'one'} before it went to other packages of the list"
    if not full:
        who = f"any of the {before}" if many else "the one"
        return f"with {who} before it the list together would come no nearer to the order"
    return (f"of the {before} before it, {full} have no hours left for it after the whole list; with the "
            "others the list together would come no nearer to the order")


class Broker:
    """A brokerage desk: the rules, the register, and who sits there.

    Parameters
    ----------
    office
        Providers, offers, rules.
    register
        Where decisions go; None to try out without one.
    on
        Day of the decisions.
    decided_by
        Who decides: written beside every decision.
    """

    def __init__(
        self, office: Office, register: Register | None, *, on: dt.date, decided_by: str = ""
    ) -> None:
        self.office, self.register, self.on, self.decided_by = office, register, on, decided_by
        self.desk = Desk(office, on)
        self.ledger = Ledger(office)
        self._settings = office.settings()
        self.refresh()

    def refresh(self) -> None:
        """Read what others have decided since."""
        if self.register is not None:
            for entry in self.register.entries(self.ledger.last):
                self.ledger.apply(entry)

    def place(self, packages: Sequence[Package]) -> Placed:
        """Place packages one by one, in their order; a few in each transaction, so that others get a turn.

        Returns
        -------
        Placed

        Raises
        ------
        StoppedError
            Ctrl-C came; the transactions before it stand.
        """
        if self.register is None:
            return Placed(outcomes=tuple(self._place(p, None) for p in packages))
        outcomes: list[Outcome] = []
        try:
            for first in range(0, len(packages), _TOGETHER):
                with self.register.writing() as writer:
                    self.refresh()
                    these = [self._place(p, writer) for p in packages[first : first + _TOGETHER]]
                outcomes += these
        except KeyboardInterrupt:
            raise StoppedError(
                f"Stopped: {len(outcomes):,} of {len(packages):,} packages were decided, and are in the "
                "register; the others were not looked at. Give the same list again to go on: nothing is "
                "placed twice.") from None
        return Placed(outcomes=tuple(outcomes))

    def batch(
        self, packages: Sequence[Package], *, seconds: float = 60.0, gap_pct: float = 0.05, seed: int = 1
    ) -> Placed:
        """Place a whole list at once, so that together it is worth most.

        The list is shared out as things stand, while others can go on; then, in one transaction, all of
        it is written. Where somebody else took hours in the meantime, the packages that no longer fit
        are placed one by one.

        Parameters
        ----------
        packages
            The list.
        seconds
            Most that sharing out may take.
        gap_pct
            Near enough to the best.
        seed
            Of the search.
        """
        from .batch import share_out

        self.refresh()
        fresh = [p for p in packages if p.hours > 0 and p.package_id not in self.ledger.held]
        shared = share_out(self.desk, self.ledger, fresh, seconds=seconds, gap_pct=gap_pct, seed=seed)
        plan = {p.package_id: _Planned(*planned) for p, *planned in zip(
            fresh, shared.rankings, shared.assigned.offer.tolist(), shared.full.tolist(), strict=True)}
        if self.register is None:
            outcomes, replaced = self._write(packages, plan, None)
        else:
            with self.register.writing() as writer:
                self.refresh()
                outcomes, replaced = self._write(packages, plan, writer)
        return Placed(outcomes=tuple(outcomes), shared=shared, replaced=replaced)

    def _write(
        self, packages: Sequence[Package], plan: dict[str, _Planned], writer: Writer | None
    ) -> tuple[list[Outcome], int]:
        found: dict[str, Outcome] = {}
        late: list[Package] = []
        for package in packages:
            planned = plan.get(package.package_id)
            if planned is None or package.package_id in self.ledger.held:
                late.append(package)
            elif planned.offer < 0:
                why = self._left_over(package, planned.ranking)
                found[package.package_id] = self._unplaced(package, planned.ranking, why, writer, "batch")
            elif self._room(package, planned.offer):
                found[package.package_id] = self._take(
                    package, planned.ranking, planned.offer, writer, "batch", full=planned.full)
            else:
                late.append(package)
        replaced = 0
        for package in late:
            found[package.package_id] = self._place(package, writer)
            replaced += package.package_id in plan
        return [found[p.package_id] for p in packages], replaced

    def _room(self, package: Package, offer: int) -> bool:
        left = self.ledger.provider_left()[self.desk.sieve.provider[offer]]
        return bool(min(left, self.ledger.pool_left()[offer]) + TOLERANCE_HOURS >= package.hours)

    def _left_over(self, package: Package, ranking: Ranking) -> str:
        if not len(ranking.order):
            return self.desk.why_nobody(package, ranking)
        n = len(ranking.order)
        return (f"all hours of the {n} offer{'s' if n > 1 else ''} that may take it went to other packages "
                "of the list")

    def _place(self, package: Package, writer: Writer | None) -> Outcome:
        held = self.ledger.held.get(package.package_id)
        if held is not None:
            if abs(held.hours - package.hours) <= TOLERANCE_HOURS:
                return Outcome(package=package, kind="before", provider_id=held.provider_id, pool=held.pool,
                               decision=held.decision, reason="placed before")
            growth = package.hours - held.hours
            limit = self.office.brief.review.growth_hours
            why = f"{held.provider_id} has it already, with {held.hours:g} h a week"
            why += (f"; it grew by {growth:g}, more than {limit:g}, and goes to review"
                    if growth > limit + TOLERANCE_HOURS else
                    ": have the hours changed there, or hand it back first")
            return replace(self._unplaced(package, None, why, writer, "one"), kind="changed",
                           provider_id=held.provider_id)
        ranking = self.desk.rank(package, self.ledger)
        if not len(ranking.order):
            return self._unplaced(package, ranking, self.desk.why_nobody(package, ranking), writer, "one")
        return self._take(package, ranking, int(ranking.order[0]), writer, "one")

    def _take(
        self, package: Package, ranking: Ranking, offer: int, writer: Writer | None, mode: str, *,
        full: int = 0,
    ) -> Outcome:  # fmt: skip
        sieve = self.desk.sieve
        rank = ranking.order.tolist().index(offer) + 1
        step = self.desk.names[int(ranking.step[offer])]
        reason = f"first of {len(ranking.order)} in the council's order: {step}"
        if rank > 1:
            reason = (f"number {rank} of {len(ranking.order)} in the council's order ({step}), shared out "
                      f"with the whole list: {_before(rank - 1, full)}")
        rows = self.desk.rows(ranking)
        decision = self._decision(
            "placed", package, provider_id=sieve.ids[offer], route=str(sieve.route[offer]),
            pool=str(self.desk.pools[offer]), rate_gbp=float(sieve.rate[offer]), mode=mode, rank=rank,
            reason=reason, ranking=rows)
        number = self._add(decision, writer)
        return Outcome(
            package=package, kind="placed", provider_id=decision.provider_id, route=decision.route,
            pool=decision.pool, step=step, rank=rank, score=float(ranking.points["score"][offer]),
            rate_gbp=float(sieve.rate[offer]), added_km=float(ranking.km[offer]), reason=reason,
            decision=number, ranking=tuple(rows),
        )  # fmt: skip

    def _unplaced(
        self, package: Package, ranking: Ranking | None, why: str, writer: Writer | None, mode: str
    ) -> Outcome:
        rows = [] if ranking is None else self.desk.rows(ranking)
        decision = self._decision("unplaced", package, mode=mode, reason=why, ranking=rows)
        number = self._add(decision, writer)
        return Outcome(package=package, kind="unplaced", reason=why, decision=number, ranking=tuple(rows))

    def _decision(self, kind: Any, package: Package, **more: Any) -> Decision:
        starts = package.start or self.on
        return Decision(
            kind=kind, day=self.on, counts_from=max(starts, self.on), package_id=package.package_id,
            person_id=package.person_id, hours=package.hours, lot=package.lot, area=package.area,
            x_m=package.x_m, y_m=package.y_m, decided_by=self.decided_by, settings=self._settings, **more)

    def _add(self, decision: Decision, writer: Writer | None) -> int:
        number = 0 if writer is None else writer.add(decision)
        nan = float("nan")
        # The transaction can still fail, but then so does the whole desk: it is not used again.
        self.ledger.apply(Entry(
            number or self.ledger.last, decision.kind, decision.day, decision.counts_from,
            decision.package_id, decision.person_id, decision.provider_id, decision.pool,
            decision.hours, decision.lot,
            nan if decision.x_m is None else decision.x_m, nan if decision.y_m is None else decision.y_m))
        return number

    def hand_back(self, package_id: str, reason: str, *, ended: bool = False) -> Decision:
        """Record that a provider hands a package back, or that it has ended; its hours are free again.

        Raises
        ------
        InputError
            Nobody has the package.
        """
        assert self.register is not None
        with self.register.writing() as writer:
            self.refresh()
            held = self.ledger.held.get(package_id)
            if held is None:
                raise InputError(Problem(
                    message="no provider has a package of this id", value=package_id,
                    fix="See allocation broker explain for what was decided of it."))
            last = [d for d in self.register.decisions(package_id) if d["kind"] == "placed"]
            where = last[-1] if last and held.decision else {}
            decision = Decision(
                kind="ended" if ended else "handed_back", day=self.on,
                counts_from=max(held.counts_from, self.on) if held.decision == 0 else held.counts_from,
                package_id=package_id, person_id=held.person_id, provider_id=held.provider_id,
                route=where.get("route", ""), pool=held.pool, hours=held.hours, lot=where.get("lot", ""),
                area=where.get("area", ""), reason=reason, decided_by=self.decided_by,
                settings=self._settings)
            if not where:
                row = self.office.today[self.office.today["package_id"] == package_id].iloc[0]
                decision = replace(decision, lot=row["lot"], area=row["area"])
            self._add(decision, writer)
        return decision
