"""The one table of who may do what: kinds of people, actions with what they need, and the doors.

It is written by hand from the contract, and does not read the product's own rules: the tests ask
each door, and compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Cell(StrEnum):
    """What a door answers."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    #: As if there were no such run, schedule or question.
    ABSENT = "not there"


# Actions.


@dataclass(frozen=True)
class Need:
    """What an action needs besides the workflow's own permission."""

    permission: str
    scope: str
    #: Whether it answers a step, or passes one over, and needs the step's own permission as well.
    is_answer: bool = False


STEER: Final = Need("steer_run", "steer")
START: Final = Need("start_run", "start")
PAUSE: Final = Need("pause_schedule", "steer")
#: The actions of the registry, by the names there. "past": over a step that asks.
REGISTERED: Final[dict[str, Need]] = {
    "start": START,
    "resume": Need("resume_run", "answer", is_answer=True),
    "retry": STEER,
    "pause": STEER,
    "skip-wait": STEER,
    "give-up": STEER,
    "proceed": STEER,
    "rerun": START,
    "time-travel": STEER,
    "fork": START,
    "restart": STEER,
    "cancel": Need("cancel_run", "steer"),
    "delete": Need("delete_run", "admin"),
    "create-schedule": Need("add_schedule", "admin"),
    "pause-schedule": PAUSE,
    "unpause-schedule": PAUSE,
    "trigger-schedule": Need("trigger_schedule", "start"),
}
#: What a door may offer besides.
OTHERS: Final[dict[str, Need]] = {
    "view": Need("view_run", "read"),
    "values": Need("view_payload", "payloads"),
    "time-travel past": Need("steer_run", "steer", is_answer=True),
    "fork past": Need("start_run", "start", is_answer=True),
    "claim": Need("resume_run", "answer", is_answer=True),
    "change-schedule": Need("change_schedule", "admin"),
    "delete-schedule": Need("delete_schedule", "admin"),
}
ROWS: Final = REGISTERED | OTHERS
PERMISSIONS: Final = frozenset(need.permission for need in ROWS.values())
SCOPES: Final = frozenset(need.scope for need in ROWS.values())
LOOKS: Final = frozenset({"view", "values"})


# Workflows.


@dataclass(frozen=True)
class Place:
    """A workflow, with the groups that it and its step that asks want people to be in."""

    workflow: str
    group: str = ""
    asks: str = ""


OPEN: Final = Place("doors-open")
CLOSED: Final = Place("doors-closed", group="closed", asks="askers")
PLACES: Final = (OPEN, CLOSED)


# People.


