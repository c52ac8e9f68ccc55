-- Somebody is always told: who is told when, by what, and what became of it.

-- Escalation policies. steps, last_resort: JSON, as the domain reads them, targets by id;
-- last_resort null: the team's admins, then the platform's.
create table policies (
    id          integer primary key autoincrement,
    team_id     integer not null references teams (id),
    slug        text not null unique,
    repeat      integer not null,
    steps       text not null,
    last_resort text,
    applied     integer not null default 0,
    created_at  integer not null
) strict;
create index policies_team on policies (team_id);

-- policy_id null: the team's policy called {team}-default, else the whole team, repeated.
alter table services add column policy_id integer references policies (id) on delete set null;

-- A user's address on a channel. address null: the account's e-mail. Unverified ones are not paged.
create table contacts (
    id           integer primary key autoincrement,
    user_id      integer not null references users (id),
    name         text not null,
    channel      text not null,
    address      text,
    verified_at  integer,
    code_hash    blob,
    code_expires integer,
    code_tries   integer not null default 0,
    created_at   integer not null,
    unique (user_id, name)
) strict;

-- rules: JSON {high, low, quiet, allClear}, as the domain reads it; null: every contact at once.
alter table users add column rules text;

-- A place that a whole team reads.
create table channels (
    id         integer primary key autoincrement,
    team_id    integer not null references teams (id),
    slug       text not null unique,
    channel    text not null,
    address    text not null,
    applied    integer not null default 0,
    created_at integer not null
) strict;
create index channels_team on channels (team_id);

-- One message to one contact or team channel, with its reason, and what became of it.
-- kind: page, all_clear, update, notice, test. state: queued, sent, failed, dropped.
-- incident_id, made: the incident and the seq of its reason; null for what concerns none.
-- high: made by the rules for high urgency. message: what was sent in one go shares the id of its
-- first row. text: the words of a notice.
create table deliveries (
    id          integer primary key autoincrement,
    kind        text not null,
    state       text not null default 'queued',
    incident_id integer references incidents (id) on delete cascade,
    made        integer,
    high        integer not null default 1,
    user_id     integer references users (id),
    contact_id  integer references contacts (id) on delete set null,
    channel_id  integer references channels (id) on delete set null,
    channel     text not null,
    address     text not null,
    contact     text not null default '',
    text        text,
    created_at  integer not null,
    due_at      integer not null,
    attempts    integer not null default 0,
    ended_at    integer,
    outcome     text,
    message     integer
) strict;
create index deliveries_due on deliveries (due_at) where state = 'queued';
create index deliveries_incident on deliveries (incident_id, id);
create index deliveries_sent on deliveries (channel, address, ended_at) where state = 'sent';
create index deliveries_notice on deliveries (user_id, text) where kind = 'notice';
create index deliveries_message on deliveries (message) where message is not null;

-- Outgoing: every incident event of the team's log, signed. seq: the last that was delivered.
create table webhooks (
    id            integer primary key autoincrement,
    team_id       integer not null references teams (id),
    url           text not null,
    secret        text not null,
    seq           integer not null,
    failing_since integer,
    last_error    text,
    disabled_at   integer,
    applied       integer not null default 0,
    created_at    integer not null,
    unique (team_id, url)
) strict;

-- Alerts that match make nobody's phone ring from starts_at to ends_at. team_id null: all teams'.
-- matchers: JSON, each as it was written. rrule: windows of so many seconds open on the days of an
-- RFC 5545 rule by the clocks of time_zone; ends_at null: for ever. looked_at: up to this incident
-- its last edge has been followed; 0 all.
create table silences (
    id            integer primary key autoincrement,
    team_id       integer references teams (id),
    matchers      text not null,
    reason        text not null,
    author        text not null,
    starts_at     integer not null,
    ends_at       integer,
    ended_at      integer,
    rrule         text,
    duration_secs integer,
    time_zone     text,
    looked_at     integer not null default 0,
    created_at    integer not null
) strict;
create index silences_live on silences (team_id) where ended_at is null;

-- Expected signs of life. alert: JSON, matchers of the service's alerts that are one; null: only
-- requests with the key are. last_at: the last of any kind; failed_at, missing_at: since when it
-- says that it failed, or says nothing. Its timer is a row of `timers`.
create table heartbeats (
    id         integer primary key autoincrement,
    service_id integer not null references services (id),
    slug       text not null unique,
    key_hash   blob not null unique,
    every_secs integer not null,
    grace_secs integer not null,
    alert      text,
    last_at    integer,
    failed_at  integer,
    missing_at integer,
    applied    integer not null default 0,
    created_at integer not null
) strict;
create index heartbeats_service on heartbeats (service_id);

-- Secret addresses of calendars: of a schedule, or of a user's shifts.
create table feeds (
    id           integer primary key autoincrement,
    secret_hash  blob not null unique,
    schedule_id  integer references schedules (id) on delete cascade,
    user_id      integer references users (id),
    made_by      integer references users (id),
    created_at   integer not null,
    last_used_at integer
) strict;
