//! What the list is narrowed by: words and matchers that must all hold.
use crate::domain::matcher::Subject;
use crate::domain::words::Standing;
use crate::domain::{Incident, Matcher};

/// Words of text, or matchers as everywhere: `host=db-3`, `@service=~check.*`.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    text: String,
    words: Vec<Word>,
}

#[derive(Clone, Debug)]
enum Word {
    Text(String),
    Matcher(Box<Matcher>),
}

impl Word {
    /// What is not yet a matcher is text: somebody is typing.
    fn new(word: &str) -> Self {
        word.parse()
            .map_or_else(|_| Self::Text(word.to_lowercase()), |it| Self::Matcher(Box::new(it)))
    }

    fn accepts(&self, incident: &Incident, haystack: &str) -> bool {
        let matcher = match self {
            Self::Text(word) => return haystack.contains(word.as_str()),
            Self::Matcher(matcher) => matcher,
        };
        let value = match matcher.subject() {
            Subject::Label(name) => incident.labels.get(name).map_or("", String::as_str),
            Subject::Service => incident.service.as_ref().map_or("", |service| &service.slug),
            Subject::Team => &incident.team.slug,
            Subject::Severity => incident.severity.word(),
        };
        matcher.accepts(value)
    }
}

impl Filter {
    #[must_use]
    pub fn new(text: &str) -> Self {
        let words = text.split_whitespace().map(Word::new).collect();
        Self { text: text.trim().to_owned(), words }
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// What words are looked for in.
    #[must_use]
    pub fn haystack(incident: &Incident) -> String {
        let service = incident.service.as_ref().map_or("", |service| service.slug.as_str());
        let mut text = format!(
            "{}\n{}\n{service}\n{}\n{}",
            incident.title,
            incident.id,
            incident.team.slug,
            Standing::of(incident).word()
        );
        for user in &incident.assignees {
            text.push('\n');
            text.push_str(&user.username);
        }
        text.to_lowercase()
    }

    #[must_use]
    pub fn accepts(&self, incident: &Incident, haystack: &str) -> bool {
        self.words.iter().all(|word| word.accepts(incident, haystack))
    }
}
