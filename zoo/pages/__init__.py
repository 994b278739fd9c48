"""Pages in HTML: one way to fill a template, and one style for all of them."""

from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2


def template(package: str, name: str, **filters: Any) -> "jinja2.Template":
    """A template of a package, which may include those of the same package and of this one.

    Text is escaped, and a name that is not given is an error.

    Args:
        package: dotted name of the package that holds the file.
        name: of the file.
        filters: name → function, for use in the template.
    """
    import jinja2

    def source(file: str) -> str | None:
        places = (resources.files(owner) / file for owner in (package, __name__))
        return next((place.read_text("utf-8") for place in places if place.is_file()), None)

    loader = jinja2.FunctionLoader(source)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, loader=loader)
    environment.filters |= filters
    return environment.get_template(name)
