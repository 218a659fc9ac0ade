"""Pages of HTML from the templates beside the code; whatever they show is escaped."""

from __future__ import annotations

from importlib import resources
from typing import Any

__all__ = ["asset", "render"]


def asset(package: str, name: str) -> str:
    """Return the text of a file in the ``assets`` of a package."""
    return (resources.files(package) / "assets" / name).read_text(encoding="utf-8")


def render(package: str, template: str, **values: Any) -> str:
    """Return a page.

    Parameters
    ----------
    package
        Whose ``assets`` hold the template; what is not there is looked for beside this module.
    template
        Its name.
    **values
        What the template shows; one it needs and is not given is an error.
    """
    import jinja2

    def load(name: str) -> str | None:
        for place in (package, __package__):
            if (resources.files(place) / "assets" / name).is_file():
                return asset(place, name)
        return None

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(load), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined)
    return environment.get_template(template).render(values)
