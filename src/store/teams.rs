//! Teams and who belongs to them.
use jiff::Timestamp;
use rusqlite::Row;

use super::sql::{Read, Write, exists, ms, time, time_or_null};
use super::users::{USER, User, user};
use crate::domain::user::TeamRef;
use crate::domain::{IncidentId, Role, Seq, TeamId, UserId};
use crate::error::{Error, Result};

/// The slug of the team that owns the appliance's own incidents. Its people are the platform's
/// admins, whoever else belongs to it.
pub const OWN_TEAM: &str = "incidentd";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    pub id: TeamId,
    pub slug: String,
    pub name: String,
    pub created_at: Timestamp,
    pub archived_at: Option<Timestamp>,
}

impl Team {
    #[must_use]
    pub fn reference(&self) -> TeamRef {
        TeamRef { id: self.id, slug: self.slug.clone(), name: self.name.clone() }
    }
}

/// A person's place in a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub team: TeamId,
    pub role: Role,
    /// The seq of the log's row that made it so.
    pub since: Seq,
}

const TEAM: &str = "id, slug, name, created_at, archived_at";

fn team(row: &Row<'_>) -> rusqlite::Result<Team> {
    Ok(Team {
        id: row.get(0)?,
        slug: row.get(1)?,
        name: row.get(2)?,
        created_at: time(row, 3)?,
        archived_at: time_or_null(row, 4)?,
    })
}

fn role(row: &Row<'_>, index: usize) -> rusqlite::Result<Role> {
    Ok(Role::of_word(row.get_ref(index)?.as_str()?).unwrap_or(Role::Observer))
}

impl Read<'_> {
    /// A team by slug or by id.
    pub fn find_team(&self, name: &str) -> Result<Option<Team>> {
        let id = name.parse::<TeamId>().ok();
        let sql = format!("select {TEAM} from teams where slug = ?1 or id = ?2");
        self.one(&sql, (name, id), team)
    }

    /// # Errors
    /// `NotFound` if there is none.
    pub fn team(&self, name: &str) -> Result<Team> {
        self.find_team(name)?.ok_or_else(|| Error::not_found(format_args!("Team `{name}`")))
    }

    /// All of them, archived ones too: their history can be read.
    pub fn teams(&self) -> Result<Vec<Team>> {
        self.all(&format!("select {TEAM} from teams order by slug"), [], team)
    }

    /// Some open incidents of a team.
    /// The first of the open ones, each with how many there are.
    pub fn some_open_of_team(&self, team: TeamId) -> Result<Vec<(IncidentId, usize)>> {
        self.all(
            "select id, count(*) over () from incidents where team_id = ?1 and status < 2
             order by id limit 5",
            [team],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    pub fn find_role(&self, team: TeamId, user: UserId) -> Result<Option<Role>> {
        self.one(
            "select role from memberships where team_id = ?1 and user_id = ?2",
            (team, user),
            |row| role(row, 0),
        )
    }

    pub fn memberships(&self, user: UserId) -> Result<Vec<Member>> {
        self.all(
            "select team_id, role, since from memberships where user_id = ?1 order by team_id",
            [user],
            |row| Ok(Member { team: row.get(0)?, role: role(row, 1)?, since: row.get(2)? }),
        )
    }

    /// Those of the own team are the platform's admins, too.
    pub fn team_members(&self, team: TeamId) -> Result<Vec<(User, Role)>> {
        self.kept("members", [team.0, 0, 0, 0], || {
            self.all(
                &format!(
                    "select {USER}, ifnull(m.role, 'admin') from users u
                     left join memberships m on m.user_id = u.id and m.team_id = ?1
                     where m.role is not null
                     or (u.admin = 1 and ?1 = (select id from teams where slug = ?2))
                     order by u.username"
                ),
                (team, OWN_TEAM),
                |row| Ok((user(row)?, role(row, 8)?)),
            )
        })
    }
}

impl Write<'_> {
    pub fn insert_team(&self, slug: &str, name: &str) -> Result<TeamId> {
        self.insert_free(
            "insert into teams (slug, name, created_at) values (?1, ?2, ?3)",
            (slug, name, ms(self.now())),
            || exists("team", slug),
        )
        .map(TeamId)
    }

    /// Sets slug and name of a team, which is not archived from now on.
    pub fn update_team(&self, id: TeamId, slug: &str, name: &str) -> Result<()> {
        self.run_free(
            "update teams set slug = ?2, name = ?3, archived_at = null where id = ?1",
            (id, slug, name),
            || exists("team", slug),
        )
    }

    pub fn archive_team(&self, id: TeamId) -> Result<()> {
        self.run("update teams set archived_at = ?2 where id = ?1", (id, ms(self.now())))
            .map(|_| ())
    }

    pub fn set_membership(&self, team: TeamId, user: UserId, role: Role, since: Seq) -> Result<()> {
        self.run(
            "insert into memberships (team_id, user_id, role, since) values (?1, ?2, ?3, ?4)
             on conflict (team_id, user_id) do update set role = excluded.role,
                since = excluded.since",
            (team, user, role.word(), since),
        )
        .map(|_| ())
    }

    pub fn delete_membership(&self, team: TeamId, user: UserId) -> Result<bool> {
        self.run("delete from memberships where team_id = ?1 and user_id = ?2", (team, user))
            .map(|rows| rows > 0)
    }
}
