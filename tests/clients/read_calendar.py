"""Reads a calendar from stdin with a library of others (RFC 5545), and says what is in it."""

import json
import sys

from icalendar import Calendar

text = sys.stdin.buffer.read()
assert all(len(line) <= 75 for line in text.split(b"\r\n")), "a line is not folded"
assert b"\n" not in text.replace(b"\r\n", b""), "a line does not end as it should"
calendar = Calendar.from_ical(text)
assert calendar["version"] == "2.0" and calendar["prodid"].startswith("-//incidentd//")
assert not calendar.errors, calendar.errors
for event in calendar.walk("vevent"):
    assert not event.errors, event.errors
    assert {"uid", "dtstamp", "dtstart", "dtend", "summary"} <= {name.lower() for name in event}
    times = [event[name].dt for name in ("dtstamp", "dtstart", "dtend")]
    assert all(at.utcoffset().total_seconds() == 0 for at in times), "not UTC"
    print(json.dumps([event["uid"], *(at.isoformat() for at in times[1:]), event["summary"]]))
