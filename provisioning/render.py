"""Files from templates: a name that is not given is an error, never an empty text."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, **values: Any) -> str:
    """Return the text of provisioning/templates/<template> with the values in it."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    # What is rendered is configuration, not HTML: nothing is to be escaped.
    return Environment(  # noqa: S701
        loader=PackageLoader("provisioning"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
