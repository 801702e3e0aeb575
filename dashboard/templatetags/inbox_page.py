"""What only the templates of the inbox need."""

from django import template

from ..inbox.query import InboxQuery

register = template.Library()


@register.simple_tag
def inbox_link(query: InboxQuery, item: object) -> str:
    """Return the query that opens a question beside the same list."""
    return query.item_link(item)
