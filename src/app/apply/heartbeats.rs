//! Makes a heartbeat as the document says.
use super::run::Run;
use crate::api::configuration::{
    DifferenceAction as Action, FieldChange, Heartbeat, MadeKey, SecretText,
};
use crate::api::heartbeats::HeartbeatChange;
use crate::app::heartbeats::{add_heartbeat, change_heartbeat, merged, set_heartbeat_key};
use crate::domain::heartbeat::usual_grace;
use crate::error::Result;
use crate::secret::Secret;
use crate::store::{Applied as By, Part};

impl Run<'_, '_> {
    /// `spare`: its key, if it is new and has none. `named`: the document names its service.
    pub(super) fn heartbeat(
        &mut self,
        at: &str,
        entry: &Heartbeat,
        spare: &Secret,
        named: bool,
    ) -> Result<()> {
        let Some(service) = self.live_service(at, &entry.service, named)? else { return Ok(()) };
        let names = (entry.slug.as_str(), entry.renamed_from.as_ref());
        let Some(found) = self.found(at, names, |w, slug| w.find_heartbeat(slug))? else {
            return Ok(());
        };
        let key = entry.key.as_ref().and_then(SecretText::text).map(Secret::new);
        let key_at = format!("{at}.key");
        let Some(found) = found else {
            let grace = entry.grace.unwrap_or_else(|| usual_grace(entry.every));
            let (rhythm, alert) = ((entry.every, grace), entry.alert.clone().unwrap_or_default());
            let secret = key.as_ref().unwrap_or(spare);
            let (slug, actor) = (&entry.slug, &self.actor);
            let made = add_heartbeat(self.w, service.id, slug, rhythm, &alert, secret, actor);
            let Some(id) = self.wrong.note(&key_at, made)? else { return Ok(()) };
            self.w.set_applied(Part::Heartbeat(id), By::Made)?;
            if key.is_none() {
                self.applied.keys.push(MadeKey::new("heartbeat", slug, spare));
            }
            self.say(Action::Add, "heartbeat", slug, Vec::new());
            return Ok(());
        };
        let old = found.heartbeat;
        if old.service.id != service.id {
            let why = format!(
                "heartbeat `{}` is of service `{}` and its incidents stay there; make a new one",
                old.slug, old.service.slug
            );
            self.wrong.say(format!("{at}.service"), why);
            return Ok(());
        }
        let change = HeartbeatChange {
            slug: Some(entry.slug.clone()),
            every: Some(entry.every),
            grace: entry.grace,
            alert: entry.alert.clone(),
        };
        let mut fields = change_heartbeat(self.w, &old, &merged(&old, &change), &self.actor)?;
        if let Some(secret) = key.filter(|secret| secret.hash() != found.key_hash) {
            let set = set_heartbeat_key(self.w, &old, &secret, &self.actor);
            self.wrong.note(&key_at, set)?;
            fields.push(FieldChange { field: "key".into(), from: None, to: None });
        }
        self.say(Action::Change, "heartbeat", &entry.slug, fields);
        Ok(())
    }
}
