"""Views in Wagtail's admin: a side panel in the page editor and a report. Install the app ``djinsight.wagtail``."""
