"""Answers as a receiver would and saves the bodies that senders really post.

record.py FOLDER   prints its port, then one line a body: `SENDER STATE`.

Only a state's first body is kept, so a sender that repeats itself changes nothing.
"""

import datetime
import http.server
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
# What goes before a state, by the path that the sender was given.
SENDERS = {
    "/api/v2/alerts": "prometheus-api-v2",
    "/alertmanager": "alertmanager-webhook",
    "/v2/enqueue": "alertmanager-pagerduty-v2",
}
seen = set()


def state(sender, body):
    if sender == "prometheus-api-v2":
        # It says nothing of a state: an end in the past is one.
        return "resolved" if ended(body[0]) else "firing"
    return body["status"] if "status" in body else body["event_action"]


def ended(alert):
    end = datetime.datetime.fromisoformat(alert["endsAt"].replace("Z", "+00:00")[:19] + "+00:00")
    return end <= datetime.datetime.now(datetime.timezone.utc)


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sender = SENDERS[self.path]
        name = f"{sender}-{state(sender, json.loads(body))}"
        if name not in seen:
            seen.add(name)
            (folder / f"{name}.json").write_bytes(body)
            print(name, flush=True)
        answer = b""
        self.send_response(202 if sender == "alertmanager-pagerduty-v2" else 200)
        if sender == "alertmanager-pagerduty-v2":
            answer = b'{"status":"success","message":"Event processed","dedup_key":"x"}'
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_address[1], flush=True)
server.serve_forever()
