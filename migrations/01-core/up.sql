-- People, what is watched, incidents and the log. Times are milliseconds since 1970, UTC.

create table meta (
    name  text primary key,
    value text not null
) strict, without rowid;

create table teams (
    id         integer primary key autoincrement,
    slug       text not null unique,
    name       text not null,
    created_at integer not null
) strict;

create table users (
    id            integer primary key autoincrement,
    username      text not null unique,
    name          text not null,
    email         text,
    time_zone     text,
    admin         integer not null default 0,
    password_hash text,
    disabled_at   integer,
    created_at    integer not null
) strict;

-- since: the seq of the log's row that made or last changed it.
create table memberships (
    team_id integer not null references teams (id),
    user_id integer not null references users (id),
    role    text not null,
    since   integer not null,
    primary key (team_id, user_id)
) strict, without rowid;
create index memberships_user on memberships (user_id);

create table services (
    id         integer primary key autoincrement,
    team_id    integer not null references teams (id),
    slug       text not null unique,
    name       text not null,
    rules      text not null,
    created_at integer not null
) strict;

create table integrations (
    id                 integer primary key autoincrement,
    service_id         integer not null references services (id),
    name               text not null,
    key_hash           blob not null unique,
    refreshes          integer not null default 0,
    last_received_at   integer,
    last_rejected_at   integer,
    last_rejection     text,
    silent_incident_id integer,
    created_at         integer not null,
    unique (service_id, name)
) strict;

create table tokens (
    id          integer primary key autoincrement,
    user_id     integer not null references users (id),
    name        text not null,
    secret_hash blob not null,
    scope       text not null,
    team_id     integer references teams (id),
    created_at  integer not null,
    expires_at  integer,
    ended_at    integer
) strict;
create index tokens_user on tokens (user_id);

create table sessions (
    id          integer primary key autoincrement,
    user_id     integer not null references users (id),
    secret_hash blob not null unique,
    created_at  integer not null,
    expires_at  integer not null,
    ended_at    integer
) strict;
create index sessions_user on sessions (user_id);

-- The writer numbers incidents, alerts and events itself (meta 'counters'): no number comes twice.
-- status: 0 triggered, 1 acknowledged, 2 resolved. need: the order in which people look.
-- doc: the incident as clients read it. memory: what its own rules remember.
-- recent: resolved by its source a short while ago, so that a firing may reopen it.
create table incidents (
    id           integer primary key,
    team_id      integer not null references teams (id),
    service_id   integer references services (id),
    dedup_key    blob not null,
    status       integer not null,
    need         integer not null,
    recent       integer not null default 0,
    created_at   integer not null,
    resolved_at  integer,
    alert_count  integer not null,
    firing_count integer not null,
    doc          text not null,
    memory       text
) strict;
create unique index incidents_open_key on incidents (service_id, dedup_key) where status < 2;
create index incidents_recent_key on incidents (service_id, dedup_key) where recent = 1;
create index incidents_recent_at on incidents (resolved_at) where recent = 1;
create index incidents_need on incidents (team_id, need, id) where status < 2;
create index incidents_open on incidents (team_id, id) where status < 2;
create index incidents_resolved on incidents (team_id, id) where status = 2;

-- Who was assigned or paged: may read and act until 24 h after the resolve, member or not.
create table incident_people (
    user_id     integer not null references users (id),
    incident_id integer not null references incidents (id),
    assigned    integer not null,
    since       integer not null,
    primary key (user_id, incident_id)
) strict, without rowid;
create index incident_people_incident on incident_people (incident_id);

-- An alert as a member of an incident. current: the newest row of its fingerprint, as long as
-- its past still decides where the next firing goes.
create table alerts (
    id             integer primary key,
    incident_id    integer not null references incidents (id),
    service_id     integer not null,
    integration_id integer,
    fingerprint    blob not null,
    current        integer not null default 1,
    ended_by       text,
    severity       integer not null,
    starts_at      integer,
    ends_at        integer,
    first_at       integer not null,
    last_at        integer not null,
    ended_at       integer,
    late           integer not null default 0,
    stale          integer not null default 0,
    count          integer not null default 1,
    doc            text not null
) strict;
create unique index alerts_current on alerts (service_id, fingerprint) where current = 1;
create index alerts_incident on alerts (incident_id, ended_by, severity);
create index alerts_ended on alerts (ended_at) where current = 1 and ended_at is not null;

-- The log. json is what clients read, verbatim. people: ids of those whom the incident concerns,
-- in whatever team, with commas. Rows without a team are never sent.
create table events (
    seq         integer primary key,
    team_id     integer,
    incident_id integer,
    type        text not null,
    people      text,
    json        text not null
) strict;
create index events_team on events (team_id, seq) where team_id is not null;
create index events_incident on events (incident_id, seq) where incident_id is not null;

-- Moments at which something must be looked at. elapsed: follows the boot clock, not the wall.
create table timers (
    kind    text not null,
    subject integer not null,
    due_at  integer not null,
    elapsed integer not null,
    primary key (kind, subject)
) strict, without rowid;
create index timers_due on timers (due_at);

create table idempotency (
    scope   text not null,
    key     text not null,
    request blob not null,
    reply   text not null,
    at      integer not null,
    primary key (scope, key)
) strict, without rowid;
create index idempotency_at on idempotency (at);
