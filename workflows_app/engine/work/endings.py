"""The result of a run that has ended, as the steps that wait for it get it."""

import uuid

from workflows_app import conf, results
from workflows_app.jsontext import Raw


def result_of(run: uuid.UUID) -> Raw:
    """Return the result of a run as text; without its steps if those make it too large."""
    result = results.build(run)
    text = result.model_dump_json()
    if len(text) > conf.get("MAX_PAYLOAD_BYTES"):
        text = result.model_copy(update={"steps": {}}).model_dump_json()
    return Raw(text)
