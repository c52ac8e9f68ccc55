//! The contract as OpenAPI 3.1, derived from the typed operations and the schemas of their types.
use std::any::TypeId;
use std::collections::BTreeMap;

use schemars::generate::{Contract, SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{Access, Method, Nothing, PREFIX, Problem, Route, Segments};

/// One operation, without its types.
#[derive(Clone)]
pub struct Operation {
    pub method: Method,
    /// Below `PREFIX`.
    pub path: &'static str,
    pub access: Access,
    pub summary: &'static str,
    shapes: fn(&mut Schemas) -> Shapes,
}

/// Input and output differ: what has a default may be left out of the one, never of the other.
struct Schemas {
    asked: SchemaGenerator,
    answered: SchemaGenerator,
}

struct Shapes {
    path: &'static [&'static str],
    query: Schema,
    /// None if there is nothing to say; whether it must be said.
    body: Option<(Schema, bool)>,
    reply: Schema,
}

impl<P, Q, B, R> Route<P, Q, B, R>
where
    P: Segments,
    Q: JsonSchema,
    B: DeserializeOwned + JsonSchema + 'static,
    R: JsonSchema,
{
    /// What this operation is, for whoever lists all of them.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        Operation {
            method: self.method,
            path: self.path,
            access: self.access,
            summary: self.summary,
            shapes: |schemas| Shapes {
                path: P::KINDS,
                query: Q::json_schema(&mut schemas.asked),
                body: (TypeId::of::<B>() != TypeId::of::<Nothing>()).then(|| {
                    let required = serde_json::from_str::<B>("{}").is_err();
                    (schemas.asked.subschema_for::<B>(), required)
                }),
                reply: schemas.answered.subschema_for::<R>(),
            },
        }
    }
}

/// The document, with everything in one order so that it can be compared.
#[must_use]
pub fn document(operations: &[Operation]) -> Value {
    let generator = |contract: Contract| {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.contract = contract;
        });
        SchemaGenerator::new(settings)
    };
    let mut schemas = Schemas {
        asked: generator(Contract::Deserialize),
        answered: generator(Contract::Serialize),
    };
    let problem = schemas.answered.subschema_for::<Problem>();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for operation in operations {
        let shapes = (operation.shapes)(&mut schemas);
        paths
            .entry(format!("{PREFIX}{}", operation.path))
            .or_default()
            .insert(verb(operation.method).to_owned(), described(operation, shapes));
    }
    let open = super::senders::paths().into_iter().map(|(path, item)| (path.to_owned(), item));
    let paths: Map<String, Value> =
        paths.into_iter().map(|(path, item)| (path, Value::Object(item))).chain(open).collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "incidentd",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": env!("CARGO_PKG_DESCRIPTION"),
            "description": "Times are RFC 3339 in UTC. Lists come in pages: give `nextCursor` back \
                            as `cursor`. Errors are problems (RFC 9457) that name the next step.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API token (`incidentd token create`) or a session's secret.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "incidentd_session",
                    "description": "A browser's session; `__Host-incidentd_session` over https.",
                },
            },
            "responses": {
                "Problem": {
                    "description": "What went wrong, and what to do next.",
                    "content": { "application/problem+json": { "schema": problem } },
                },
            },
        },
    });
    let components = components(schemas, &mut document);
    document["components"]["schemas"] = Value::Object(components);
    document
}

const fn verb(method: Method) -> &'static str {
    match method {
        Method::Get => "get",
        Method::Post => "post",
        Method::Put => "put",
        Method::Patch => "patch",
        Method::Delete => "delete",
    }
}

fn described(operation: &Operation, shapes: Shapes) -> Value {
    let names = operation.path.split('/').filter_map(|part| part.strip_prefix('{'));
    let mut parameters: Vec<Value> = names
        .zip(shapes.path)
        .map(|(name, kind)| {
            let name = name.trim_end_matches('}');
            let schema = match *kind {
                "integer" => json!({ "type": "integer", "format": "int64", "minimum": 1 }),
                kind => json!({ "type": kind, "minLength": 1 }),
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect();
    parameters.extend(query_parameters(&shapes.query));
    if operation.method == Method::Post {
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "A repeated request with the same key happens once, for a day.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
        }));
    }
    let media_type = shapes.reply.get("contentMediaType").and_then(Value::as_str);
    let media_type = media_type.unwrap_or("application/json").to_owned();
    let mut described = json!({
        "operationId": operation_id(operation),
        "summary": operation.summary,
        "description": needs(operation.access),
        "tags": [operation.path.split('/').nth(1)],
        "responses": { "200": {
            "description": "Done.",
            "content": { media_type: { "schema": shapes.reply } },
        } },
    });
    for status in refusals(operation, shapes.body.is_some()) {
        described["responses"][status] = json!({ "$ref": "#/components/responses/Problem" });
    }
    if operation.access == Access::Anyone {
        described["security"] = json!([]);
    }
    if !parameters.is_empty() {
        described["parameters"] = Value::Array(parameters);
    }
    if let Some((body, required)) = shapes.body {
        described["requestBody"] = json!({
            "required": required,
            "content": { "application/json": { "schema": body } },
        });
    }
    described
}

