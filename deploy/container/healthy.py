"""Ends with status 0 where the mailmine of this container answers: the image holds no curl."""

import http.client
import os
import sys

port = int(os.environ.get("MAILMINE_PORT", "8450"))
try:
    # Straight to it, whatever proxy the environment names.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    connection.request("GET", "/healthz")
    status = connection.getresponse().status
except OSError as error:
    sys.exit(f"mailmine does not answer on port {port}: {error}")
sys.exit(0 if status == http.HTTPStatus.OK else f"mailmine answers {status}")
