//! A copy of everything.
use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Access, Method, Nothing, Route};

pub const MEDIA_TYPE: &str = "application/vnd.sqlite3";

/// An answer that is a file.
pub enum Database {}

impl JsonSchema for Database {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Database".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "contentMediaType": MEDIA_TYPE })
    }
}

pub const BACKUP: Route<Nothing, Nothing, Nothing, Database> = Route::new(
    Method::Get,
    "/backup",
    Access::Platform,
    "Download a backup: everything as of now, as one SQLite file",
);
