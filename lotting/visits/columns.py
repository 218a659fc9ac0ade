"""Which column of an export of visits means what.

Systems of electronic monitoring and rostering name their columns each in its own way; a council that
uses none of them names its columns in the brief.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from lotting.brief import VisitColumns
from lotting.columns import find_columns
from lotting.errors import Problems
from lotting.packages import ALIASES as PACKAGE_ALIASES
from lotting.tables import fold, nearest

__all__ = ["ALIASES", "LAYOUTS", "layout_of", "visit_columns"]

ALIASES: dict[str, tuple[str, ...]] = {
    "visit_id": ("visitid", "visitref", "visitreference", "visitno", "visitnumber", "callid",
                 "bookingid", "appointmentid", "shiftid"),
    "package_id": ("packageid", "packageref", "packagereference", "packageofcareid", "cpli", "cpliid",
                   "carepackagelineitemid", "commissionid", "commissionref", "pocid", "pocref"),
    "person_id": (*PACKAGE_ALIASES["person_id"], "customerid", "customerref"),
    "worker_id": ("workerid", "carerid", "careworkerid", "employeeid", "staffid", "workerref",
                  "carerref", "employeeref", "staffref"),
    "day": ("visitdate", "date", "day", "calldate", "planneddate", "scheduleddate", "actualdate"),
    "planned_start": ("plannedstart", "plannedstarttime", "scheduledstart", "scheduledstarttime",
                      "starttimeclaimed", "rosteredstart", "visitstart", "visitstarttime", "starttime",
                      "start"),
    "planned_end": ("plannedend", "plannedendtime", "plannedfinish", "scheduledend",
                    "scheduledendtime", "rosteredend", "visitend", "visitendtime", "endtime", "end",
                    "finishtime"),
    "planned_duration": ("plannedduration", "durationclaimed", "scheduledduration", "plannedminutes",
                         "plannedlength", "durationminutes", "duration", "visitlength", "length"),
    "actual_start": ("actualstart", "actualstarttime", "arrival", "arrivaltime", "timein", "login",
                     "logintime", "checkin", "checkintime", "clockin"),
    "actual_end": ("actualend", "actualendtime", "departure", "departuretime", "timeout", "logout",
                   "logouttime", "checkout", "checkouttime", "clockout"),
    "actual_duration": ("actualduration", "actualminutes", "deliveredduration", "deliveredminutes",
                        "actuallength"),
    "earliest": ("earliest", "earlieststart", "earlieststarttime"),
    "latest": ("latest", "lateststart", "lateststarttime"),
    "carers": (*PACKAGE_ALIASES["carers"], "carersrequired"),
    "secondary": ("secondaryvisit", "secondary", "additionalcarer", "secondcarer"),
    "status": ("visitstatus", "status", "visitstate", "state", "outcome"),
    "postcode": (*PACKAGE_ALIASES["postcode"], "customerpostcode", "serviceuserpostcode"),
    "area_code": ("areacode",),
    "x_m": PACKAGE_ALIASES["x_m"],
    "y_m": PACKAGE_ALIASES["y_m"],
}
"""Usual names of each field, compared without case, spaces or marks; the likeliest first.

An area code is also found by the names of ONS products (``LSOA21CD`` and so on).
"""

LAYOUTS: dict[str, tuple[tuple[str, ...], str]] = {
    "Access Abacus service delivery": (
        ("serviceuserref", "visitdate", "starttimeclaimed", "durationclaimed", "secondaryvisit"),
        ("found: https://help-accessabacus.theaccessgroup.com/en/articles/14421513-csv-service-"
        "delivery-file-format (19 of its 24 headings; claimed times count as planned ones)"),
    ),
    "ContrOCC visits": (
        ("ssref", "carerid"),
        ("found: https://www.oxfordcc.co.uk/custom-software/monitoring-care-using-the-controcc-visits-"
        "module/ (SSRef, CarerID, CPLI and the states; its other headings are not published)"),
    ),
    "Access Care Rostering feed": (
        ("visitid", "employeeid", "customerid"),
        ("found: https://help-accesscareplanning.theaccessgroup.com/en/articles/12008687-information-"
        "sent-from-rostering-systems (what is sent; the exact headings are not published)"),
    ),
}
"""Layouts known by name: columns that tell them, folded, and where they are described."""


def layout_of(columns: Iterable[str]) -> str:
    """Name the layout of an export; ``""`` where it is none that is known.

    Examples
    --------
    >>> layout_of(["Visit ID", "Date", "Start", "End", "Employee ID", "Customer ID"])
    'Access Care Rostering feed'
    """
    folded = {fold(c) for c in columns}
    return next((name for name, (marks, _) in LAYOUTS.items() if folded.issuperset(marks)), "")


def visit_columns(
    table: pd.DataFrame, mapping: VisitColumns, seen: list[str], problems: Problems
) -> dict[str, str]:
    """Find the column of each field: as the brief says, or by its usual names.

    Parameters
    ----------
    table
        What was read; ``attrs["file"]`` names the file.
    mapping
        ``[visits.columns]``.
    seen
        Every column of the file, for advice.
    problems
        A named column that is missing, a time or a length that no column gives, and a choice that
        was made between several columns, are noted here.

    Returns
    -------
    dict
        Column by field; a field without a column is left out.
    """
    given: dict[str, str] = mapping.model_dump(exclude_none=True)
    columns = find_columns(table, ALIASES, given, "visits.columns", seen, problems)
    _require(columns, given, seen, problems, table.attrs["file"])
    return columns


def _require(
    columns: dict[str, str], given: dict[str, str], seen: list[str], problems: Problems, file: str
) -> None:
    def lack(what: str, field: str) -> None:
        problems.add(f"no column of {what} was found", file=file,
                     fix=f"Say which one it is in [visits.columns]: {field} = \"...\". "
                         f"{nearest(field, seen)}")

    have = set(columns) | set(given)
    if not have & {"planned_start", "actual_start"}:
        lack("start times", "planned_start")
    if not have & {"planned_duration", "planned_end", "actual_duration", "actual_end"}:
        lack("lengths or end times", "planned_duration")
    if not have & {"person_id", "package_id", "postcode", "area_code", "x_m"}:
        lack("persons, packages or places", "person_id")
    for one, other in (("x_m", "y_m"), ("y_m", "x_m"), ("earliest", "latest"), ("latest", "earliest")):
        if one in have and other not in have:
            lack(f"{other} beside {columns.get(one, one)!r}", other)
