import djinsight.tracked.object_ids
from django.db import migrations


class Exact(migrations.AlterField):
    """Let MySQL and MariaDB compare object ids character by character. Other databases do so already.

    Backwards the column stays as it is: rows that differ in case or accents alone would be duplicates.
    """

    def __init__(self, model_name):
        field = djinsight.tracked.object_ids.ObjectIdField(max_length=200, verbose_name="object id")
        super().__init__(model_name, "object_id", field)

    def deconstruct(self):
        return self.__class__.__qualname__, [self.model_name], {}

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "mysql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        pass


class Migration(migrations.Migration):
    dependencies = [("djinsight", "0002_admin_indexes")]

    operations = [
        Exact("olderviews"),
        Exact("pageviewhour"),
        Exact("pageviewlog"),
        Exact("pageviewstatistics"),
        Exact("pageviewsummary"),
    ]
