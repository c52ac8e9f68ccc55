-- A host of one's own: credentials that say when they were used, links that work once, teams and
-- services that end without losing their history, and what senders sent last.

alter table tokens add column last_used_at integer;

-- client: what the browser calls itself. address: where it was last seen.
alter table sessions add column last_used_at integer;
alter table sessions add column client text not null default '';
alter table sessions add column address text not null default '';

-- A secret in an address that works once. user_id: who sets a password with it; null: whoever
-- opens it sets up the first platform admin.
create table links (
    id          integer primary key autoincrement,
    user_id     integer references users (id),
    secret_hash blob not null unique,
    created_at  integer not null,
    expires_at  integer not null,
    used_at     integer
) strict;
create index links_user on links (user_id);

-- applied: 1 made by an apply, which alone may prune it; 2 a user whom one pruned.
alter table users add column applied integer not null default 0;
alter table teams add column applied integer not null default 0;
alter table teams add column archived_at integer;
alter table services add column applied integer not null default 0;
alter table services add column archived_at integer;
alter table integrations add column applied integer not null default 0;

-- The last requests of each integration, for whoever connects a sender. error: why it was refused.
create table payloads (
    id             integer primary key autoincrement,
    integration_id integer not null references integrations (id) on delete cascade,
    at             integer not null,
    source         text not null,
    body           text not null,
    error          text
) strict;
create index payloads_integration on payloads (integration_id, id);

-- Answers by the hash of their request's key, sealed with that key: one may hold a new secret.
drop table idempotency;
create table idempotency (
    scope    text not null,
    key_hash blob not null,
    request  blob not null,
    reply    blob not null,
    at       integer not null,
    primary key (scope, key_hash)
) strict, without rowid;
create index idempotency_at on idempotency (at);

-- key_given_to: the incident that this one was merged into; while that is open, it has the key.
alter table incidents add column key_given_to integer;
create index incidents_given_key on incidents (service_id, dedup_key)
    where key_given_to is not null;
create index incidents_given_to on incidents (key_given_to) where key_given_to is not null;

-- For retention: incidents by when they ended, and the log's rows of access and configuration.
create index incidents_ended on incidents (resolved_at) where status = 2;
create index events_records on events (seq) where team_id is null;
