"""Times of day and lengths as exports write them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

__all__ = ["parse_clock", "parse_length"]

_CLOCK = re.compile(
    r"(?:.*[T ])?(?P<h>\d{1,2})[:.](?P<m>\d\d)(?:[:.](?P<s>\d\d(?:\.\d+)?))? ?(?P<half>[ap]\.?m\.?)?"
    r"(?:Z|[+-]\d\d:?\d\d)?", re.IGNORECASE)
_FOUR = re.compile(r"(?P<h>[01]?\d|2[0-3])(?P<m>[0-5]\d)")
_HOUR = re.compile(r"(?P<h>\d{1,2}) ?(?P<half>[ap]\.?m\.?)", re.IGNORECASE)
_FRACTION = re.compile(r"(?:\d{5})?0?\.\d+|\d{5}\.\d+|0|0\.0+")
_SPAN = re.compile(r"(?:(?P<d>\d+)[. ])?(?P<h>\d{1,3}):(?P<m>\d\d)(?::(?P<s>\d\d(?:\.\d+)?))?")
_ISO = re.compile(
    r"P(?:(?P<d>\d+)D)?T?(?:(?P<h>[\d.]+)H)?(?:(?P<m>[\d.]+)M)?(?:(?P<s>[\d.]+)S)?", re.IGNORECASE)
_WORDS = re.compile(
    r"(?:(?P<h>[\d.]+) ?(?:h|hr|hrs|hour|hours))? ?(?:(?P<m>[\d.]+) ?(?:m|min|mins|minute|minutes))?",
    re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")


def parse_clock(text: pd.Series[str]) -> tuple[pd.Series[float], pd.Series[bool]]:
    """Read times of day.

    Parameters
    ----------
    text
        Text, ``""`` where blank: 08:30, 8:30:00, 8.30, 0830, 8:30 pm, 8am, a date and time, or a
        fraction of a day as Excel keeps it.

    Returns
    -------
    minutes, wrong
        Minutes after midnight (float, NaN where there is none), and where there is text that is no
        time of day.

    Examples
    --------
    >>> times = pd.Series(["08:30", "2026-04-01T08:30:00", "8:30 PM", "0830", "0.5", "24:00", "am", ""])
    >>> minutes, wrong = parse_clock(times)
    >>> minutes.to_list()
    [510.0, 510.0, 1230.0, 510.0, 720.0, nan, nan, nan]
    >>> wrong.to_list()
    [False, False, False, False, False, True, True, False]
    """
    known = {value: _clock(value) for value in text.unique()}
    minutes = text.map(known).astype("float64")
    return minutes, minutes.isna() & (text != "")


def _clock(value: str) -> float:
    if _FRACTION.fullmatch(value):
        return round(float(value) % 1 * 1440 * 60) / 60
    found = _CLOCK.fullmatch(value) or _FOUR.fullmatch(value) or _HOUR.fullmatch(value)
    if found is None:
        return np.nan
    parts = found.groupdict()
    hour, minute = int(parts["h"]), int(parts.get("m") or 0)
    second = float(parts.get("s") or 0)
    half = (parts.get("half") or "")[:1].casefold()
    if half:
        if not 1 <= hour <= 12:
            return np.nan
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 23 or minute > 59 or second >= 60:
        return np.nan
    return hour * 60 + minute + second / 60


def parse_length(text: pd.Series[str]) -> tuple[pd.Series[float], pd.Series[bool], str]:
    """Read lengths of time.

    Parameters
    ----------
    text
        Text, ``""`` where blank: 00:45, 0:45:00, .NET's 1.02:00:00 (a day and two hours), PT45M,
        45 min, 1h 30m; or plain numbers. Those are minutes where the column's name says so or one
        is above 24, hours otherwise: a column is all of one kind.

    Returns
    -------
    minutes, wrong, unit
        Minutes (float, NaN where there is none); where there is text that is no length; and what
        plain numbers were taken for (``"minutes"``, ``"hours"``, ``""`` where there are none).

    Examples
    --------
    >>> parse_length(pd.Series(["00:45", "PT1H30M", "1.02:00:00", "1h 15m", "soon", ""]))[0].to_list()
    [45.0, 90.0, 1560.0, 75.0, nan, nan]
    >>> parse_length(pd.Series(["0.5", "1"], name="Duration"))[0].to_list()
    [30.0, 60.0]
    >>> parse_length(pd.Series(["30", "1"], name="Duration"))[2]
    'minutes'
    """
    plain = text.str.fullmatch(_NUMBER.pattern)
    unit = ""
    minutes = pd.Series(np.nan, index=text.index, dtype="float64")
    if plain.any():
        numbers = text[plain].astype("float64")
        name = str(text.name).casefold()
        unit = ("minutes" if "min" in name else "hours" if "hour" in name or "hrs" in name
                else "minutes" if numbers.max() > 24 else "hours")
        minutes[plain] = numbers * (60 if unit == "hours" else 1)
    known = {value: _length(value) for value in text[~plain].unique()}
    minutes[~plain] = text[~plain].map(known).astype("float64")
    return minutes, minutes.isna() & (text != ""), unit


def _length(value: str) -> float:
    found = _SPAN.fullmatch(value) or _ISO.fullmatch(value) or _WORDS.fullmatch(value)
    if found is None or not any(found.groupdict().values()):
        return np.nan
    try:
        parts = {name: float(part or 0) for name, part in found.groupdict().items()}
    except ValueError:
        return np.nan
    if found.re is _SPAN and (parts["m"] >= 60 or parts["s"] >= 60):
        return np.nan
    return parts.get("d", 0) * 1440 + parts["h"] * 60 + parts["m"] + parts.get("s", 0) / 60
