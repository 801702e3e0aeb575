"""The OpenAPI document: it tells every answer, and who reads it may be anybody or not."""

from typing import Any

from django.test import Client

from tests.integration.api.conftest import Program, refused

UNSAFE = {"post", "patch", "delete"}


def operations(program: Program) -> list[tuple[str, str, dict[str, Any]]]:
    document = program.look("/openapi.json").json()
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_document_is_for_those_who_come_in(program, settings):
    refused(Program().look("/openapi.json"), 401, "NotAuthenticated")
    refused(Program().look("/docs", Accept="text/html"), 401, "NotAuthenticated")
    settings.WORKFLOWS = {**settings.WORKFLOWS, "API_DOCS_PUBLIC": True}
    assert Program().look("/openapi.json").status_code == 200
    refused(Program().look("/me"), 401, "NotAuthenticated")
    refused(program.ask("POST", "/openapi.json"), 405, "MethodNotAllowed")


def test_the_page_shows_the_document_with_scripts_of_its_own(ana):
    browser = Client()
    browser.force_login(ana)
    page = browser.get("/api/v1/docs", headers={"Accept": "text/html"})
    text = page.content.decode()
    assert page.status_code == 200
    assert "openapi.json" in text
    assert "https://" not in text
    assert "script-src 'self';" in page["Content-Security-Policy"]


def test_every_operation_tells_every_status(program):
    found = operations(program)
    assert len(found) > 40
    for method, path, operation in found:
        responses = operation["responses"]
        assert {"401", "403", "429", "400", "406"} <= set(responses), path
        assert any(status.startswith("2") for status in responses), path
        if method in UNSAFE:
            assert {"413", "415"} <= set(responses), path
        assert operation["security"] == [{"bearer": []}, {"session": []}]
        assert operation["description"]
        for status, told in responses.items():
            if int(status) >= 400:
                content = told["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Error"}
                assert content["examples"], path


def test_every_name_in_the_document_is_there_once(program):
    document = program.look("/openapi.json").json()
    assert document["openapi"].startswith("3.")
    ids = [operation["operationId"] for _, _, operation in operations(program)]
    assert len(ids) == len(set(ids))
    assert set(document["components"]["securitySchemes"]) == {"bearer", "session"}
    assert {"Run", "Step", "Error", "Question", "Schedule", "Token"} <= set(
        document["components"]["schemas"]
    )
