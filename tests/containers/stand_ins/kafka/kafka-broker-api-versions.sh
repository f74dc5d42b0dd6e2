#!/usr/bin/python3
"""What the tool of this name does first: asks the broker which requests it takes (ApiVersions)."""

import socket
import struct
import sys

host, port = sys.argv[sys.argv.index("--bootstrap-server") + 1].rsplit(":", 1)
request = struct.pack(">hhih", 18, 0, 1, -1)
with socket.create_connection((host, int(port)), 5) as broker:
    broker.sendall(struct.pack(">i", len(request)) + request)
    head = broker.recv(10, socket.MSG_WAITALL)
length, correlation, error = struct.unpack(">iih", head)
sys.exit(0 if (correlation, error) == (1, 0) else f"error {error}")
