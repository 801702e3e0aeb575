"""What people read of the types' own refusals, which Pydantic says in English.

The values of a sentence are read back from it, because a refusal of the engine has no others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from workflows_app import languages
from workflows_app.languages import gettext_lazy

#: The sentences of Pydantic by the type of the error.
WORDS: Final[Mapping[str, str]] = {
    "greater_than": gettext_lazy("Input should be greater than {gt}"),
    "greater_than_equal": gettext_lazy("Input should be greater than or equal to {ge}"),
    "less_than": gettext_lazy("Input should be less than {lt}"),
    "less_than_equal": gettext_lazy("Input should be less than or equal to {le}"),
    "multiple_of": gettext_lazy("Input should be a multiple of {multiple_of}"),
    "int_type": gettext_lazy("Input should be a valid integer"),
    "int_parsing": gettext_lazy(
        "Input should be a valid integer, unable to parse string as an integer"
    ),
    "int_from_float": gettext_lazy(
        "Input should be a valid integer, got a number with a fractional part"
    ),
    "float_type": gettext_lazy("Input should be a valid number"),
    "float_parsing": gettext_lazy(
        "Input should be a valid number, unable to parse string as a number"
    ),
    "finite_number": gettext_lazy("Input should be a finite number"),
    "decimal_parsing": gettext_lazy("Input should be a valid decimal"),
    "bool_type": gettext_lazy("Input should be a valid boolean"),
    "string_type": gettext_lazy("Input should be a valid string"),
    "string_too_short": gettext_lazy("String should have at least {min_length} characters"),
    "string_too_long": gettext_lazy("String should have at most {max_length} characters"),
    "string_pattern_mismatch": gettext_lazy("String should match pattern '{pattern}'"),
    "literal_error": gettext_lazy("Input should be {expected}"),
    "enum": gettext_lazy("Input should be {expected}"),
    "list_type": gettext_lazy("Input should be a valid list"),
    "dict_type": gettext_lazy("Input should be a valid dictionary"),
    "too_short": gettext_lazy(
        "{field_type} should have at least {min_length} items after validation, not {actual_length}"
    ),
    "too_long": gettext_lazy(
        "{field_type} should have at most {max_length} items after validation, not {actual_length}"
    ),
    "date_future": gettext_lazy("Date should be in the future"),
    "date_past": gettext_lazy("Date should be in the past"),
    "timezone_aware": gettext_lazy("Input should have timezone info"),
    "extra_forbidden": gettext_lazy("Extra inputs are not permitted"),
}


def retold(said: str) -> str:
    """Return a refusal whose kind is not known in the reader's language; anything else as it is."""
    return next((told for kind in WORDS if (told := of(kind, said)) != said), said)


def of(kind: str, said: str) -> str:
    """Return what people read of an error of this kind, for which Pydantic said so."""
    text = WORDS.get(kind)
    if text is None or languages.shown() == languages.SOURCE:
        return said
    found = languages.read_back(text, said)
    return text.format(**found) if found is not None else said
