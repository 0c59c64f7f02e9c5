"""The whole ASGI application of a site with djinsight. Copy it and put the name of your settings in.

daphne asgi_example:application
"""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")

# Pages, the admin and the fallback for where sockets do not work. It comes first: it loads the apps, and what is
# imported below needs them.
http = get_asgi_application()

from djinsight.live.daphne import tune_daphne  # noqa: E402
from djinsight.routing import OriginValidator, websocket_urlpatterns  # noqa: E402

# The development server serves static files by itself, Daphne does not. In production your web server does.
if settings.DEBUG:
    http = ASGIStaticFilesHandler(http)

# Under Daphne: a client that sends as fast as it can keeps nobody waiting, and short texts go a short way.
tune_daphne()

application = ProtocolTypeRouter(
    {
        "http": http,
        # Browsers let pages of any site open a socket here: only this site's own are let in.
        "websocket": OriginValidator(URLRouter(websocket_urlpatterns)),
    }
)
