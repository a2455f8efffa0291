"""The look that all pages share: a style sheet, for the templates of any package."""

import jinja2


def environment(package: str) -> jinja2.Environment:
    """Environment for the templates of a package, which can include those of the figures."""
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader(package), jinja2.PackageLoader("figures")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
