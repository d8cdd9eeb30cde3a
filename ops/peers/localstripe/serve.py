"""Serves localstripe on a free loopback port and prints the address.

Its own command listens on every interface of the machine and keeps its objects in one file of /tmp for all of its processes.
"""

import socket

from aiohttp import web
from localstripe.resources import Store
from localstripe.server import app

Store.dump_to_disk = lambda self: None

listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.bind(("127.0.0.1", 0))
# From here on whoever connects waits and is not refused.
listener.listen()
print("listening on http://127.0.0.1:%d" % listener.getsockname()[1], flush=True)
web.run_app(app, sock=listener, print=None)
