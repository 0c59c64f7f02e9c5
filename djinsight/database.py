"""Our database: the one that has the cursors. What is to be exact is read and written there, whatever a router says."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType, ContentTypeManager
from django.db import models, router, transaction


def alias() -> str:
    """Its name in ``DATABASES``, as a router has it for writing."""
    return router.db_for_write(apps.get_model("djinsight", "PersistCursor"))


def rows(model: type[models.Model]) -> models.QuerySet[Any]:
    """The rows of ``model`` there: never those of a replica, which may be behind."""
    return model._default_manager.using(alias())


def content_types() -> ContentTypeManager:
    """The content types there, which our rows refer to."""
    manager: ContentTypeManager = ContentType.objects.db_manager(alias())
    return manager


def write() -> transaction.Atomic:
    """A transaction there that is committed at its end, as what is done in Redis next relies on it.

    Raises RuntimeError within a transaction of somebody else's.
    """
    return transaction.atomic(using=alias(), durable=True)
