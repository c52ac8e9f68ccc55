//! # incidentd
//!
//! Alerts in, incidents out, live. Read this page first: it is the map.
//!
//! ## The one idea: a log
//!
//! A row of `events` is the timeline entry, the Socket.IO payload, the audit record and the
//! catch-up record in one. It is appended in the transaction that changes the incident
//! (`store::Write::append`, the only way to change one), stores the JSON that clients read, and
//! is passed on verbatim. Everything else follows the log: a broadcast happens only after the
//! commit, a failed one fails nothing, a restart loses nothing. Changes of access and
//! configuration are rows too; the emitter obeys them in their order.
//!
//! ## Rooms
//!
//! | room | what happens there |
//! |---|---|
//! | [`domain`] | the rules, pure: incidents, intake, actions, labels, times |
//! | [`store`] | the only SQL: one writing thread with group commit, a pool of readers |
//! | [`api`] | the contract: one typed constant an operation; messages and rooms of sockets; OpenAPI |
//! | [`ingest`] | one pure parser a source: bytes in, alerts out |
//! | [`app`] | permission, rule, one transaction: everything that can be asked |
//! | [`engine`] | what happens unasked: supervised loops, timers |
//! | [`notify`] | messages to people: one file a channel |
//! | [`http`] | the front door, who calls, routes, health |
//! | [`live`] | Socket.IO: handshake, messages, and the emitter, which alone sends |
//! | [`client`] | the typed HTTP client, and the live one: what happens, through lost connections |
//! | [`tui`] | the terminal dashboard: one pure state, one table of keys |
//! | [`cli`] | the command line |
//! | [`server`] | puts the rooms together |
//!
//! `assets/` is the browser dashboard, plain modules without a build step: `app/main.js` first. It is
//! a client like any other and knows only the contract.
//!
//! [`error`], [`clock`], [`config`], [`metrics`], [`secret`] and [`trust`] serve all.
//!
//! Arrows, kept by `tests/it/house.rs`: `cli → tui, server, client, app` · `tui → client, api` · `server → live, http,
//! engine, notify, app, store` · `live → http` · `http, live → app, api` · `http → ingest, notify` ·
//! `engine → app, notify` · `app → store, api` · `client → api` · all but `client` and `cli` may use
//! `domain` as they do.
//!
//! ## Five journeys
//!
//! 1. **Prometheus posts.** [`http::ingest`] reads and parses → `app::intake`, in one write:
//!    the key's integration; where does each alert go ([`domain::intake`])? Count it, join the
//!    open incident, reopen a recent one, or open a new one → `append` → commit → the reply. The
//!    head moves, [`live`]'s emitter reads the row and sends it to the team's room.
//! 2. **`incidentd ack 42`.** [`cli`] → [`client`] → [`http::auth`] → `app::incidents::act` →
//!    `Incident::decide` (a change, nothing, or a refusal) → `append` → commit → the answer. The
//!    second time there is no event.
//! 3. **Somebody is told.** Where an incident's ladder stands is part of the incident
//!    (`domain::escalation`). When a rung is due - in the write that made it so, or by its timer -
//!    `app::paging` finds the policy and whom it means now, appends `incident:escalated` and queues
//!    rows of `deliveries` in the same transaction. [`engine::deliver`] takes a message's rows
//!    (looking again whether they are still wanted), hands it to [`notify`], and notes what became
//!    of it; what fails goes to the person's next contact, then to the next rung.
//! 4. **A timer falls due.** Timers are rows, derived from the state of an incident
//!    (`Incident::deadlines`). [`engine::timers`] sleeps until the next or a second at most, and
//!    handles each in a write of its own. A stepped wall clock shifts the elapsed ones.
//! 5. **A client comes back.** It subscribes with its cursor → `app::live` reads membership,
//!    what was missed and the head in one transaction → the emitter first sends everybody else up
//!    to that head, then, without a pause, adds what came since from its ring, answers, joins.
//!
//! ## Invariants
//!
//! - No SQL outside [`store`]; no axum outside [`http`] and [`live`]; only `live` emits.
//! - Only `Write::append` changes an incident, and it always logs.
//! - `seq` rises strictly and is never reused; `prev` chains the events of a team.
//! - At most one open incident for a dedup key and service.
//! - An answer of success is sent after the commit is on disk.
//! - What a caller may not see does not exist for him: `app::access` alone decides.
//! - [`tui`] and [`client`] never see [`store`] or [`app`].
//! - Text of senders reaches a terminal or a log only through [`domain::text::shown`].
pub mod api;
pub mod app;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod domain;
pub mod engine;
pub mod error;
pub mod http;
pub mod ingest;
pub mod live;
pub mod metrics;
pub mod notify;
pub mod secret;
pub mod server;
pub mod store;
pub mod trust;
pub mod tui;
