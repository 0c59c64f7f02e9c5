"""Texts of clients: what has no place in a URL or in the name of a browser."""

from __future__ import annotations

import re

# Control characters and line separators; what turns the direction of the text around it (in the admin, too); lone
# surrogates, which have no UTF-8. PostgreSQL stores no NUL. Browsers send none of them: they are escaped in URLs.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
