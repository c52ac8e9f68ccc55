//! `incidentd template …`: the words of messages.
use std::path::Path;

use clap::{Subcommand, ValueEnum};

use super::connect::connect;
use super::{Common, Format, output};
use crate::api::Nothing;
use crate::api::words::{RENDER, Render, TemplateName};
use crate::domain::IncidentId;
use crate::error::{Error, Result};

#[derive(Subcommand)]
pub enum Template {
    /// Show what becomes of a template, on an incident of mine or a made-up one
    ///
    /// What is good goes into [templates] of the server's configuration under its name; the fields
    /// that a template may use are those of the defaults in its documentation.
    Render {
        /// One of the server's (title, text, short, html), or a file with another
        #[arg(long, value_name = "NAME|FILE", default_value = "text")]
        template: String,
        /// Left out: a made-up one
        #[arg(long, value_name = "ID")]
        incident: Option<IncidentId>,
    },
}

impl Template {
    pub async fn run(self, common: &Common) -> Result<()> {
        let Self::Render { template, incident } = self;
        let name = TemplateName::from_str(&template, false).ok();
        let text = if name.is_none() { Some(read(Path::new(&template))?) } else { None };
        let asked = Render { name, template: text, incident };
        let client = connect(common)?;
        let rendered = client.call(&RENDER, Nothing {}, &Nothing {}, &asked).await?;
        if common.output == Format::Json {
            return output::json(&rendered);
        }
        // As it would be sent, but for what a terminal might obey.
        rendered.text.lines().for_each(output::line);
        Ok(())
    }
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| {
        Error::unreadable(file.display(), &error)
            .hint("There are title, text, short and html; another is read from its file.")
    })
}
