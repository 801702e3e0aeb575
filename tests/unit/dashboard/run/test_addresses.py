"""Addresses that are put together are those that Django would make."""

import pytest
from django.urls import reverse

from dashboard.run.addresses import Addresses


@pytest.mark.parametrize("run_id", ["r1", "a b ü?#%", "0"])
@pytest.mark.parametrize("path", ["plain", "outer.each[3].inner", "größe 50% (a/b)?#&;~:@"])
def test_the_addresses_below_a_run_are_those_that_django_makes(run_id, path):
    addresses = Addresses(run_id)

    assert addresses.step(path) == reverse("signalbox:run-step", args=[run_id, path])
    raw, value = (
        reverse(f"signalbox:{kind}-step", args=[run_id, 7, "output"]) for kind in ("raw", "value")
    )
    assert addresses.raw_of_step(7, "output") == raw
    assert addresses.value_of_step(7, "output") == value
