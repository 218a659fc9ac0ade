"""The chart of the trade-off: drawn from published figures, the same bytes twice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lotting.report.tradeoff import TradeOff, _stairs, draw_tradeoff, write_tradeoff

FRONT = pd.DataFrame({
    "largest_deviation_pct": [25.0, 12.0, 6.0, 1.0], "rms_km": [4.4, 4.45, 4.6, 4.8],
    "moved_pct": [16.0, 18.0, 12.0, 20.0],
})
OPTIONS = pd.DataFrame({
    "option": [1, 2, 3], "made_for": ["The brief's own aims", "Most equal", "Cost $5 $6"],
    "rms_km": [4.4, 4.8, 4.6], "bound_km": [4.4, 4.7, 0.0],
    "largest_deviation_pct": [25.0, 1.0, 6.0], "moved_pct": [16.0, 20.0, 12.0],
})


def content(**changes):
    return TradeOff(**{"title": "Lots", "front": FRONT, "options": OPTIONS, **changes})


def texts(figure):
    return [t.get_text() for axes in figure.axes for t in axes.texts] + [t.get_text() for t in figure.texts]


def test_the_same_content_gives_the_same_bytes(tmp_path):
    """And a PNG of 2000 x 1120 pixels."""
    for name in ("a.png", "b.png"):
        write_tradeoff(content(today=(40.0, 4.2), source="Source"), tmp_path / name)
    data = (tmp_path / "a.png").read_bytes()
    assert data == (tmp_path / "b.png").read_bytes()
    assert [int.from_bytes(data[i:i + 4], "big") for i in (16, 20)] == [2000, 1120]


def test_people_moved_have_a_panel_of_their_own():
    """Only where they are known; its axis begins at nobody."""
    figure = draw_tradeoff(content())
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert labels == ["Largest deviation of a lot from its target (%)", "People who change zone (%)"]
    assert figure.axes[1].get_xlim()[0] <= 0
    alone = content(front=FRONT.drop(columns="moved_pct"), options=OPTIONS.drop(columns="moved_pct"))
    assert len(draw_tradeoff(alone).axes) == 1
    withheld = content(front=FRONT.assign(moved_pct=np.nan), options=OPTIONS.assign(moved_pct=np.nan))
    assert len(draw_tradeoff(withheld).axes) == 1


def test_options_are_shown_by_number_and_named_below():
    """Every option is on every panel; a dollar is money."""
    found = texts(draw_tradeoff(content()))
    for number in "123":
        assert found.count(number) == 2
    assert any("2 Most equal" in t and "3 Cost $5 $6" in t for t in found)


def test_options_on_one_spot_share_a_label():
    """Neither hides the other."""
    both = OPTIONS.assign(largest_deviation_pct=[25.0, 1.0, 1.0], rms_km=[4.4, 4.8, 4.8])
    assert "2, 3" in texts(draw_tradeoff(content(options=both)))


def test_zones_far_out_are_put_at_the_rim_and_said_to_be_beyond():
    """So that the plans are not squeezed into a corner; near ones stand where they belong."""
    assert any("beyond: 300 %" in t for t in texts(draw_tradeoff(content(today=(300.0, 4.5)))))
    assert not any("beyond" in t for t in texts(draw_tradeoff(content(today=(30.0, 4.5)))))


@pytest.mark.parametrize(("front", "fit"), [
    (FRONT, True), (FRONT.iloc[:1], False), (FRONT.assign(largest_deviation_pct=np.nan), False),
    (FRONT.drop(columns="largest_deviation_pct"), False),
])
def test_a_chart_needs_two_plans_that_may_be_shown(front, fit):
    """Withheld deviations are no points."""
    assert content(front=front).drawable is fit


def test_the_stairs_go_under_every_plan():
    """Right along and down through the plans that no other beats in the two aims."""
    corners = _stairs(np.array([[3.0, 1.0], [1.0, 5.0], [2.0, 3.0], [2.5, 4.0]]))
    assert corners.tolist() == [[1, 5], [2, 5], [2, 3], [3, 3], [3, 1]]
