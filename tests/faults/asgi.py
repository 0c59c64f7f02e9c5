"""The site of the fault tests: pages are reread as often as a test asks."""

from django.conf import settings

from djinsight.live import hub
from tests.asgi import application

__all__ = ["application"]

hub.REREAD_EVERY = float(settings.FAULTS_REREAD)
