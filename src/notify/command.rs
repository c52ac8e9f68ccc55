//! A program of this host, named by its operator in `[commands.NAME]`: no shell, the message as
//! JSON on its standard input and in its environment, an end after a while, and none of ours
//! left behind.
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command as Process};

use super::{Channel, Failure, Said, Sending};
use crate::config::Command as Config;
use crate::domain::text;
use crate::error::{Error, Result};

const MAX_ADDRESS: usize = 1_024;
const LONGEST: u32 = 15;
/// So much of what it says about a failure is read, and told.
const SAID: u64 = 4_096;
const TOLD: usize = 120;
/// Exit codes that say "never" (`sysexits.h`: usage, data, input, user); any other says "later".
const NEVER: std::ops::RangeInclusive<i32> = 64..=67;

pub struct Command(Config);

impl Command {
    /// # Errors
    /// `Invalid`, naming the key of `[commands.NAME]` that cannot be used.
    pub fn new(name: &str, config: &Config) -> Result<Self> {
        let at = |key: &str| format!("commands.{name}.{key}");
        match config.run.first() {
            None => return Err(Error::invalid(&at("run"), "names no program")),
            Some(program) if !program.starts_with('/') => {
                let why = format!("`{program}` must be named from the root");
                return Err(Error::invalid(&at("run"), why));
            }
            Some(program) if !std::path::Path::new(program).is_file() => {
                return Err(Error::invalid(&at("run"), format!("`{program}` is no file")));
            }
            Some(_) => {}
        }
        if !(1..=LONGEST).contains(&config.timeout.as_secs()) {
            let why = format!("must be from 1s to {LONGEST}s");
            return Err(Error::invalid(&at("timeout"), why));
        }
        Ok(Self(config.clone()))
    }

    fn start(&self, address: &str, said: &Said<'_>) -> std::io::Result<Running> {
        let (message, view) = (said.message, &said.view);
        let mut process = Process::new(&self.0.run[0]);
        process
            .args(&self.0.run[1..])
            // What we were told is no business of it: our own environment may hold secrets.
            .env_clear()
            .envs(
                ["PATH", "HOME", "LANG", "TZ"]
                    .iter()
                    .filter_map(|name| std::env::var_os(name).map(|value| (*name, value))),
            )
            .env("INCIDENTD_ADDRESS", plain(address))
            .env("INCIDENTD_ID", plain(&message.id))
            .env("INCIDENTD_KIND", view.kind)
            .env("INCIDENTD_URGENCY", view.urgency)
            .env("INCIDENTD_TITLE", plain(&said.title()))
            .env("INCIDENTD_TEXT", plain(&said.text()))
            .env("INCIDENTD_SHORT", plain(&said.texts.short(view)))
            .env("INCIDENTD_URL", plain(&message.url))
            .env("INCIDENTD_ACK_URL", plain(message.ack_url.as_deref().unwrap_or_default()))
            .env("INCIDENTD_RESOLVE_URL", plain(message.resolve_url.as_deref().unwrap_or_default()))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        process.spawn().map(Running)
    }
}

/// What an environment can hold.
fn plain(text: &str) -> String {
    text.replace('\0', "")
}

/// A program and all that it started; they end with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Its id is its own until it has been waited for.
        let id = self.0.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let Some(group) = id {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Running {
    async fn ended(mut self, input: &str) -> std::io::Result<(Option<i32>, String)> {
        let (mut stdin, stderr) = (self.0.stdin.take(), self.0.stderr.take());
        let write = async {
            if let Some(stdin) = &mut stdin {
                // One that does not read has closed it.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
            drop(stdin.take());
        };
        let read = async {
            let mut said = Vec::new();
            if let Some(stderr) = stderr {
                let _ = stderr.take(SAID).read_to_end(&mut said).await;
            }
            String::from_utf8_lossy(&said).into_owned()
        };
        let ((), said) = tokio::join!(write, read);
        let status = self.0.wait().await?;
        Ok((status.code(), said))
    }
}

impl Channel for Command {
    fn about(&self) -> (&str, bool) {
        (self.0.address.as_deref().unwrap_or("its operator says"), false)
    }

    fn check(&self, address: &str) -> Result<(), String> {
        if address.len() > MAX_ADDRESS || address.contains('\0') {
            return Err(format!("is longer than {MAX_ADDRESS} bytes, or no text"));
        }
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "real time bounds a real program")]
    fn send<'a>(&'a self, address: &'a str, said: &'a Said<'a>) -> Sending<'a> {
        Box::pin(async move {
            let failed =
                |error: std::io::Error| Failure::later(format!("It does not run: {error}."));
            let running = self.start(address, said).map_err(failed)?;
            let input = said.as_json().to_string();
            let ended = tokio::time::timeout(self.0.timeout.duration(), running.ended(&input));
            let (code, said) = match ended.await {
                Ok(ended) => ended.map_err(failed)?,
                Err(_) => return Err(Failure::later("It did not end in time.")),
            };
            let line = said.lines().next().unwrap_or_default();
            let line = text::cut(&text::shown(line), TOLD);
            match code {
                Some(0) => Ok(()),
                Some(code) if NEVER.contains(&code) => {
                    Err(Failure::never(format!("It ended with {code}: {line}")))
                }
                Some(code) => Err(Failure::later(format!("It ended with {code}: {line}"))),
                None => Err(Failure::later("It was killed.")),
            }
        })
    }
}
