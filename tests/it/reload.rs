//! A hang-up while the server runs: what is sent after it goes by the new configuration, and a file
//! that is wrong changes nothing and is told by line and key.
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::far::Far;
use crate::mail::{mailbox, next_mail};
use crate::process::{Serving, incidentd, on_host, run};
use crate::programs::Program;

/// A server that is configured by a file, and root's commands.
struct Configured {
    server: Serving,
    token: String,
    file: PathBuf,
}

fn write(file: &Path, text: &str) {
    std::fs::write(file, text).expect("written");
    std::fs::set_permissions(file, PermissionsExt::from_mode(0o600)).expect("closed");
}

impl Configured {
    fn start(dir: &Path, text: &str) -> Self {
        let (data, file) = (dir.join("data"), dir.join("incidentd.toml"));
        write(&file, text);
        let root = ["user", "add", "root", "--admin", "--email", "root@example.com"];
        on_host(&data, &root, "");
        let token = on_host(&data, &["token", "create", "--user", "root"], "").trim().to_owned();
        let mut serve = incidentd();
        serve.arg("serve").arg("--config").arg(&file).arg("--data-dir").arg(&data);
        // The variable that `with` sets would win over the file.
        let server = Serving::with(serve.args(["--log", "info"]), "127.0.0.1:0").expect("serves");
        Self { server, token, file }
    }

    async fn cli(&self, arguments: &[&str], stdin: &'static str) -> String {
        let mut command = incidentd();
        command.args(arguments).env("INCIDENTD_URL", &self.server.url);
        command.env("INCIDENTD_TOKEN", &self.token);
        let ran = tokio::task::spawn_blocking(move || run(&mut command, stdin)).await.expect("ran");
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).expect("UTF-8")
    }

    fn hang_up(&self, text: &str) {
        write(&self.file, text);
        kill_process(Pid::from_child(&self.server.child), Signal::HUP).expect("signalled");
    }
}

/// Sends a test by each contact: what the mail's subject is, and what came to which path.
async fn test(host: &Configured, mail: &mut Program, far: &mut Far) -> (String, String, String) {
    let sent = host.cli(&["notify", "test"], "").await;
    assert_eq!(sent.matches("\tsent\t").count(), 2, "{sent}");
    let headers = next_mail(mail)["headers"].clone();
    let headers: Vec<(String, Value)> = serde_json::from_value(headers).expect("headers");
    let subject = headers.into_iter().find(|(name, _)| name == "subject").expect("a subject").1;
    let heard = far.next().await;
    let text = String::from_utf8(heard.body).expect("UTF-8");
    (subject.as_str().expect("text").to_owned(), heard.path, text)
}

#[tokio::test]
async fn mail_gateways_and_words_are_the_new_ones_and_a_wrong_file_keeps_the_old() {
    let (mut first, first_port) = mailbox::<[&str; 0]>([]);
    let (mut second, second_port) = mailbox::<[&str; 0]>([]);
    let mut far = Far::start().await;
    let text = |port: u16, path: &str, word: &str| {
        format!(
            "[outgoing]\nallow_private = [\"127.0.0.0/8\"]\n\
             [smtp]\nurl = \"smtp://127.0.0.1:{port}?tls=none\"\n\
             from = \"oncall@example.com\"\n\
             [gateways.sms]\nurl = \"{}\"\ntext = \"{{{{ vars.key }}}} {{{{ title }}}}\"\n\
             vars = {{ key = \"secret-{word}\" }}\n\
             [templates]\ntitle = \"{word} {{{{ kind }}}}\"\n",
            far.url(path)
        )
    };
    let (old, new) = (text(first_port, "/old", "old"), text(second_port, "/new", "new"));
    let dir = tempfile::tempdir().expect("a folder");
    let mut host = Configured::start(dir.path(), &old);
    let contacts = "[[users]]\nusername = \"root\"\ncontacts = [\
        { name = \"mail\", channel = \"email\" },\
        { name = \"phone\", channel = \"sms\", address = \"17\" } ]\n";
    host.cli(&["apply", "-f", "-"], contacts).await;
    let said = test(&host, &mut first, &mut far).await;
    let expected = |word: &str| {
        (format!("{word} test"), format!("/{word}"), format!("secret-{word} {word} test"))
    };
    assert_eq!(said, expected("old"));

    host.hang_up(&new);
    assert!(host.server.says("the configuration was read again"));
    assert_eq!(test(&host, &mut second, &mut far).await, expected("new"));

    for (wrong, reason) in [
        (old.replace("from = ", "form = "), "line 5: `form` is no key"),
        (old.replace("oncall@example.com", "oncall"), "line 5: smtp.from: `oncall`"),
        (old.replace("smtp://", "imap://"), "line 4: smtp.url: must begin with smtps://"),
        (old.replace("text = ", "recipe = \"pigeon\"\n#"), "line 8: gateways.sms.recipe: `pigeon`"),
        (old.replace("{{ vars.key }}", "{{ vars.key"), "line 8: gateways.sms.text: "),
        (old.replace("{{ kind }}", "{{ kind|shout }}"), "line 11: templates.title: "),
        (old.replace("[templates]", "[template]"), "line 10: `template` is no key"),
        (
            old.replace("[templates]", "[rates]\nsmoke = 3\n[templates]"),
            "line 11: rates.smoke: `smoke` is no channel of this server; there are ",
        ),
    ] {
        host.hang_up(&wrong);
        assert!(host.server.says(reason), "{reason}");
        assert_eq!(test(&host, &mut second, &mut far).await, expected("new"), "{reason}");
    }
    assert_eq!(host.server.terminate().0, Some(0));
}
