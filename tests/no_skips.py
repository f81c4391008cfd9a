"""No test is skipped here: what cannot apply is not selected. A skip, wherever it comes from, is a failure that says so."""

from collections.abc import Generator

import pytest

WAY_OUT = (
    "was skipped. Select instead: by a marker, by a contract that a gateway keeps, or by the values of a parameter."
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"{item.nodeid} {WAY_OUT}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:
        report.outcome, report.longrepr = "failed", f"{collector.nodeid} {WAY_OUT}"
    return report
