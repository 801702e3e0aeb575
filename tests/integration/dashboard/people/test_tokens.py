"""The page of a person's tokens of the HTTP API."""

import re

from django.test import Client

from workflows_app import tokens
from workflows_app.models import Action, ApiToken

ADDRESS = "/settings/tokens/"


def shown_in(answer) -> str:
    found = re.search(r"sbx_[\w-]{20,}", answer.content.decode())
    return found[0] if found else ""


def test_a_token_is_shown_once_and_works(pages):
    answer = pages.post(
        ADDRESS,
        {
            "name": "ci <b>",
            "scope": ["read", "start"],
            "workflows": "pages-open, pages-approval",
            "life": "30",
        },
    )
    text = shown_in(answer)

    assert "no-store" in answer["Cache-Control"]
    assert "<b>" not in answer.content.decode().split("new-token-title")[1][:200]
    row = ApiToken.objects.get()
    assert (row.name, row.scopes, row.workflows) == (
        "ci <b>",
        ["read", "start"],
        ["pages-approval", "pages-open"],
    )
    assert (row.expires_at - row.created_at).days in {29, 30}
    assert not shown_in(pages.get(ADDRESS))
    me = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {text}"})
    assert me.json()["token"]["name"] == "ci <b>"
    assert Action.objects.get(verb="create-token").door == "page"


def test_a_token_without_a_name_is_none(pages):
    answer = pages.post(ADDRESS, {"name": " ", "scope": ["read"], "life": ""})

    assert answer.status_code == 422
    assert "The name of a token" in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_tokens_are_revoked_by_their_owner_and_by_superusers(pages, ana, person):
    ben, bens = person("view_run")
    mine, _ = tokens.make(ana, "anas")
    his, _ = tokens.make(ben, "bens")

    page = bens.get(ADDRESS).content.decode()
    assert "bens" in page
    assert "anas" not in page
    bens.post(ADDRESS, {"op": f"revoke:{mine.pk}"})
    assert ApiToken.objects.filter(pk=mine.pk).exists()
    assert "bens" in pages.get(ADDRESS).content.decode()
    pages.post(ADDRESS, {"op": f"revoke:{his.pk}"}, follow=True)
    assert not ApiToken.objects.filter(pk=his.pk).exists()
    again = pages.post(ADDRESS, {"op": f"revoke:{his.pk}"}, follow=True)
    assert "nothing changed" in again.content.decode()
    row = Action.objects.get(verb="revoke-token")
    assert (row.door, row.actor_name, row.subject) == ("page", "ana", str(his.pk))


def test_the_admin_shows_tokens_and_revokes_them(pages, ana):
    row, text = tokens.make(ana, "by-admin")
    address = f"/admin/workflows_app/apitoken/{row.pk}/"

    assert row.digest not in pages.get(f"{address}change/").content.decode()
    assert "by-admin" in pages.get("/admin/workflows_app/apitoken/").content.decode()
    pages.post(f"{address}delete/", {"post": "yes"})
    assert tokens.find(text) is None
    assert Action.objects.get(verb="revoke-token").door == "admin"
