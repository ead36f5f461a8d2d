"""moto's server behind a lock: alone it compares and writes in two steps, and loses updates.

Rule: one request at a time. Run as `python moto_locked.py PORT`.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

moto = DomainDispatcherApplication(create_backend_app)
lock = threading.Lock()


def one_at_a_time(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    with lock:
        return list(moto(environment, start))


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), one_at_a_time, threaded=True)
