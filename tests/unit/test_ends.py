"""What came of a run, as the hub keeps it for who waits: for nobody else, and no longer."""

import uuid

from workflows_app.engine.live import Hub

RUN = uuid.UUID(int=7)


def test_what_came_of_a_run_is_kept_for_who_waits_for_it():
    hub = Hub()
    settled = []
    forget = hub.subscribe_settled(RUN, lambda: settled.append(hub.end_of(RUN)))

    hub.told_end(RUN, "end")
    hub.publish(RUN, 3, is_settled=True)

    assert settled == ["end"]
    forget()
    assert hub.end_of(RUN) is None


def test_nobody_who_waits_nothing_is_kept():
    hub = Hub()
    hub.told_end(RUN, "end")
    hub.subscribe_settled(RUN, lambda: None)()
    hub.told_end(RUN, "later")
    assert hub.end_of(RUN) is None
