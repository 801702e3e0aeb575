"""What an address of the inbox asks for: a tab, a page of it, and the open question."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from workflows_app import actions
from workflows_app.actions import Person
from workflows_app.languages import gettext_lazy, pgettext_lazy

from ..lists.paging import number

TABS: Final = {
    "mine": gettext_lazy("Mine"),
    "open": pgettext_lazy("questions", "Open"),
    "all": gettext_lazy("All"),
    "later": pgettext_lazy("questions", "Put off"),
    "done": gettext_lazy("Done"),
}


#: The other order of questions; the default is the oldest first.
NEWEST: Final = "newest"


@dataclass(frozen=True)
class InboxQuery:
    """What the address asks for: a tab, a page of it by key, and the open question."""

    tab: str = "open"
    item: uuid.UUID | None = None
    after: int = 0
    before: int = 0
    is_mine_only: bool = False
    sort: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> InboxQuery:
        """Read an address; values that make no sense are left out."""
        tab = query.get("tab", "")
        return cls(
            tab=tab if tab in TABS else "open",
            item=key_of(query.get("item", "")),
            after=number(query.get("after", "")) or 0,
            before=number(query.get("before", "")) or 0,
            is_mine_only=query.get("who") == "me",
            sort=NEWEST if query.get("sort") == NEWEST else "",
        )

    def for_whom(self, person: Person) -> InboxQuery:
        """Return the same for this person; without the right to see runs, only their questions."""
        if actions.may_view(person):
            return self
        return replace(self, tab="open" if self.tab == "all" else self.tab, is_mine_only=True)

    def link(self, **changes: object) -> str:
        """Return the query of the same list with changes, without the page and the question."""
        who = "me" if self.is_mine_only else ""
        wanted = {"tab": self.tab, "who": who, "sort": self.sort} | changes
        return "?" + urlencode({key: value for key, value in wanted.items() if value})

    def item_link(self, item: object) -> str:
        """Return the query of the same page with this question open."""
        return self.link(after=self.after, before=self.before, item=item)


def tabs_for(person: Person) -> dict[str, str]:
    """Return the tabs of the inbox that the person has."""
    sees = actions.may_view(person)
    return {name: word for name, word in TABS.items() if sees or name != "all"}


def key_of(text: str) -> uuid.UUID | None:
    """Return the key of a question in an address; None if it is not one."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
