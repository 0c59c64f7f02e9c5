"""The app ``djinsight.wagtail``: a side panel in Wagtail's page editor, and a report of the most viewed pages."""
