//! How a person is told: contacts on channels, and rules that say which of them rings when.
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deliveries::DeliveryView;
use super::{Access, Method, Nothing, Page, PageQuery, Route};
use crate::domain::ContactId;
use crate::domain::contact::Rules;

pub const CONTACTS: Route<String, PageQuery, Nothing, Page<Contact>> = Route::new(
    Method::Get,
    "/users/{user}/contacts",
    Access::Read,
    "List a person's contacts: mine (`me`); for platform admins anybody's",
);
pub const CREATE_CONTACT: Route<String, Nothing, NewContact, Contact> = Route::new(
    Method::Post,
    "/users/{user}/contacts",
    Access::Manage,
    "Add a contact. One's own is paged once it is verified; what an admin adds for another is at once",
);
pub const CHANGE_CONTACT: Route<(String, String), Nothing, ContactChange, Contact> = Route::new(
    Method::Patch,
    "/users/{user}/contacts/{contact}",
    Access::Manage,
    "Rename a contact, with the rules that name it, or give it another address to be verified",
);
pub const REMOVE_CONTACT: Route<(String, String), Nothing, Nothing, Nothing> = Route::new(
    Method::Delete,
    "/users/{user}/contacts/{contact}",
    Access::Manage,
    "Remove a contact, and the rules that name it",
);
pub const SEND_CODE: Route<(String, String), Nothing, Nothing, Contact> = Route::new(
    Method::Post,
    "/users/{user}/contacts/{contact}/code",
    Access::Manage,
    "Send another code to a contact that is not verified",
);
pub const VERIFY_CONTACT: Route<(String, String), Nothing, Verify, Contact> = Route::new(
    Method::Post,
    "/users/{user}/contacts/{contact}/verify",
    Access::Manage,
    "Verify a contact by the code that was sent there",
);
pub const TEST: Route<String, Nothing, Test, Page<DeliveryView>> = Route::new(
    Method::Post,
    "/users/{user}/test",
    Access::Respond,
    "Send a test to each of a person's contacts that work, or to one; `/deliveries/{id}` says what \
     became of it",
);
pub const RULES: Route<String, Nothing, Nothing, Rules> =
    Route::new(Method::Get, "/users/{user}/rules", Access::Read, "Which contact rings when");
pub const SET_RULES: Route<String, Nothing, Rules, Rules> =
    Route::new(Method::Put, "/users/{user}/rules", Access::Manage, "Set which contact rings when");

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    pub id: ContactId,
    pub name: String,
    /// `email`, `ntfy`, …
    pub channel: String,
    /// What is a secret in it is cut.
    pub address: String,
    /// The address is the account's, and follows it.
    pub of_account: bool,
    /// Null: it is not paged yet.
    pub verified_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContact {
    /// How rules name it, such as `phone`.
    pub name: String,
    /// `email`, `ntfy`, …
    pub channel: String,
    /// For `email` left out: the account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    pub code: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Test {
    /// To this contact only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
}

/// What is left out stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ContactChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}
