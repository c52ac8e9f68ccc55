//! The configuration as a file: applied.
use std::io::Read;
use std::path::PathBuf;

use clap::Args;

use super::connect::connect_for_setup;
use super::{Common, Format, output};
use crate::api::{Nothing, configuration};
use crate::error::{Error, Kind, Result};

#[derive(Args)]
pub struct Apply {
    /// A TOML file, or `-` for stdin
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
}

impl Apply {
    pub async fn run(self, common: &Common) -> Result<()> {
        let document = self.read()?;
        let connection = connect_for_setup(common).await?;
        let applied =
            connection.client.call(&configuration::APPLY, Nothing {}, &Nothing {}, &document).await;
        connection.close().await;
        let applied = applied?;
        if common.output == Format::Json {
            return output::json(&applied);
        }
        for change in &applied.changes {
            output::say(change);
        }
        if applied.changes.is_empty() {
            output::say("All is so already.");
        }
        for made in &applied.keys {
            output::say(&format!("Key of {}/{}, shown this once:", made.service, made.integration));
            output::line(&made.key);
        }
        Ok(())
    }

    fn read(&self) -> Result<configuration::Document> {
        let name = self.file.display();
        let wrong = |why: String| Error::new(Kind::Invalid, format!("{name}: {why}"));
        let text = if self.file.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        } else {
            std::fs::read_to_string(&self.file)
        };
        let text = text.map_err(|error| wrong(error.to_string()))?;
        toml::from_str(&text).map_err(|error| wrong(error.to_string()))
    }
}
