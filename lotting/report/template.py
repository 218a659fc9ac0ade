"""Pages of HTML from the templates beside the code; whatever they show is escaped."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2

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
    return _environment(package).get_template(template).render(values)


@lru_cache
def _environment(package: str) -> jinja2.Environment:
    """Where the templates of a package are kept once they have been read."""
    import jinja2

    def load(name: str) -> str | None:
        for place in (package, __package__):
            if (resources.files(place) / "assets" / name).is_file():
                return asset(place, name)
        return None

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(load), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined)
