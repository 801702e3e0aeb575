"""Bodies reach Django as they came: the web server in front of it reads no forms.

Daphne's would read each form once more than Django, and close the connection with 400 on one that
it cannot read, before the application could say what is wrong.
"""

import sys
from functools import partial
from typing import Any


def leave_forms() -> None:
    """Let Daphne, where it is the web server, hand bodies on unread."""
    daphne: Any = sys.modules.get("daphne.http_protocol")
    if daphne is not None and not isinstance(daphne.WebRequest, partial):
        daphne.WebRequest = partial(daphne.WebRequest, parsePOSTFormSubmission=False)
