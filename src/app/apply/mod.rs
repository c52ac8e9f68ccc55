//! The configuration as a whole: applied in one write, all or nothing, and written down again.
mod check;
mod export;
mod heartbeats;
mod holes;
mod paging;
mod prune;
mod run;
mod schedules;
mod silences;

use super::{App, Caller};
use crate::api::configuration::{Applied, ApplyQuery, Document};
use crate::error::{Error, FieldError, Kind, Result};
use crate::secret::Secret;
use crate::store::Write;
use run::Run;

impl App {
    /// Makes the configuration as a document says.
    ///
    /// # Errors
    /// As `configure`.
    pub async fn apply(&self, caller: &Caller, document: Document) -> Result<Applied> {
        self.configure(caller, document, ApplyQuery::default()).await
    }

    /// Makes the configuration as a document says, or says what that would change: a rehearsal
    /// does all of it and takes it back.
    ///
    /// # Errors
    /// Names every entry and field that is wrong; then nothing was changed.
    pub async fn configure(
        &self,
        caller: &Caller,
        document: Document,
        how: ApplyQuery,
    ) -> Result<Applied> {
        caller.must_be_platform_admin()?;
        let wrong = check::document(&document);
        let spare = Spare::of(&document)?;
        let (asking, caller) = (caller.clone(), caller.clone());
        let work = move |w: &mut Write<'_>| {
            let run = Run::new(w, &caller, wrong.clone());
            run.all(&document, &spare, how.prune)
        };
        if !how.dry_run {
            let mut applied = self.write_as(asking, work).await?;
            for made in &mut applied.keys {
                made.place(&self.0.public_url);
            }
            return Ok(applied);
        }
        let mut applied = self.write_as(asking, move |w| w.rehearse(&work)).await?;
        // They were made for the rehearsal alone.
        applied.keys.clear();
        applied.secrets.clear();
        Ok(applied)
    }
}

/// A secret for each entry that may be new and have none: chance has no place in a write.
#[derive(Clone)]
struct Spare {
    keys: Vec<Secret>,
    secrets: Vec<Secret>,
}

impl Spare {
    fn of(document: &Document) -> Result<Self> {
        let keys = document.integrations.len() + document.heartbeats.len();
        let keys = (0..keys).map(|_| Secret::random_key());
        let secrets = document.webhooks.iter().map(|_| Secret::webhook());
        Ok(Self { keys: keys.collect::<Result<_>>()?, secrets: secrets.collect::<Result<_>>()? })
    }
}

/// What is wrong with a document, all of it at once.
#[derive(Clone, Default)]
struct Wrong(Vec<FieldError>);

impl Wrong {
    /// `at` is a place in the document such as `services[1].team`.
    fn say(&mut self, at: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError { field: at.into(), message: message.into() });
    }

    /// Notes what the document can be blamed for; the rest is the caller's.
    fn note<T>(&mut self, at: &str, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if matches!(error.kind, Kind::Invalid | Kind::Refused) => {
                let hint = error.hint.map_or_else(String::new, |hint| format!(" {hint}"));
                self.say(at, format!("{}{hint}", error.detail));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn into_result(self, kind: Kind) -> Result<()> {
        let Some(first) = self.0.first() else { return Ok(()) };
        let first = format!("{}: {}", first.field, first.message);
        let detail = match self.0.len() {
            1 => first,
            n => format!("{n} things are wrong. {first}"),
        };
        let mut error = Error::new(kind, detail).hint("Nothing was changed.");
        error.fields = self.0;
        Err(error)
    }
}
