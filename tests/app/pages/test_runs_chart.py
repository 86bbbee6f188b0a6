"""The drawing of the last runs: where its bars are, and that it is a drawing at all."""

from datetime import UTC, timedelta
from xml.etree import ElementTree

import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from app.checks.models import Check
from app.pages.runs_chart import BASE, LEAST_SLOTS, LEFT, MOST_LINES, RUNS, TOP, chart, scale
from app.pings.run_times import Run
from tests.app.pages.world import NOW


def run(seconds: float, n: int = 1, *, is_failed: bool = False) -> Run:
    ended = NOW + timedelta(hours=n)
    return Run(2 * n - 1, 2 * n, ended - timedelta(seconds=seconds), ended, is_failed)


def test_without_runs_there_is_nothing_to_draw() -> None:
    assert chart([]) is None


def test_bars_are_as_high_as_their_runs_were_long() -> None:
    drawn = chart([run(30, 1), run(60, 2), run(15, 3, is_failed=True)])
    assert drawn is not None
    assert [bar.height for bar in drawn.bars] == [60, 120, 30]
    assert [bar.y + bar.height for bar in drawn.bars] == [BASE] * 3
    assert [rule.label for rule in drawn.rules] == ["15 s", "30 s", "45 s", "1 min"]
    assert (drawn.median.label, drawn.median.y) == ("30 s", BASE - 60)
    assert (drawn.failed, drawn.longest) == (1, "1 min")


def test_only_the_last_runs_are_drawn_from_left_to_right() -> None:
    drawn = chart([run(10, n) for n in range(1, 100)])
    assert drawn is not None
    assert [bar.run.end_n for bar in drawn.bars] == [2 * n for n in range(100 - RUNS, 100)]
    places = [float(bar.x.rstrip("%")) for bar in drawn.bars]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("longest", "step", "top"),
    [(0, 0.05, 0.05), (0.3, 0.1, 0.3), (7, 2, 8), (90, 30, 90), (3_600, 900, 3_600)],
)
def test_the_scale_has_few_round_steps(longest: float, step: float, top: float) -> None:
    found = scale(longest)
    assert found[0] == step
    assert found[1] == pytest.approx(top)


@given(st.lists(st.floats(0, 259_199), min_size=1, max_size=40))
def test_every_bar_is_inside_the_drawing(seconds: list[float]) -> None:
    drawn = chart([run(length, n) for n, length in enumerate(seconds, 1)])
    assert drawn is not None
    assert 1 <= len(drawn.rules) <= MOST_LINES
    assert TOP <= drawn.median.y <= BASE
    end = LEFT
    for bar in drawn.bars:
        x, width = float(bar.x.rstrip("%")), float(bar.width.rstrip("%"))
        assert end <= x + 0.011
        end = x + width
        assert end <= 100
        assert TOP <= bar.y <= BASE
        assert 0 < bar.height <= BASE - TOP
        assert width <= (100 - LEFT) / LEAST_SLOTS


def test_the_drawing_is_xml_with_words_for_those_who_cannot_see_it() -> None:
    drawn = chart([run(30, 1), run(50, 2, is_failed=True)])
    context = {"chart": drawn, "check": Check(), "zone": UTC, "runs_from": "<b>", "runs_to": "&"}
    html = render_to_string("pages/_runs.html", context)
    svg = ElementTree.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])  # noqa: S314
    assert svg.get("role") == "img"
    titles = {svg.find("title"), svg.find("desc")}
    assert {one.get("id") for one in titles if one is not None} == set(
        str(svg.get("aria-labelledby")).split()
    )
    assert svg.findtext("desc", "").startswith("Median 40 s, longest 50 s, 1 failed.")
    assert len(svg.findall("g/rect")) == 2
    # A failure has a mark and a word, not a colour alone.
    assert [group.findtext("text") for group in svg.findall("g")] == [
        None,
        "\N{MULTIPLICATION SIGN}",
    ]
    assert [group.get("class") for group in svg.findall("g")] == ["bar", "down"]
    assert "style=" not in html
    assert html.count("<tr>") == 3
