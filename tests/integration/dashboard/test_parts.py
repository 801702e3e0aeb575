"""Parts of pages, as scripts fetch them; every cache keeps them apart from the pages."""

import pytest

from tests.integration.dashboard.conftest import started


@pytest.mark.parametrize("address", ["/", "/runs/?rows=", "/inbox/?rows=", "/workers/", "a run"])
def test_a_part_is_never_kept_and_the_page_varies(pages, address):
    if address == "a run":
        address = f"/runs/{started().run_id}/"

    part = pages.get(address, headers={"HX-Request": "true"})
    page = pages.get(address)

    assert "<html" not in part.content.decode()
    assert "no-store" in part.headers["Cache-Control"]
    assert "HX-Request" in part.headers["Vary"]
    assert "HX-Request" in page.headers["Vary"]
    assert "no-store" not in page.headers.get("Cache-Control", "")
