"""How templates become pages: two rules that hold for every page, whatever its template says.

Numbers are written as programs read them, in every language: coordinates, addresses, data and what
forms hold come out of the same templates. And characters that nobody sees are shown, see
`plain_sight`.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template import TemplateDoesNotExist
from django.template.backends.django import DjangoTemplates, Template, reraise
from django.template.context import make_context
from django.utils.safestring import SafeString, mark_safe

from dashboard import plain_sight


class Page(Template):
    """A template that keeps to the rules."""

    def render(
        self, context: dict[str, Any] | None = None, request: HttpRequest | None = None
    ) -> SafeString:
        """Return the page; raises what the template raises."""
        made = make_context(context, request, autoescape=self.backend.engine.autoescape)
        made.use_l10n = False
        try:
            html = self.template.render(made)
        except TemplateDoesNotExist as missing:
            reraise(missing, self.backend)
        return mark_safe(plain_sight.shown(html))  # noqa: S308 - escaped by the template


class Templates(DjangoTemplates):
    """Django's templates, held to the rules."""

    def from_string(self, template_code: str) -> Page:
        """Return a template written out."""
        return Page(self.engine.from_string(template_code), self)

    def get_template(self, template_name: str) -> Page:
        """Return the template with a name; raises TemplateDoesNotExist."""
        return Page(super().get_template(template_name).template, self)
