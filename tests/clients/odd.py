"""Says to the server what it cannot read, with an unmodified python-socketio; prints one JSON line
with the answers.

INCIDENTD_TOKEN=… odd.py URL TRANSPORT
"""

import json
import os
import sys

import socketio

url, transport = sys.argv[1:]
client = socketio.SimpleClient()
client.connect(url, auth={"token": os.environ["INCIDENTD_TOKEN"]}, transports=[transport])
heard = [client.receive()[0]]
event = "subscribe:incidents"
# Nobody waits for an answer to these.
client.emit(event, b"payments")
client.emit(event, {"teamId": b"payments"})
client.emit(event, ({}, {}))
answers = {
    "buffer": client.call(event, b"payments"),
    "inside": client.call(event, {"teamId": b"payments"}),
    "two": client.call(event, ({"teamId": "payments"}, {"teamId": "payments"})),
    "text": client.call(event, "payments"),
    "left": client.call("unsubscribe:incidents", b"x"),
    "pong": client.call("ping", (b"x", 2)),
}
print(json.dumps({"answers": answers, "heard": heard}), flush=True)
client.disconnect()
