//! `incidentd login`, `logout`, `whoami`.
use clap::Args;

use super::connect::connect;
use super::logins::Logins;
use super::prompt::{self, Stdin};
use super::{Common, Format, output};
use crate::api::Nothing;
use crate::api::sessions::{self, Credential, Me};
use crate::client::Client;
use crate::error::{Kind, Result};
use crate::secret::Secret;

/// Keeps a session or a token for a server, for this user of this host alone. The last log-in is
/// the one that commands use; --server picks another. INCIDENTD_URL and INCIDENTD_TOKEN win.
#[derive(Args)]
pub struct Login {
    /// The server's address; left out: --server, else the last one
    #[arg(value_name = "URL")]
    url: Option<String>,
    /// Read an API token from stdin instead of opening a session
    #[arg(long, conflicts_with_all = ["username", "password_stdin"])]
    with_token: bool,
    /// Who I am
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Read the password from stdin
    #[arg(long, requires = "username")]
    password_stdin: bool,
}

const INSTEAD: &str = "Pipe it: incidentd login URL --username NAME --password-stdin, \
                       or incidentd login URL --with-token";

impl Login {
    pub async fn run(self, common: &Common) -> Result<()> {
        let logins = Logins::load()?;
        let server = match &self.url {
            Some(url) => url.clone(),
            None => common.server()?,
        };
        // An address that is none is said before a secret is asked for.
        Client::new(&server, None, common.timeout())?;
        let session = self.credential(common, &server).await?;
        let client = Client::new(&server, Some(session.clone()), common.timeout())?;
        let me = client.call(&sessions::ME, Nothing {}, &Nothing {}, &Nothing {}).await?;
        let username = me.user.as_ref().map_or("host", |user| user.username.as_str()).to_owned();
        logins.remember(&server, &username, &session)?;
        if common.output == Format::Json {
            return output::json(&me);
        }
        output::say(&format!("Logged in to {server} as {username}."));
        if is_set("INCIDENTD_TOKEN") || is_set("INCIDENTD_URL") {
            output::say("INCIDENTD_TOKEN and INCIDENTD_URL are asked first: unset them to use it.");
        }
        Ok(())
    }

    async fn credential(self, common: &Common, server: &str) -> Result<Secret> {
        if self.with_token {
            let token = if prompt::is_terminal() {
                prompt::ask_secret("Token", INSTEAD)?
            } else {
                Stdin::lock().line("token")?
            };
            return Ok(Secret::new(token.trim()));
        }
        let username = match self.username {
            Some(username) => username,
            None => prompt::ask("Username", INSTEAD)?,
        };
        let password = if self.password_stdin {
            Stdin::lock().line("password")?
        } else {
            prompt::ask_secret("Password", INSTEAD)?
        };
        let login = sessions::Login { username, password };
        let client = Client::new(server, None, common.timeout())?;
        let session = client.call(&sessions::LOG_IN, Nothing {}, &Nothing {}, &login).await?;
        Ok(Secret::new(session.token))
    }
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Ends the session on the server and forgets it here. An API token is forgotten only: it may be
/// in use elsewhere.
#[derive(Args)]
pub struct Logout {}

impl Logout {
    pub async fn run(self, common: &Common) -> Result<()> {
        let (logins, server) = (Logins::load()?, common.server()?);
        let Some(login) = logins.get(&server).cloned() else {
            output::say(&format!("You were not logged in to {server}."));
            return Ok(());
        };
        let client = Client::new(&server, Some(login.token()), common.timeout())?;
        let nothing = Nothing {};
        let me = client.call(&sessions::ME, Nothing {}, &nothing, &nothing).await;
        let left = match me {
            Ok(Me { credential: Credential::Session, .. }) => {
                client.call(&sessions::LOG_OUT, Nothing {}, &nothing, &nothing).await?;
                "The session has ended."
            }
            Ok(_) => "The token stays good: incidentd token revoke ends it.",
            // Over already.
            Err(error) if error.kind == Kind::Unauthenticated => "The session had ended before.",
            Err(error) => return Err(error),
        };
        logins.forget(&server)?;
        output::say(&format!("Logged out of {server}, where you were {}. {left}", login.username));
        Ok(())
    }
}

/// Says who I am to the server, and what the credential allows.
#[derive(Args)]
pub struct Whoami {}

impl Whoami {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let me = client.call(&sessions::ME, Nothing {}, &Nothing {}, &Nothing {}).await?;
        if common.output == Format::Json {
            return output::json(&me);
        }
        let server = match &common.data_dir {
            Some(dir) => dir.display().to_string(),
            None => common.server()?,
        };
        let credential = match me.credential {
            Credential::Session => "session",
            Credential::Token => "token",
            Credential::Host => "control socket",
        };
        let teams: Vec<String> =
            me.teams.iter().map(|m| format!("{} ({})", m.team.slug, m.role.word())).collect();
        let user = me.user.map_or_else(|| "host".to_owned(), |user| user.username);
        let mut facts = vec![
            ("user", user),
            ("server", server),
            ("credential", credential.to_owned()),
            ("scope", me.scope.word().to_owned()),
            ("platform admin", if me.admin { "yes" } else { "no" }.to_owned()),
            ("teams", teams.join(", ")),
        ];
        facts.extend(me.team.map(|team| ("only for team", team.slug)));
        facts.extend(me.expires_at.map(|at| ("expires", output::clock(at))));
        output::facts(&facts);
        Ok(())
    }
}
