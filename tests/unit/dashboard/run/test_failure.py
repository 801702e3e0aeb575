"""The line of one's own code is found among those of libraries, in every place of a cause chain."""

import pytest

from dashboard.run import failure

TRACE = """  File "/srv/.venv/lib/python3.11/site-packages/pool/run.py", line 9, in run
    return call()
           ^^^^^^
  File "/srv/shop/orders.py", line 41, in charge
    bank.pay(order)
  File "/srv/.venv/lib/python3.11/site-packages/bank/api.py", line 7, in pay
    raise Refused
"""


def test_the_innermost_own_call_is_the_one_to_look_at():
    frame = failure.own_frame({"traceback": TRACE})

    assert frame == failure.Call("/srv/shop/orders.py", 41, "charge", "bank.pay(order)")
    assert len(failure.frames_of(TRACE)) == 3


@pytest.mark.parametrize(
    ("file", "is_own"),
    [
        ("/srv/shop/orders.py", True),
        ("/srv/signalbox/workflows_app/demo/csv_import.py", True),
        ("/srv/signalbox/workflows_app/engine/work/execute.py", False),
        ("/usr/lib/python3.11/json/decoder.py", False),
        ("C:\\\\Python\\\\Lib\\\\json\\\\decoder.py", False),
        ("<frozen importlib._bootstrap>", False),
        ("/x/dist-packages/requests/api.py", False),
    ],
)
def test_libraries_and_the_engine_are_not_ones_own(file, is_own):
    assert failure.Call(file, 1, "f", "").is_own is is_own


@pytest.mark.parametrize("text", ["", "no traceback at all", '  File "a.py", line 3', "… cut off"])
def test_a_strange_traceback_does_no_harm(text):
    failure.own_frame({"traceback": text})
    assert failure.below({"cause": text, "errors": text, "notes": text}) == []


def test_the_whole_chain_of_causes_is_shown_and_always_ends():
    chain = {"type": "A", "cause": {"type": "B", "cause": {"type": "C", "cause": None}}}
    round_about: dict[str, object] = {"type": "A"}
    round_about["cause"] = round_about

    assert [(how, e["type"]) for how, e in failure.below(chain)] == [
        ("Caused by", "B"), ("Caused by", "C"),
    ]  # fmt: skip
    assert len(failure.below(round_about)) == failure.MOST_BELOW


def test_the_errors_of_a_group_come_before_its_cause():
    inner = {"type": "B", "cause": {"type": "C"}}
    group = {"type": "A", "errors": [inner, {"type": "D"}], "cause": {"type": "E"}}
    assert [(how, error["type"]) for how, error in failure.below(group)] == [
        ("In it", "B"), ("Caused by", "C"), ("In it", "D"), ("Caused by", "E"),
    ]  # fmt: skip
