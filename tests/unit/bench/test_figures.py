"""What becomes of measurements: statistics, verdicts, and the documents that show them."""

from __future__ import annotations

import json

import pytest

from bench.figures import Figure, Goal, Results, Section
from bench.report import goals_table, markdown
from bench.stats import Summary, percentile, ratios

RESULTS = Results(
    {"CPU": "abacus"},
    [
        Section(
            "Start",
            "By hand.",
            (
                Figure("connected", (1.0, 1.2, 1.05), goals=(Goal(1.1),), key="noop"),
                Figure("slow", (80.0, 90.0, 400.0), "ms", (Goal(100), Goal(300, "worst"))),
                Figure("shown only", (0.5,), "s"),
            ),
            ("embedded: not there yet",),
            ("a remark",),
        )
    ],
)


def test_percentiles_lie_between_the_values_next_to_them() -> None:
    assert percentile([4, 1, 3, 2], 0) == 1
    assert percentile([4, 1, 3, 2], 100) == 4
    assert percentile([4, 1, 3, 2], 50) == 2.5
    assert percentile([10, 20], 95) == pytest.approx(19.5)
    assert percentile([7], 95) == 7


def test_a_summary_of_nothing_is_an_error() -> None:
    assert Summary.of([4, 1, 4, 2, 4]) == Summary(n=5, median=4, p95=4, worst=4)
    with pytest.raises(ValueError, match="nothing was measured"):
        Summary.of([])


def test_ratios_are_of_pairs() -> None:
    assert ratios([2, 9], [4, 3]) == (0.5, 3)
    with pytest.raises(ValueError, match="shorter"):
        ratios([1, 2], [1])


def test_every_goal_of_a_figure_counts() -> None:
    connected, slow, shown = RESULTS.sections[0].figures
    assert connected.is_met is True
    assert slow.is_met is False  # the median is within, the worst is not
    assert shown.is_met is None


def test_the_table_of_goals_names_what_was_missed_and_what_is_missing() -> None:
    assert goals_table(RESULTS).splitlines()[2:] == [
        "| connected | ≤ 1.10× | 1.05× | ok |",
        "| slow | ≤ 100 ms, worst ≤ 300 ms | 90.0 ms, worst 400 ms | **missed** |",
        "| embedded: not there yet | | not measured | |",
    ]


def test_the_page_shows_every_figure_and_the_machine() -> None:
    page = markdown(RESULTS, [("start.svg", "Start")])
    assert "- CPU: abacus" in page
    assert "![Start](start.svg)" in page
    assert "| shown only | 0.50 s | 0.50 s | 0.50 s | 1 |  |  |" in page
    assert "- a remark\n- not measured: embedded: not there yet" in page


def test_results_survive_their_file() -> None:
    document = json.loads(json.dumps(RESULTS.to_json()))
    assert Results.from_json(document) == RESULTS
    assert document["sections"][0]["figures"][0]["summary"]["median"] == 1.05
    assert document["sections"][0]["figures"][1]["is_met"] is False