@dataclass(frozen=True)
class Token:
    """What a token leaves of its user's rights."""

    scopes: frozenset[str] = SCOPES
    workflows: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of person: what they were given, and how they come."""

    permissions: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    is_superuser: bool = False
    is_active: bool = True
    is_staff: bool = True
    #: Nobody: not signed in, and no name at the terminal.
    is_somebody: bool = True
    token: Token | None = None
    #: The workflows that they come to: on the closed one it tells little which permission somebody
    #: has who is not in its group, and on the open one nothing who is in which group.
    places: tuple[Place, ...] = PLACES

    def has(self, permission: str) -> bool:
        """Whether they hold a permission of Django."""
        return self.is_active and (self.is_superuser or permission in self.permissions)

    def is_in(self, group: str) -> bool:
        """Whether they are a member; nobody needs to be one of no group."""
        return not group or (self.is_active and (self.is_superuser or group in self.groups))


ALL: Final = PERMISSIONS | {"view_action"}
BOTH: Final = ("closed", "askers")
SUPER: Final = Kind(is_superuser=True)


def _holding(token: Token, places: tuple[Place, ...] = PLACES) -> Kind:
    return Kind(is_superuser=True, token=token, places=places)


PEOPLE: Final[dict[str, Kind]] = {
    "anonymous": Kind(is_somebody=False),
    "without rights": Kind(),
    "inactive superuser": Kind(ALL, BOTH, is_superuser=True, is_active=False),
    "viewer": Kind(frozenset({"view_run"})),
    "viewer of the groups": Kind(frozenset({"view_run"}), BOTH, places=(CLOSED,)),
    **{
        f"viewer with {name}": Kind(frozenset({"view_run", name}), places=(OPEN,))
        for name in sorted(PERMISSIONS - {"view_run"})
    },
    "only resume_run": Kind(frozenset({"resume_run"})),
    "all but view_run": Kind(ALL - {"view_run"}, BOTH),
    "operator": Kind(ALL),
    "operator who asks": Kind(ALL, ("askers",), places=(CLOSED,)),
    "operator of the workflow": Kind(ALL, ("closed",), places=(CLOSED,)),
    "operator of all": Kind(ALL, BOTH, places=(CLOSED,)),
    "operator outside the staff": Kind(ALL, BOTH, is_staff=False, places=(CLOSED,)),
    "superuser": SUPER,
}
TOKENS: Final[dict[str, Kind]] = {
    **{
        f"token for {scope}": _holding(Token(frozenset({scope, "read"})), (OPEN,))
        for scope in sorted(SCOPES)
    },
    "token for nothing": _holding(Token(frozenset())),
    "token of a viewer": Kind(frozenset({"view_run"}), token=Token()),
    "token of an operator": Kind(ALL, token=Token()),
    "token of an inactive superuser": Kind(is_superuser=True, is_active=False, token=Token()),
    "token for the open workflow": _holding(Token(workflows=(OPEN.workflow,))),
    "token for the closed workflow": _holding(Token(workflows=(CLOSED.workflow,))),
    "token for all": _holding(Token()),
}
KINDS: Final = PEOPLE | TOKENS


# Doors.


@dataclass(frozen=True)
class Rules:
    """By which rules a door lets people in, as the contract has them."""

    #: It asks for the permission of each action. Python and the terminal do not: who gets there
    #: reads the database as well, so they ask only for what the workflow and the step want.
    asks_permissions: bool = True
    #: Nobody who is named is trusted, as by Python without an actor.
    trusts_nobody_named: bool = False
    #: Somebody who was switched off is refused; Python does not look.
    refuses_inactive: bool = True
    #: A workflow whose permission somebody lacks, or that their token leaves out, is not there, and
    #: values need a permission of their own. Python and the terminal read the database.
    hides: bool = False
    #: It looks whether a thing is there before it asks for the permission of the action.
    looks_first: bool = False
    #: Nobody does anything without seeing runs, but for answering questions.
    needs_sight: bool = False
    needs_staff: bool = False
    takes_tokens: bool = False
    #: The permissions that an action needs here on top.
    more: tuple[tuple[str, str], ...] = ()


_PROGRAMS: Final = Rules(hides=True, takes_tokens=True)
RULES: Final[dict[str, Rules]] = {
    "page": Rules(
        hides=True, looks_first=True, needs_sight=True, more=(("create-schedule", "start_run"),)
    ),
    "api": _PROGRAMS,
    "client": _PROGRAMS,
    "terminal": Rules(asks_permissions=False, trusts_nobody_named=True),
    "admin": Rules(hides=True, looks_first=True, needs_sight=True, needs_staff=True),
    "socket": Rules(hides=True, looks_first=True, needs_sight=True),
    "python": Rules(asks_permissions=False, trusts_nobody_named=True, refuses_inactive=False),
}


def kinds_at(door: str, place: Place) -> dict[str, Kind]:
    """Return the kinds of people who come to a door, about a workflow.

    A door that asks for no permission needs not be asked by those who differ in permissions alone.
    """
    rules = RULES[door]
    kinds = KINDS if rules.takes_tokens else PEOPLE
    return {
        name: kind
        for name, kind in kinds.items()
        if place in kind.places and (rules.asks_permissions or not name.startswith("viewer with"))
    }


def cell(door: str, kind: Kind, row: str, place: Place) -> Cell:
    """Return what the table says."""
    rules = RULES[door]
    if not kind.is_somebody and rules.trusts_nobody_named:
        return Cell.ALLOWED
    # A run is looked at before its values.
    asked = "view" if row == "values" else row
    is_hidden = rules.hides and not _knows_of(kind, place)
    lacks = rules.asks_permissions and not _has_rights(kind, rules, asked)
    if not _may_enter(rules, kind, asked) or (lacks and not (is_hidden and rules.looks_first)):
        return Cell.REFUSED
    if is_hidden:
        return Cell.ABSENT
    if row in LOOKS:
        sees = not rules.hides or _has_rights(kind, rules, row)
        return Cell.ALLOWED if sees else Cell.REFUSED
    if kind.is_in(place.group) and (not ROWS[row].is_answer or kind.is_in(place.asks)):
        return Cell.ALLOWED
    # Who sees no runs knows of no question but those that are theirs to answer.
    is_blind = rules.needs_sight and not kind.has("view_run")
    return Cell.ABSENT if is_blind else Cell.REFUSED


def _may_enter(rules: Rules, kind: Kind, row: str) -> bool:
    if not kind.is_somebody or (not kind.is_active and rules.refuses_inactive):
        return False
    if rules.needs_staff and not kind.is_staff:
        return False
    if not rules.needs_sight or kind.has("view_run"):
        return True
    may_answer = kind.has("resume_run") and not rules.needs_staff
    return may_answer and row in {"resume", "claim"}


def _has_rights(kind: Kind, rules: Rules, row: str) -> bool:
    need = ROWS[row]
    wanted = {need.permission, *(more for name, more in rules.more if name == row)}
    has_scope = kind.token is None or need.scope in kind.token.scopes
    return has_scope and all(map(kind.has, wanted))


def _knows_of(kind: Kind, place: Place) -> bool:
    chosen = None if kind.token is None else kind.token.workflows
    return kind.is_in(place.group) and (chosen is None or place.workflow in chosen)
