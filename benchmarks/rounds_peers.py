"""Other programs' rounds, on one thread, for so many seconds: PyVRP, VROOM and OR-Tools routing.

Each function returns a :class:`Found`: routes, seconds to the first plan that keeps every rule where the
library lets one know, and seconds spent. A library that is not installed raises ``ImportError``. Nothing
here is used by the package.

Only OR-Tools can be told of double-handed visits. PyVRP has neither times that depend on another route
nor soft windows nor a cost of lateness; VROOM has skills, but no synchronised tasks, and its windows are
hard as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from rounds_instances import Day, Solomon

__all__ = ["PEERS", "Found", "ortools_day", "ortools_solomon", "pyvrp_solomon", "vroom_solomon"]

#: OR-Tools counts in whole numbers; distances of the double-handed instances have three decimals.
_SCALE = 1000
_NEVER = 2**62  # PyVRP's cost of a plan that breaks a rule is the largest whole number there is


@dataclass(slots=True)
class Found:
    """What a peer found: routes (None: no plan), and when."""

    routes: list[list[int]] | None
    first_s: float | None = None
    seconds: float = 0.0


def pyvrp_solomon(instance: Solomon, seconds: float, seed: int) -> Found:
    """PyVRP's iterated local search; the clock runs from before its data are made."""
    import pyvrp

    rows = (instance.rows * 10).round().astype(np.int64)
    way = instance.tenths()
    begun = time.perf_counter()
    found = Found(None)
    clients = [
        pyvrp.Client(i, delivery=[int(instance.rows[i, 3])], service_duration=int(rows[i, 6]),
                     tw_early=int(rows[i, 4]), tw_late=int(rows[i, 5]))
        for i in range(1, len(rows))
    ]  # fmt: skip
    vehicle = pyvrp.VehicleType(instance.vehicles, capacity=[instance.capacity], tw_late=int(rows[0, 5]))
    places = [pyvrp.Location(x, y) for x, y in instance.rows[:, 1:3]]
    problem = pyvrp.ProblemData(places, clients, [pyvrp.Depot(0)], [vehicle], [way], [way])

    def stop(best_cost: int) -> bool:
        spent = time.perf_counter() - begun
        if found.first_s is None and best_cost < _NEVER:
            found.first_s = spent
        return spent >= seconds

    result = pyvrp.solve(problem, stop=stop, seed=seed, display=False, collect_stats=False)
    if result.best.is_feasible():
        found.routes = [[a.idx + 1 for a in route if a.is_client()] for route in result.best.routes()]
    found.seconds = time.perf_counter() - begun
    return found


def vroom_solomon(instance: Solomon, seconds: float, seed: int) -> Found:  # noqa: ARG001 - it has no seed
    """VROOM at its most thorough; the first plan is that of its least thorough setting.

    VROOM ends by itself when its local searches do, often before the time is up.
    """
    import vroom

    rows = (instance.rows * 10).round().astype(np.int64)
    way = instance.tenths().astype(np.uint32)

    def run(level: int) -> tuple[float, list[list[int]] | None]:
        begun = time.perf_counter()
        problem = vroom.Input()
        problem.set_durations_matrix("car", way)
        problem.add_vehicle([
            vroom.Vehicle(k + 1, start=0, end=0, capacity=[instance.capacity],
                          time_window=vroom.TimeWindow(0, int(rows[0, 5])))
            for k in range(instance.vehicles)
        ])  # fmt: skip
        problem.add_job([
            vroom.Job(i, location=i, default_service=int(rows[i, 6]),
                      delivery=vroom.Amount([int(instance.rows[i, 3])]),
                      time_windows=[vroom.TimeWindow(int(rows[i, 4]), int(rows[i, 5]))])
            for i in range(1, len(rows))
        ])  # fmt: skip
        solution = problem.solve(exploration_level=level, nb_threads=1, timeout=timedelta(seconds=seconds))
        spent = time.perf_counter() - begun
        if solution.unassigned:
            return spent, None
        steps = solution.routes
        jobs = steps[steps["type"] == "job"]
        return spent, [g["id"].astype(int).tolist() for _, g in jobs.groupby("vehicle_id", sort=True)]

    first_s, first = run(0)
    spent, routes = run(5)
    return Found(routes, first_s if first is not None else None, spent)


def ortools_solomon(instance: Solomon, seconds: float, seed: int) -> Found:  # noqa: ARG001 - it has no seed
    """OR-Tools routing: cheapest insertion, then guided local search."""
    from ortools.constraint_solver import pywrapcp

    rows = (instance.rows * 10).round().astype(np.int64)
    way = instance.tenths()
    begun = time.perf_counter()
    manager = pywrapcp.RoutingIndexManager(len(rows), instance.vehicles, 0)
    routing = pywrapcp.RoutingModel(manager)
    routing.SetArcCostEvaluatorOfAllVehicles(routing.RegisterTransitMatrix(way.tolist()))
    horizon = int(rows[0, 5])
    move = routing.RegisterTransitMatrix((way + rows[:, 6:7]).tolist())
    routing.AddDimension(move, horizon, horizon, False, "time")  # noqa: FBT003
    load = routing.RegisterUnaryTransitVector(instance.rows[:, 3].astype(int).tolist())
    routing.AddDimension(load, 0, instance.capacity, True, "load")  # noqa: FBT003
    clock = routing.GetDimensionOrDie("time")
    for i in range(1, len(rows)):
        clock.CumulVar(manager.NodeToIndex(i)).SetRange(int(rows[i, 4]), int(rows[i, 5]))
    return _ortools(routing, manager, seconds, begun, ("PARALLEL_CHEAPEST_INSERTION",), None)


