//! The first minute on a host: what `serve` says while nobody administers it, and the link by
//! which somebody will.
use clap::Args;

use super::connect::connect_for_setup;
use super::{Common, Format, output};
use crate::api::Nothing;
use crate::api::sessions::CREATE_SETUP_LINK;
use crate::app::Caller;
use crate::error::Result;
use crate::server::Server;

/// Says how to become the first platform admin, unless there is one. A new link voids the older.
pub async fn announce(server: &Server) {
    let made = match server.app.is_new().await {
        Ok(true) => server.app.make_setup_link(&Caller::host()).await,
        Ok(false) => return,
        Err(error) => Err(error),
    };
    let link = match made {
        Ok(link) => link,
        Err(error) => return tracing::warn!(%error, "no set-up link could be made"),
    };
    output::say(&format!("First time here? Open once, within 30 minutes: {}", link.url));
    if let Some(port) = port_of_this_host(&link.url) {
        let host = rustix::system::uname();
        let host = host.nodename().to_string_lossy();
        output::say(&format!("From another machine, first: ssh -L {port}:127.0.0.1:{port} {host}"));
    }
    let config = server.config();
    let dir = config.data_dir.display();
    output::say(&format!(
        "Without a browser: incidentd user add NAME --admin --password-stdin --data-dir {dir}"
    ));
}

/// The port, if the address is one that only this host reaches.
fn port_of_this_host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let (host, port) = rest.split('/').next()?.rsplit_once(':')?;
    ["127.0.0.1", "[::1]", "localhost"].contains(&host).then_some(port)
}

/// Speaks to the server that holds --data-dir, which is by default the folder that `serve` uses.
#[derive(Args)]
pub struct SetupLink {}

impl SetupLink {
    pub async fn run(self, common: &Common) -> Result<()> {
        let connection = connect_for_setup(common).await?;
        let made = connection.client.call_once(&CREATE_SETUP_LINK, Nothing {}, &Nothing {}).await;
        let alone = connection.is_alone();
        connection.close().await;
        let link = made?;
        if alone {
            output::say("No server runs there: the next start makes another link and voids this.");
        }
        if common.output == Format::Json {
            return output::json(&link);
        }
        output::say("Open once, within 30 minutes; older links are void:");
        output::line(&link.url);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::port_of_this_host;

    #[test]
    fn a_tunnel_is_of_use_only_to_this_host() {
        assert_eq!(port_of_this_host("http://127.0.0.1:8080/setup#x"), Some("8080"));
        assert_eq!(port_of_this_host("https://[::1]:8443/setup#x"), Some("8443"));
        assert_eq!(port_of_this_host("http://192.0.2.1:8080/setup#x"), None);
        assert_eq!(port_of_this_host("https://oncall.example.com/setup#x"), None);
    }
}
