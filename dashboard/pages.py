"""How templates become pages: by an engine of our own, whatever TEMPLATES says in a project.

Two rules apply to every page, whatever its template says. Numbers are written as programs read
them, in every language, because coordinates, addresses, data and form values come from the same
templates. And invisible characters are shown, see `plain_sight`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import django
from django.http import HttpRequest, HttpResponse
from django.template import TemplateDoesNotExist
from django.template.backends.django import DjangoTemplates, Template, reraise
from django.template.context import make_context
from django.utils.safestring import SafeString, mark_safe

from .values import plain_sight

#: From this version on Django has partials of its own.
_WITH_PARTIALS: Final = (6, 0)
_HERE: Final = Path(__file__).parent
#: The wheel has the templates in a folder that no loader of a project looks into, so that none of
#: them can take the place of a project's own.
FOLDER: Final = next(
    each for each in (_HERE / "pages", _HERE.parent / "templates") if each.is_dir()
)


class RuledTemplate(Template):
    """A template that applies both rules."""

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
        return mark_safe(plain_sight.made_visible(html))  # noqa: S308 - escaped by the template


class Templates(DjangoTemplates):
    """Django's template engine with both rules applied, and with partials."""

    def __init__(self, params: dict[str, Any]) -> None:
        super().__init__(params if django.VERSION >= _WITH_PARTIALS else _with_partials(params))

    def from_string(self, template_code: str) -> RuledTemplate:
        """Return a template from its source."""
        return RuledTemplate(self.engine.from_string(template_code), self)

    def get_template(self, template_name: str) -> RuledTemplate:
        """Return the template with this name; raises TemplateDoesNotExist."""
        return RuledTemplate(super().get_template(template_name).template, self)


def _with_partials(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of an engine that knows partials, from a package."""
    loaders = ["django.template.loaders.filesystem.Loader"]
    if params["APP_DIRS"]:
        loaders.append("django.template.loaders.app_directories.Loader")
    options = params["OPTIONS"]
    more = {
        "builtins": [*options.get("builtins", ()), "template_partials.templatetags.partials"],
        "loaders": [
            (
                "template_partials.loader.Loader",
                [("django.template.loaders.cached.Loader", loaders)],
            )
        ],
    }
    return {**params, "APP_DIRS": False, "OPTIONS": {**options, **more}}


@cache
def engine() -> Templates:
    """Return the engine of the pages."""
    libraries = ("inbox_page", "run_page", "signalbox")
    processors = (
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    )
    return Templates(
        {
            "NAME": "signalbox",
            "DIRS": [FOLDER],
            "APP_DIRS": False,
            "OPTIONS": {
                "context_processors": list(processors),
                # By name, since a project may have a library of the same name.
                "libraries": {
                    "i18n": "django.templatetags.i18n",
                    **{name: f"{__package__}.templatetags.{name}" for name in libraries},
                },
            },
        }
    )


def render_to_string(
    name: str, context: Mapping[str, Any] | None = None, request: HttpRequest | None = None
) -> SafeString:
    """Return a page, or the part of it that the name says after a `#`, as text."""
    return engine().get_template(name).render(None if context is None else dict(context), request)


def render(
    request: HttpRequest,
    name: str,
    context: Mapping[str, Any] | None = None,
    content_type: str | None = None,
    status: int | None = None,
) -> HttpResponse:
    """Answer with a page, as Django's function of this name does."""
    return HttpResponse(render_to_string(name, context, request), content_type, status)
