"""Test cases for unittest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.test import TestCase

from workflows_app.testing.kit import Signalbox

if TYPE_CHECKING:
    _Case = TestCase
else:
    _Case = object


class SignalboxMixin(_Case):
    """Gives each test of a Django test case a kit, as `self.signalbox`."""

    signalbox: Signalbox

    def setUp(self) -> None:
        """Stop the clock, and let runs be worked on by the test."""
        super().setUp()
        self.signalbox = Signalbox()
        self.signalbox.__enter__()
        self.addCleanup(self.signalbox.__exit__)


class SignalboxTestCase(SignalboxMixin, TestCase):
    """A `TestCase` with a kit."""
