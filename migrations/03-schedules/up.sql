-- Who is on call when: schedules of rotations, and the spans in which somebody stands in.

-- rotations: JSON, as the domain reads it, people by id. applied: 1 made by an apply.
create table schedules (
    id         integer primary key autoincrement,
    team_id    integer not null references teams (id),
    slug       text not null unique,
    time_zone  text not null,
    rotations  text not null,
    applied    integer not null default 0,
    created_at integer not null
) strict;
create index schedules_team on schedules (team_id);

-- made: the log's row of the write that made it; the two of a swap share one.
create table overrides (
    id          integer primary key autoincrement,
    schedule_id integer not null references schedules (id) on delete cascade,
    made        integer not null,
    start_at    integer not null,
    end_at      integer not null,
    user_id     integer not null references users (id),
    replacing   integer references users (id)
) strict;
create index overrides_schedule on overrides (schedule_id, end_at);
