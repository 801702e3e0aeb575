"""Counting rare events."""

from workflows_app.engine.host import rare
from workflows_app.engine.host.rare import Rare


def test_what_happens_is_counted_and_reported(monkeypatch):
    told = []
    monkeypatch.setattr(rare, "_listeners", [])
    rare.listen(lambda what, times: told.append((what, times)))
    before = rare.counts()

    rare.note(Rare.CLAIM_LOST)
    rare.note(Rare.CLAIM_LOST, 2)
    rare.note(Rare.ORPHAN_FREED, 0)

    after = rare.counts()
    assert after[Rare.CLAIM_LOST] - before[Rare.CLAIM_LOST] == 3
    assert after[Rare.ORPHAN_FREED] == before[Rare.ORPHAN_FREED]
    assert told == [(Rare.CLAIM_LOST, 1), (Rare.CLAIM_LOST, 2)]


def test_a_listener_that_fails_stops_nothing(monkeypatch):
    def fails(what, times):
        raise OSError("the disk is full")

    told = []
    monkeypatch.setattr(rare, "_listeners", [])
    rare.listen(fails)
    rare.listen(lambda what, times: told.append(what))

    rare.note(Rare.CLAIM_LOST)

    assert told == [Rare.CLAIM_LOST]
