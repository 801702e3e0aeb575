"""The test kit: workflows in tests, in the test's own thread and transaction, at the test's time.

With pytest, take the fixture `signalbox`; with unittest, derive from `SignalboxTestCase`, or add
`SignalboxMixin` to a test case of your own. docs/testing.md has examples.
"""

from workflows_app.testing.assertions import RunAssertions, assert_run
from workflows_app.testing.cases import SignalboxMixin, SignalboxTestCase
from workflows_app.testing.contexts import Bailed, FakeContext, Suspended
from workflows_app.testing.kit import Signalbox, lose_worker

__all__ = [
    "Bailed",
    "FakeContext",
    "RunAssertions",
    "Signalbox",
    "SignalboxMixin",
    "SignalboxTestCase",
    "Suspended",
    "assert_run",
    "lose_worker",
]
