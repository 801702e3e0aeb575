"""Addresses that are put together are those that Django would make."""

import pytest
from django.urls import reverse

from dashboard.addresses import Addresses


@pytest.mark.parametrize("run_id", ["r1", "a b ü?#%", "0"])
@pytest.mark.parametrize("path", ["plain", "outer.each[3].inner", "größe 50% (a/b)?#&;~:@"])
def test_the_addresses_below_a_run_are_those_that_django_makes(run_id, path):
    addresses = Addresses(run_id)

    assert addresses.step(path) == reverse("run-step", args=[run_id, path])
    assert addresses.raw_of_step(7, "output") == reverse("raw-step", args=[run_id, 7, "output"])
    assert addresses.value_of_step(7, "output") == reverse("value-step", args=[run_id, 7, "output"])
