"""Markdown of authors as harmless HTML, and as plain text for a line of a list.

A question may contain what a stranger typed. So HTML in it is shown as text, pictures become links
(none is loaded), links only lead to pages and mailboxes, and the result is sanitised once more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

from . import plain_sight

#: The longest first paragraph or heading, in characters, that becomes the title.
MOST_TITLE: Final = 160
#: How many tokens a heading or a paragraph has: its beginning, its content, its end.
BLOCK: Final = 3

_INLINE: Final = frozenset({"a", "br", "code", "em", "s", "strong"})
_BLOCKS: Final = frozenset(
    {"blockquote", "hr", "li", "ol", "p", "pre", "table", "tbody", "td", "th", "thead", "tr", "ul"}
)
_ATTRIBUTES: Final = {"*": set[str](), "a": {"href"}, "ol": {"start"}, "p": {"class"}}
_SCHEMES: Final = frozenset({"http", "https", "mailto"})
_LEAVES: Final = frozenset({"fence", "code_block", "html_block"})
_SPACES: Final = frozenset({"softbreak", "hardbreak"})


@dataclass(frozen=True)
class TitledText:
    """An author's text as a page shows it: a short title, and the rest.

    Both are safe HTML; the title has no blocks in it. Either may be empty.
    """

    title: SafeString
    body: SafeString


def _made() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(
        ["table", "strikethrough"]
    )
    made.add_render_rule("image", _picture)
    made.add_render_rule("heading_open", lambda *_given: '<p class="heading">')
    made.add_render_rule("heading_close", lambda *_given: "</p>\n")
    return made


def _picture(
    renderer: Any, tokens: Sequence[Token], at: int, _options: Any, _environment: Any
) -> str:
    """Show a picture as a link to it: a page loads nothing that an author names."""
    del renderer
    token = tokens[at]
    link = Token("link_open", "a", 1, attrs={"href": token.attrs.get("src", "")})
    word = Token("text", "", 0, content=_text([token]) or "picture")
    return _rendered([link, word, Token("link_close", "a", -1)])


_MARKDOWN: Final = _made()


def line_of(text: str) -> str:
    """Return Markdown as one line of plain text: its title if it has one, otherwise all of it."""
    tokens = _parsed(text)
    return _title(tokens) or _line(tokens)


@lru_cache(maxsize=512)
def words_of(text: str) -> TitledText:
    """Return Markdown as a title and a body, both safe in a page.

    The title is the first heading or paragraph if that is short; otherwise the title is empty and
    the body has everything.
    """
    tokens = _parsed(text)
    if not _title(tokens):
        return TitledText(SafeString(), _safe(_rendered(tokens), _INLINE | _BLOCKS))
    title, body = _rendered(tokens[1:2]), _rendered(tokens[BLOCK:])
    return TitledText(_safe(title, _INLINE), _safe(body, _INLINE | _BLOCKS))


def _parsed(text: str) -> list[Token]:
    """Return the tokens of Markdown; characters that no page can carry are spelled out first."""
    return _MARKDOWN.parse(plain_sight.carried(text))


def _title(tokens: Sequence[Token]) -> str:
    """Return the first heading or paragraph as plain text; empty if it cannot be a title."""
    if not tokens or tokens[0].type not in {"heading_open", "paragraph_open"}:
        return ""
    title = _line(tokens[:BLOCK])
    return title if len(title) <= MOST_TITLE else ""


def _line(tokens: Sequence[Token]) -> str:
    return " ".join(_text(tokens).split())


def _rendered(tokens: Sequence[Token]) -> str:
    rendered: str = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return rendered


def _safe(html: str, tags: frozenset[str]) -> SafeString:
    clean = nh3.clean(
        html,
        tags=set(tags),
        attributes=_ATTRIBUTES,
        url_schemes=set(_SCHEMES),
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return mark_safe(clean.strip())  # noqa: S308 - nothing but these tags is left in it


def _text(tokens: Iterable[Token]) -> str:
    """Return the readable text of these tokens, with a space between blocks."""
    found = []
    for token in tokens:
        if token.children is not None:
            found.append(_text(token.children))
        elif token.type in _LEAVES:
            found.append(f"{token.content} ")
        elif token.type in _SPACES or (token.block and token.nesting < 0):
            found.append(" ")
        else:
            found.append(token.content)
    return "".join(found)
