//! Makes contacts, rules, channels, policies and webhooks as the document says.
use super::run::Run;
use crate::api::configuration::{
    Channel, Contact, DifferenceAction as Action, FieldChange, MadeSecret, Policy, SecretText,
    User, Webhook,
};
use crate::app::channels::{add_channel, change_channel};
use crate::app::contacts::{add_contact, change_contact, change_rules, remove_contact, words};
use crate::app::policies::{add_policy, change_policy, with_ids};
use crate::app::webhooks::{add_webhook, set_secret};
use crate::domain::contact::{EMAIL, Rules};
use crate::domain::policy::{self, REPEAT};
use crate::error::Result;
use crate::secret::Secret;
use crate::store::{self, Applied as By, ChannelRow, Part};

impl Run<'_, '_> {
    /// A person's contacts and rules. What an admin writes down is taken for checked.
    pub(super) fn ways(
        &mut self,
        at: &str,
        entry: &User,
        user: &store::User,
    ) -> Result<Vec<FieldChange>> {
        let mut fields = Vec::new();
        for (n, contact) in entry.contacts.iter().flatten().enumerate() {
            let at = format!("{at}.contacts[{n}]");
            fields.extend(self.contact(&at, contact, user)?);
        }
        if let Some(named) = &entry.contacts {
            for contact in self.w.contacts(user.id)? {
                if named.iter().all(|of| of.name != contact.name) {
                    remove_contact(self.w, user, &contact, &self.actor)?;
                    let field = format!("contacts.{}", contact.name);
                    fields.push(FieldChange { field, from: Some(words(&contact)), to: None });
                }
            }
        }
        let Some(rules) = &entry.rules else { return Ok(fields) };
        let rules = Rules::from(rules.clone());
        let contacts = self.w.contacts(user.id)?;
        let written = entry.contacts.iter().flatten().map(|contact| contact.name.as_str());
        let names: Vec<&str> =
            contacts.iter().map(|contact| contact.name.as_str()).chain(written).collect();
        for (field, why) in rules.faults(&names) {
            self.wrong.say(format!("{at}.rules.{field}"), why);
        }
        fields.extend(change_rules(self.w, user, &rules, &self.actor)?);
        Ok(fields)
    }

    fn contact(
        &mut self,
        at: &str,
        entry: &Contact,
        user: &store::User,
    ) -> Result<Option<FieldChange>> {
        let Contact { name, channel, address } = entry;
        let address = address.as_ref().and_then(SecretText::text);
        let field = format!("contacts.{name}");
        let Some(old) = self.w.find_contact(user.id, name)? else {
            if address.is_none() && channel != EMAIL {
                self.wrong
                    .say(format!("{at}.address"), "is missing: only that of an e-mail may be");
                return Ok(None);
            }
            let to = (channel.as_str(), address);
            let made = add_contact(self.w, user, name, to, true, &self.actor)?;
            return Ok(Some(FieldChange { field, from: None, to: Some(words(&made)) }));
        };
        let mut new = store::Contact { channel: channel.clone(), ..old.clone() };
        match address {
            Some(address) => (new.own, new.address) = (true, address.to_owned()),
            None if channel == EMAIL => {
                (new.own, new.address) = (false, user.email.clone().unwrap_or_default());
            }
            None if *channel != old.channel => {
                let why = format!("is missing: that of {} is none of {channel}", old.channel);
                self.wrong.say(format!("{at}.address"), why);
                return Ok(None);
            }
            None => {}
        }
        new.verified_at = old.verified_at.or_else(|| Some(self.w.now()));
        let differs = change_contact(self.w, user, &old, &new, &self.actor)?;
        let (from, to) = (Some(words(&old)), Some(words(&new)));
        // Where all that may be told is the same, it is only said that something differs.
        let (from, to) = if from == to { (None, None) } else { (from, to) };
        Ok((!differs.is_empty()).then_some(FieldChange { field, from, to }))
    }

