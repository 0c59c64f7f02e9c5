"""The application of the tests with other constants, from ``TEST_CONSTANTS``: ``{"hub.BEAT_EVERY": 0.1}``."""

import json
import os

from tests.asgi import application

__all__ = ["application"]

from djinsight.live import hub, sockets

_MODULES = {"hub": hub, "sockets": sockets}

for _name, _value in json.loads(os.environ.get("TEST_CONSTANTS", "{}")).items():
    _module, _, _constant = _name.partition(".")
    if not hasattr(_MODULES[_module], _constant):
        raise NameError(_name)
    setattr(_MODULES[_module], _constant, _value)
