"""Threads that are kept for a claim: of this process, and of another."""

import uuid
from typing import cast

import pytest

from workflows_app.engine.claims import Claim
from workflows_app.engine.handing import Slot

HELD = cast("Claim", object())


@pytest.mark.parametrize(("is_here", "done"), [(True, ["worked", "given back"]), (False, [])])
def test_a_caller_works_for_a_thread_of_its_own_process_alone(is_here, done):
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