def ortools_day(
    day: Day,
    seconds: float,
    seed: int,  # noqa: ARG001 - it has no seed
    start: list[list[int]] | None = None,
) -> Found:
    """OR-Tools routing with double-handed visits; routes are of tasks, one a carer.

    Every task is a node. Skills are the vehicles allowed; both tasks of a double are tied by the
    difference of their times and have two vehicles; lateness is a soft upper bound. The largest lateness
    is the end of a second dimension that is at every node at least as large as the lateness there, and is
    priced by its span over all vehicles.

    The first plan is made by cheapest insertion, by cost in half of the time at most, else by distance; or
    it is ``start``: tasks of each carer.
    """
    from ortools.constraint_solver import pywrapcp

    tasks = day.tasks
    place = np.array([0, *(t.patient + 1 for t in tasks)])
    # A way may not take a hair less than it does; what is paid for is checked from the file anyway.
    way = np.ceil(day.way[np.ix_(place, place)] * _SCALE - 1e-6).astype(np.int64)
    minutes = np.array([0, *(round(t.minutes * _SCALE) for t in tasks)])
    horizon = int(_SCALE * (max(w[1] for w in day.windows) + sum(t.minutes for t in tasks)
                            + 2 * day.way.max() * len(tasks)))  # fmt: skip
    begun = time.perf_counter()
    manager = pywrapcp.RoutingIndexManager(len(place), len(day.skills), 0)
    routing = pywrapcp.RoutingModel(manager)
    routing.SetArcCostEvaluatorOfAllVehicles(routing.RegisterTransitMatrix(way.tolist()))
    move = routing.RegisterTransitMatrix((way + minutes[:, None]).tolist())
    routing.AddDimension(move, horizon, horizon, False, "time")  # noqa: FBT003
    routing.AddConstantDimensionWithSlack(0, horizon, horizon, True, "late")  # noqa: FBT003
    clock, late = routing.GetDimensionOrDie("time"), routing.GetDimensionOrDie("late")
    late.SetGlobalSpanCostCoefficient(1)
    solver = routing.solver()
    index = [manager.NodeToIndex(t + 1) for t in range(len(tasks))]
    for t, task in enumerate(tasks):
        early, latest = (round(x * _SCALE) for x in day.windows[task.patient])
        at = index[t]
        clock.CumulVar(at).SetMin(early)
        clock.SetCumulVarSoftUpperBound(at, latest, 1)
        solver.Add(late.CumulVar(at) >= clock.CumulVar(at) - latest)
        may = [k for k, skills in enumerate(day.skills) if task.service in skills]
        routing.VehicleVar(at).SetValues(may)
    for a, b, low, high in day.doubles():
        apart = clock.CumulVar(index[b]) - clock.CumulVar(index[a])
        solver.Add(apart >= round(low * _SCALE))
        solver.Add(apart <= round(high * _SCALE))
        solver.Add(routing.VehicleVar(index[a]) != routing.VehicleVar(index[b]))
    for t in range(len(tasks)):
        routing.AddVariableMinimizedByFinalizer(clock.CumulVar(index[t]))
    found = _ortools(
        routing, manager, seconds, begun,
        ("LOCAL_CHEAPEST_COST_INSERTION", "LOCAL_CHEAPEST_INSERTION", "PATH_CHEAPEST_ARC"),
        start and [[t + 1 for t in route] for route in start],
    )  # fmt: skip
    if found.routes is not None:
        found.routes = [[node - 1 for node in route] for route in found.routes]
    return found


def _ortools(
    routing: Any,
    manager: Any,
    seconds: float,
    begun: float,
    strategies: tuple[str, ...],
    start: list[list[int]] | None,
) -> Found:
    """Improve ``start``, or the plan of the first strategy that finds one; nodes of each vehicle."""
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    found = Found(None)

    def seen() -> None:
        if found.first_s is None:
            found.first_s = time.perf_counter() - begun

    def search(share: float) -> Any:
        how = pywrapcp.DefaultRoutingSearchParameters()
        how.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
        left = (seconds - (time.perf_counter() - begun)) * share
        how.time_limit.FromTimedelta(timedelta(seconds=max(left, 0.001)))
        return how

    routing.AddAtSolutionCallback(seen)
    plan = None
    if start is not None:
        plan = routing.ReadAssignmentFromRoutes(start, True)  # noqa: FBT003 - takes no keywords
    for k, strategy in enumerate(strategies if start is None else ()):
        how = search(1.0 if k + 1 == len(strategies) else 0.5)
        how.first_solution_strategy = getattr(routing_enums_pb2.FirstSolutionStrategy, strategy)
        how.solution_limit = 1
        plan = routing.SolveWithParameters(how)
        if plan is not None:
            break
    if plan is not None and time.perf_counter() - begun < seconds:
        plan = routing.SolveFromAssignmentWithParameters(plan, search(1.0)) or plan
    found.seconds = time.perf_counter() - begun
    if plan is None:
        return found
    found.routes = []
    for k in range(routing.vehicles()):
        nodes, at = [], plan.Value(routing.NextVar(routing.Start(k)))
        while not routing.IsEnd(at):
            nodes.append(manager.IndexToNode(at))
            at = plan.Value(routing.NextVar(at))
        found.routes.append(nodes)
    return found


#: Peers for days without double-handed visits.
PEERS: dict[str, Callable[[Solomon, float, int], Found]] = {
    "PyVRP": pyvrp_solomon, "VROOM": vroom_solomon, "OR-Tools": ortools_solomon,
}
