"""Threads that are reserved for a claim, in this process and in another."""

import uuid
from typing import cast

import pytest

from workflows_app.engine.run.claims import Claim
from workflows_app.engine.verbs.idle_worker import Slot

HELD = cast("Claim", object())


@pytest.mark.parametrize(("is_here", "done"), [(True, ["worked", "given back"]), (False, [])])
def test_a_caller_works_only_for_a_thread_of_its_own_process(is_here, done):
    said: list[str] = []
    slot = Slot(
        uuid.uuid4(),
        lambda _: True,
        lambda _: said.append("handed"),
        lambda: said.append("given back"),
        lambda _: said.append("worked"),
    )
    slot.is_here = is_here
    slot.claim = HELD

    slot.work_here()

    assert said == done
