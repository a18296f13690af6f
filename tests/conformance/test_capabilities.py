"""Every capability that the matrix claims has a test that passed, and the README says the same.

`make test` runs this after the other tests and hands their results over (JUnit XML) in ``AFBUNDLE_RESULTS``. Alone, it can
only check that the named tests exist.
"""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from scripts import capabilities

ROOT = Path(__file__).resolve().parents[2]
# Language-SDK conformance list of Airflow's contributor document "Creating a new Language SDK".
EXPECTED = {
    "states": "success failed up_for_retry skipped deferred up_for_reschedule awaiting_input removed",
    "runtime": "mixed-lang-stub-target taskflow-binding task-logging xcom-read-write connection-read variable-read-write "
    "self-contained-bundle retry-policy task-state-store asset-state-store asset-event-emit asset-event-read",
    "native_dag": "native-dag-authoring task-args dag-params taskflow-dependencies branching dag-test task-group "
    "dynamic-task-mapping asset-inlets-outlets asset-scheduling object-store",
}
CLAIMS = [
    pytest.param(test, id=f"{name}-{test.rpartition('::')[2]}")
    for rows in capabilities.load().values()
    for name, row in rows.items()
    for test in row.get("tests", ())
]


def passed_tests(path: Path) -> set[str]:
    """Return ``file::test`` of every test that passed, without the parameters' brackets."""
    passed: set[str] = set()
    not_passed: set[str] = set()
    for case in ElementTree.parse(path).iter("testcase"):  # noqa: S314  (our own file)
        parts = case.attrib["classname"].split(".")
        file = next(
            (
                "/".join(parts[:count]) + ".py"
                for count in range(len(parts), 0, -1)
                if (ROOT / ("/".join(parts[:count]) + ".py")).is_file()
            ),
            "",
        )
        name = f"{file}::{case.attrib['name'].partition('[')[0]}"
        (not_passed if len(case) and case[0].tag in ("failure", "error", "skipped") else passed).add(name)
    return passed - not_passed


def test_the_matrix_has_every_row_of_the_conformance_list() -> None:
    manifest = capabilities.load()
    assert {section: list(rows) for section, rows in manifest.items()} == {
        section: names.split() for section, names in EXPECTED.items()
    }


def test_every_yes_names_a_test_and_every_no_says_why() -> None:
    for rows in capabilities.load().values():
        for name, row in rows.items():
            assert row.get("tests") if row["supported"] else row.get("note"), name
            assert not (row.get("tests") and not row["supported"]), name


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_test_behind_a_claim_passed(claim: str) -> None:
    file, _, name = claim.partition("::")
    assert f"def {name}(" in (ROOT / file).read_text(), f"{claim} does not exist"
    results = os.environ.get("AFBUNDLE_RESULTS")
    if results is not None:
        assert claim in passed_tests(Path(results)), f"{claim} did not pass (or did not run)"


def test_the_readme_shows_this_matrix() -> None:
    readme = (ROOT / "README.md").read_text()
    assert capabilities.with_matrix(readme) == readme, "run `make capabilities`"
