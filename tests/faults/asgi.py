"""The application of the fault tests, whose hub rereads as often as the setting ``FAULTS_REREAD`` says."""

from django.conf import settings

from djinsight.live import hub
from tests.asgi import application

__all__ = ["application"]

hub.REREAD_EVERY = float(settings.FAULTS_REREAD)
