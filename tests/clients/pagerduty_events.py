"""Sends one event with PagerDuty's own client and prints the dedup key that came back.

INCIDENTD_KEY=… pagerduty_events.py URL trigger SUMMARY [DEDUP_KEY]
INCIDENTD_KEY=… pagerduty_events.py URL acknowledge|resolve DEDUP_KEY
"""

import os
import sys

import pagerduty

url, action, *rest = sys.argv[1:]
client = pagerduty.EventsApiV2Client(
    os.environ["INCIDENTD_KEY"],
    base_url=url,
)
if action == "trigger":
    print(
        client.trigger(
            rest[0],
            "db-3.example.com",
            dedup_key=rest[1] if len(rest) > 1 else None,
            severity="warning",
            payload={"component": "disk", "group": "databases", "class": "capacity"},
            custom_details={"free": "2%", "mount": "/var"},
            links=[{"href": "https://graphs.example.com/db-3", "text": "Graph"}],
        )
    )
else:
    print(getattr(client, action)(rest[0]))
