"""Unprintable characters: they are refused in URLs, and removed from user agents."""

from __future__ import annotations

import re

# Control characters and line separators; marks that change the direction of the text around them, also in the admin;
# lone surrogates, which have no UTF-8. PostgreSQL cannot store NUL. Browsers escape all of them in URLs.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
