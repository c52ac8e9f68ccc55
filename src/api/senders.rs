//! What is open to programs that know nothing of this one, for the OpenAPI document: alert
//! senders with shapes of their own, and probes.
use serde_json::{Value, json};

/// Path → path item.
#[must_use]
pub(super) fn paths() -> Vec<(&'static str, Value)> {
    let any = json!({ "type": "object" });
    let webhook = json!({
        "type": "object",
        "required": ["status", "alerts", "rejected"],
        "properties": {
            "status": { "const": "success" },
            "alerts": { "type": "array", "items": { "$ref": "#/components/schemas/Outcome" } },
            "rejected": {
                "description": "Why alerts of this request were left out, one line each.",
                "type": "array",
                "items": { "type": "string" },
            },
        },
    });
    let mut grafana =
        sender("grafana", "Grafana's webhook, unified or legacy", &any, "202", &webhook);
    grafana["put"] = grafana["post"].clone();
    grafana["put"]["operationId"] = json!("putGrafana");
    vec![
        ("/integrations/{key}/generic", generic()),
        (
            "/integrations/{key}/alertmanager",
            sender("alertmanager", "Alertmanager's webhook, version 4", &any, "202", &webhook),
        ),
        ("/integrations/{key}/grafana", grafana),
        ("/integrations/{key}/api/v2/alerts", prometheus()),
        ("/v2/enqueue", pagerduty()),
        ("/heartbeat/{key}", heartbeat("", "A heartbeat beats")),
        ("/heartbeat/{key}/fail", heartbeat("Fail", "A heartbeat failed; the body says why")),
        ("/healthz", probe("healthz", "The process answers", "200")),
        (
            "/readyz",
            probe("readyz", "503 and the reasons when disk, emitter or timers fail", "503"),
        ),
    ]
}

fn key() -> Value {
    json!([{
        "name": "key",
        "in": "path",
        "required": true,
        "description": "The key of the integration or heartbeat.",
        "schema": { "type": "string", "pattern": "^[0-9A-Za-z]{32}$" },
    }])
}

/// A sender whose refusals are problems.
fn sender(name: &str, summary: &str, body: &Value, status: &str, reply: &Value) -> Value {
    let mut responses = json!({
        status: {
            "description": "Stored: it is on disk.",
            "content": { "application/json": { "schema": reply } },
        },
    });
    for status in ["400", "404", "413", "415", "422", "503"] {
        responses[status] = json!({ "$ref": "#/components/responses/Problem" });
    }
    json!({
        "parameters": key(),
        "post": {
            "operationId": format!("post{}{}", name[..1].to_uppercase(), &name[1..]),
            "summary": summary,
            "description": "Read generously: unknown fields are ignored, what is too long is cut.",
            "tags": ["senders"],
            "security": [],
            "requestBody": {
                "required": true,
                "content": { "application/json": { "schema": body } },
            },
            "responses": responses,
        },
    })
}

fn generic() -> Value {
    let text = json!({ "type": "string" });
    let mut alert = json!({
        "type": "object",
        "required": ["title"],
        "properties": {
            "title": { "type": "string", "minLength": 1 },
            "dedupKey": {
                "description": "What makes two alerts the same; left out: the title.",
                "type": "string",
            },
            "status": { "enum": ["firing", "resolved"], "default": "firing" },
            "severity": {
                "description": "critical, error, warning or info, or a word like them.",
                "type": "string",
            },
            "description": text,
            "labels": { "type": "object", "additionalProperties": text },
        },
    });
    alert["properties"]["links"] = json!({
        "type": "array",
        "items": { "$ref": "#/components/schemas/Link" },
    });
    let outcome = json!({ "$ref": "#/components/schemas/Outcome" });
    let mut item = sender("generic", "An alert of anything", &alert, "202", &outcome);
    let content = &mut item["post"]["requestBody"]["content"];
    content["application/x-www-form-urlencoded"] = json!({ "schema": alert });
    content["text/plain"] = json!({
        "schema": { "description": "The text is the title.", "type": "string", "minLength": 1 },
    });
    item
}

