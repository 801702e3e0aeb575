"""The SQL of the pages runs on the database that it is written for."""

import pytest
from django.db import connection

from tests.documents import PAGES, Block, blocks

QUERIES = [block for page in PAGES for block in blocks(page) if block.language == "sql"]


@pytest.mark.django_db
@pytest.mark.parametrize("query", QUERIES, ids=lambda block: f"{block.page}:{block.line}")
def test_a_query_runs(query: Block) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("the pages' SQL is that of PostgreSQL")
    with connection.cursor() as cursor:
        cursor.execute(query.text)
        assert len(cursor.fetchall()) == 1
