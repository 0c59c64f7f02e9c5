"""The whole ASGI application of a site with djinsight. Copy it and put the name of your settings in.

python -m djinsight.daphne asgi_example:application

It also runs under plain Daphne (``daphne asgi_example:application``), Hypercorn, Granian, and uvicorn
(``uvicorn --ws-per-message-deflate false asgi_example:application``, as frames are too short to gain from compression).
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

from djinsight.routing import HTTPFallback, OriginValidator, websocket_urlpatterns  # noqa: E402

# The development server serves static files by itself, Daphne does not. In production your web server does.
if settings.DEBUG:
    http = ASGIStaticFilesHandler(http)

application = ProtocolTypeRouter(
    {
        # This answers the fallback before your middleware runs, and passes everything else on.
        "http": HTTPFallback(http),
        # Browsers let pages of any site open a socket here: only this site's own are let in.
        "websocket": OriginValidator(URLRouter(websocket_urlpatterns)),
    }
)