fn prometheus() -> Value {
    let alerts = json!({ "type": "array", "items": {
        "type": "object",
        "required": ["labels"],
        "properties": {
            "labels": { "type": "object", "minProperties": 1 },
            "annotations": { "type": "object" },
            "startsAt": { "type": "string", "format": "date-time" },
            "endsAt": { "type": "string", "format": "date-time" },
            "generatorURL": { "type": "string" },
        },
    } });
    let summary = "Alertmanager's own API, for Prometheus (`path_prefix`)";
    let mut item = sender("prometheus", summary, &alerts, "200", &json!(true));
    let responses = &mut item["post"]["responses"];
    responses["200"] = json!({ "description": "Stored; the answer is empty." });
    for status in ["400", "404", "413", "415", "422", "503"] {
        responses[status] = json!({
            "description": "What went wrong; of a batch, the good ones were stored.",
            "content": { "application/json": { "schema": { "type": "string" } } },
        });
    }
    item
}

/// PagerDuty's Events API, version 2: `send-an-alert-event` of its developer documents.
fn pagerduty() -> Value {
    let event = json!({
        "type": "object",
        "required": ["routing_key", "event_action"],
        "properties": {
            "routing_key": { "type": "string", "minLength": 32, "maxLength": 32 },
            "event_action": { "enum": ["trigger", "acknowledge", "resolve"] },
            "dedup_key": { "type": "string", "maxLength": 255 },
            "payload": {
                "type": "object",
                "required": ["summary", "source", "severity"],
                "properties": {
                    "summary": { "type": "string" },
                    "source": { "type": "string" },
                    "severity": { "enum": ["critical", "error", "warning", "info"] },
                },
            },
        },
    });
    let said = |more: &str, schema: Value| {
        json!({
            "type": "object",
            "required": ["status", "message", more],
            "properties": {
                "status": { "type": "string" },
                "message": { "type": "string" },
                more: schema,
            },
        })
    };
    let stored = said("dedup_key", json!({ "type": ["string", "null"] }));
    let refused = said("errors", json!({ "type": "array", "items": { "type": "string" } }));
    let mut item = sender("enqueue", "PagerDuty Events v2", &event, "202", &stored);
    if let Some(fields) = item.as_object_mut() {
        fields.remove("parameters");
    }
    for status in ["400", "404", "413", "415"] {
        item["post"]["responses"][status] = json!({
            "description": "What went wrong.",
            "content": { "application/json": { "schema": refused } },
        });
    }
    item
}

fn heartbeat(name: &str, summary: &str) -> Value {
    let mut responses = json!({ "200": {
        "description": "Stored: it is on disk.",
        "content": { "text/plain": { "schema": { "type": "string" } } },
    } });
    for status in ["404", "413", "415", "503"] {
        responses[status] = json!({ "$ref": "#/components/responses/Problem" });
    }
    let call = |method: &str| {
        json!({
            "operationId": format!("{method}Heartbeat{name}"),
            "summary": summary,
            "tags": ["senders"],
            "security": [],
            "responses": responses,
        })
    };
    let mut post = call("post");
    post["requestBody"] =
        json!({ "content": { "text/plain": { "schema": { "type": "string" } } } });
    json!({ "parameters": key(), "get": call("get"), "post": post })
}

fn probe(name: &str, summary: &str, bad: &str) -> Value {
    let text = json!({ "text/plain": { "schema": { "type": "string" } } });
    let mut responses = json!({ "200": { "description": "Well.", "content": text } });
    if bad != "200" {
        responses[bad] =
            json!({ "description": "Not well; a line for each reason.", "content": text });
    }
    json!({ "get": {
        "operationId": format!("get{}{}", name[..1].to_uppercase(), &name[1..]),
        "summary": summary,
        "tags": ["probes"],
        "security": [],
        "responses": responses,
    } })
}
