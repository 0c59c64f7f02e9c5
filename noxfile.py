"""The tests on other versions, and the checks of the code: ``nox -l`` lists the sessions, ``nox -s NAME`` runs some.

``python -m pytest`` runs the whole suite on the versions that are installed. A session here runs what depends on them:
all that is not marked with ``once`` (pyproject.toml has the markers). What stands after ``--`` goes to pytest:
``nox -s tests-3.13 -- tests/live/test_hub.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2025.2.9"
# pip installs, as it has the indexes and certificates that the machine is set up for.
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "types", "tests"]
# Without its interpreter a session is left out, or fails where CI is set. None is fetched.
nox.options.download_python = "never"

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
PACKAGE = ("-e", ".[test]")
DEPENDS_ON_VERSIONS = ("-m", "not once")
WAGTAIL = ("-m", "wagtail", "-n", "0")
DOCS = ("-m", "docs", "-n", "0")
# A cache of whole pages that keeps none that sets a cookie. It does not know Wagtail 8 yet.
WAGTAIL_CACHE = "wagtail-cache>=3.0"
# Twisted 24.3 serves no TLS with later versions of these, under plain Daphne neither.
OLDER_TLS = ("pyOpenSSL<24.3", "service-identity<24.2")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on one version of Python, with the newest versions of our dependencies."""
    session.install(*PACKAGE)
    _pytest(session)


@nox.session(python="3.12")
@nox.parametrize("django", ["5.2", "6.0"], ids=["5.2", "6.0"])
def django(session: nox.Session, django: str) -> None:
    """Run the tests on one version of Django."""
    session.install(*PACKAGE, f"Django=={django}.*")
    _pytest(session)


@nox.session(python=PYTHONS[0])
@nox.parametrize("wagtail", ["7.4", "8.0"], ids=["7.4", "8.0"])
def wagtail(session: nox.Session, wagtail: str) -> None:
    """Run the tests of the Wagtail room on one version of Wagtail."""
    cache = [WAGTAIL_CACHE] if wagtail == "7.4" else []
    session.install(*PACKAGE, f"wagtail=={wagtail}.*", *cache)
    _pytest(session, *WAGTAIL)


@nox.session(python=PYTHONS[0])
@nox.parametrize("redis", ["6.4", "newest"], ids=["6.4", "newest"])
def redis(session: nox.Session, redis: str) -> None:
    """Run the tests on the lowest and on the newest redis-py that we support."""
    session.install(*PACKAGE, *([] if redis == "newest" else [f"redis[hiredis]=={redis}.*"]))
    _pytest(session)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """Run the tests on the lowest versions of all our dependencies, Wagtail included."""
    # The packages of the tests themselves are the newest: they say nothing about a site.
    session.install(*PACKAGE, *_lower_bounds(), *OLDER_TLS, WAGTAIL_CACHE)
    _pytest(session)
    if not session.posargs:
        _pytest(session, *WAGTAIL)


@nox.session(python=PYTHONS[0])
def lint(session: nox.Session) -> None:
    """Check the style of the code and the direction of its imports."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session(python=PYTHONS[0])
def types(session: nox.Session) -> None:
    """Check the types."""
    session.install("-e", ".[dev]")
    session.run("mypy")


@nox.session(python=PYTHONS[0])
def docs(session: nox.Session) -> None:
    """Run the tests of the documentation: its blocks of code, its links, and what has to be in it."""
    session.install(*PACKAGE)
    _pytest(session, *DOCS)


def _lower_bounds() -> Iterator[str]:
    """Yield a requirement such as ``redis[hiredis]==6.4`` for each of our dependencies, those of Wagtail included."""
    project = nox.project.load_toml("pyproject.toml")["project"]
    for line in (*project["dependencies"], *project["optional-dependencies"]["wagtail"]):
        requirement = Requirement(line)
        (lowest,) = [each.version for each in requirement.specifier if each.operator == ">="]
        extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
        yield f"{requirement.name}{extras}=={lowest}"


def _pytest(session: nox.Session, *chosen: str) -> None:
    """Run pytest with what stands after ``--`` on the command line or, if there is nothing, with ``chosen``."""
    arguments = session.posargs or chosen or DEPENDS_ON_VERSIONS
    session.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)
