"""Watches a team with an unmodified python-socketio and prints one JSON line an event.

INCIDENTD_TOKEN=… watch.py URL TEAM [TRANSPORT,…]

The synchronous client runs each handler in a thread of its own, so two events that come at once
may be printed in either order; `seq` is what orders them.
"""

import json
import os
import sys
import threading

import socketio

url, team, *rest = sys.argv[1:]
transports = rest[0].split(",") if rest else None
client = socketio.Client(reconnection_delay=0.1, reconnection_delay_max=1)
lock = threading.Lock()
state = {"cursor": None, "joined": False}


def say(event, data):
    with lock:
        sys.stdout.write(json.dumps({"event": event, "data": data}) + "\n")
        sys.stdout.flush()


def subscribe():
    ask = {"teamId": team}
    if state["cursor"] is not None:
        ask["after"] = state["cursor"]
    client.emit("subscribe:incidents", ask, callback=acknowledged)


def acknowledged(ack):
    if ack["ok"]:
        for event in ack.get("events", []):
            state["cursor"] = event["seq"]
            say(event["type"], event)
        if ack.get("more"):
            return subscribe()
        state["cursor"] = max(ack["head"], state["cursor"] or 0)
        state["joined"] = True
    say("subscribed", ack)


@client.event
def connect():
    state["joined"] = False
    say("connect", {"transport": client.transport()})
    subscribe()


@client.event
def disconnect(reason):
    say("disconnect", {"reason": reason})


@client.on("*")
def anything(event, data=None):
    # Before the join, only events about this very person arrive: they must not move the cursor.
    if state["joined"] and event.startswith("incident:"):
        state["cursor"] = max(data["seq"], state["cursor"])
    say(event, data)


client.connect(url, auth={"token": os.environ["INCIDENTD_TOKEN"]}, transports=transports)
client.wait()
