"""Sphinx configuration of the documentation site: ``python -m sphinx -W -n docs build/docs``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import django
from django.conf import settings
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# Autodoc imports the package, whose models need settings.
settings.configure(SECRET_KEY="docs", INSTALLED_APPS=["django.contrib.contenttypes", "djinsight"])
django.setup()

from djinsight import __version__  # noqa: E402

project = "djinsight"
author = "djinsight contributors"
copyright = "djinsight contributors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns: list[str] = []

# Anchors as GitHub makes them, and pictures as HTML elements, so that each page reads the same in both places.
myst_heading_anchors = 3
myst_enable_extensions = ["html_image"]

napoleon_google_docstring = True
napoleon_numpy_docstring = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
nitpicky = True
# Types of other packages, whose documentation a build without a network cannot look up, and types that are not public.
nitpick_ignore_regex = [("py:.*", r"(?!djinsight\.(api|testing|exceptions|models)\.).*")]

html_theme = "furo"
html_title = f"djinsight {release}"
html_theme_options = {
    "source_repository": "https://github.com/djinsight/djinsight/",
    "source_branch": "main",
    "source_directory": "docs/",
}
# Browsers fetch nothing from elsewhere.
html_show_sphinx = False

# For those with a network: python -m sphinx -b linkcheck docs build/linkcheck
linkcheck_ignore = [r"https?://(localhost|127\.0\.0\.1|example\.(com|org))(:\d+)?(/.*)?"]
linkcheck_anchors_ignore_for_url = [r"https://github\.com/.*"]
linkcheck_timeout = 20

_TITLED = re.compile(r'^```(\w+) title="([^"]+)"$', re.MULTILINE)


def _show_titles(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give each code block that belongs in a file the file's name as its caption."""
    source[0] = _TITLED.sub(r"```{code-block} \1\n:caption: \2\n", source[0])


def setup(app: Sphinx) -> None:
    """Register what this file adds to Sphinx."""
    app.connect("source-read", _show_titles)
