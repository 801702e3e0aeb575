"""What a host is told that has no `django.tasks` yet."""

import importlib

import django
import pytest
from django.core.exceptions import ImproperlyConfigured


@pytest.mark.skipif(django.VERSION >= (6, 0), reason="Django 6.0 has django.tasks")
def test_the_backend_says_that_it_needs_django_6():
    with pytest.raises(ImproperlyConfigured, match=r"came with Django 6\.0"):
        importlib.import_module("workflows_app.tasks")