fn needs(access: Access) -> &'static str {
    match access {
        Access::Anyone => "Open to anyone.",
        Access::Read => "Needs a credential of scope `read`.",
        Access::Respond => "Needs a credential of scope `respond`.",
        Access::Manage => "Needs a credential of scope `admin`.",
        Access::Platform => "Needs a platform admin.",
    }
}

/// Statuses of refusals that this operation may answer with.
fn refusals(operation: &Operation, has_body: bool) -> impl Iterator<Item = &'static str> {
    let signed_in = operation.access != Access::Anyone;
    let writes = operation.method != Method::Get;
    [
        ("400", true),
        ("401", true),
        ("403", signed_in || writes),
        ("404", true),
        ("409", writes),
        ("413", has_body),
        ("415", has_body),
        ("422", true),
        ("429", true),
        ("503", true),
    ]
    .into_iter()
    .filter_map(|(status, may)| may.then_some(status))
}

/// `listIncidents`-like names would have to be invented; the address already is one.
fn operation_id(operation: &Operation) -> String {
    let words = operation.path.split(['/', '_', '-', '{', '}']).filter(|word| !word.is_empty());
    words.fold(verb(operation.method).to_owned(), |mut id, word| {
        let (first, rest) = word.split_at(1);
        id.push_str(&first.to_uppercase());
        id.push_str(rest);
        id
    })
}

/// Each property of the query's type is a parameter; lists repeat it.
fn query_parameters(query: &Schema) -> Vec<Value> {
    let described = |schema: &Value| schema.get("description").cloned();
    let required: Vec<&str> = query
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let properties = query.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, schema)| {
            let mut schema = schema.clone();
            let description = described(&schema);
            if let Some(object) = schema.as_object_mut() {
                object.remove("description");
                object.remove("default");
            }
            without_null(&mut schema);
            let mut parameter = json!({ "name": name, "in": "query", "schema": schema });
            if required.contains(&name.as_str()) {
                parameter["required"] = true.into();
            }
            if let Some(description) = description {
                parameter["description"] = description;
            }
            parameter
        })
        .collect()
}

/// An address has no null: what is optional is left out.
fn without_null(schema: &mut Value) {
    if let Some(kinds) = schema.get("type").and_then(Value::as_array) {
        let kind = kinds.iter().find(|kind| *kind != "null").cloned();
        schema["type"] = kind.unwrap_or_default();
    }
    if let Some(choices) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        choices.retain(|choice| choice["type"] != "null");
        if let [only] = choices.as_slice() {
            *schema = only.clone();
        }
    }
}

/// The schemas of both directions under one roof: those that differ have two names.
fn components(mut schemas: Schemas, document: &mut Value) -> Map<String, Value> {
    let mut all = schemas.answered.take_definitions(true);
    let asked = schemas.asked.take_definitions(true);
    let mut renamed: Vec<String> = Vec::new();
    // What refers to a renamed one is another schema, too.
    loop {
        let before = renamed.len();
        for (name, schema) in &asked {
            let differs = all.get(name).is_some_and(|other| other != schema)
                || renamed.iter().any(|other| refers(schema, other));
            if differs && all.contains_key(name) && !renamed.contains(name) {
                renamed.push(name.clone());
            }
        }
        if renamed.len() == before {
            break;
        }
    }
    for (name, mut schema) in asked {
        rename(&mut schema, &renamed);
        let name = if renamed.contains(&name) { format!("{name}Input") } else { name };
        all.insert(name, schema);
    }
    for path in document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        for operation in path.as_object_mut().into_iter().flat_map(Map::values_mut) {
            for part in ["requestBody", "parameters"] {
                if let Some(part) = operation.get_mut(part) {
                    rename(part, &renamed);
                }
            }
        }
    }
    all.sort_keys();
    all
}

fn reference(name: &str) -> String {
    format!("#/components/schemas/{name}")
}

fn refers(schema: &Value, name: &str) -> bool {
    match schema {
        Value::Object(fields) => fields.iter().any(|(key, value)| {
            (key == "$ref" && *value == reference(name)) || refers(value, name)
        }),
        Value::Array(items) => items.iter().any(|item| refers(item, name)),
        _ => false,
    }
}

fn rename(schema: &mut Value, names: &[String]) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(to) if key == "$ref" => {
                        if names.iter().any(|name| *to == reference(name)) {
                            to.push_str("Input");
                        }
                    }
                    value => rename(value, names),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, names)),
        _ => {}
    }
}