    pub(super) fn channel(&mut self, at: &str, entry: &Channel) -> Result<()> {
        let Channel { slug, renamed_from, team, channel, address } = entry;
        let Some(team) = self.live_team(at, team)? else { return Ok(()) };
        let names = (slug.as_str(), renamed_from.as_ref());
        let Some(found) = self.found(at, names, |w, slug| w.find_channel(slug))? else {
            return Ok(());
        };
        let address = address.as_ref().and_then(SecretText::text);
        let Some(old) = found else {
            let Some(address) = address else {
                self.wrong.say(format!("{at}.address"), "is missing: a new channel needs it");
                return Ok(());
            };
            let id = add_channel(self.w, team.id, slug, (channel, address), &self.actor)?;
            self.w.set_applied(Part::Channel(id), By::Made)?;
            self.say(Action::Add, "channel", slug, Vec::new());
            return Ok(());
        };
        if !self.same_team(at, ("channel", &old.slug), &old.team, &team) {
            return Ok(());
        }
        if address.is_none() && *channel != old.channel {
            let why = format!("is missing: that of {} is none of {channel}", old.channel);
            self.wrong.say(format!("{at}.address"), why);
            return Ok(());
        }
        let new = ChannelRow {
            slug: slug.clone(),
            channel: channel.clone(),
            address: address.unwrap_or(&old.address).to_owned(),
            ..old.clone()
        };
        let fields = change_channel(self.w, &old, &new, &self.actor)?;
        self.say(Action::Change, "channel", slug, fields);
        Ok(())
    }

    pub(super) fn webhook(&mut self, at: &str, entry: &Webhook, spare: &Secret) -> Result<()> {
        let Webhook { team, url, secret } = entry;
        let Some(team) = self.live_team(at, team)? else { return Ok(()) };
        let label = format!("{} {url}", team.slug);
        let given = secret.as_ref().and_then(SecretText::text).map(Secret::new);
        let Some(old) = self.w.find_webhook_to(team.id, url)? else {
            let secret = given.as_ref().unwrap_or(spare);
            let id = add_webhook(self.w, team.id, url, secret, &self.actor)?;
            self.w.set_applied(Part::Webhook(id), By::Made)?;
            if given.is_none() {
                let secret = spare.expose().to_owned();
                let (team, url) = (team.slug, url.clone());
                self.applied.secrets.push(MadeSecret { team, url, secret });
            }
            self.say(Action::Add, "webhook", &label, Vec::new());
            return Ok(());
        };
        if let Some(secret) = given.filter(|given| given.expose() != old.secret.expose()) {
            set_secret(self.w, old, &secret, &self.actor)?;
            let secret = FieldChange { field: "secret".into(), from: None, to: None };
            self.say(Action::Change, "webhook", &label, vec![secret]);
        }
        Ok(())
    }

    pub(super) fn policy(&mut self, at: &str, entry: &Policy) -> Result<()> {
        let Some(team) = self.live_team(at, &entry.team)? else { return Ok(()) };
        let names = (entry.slug.as_str(), entry.renamed_from.as_ref());
        let Some(found) = self.found(at, names, |w, slug| w.find_policy(slug))? else {
            return Ok(());
        };
        if found.is_none() && entry.steps.is_none() {
            self.wrong.say(format!("{at}.steps"), "are missing: a new policy needs them");
            return Ok(());
        }
        // An empty last resort is the default's.
        let last_resort = entry.last_resort.clone().filter(|last| !last.is_empty());
        let written = policy::Policy {
            slug: entry.slug.clone(),
            repeat: entry.repeat.unwrap_or(REPEAT),
            steps: entry.steps.clone().unwrap_or_default(),
            last_resort,
        };
        let (mut new, wrong) = with_ids(self.w, written, |_, _| Ok(true))?;
        if !wrong.is_empty() {
            for wrong in wrong {
                let why = format!("{}; add it to the file", wrong.message);
                self.wrong.say(format!("{at}.{}", wrong.field), why);
            }
            return Ok(());
        }
        let Some(old) = found else {
            let id = add_policy(self.w, team.id, &new, &self.actor)?;
            self.w.set_applied(Part::Policy(id), By::Made)?;
            self.say(Action::Add, "policy", &entry.slug, Vec::new());
            return Ok(());
        };
        if !self.same_team(at, ("policy", &old.policy.slug), &old.team, &team) {
            return Ok(());
        }
        new.repeat = entry.repeat.unwrap_or(old.policy.repeat);
        if entry.steps.is_none() {
            new.steps.clone_from(&old.policy.steps);
        }
        if entry.last_resort.is_none() {
            new.last_resort.clone_from(&old.policy.last_resort);
        }
        let fields = change_policy(self.w, &old, &new, &self.actor)?;
        self.say(Action::Change, "policy", &entry.slug, fields);
        Ok(())
    }
}
