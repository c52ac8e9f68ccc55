//! The configuration as a document: applied all or nothing, rehearsed, pruned, written down again.
use std::path::Path;

use incidentd::api::Nothing;
use incidentd::api::configuration::{
    APPLY, Applied, ApplyQuery, DifferenceAction, Document, EXPORT,
};
use incidentd::api::tokens::NewToken;
use incidentd::app::Caller;
use incidentd::domain::{Action, Span};
use incidentd::error::{Error, Kind};
use serde_json::{Value, json};

use crate::harness::{KEY, TestServer, WORLD};
use crate::process::{Random, incidentd, on_host, rounds, run, say};

const DRY: ApplyQuery = ApplyQuery { dry_run: true, prune: false };
pub const PRUNE: ApplyQuery = ApplyQuery { dry_run: false, prune: true };

pub async fn configure(
    server: &TestServer,
    who: &str,
    document: &str,
    how: ApplyQuery,
) -> Result<Applied, Error> {
    let document: Document = toml::from_str(document).expect("a document");
    server.call(who, &APPLY, Nothing {}, &how, &document).await
}

pub async fn apply(server: &TestServer, document: &str) -> Vec<String> {
    let applied = configure(server, "root", document, ApplyQuery::default()).await;
    lines(&applied.expect("applied"))
}

pub async fn refused(server: &TestServer, document: &str, how: ApplyQuery) -> Vec<String> {
    let error = configure(server, "root", document, how).await.expect_err("refused");
    error.fields.iter().map(|wrong| format!("{}: {}", wrong.field, wrong.message)).collect()
}

pub async fn export(server: &TestServer) -> Document {
    server.call("root", &EXPORT, Nothing {}, &Nothing {}, &Nothing {}).await.expect("exported")
}

/// As `apply` prints it.
pub fn lines(applied: &Applied) -> Vec<String> {
    let of = |difference: &incidentd::api::configuration::Difference| {
        let sign = match difference.action {
            DifferenceAction::Add => '+',
            DifferenceAction::Change => '~',
            DifferenceAction::Remove => '-',
        };
        let fields: Vec<String> = difference.fields.iter().map(ToString::to_string).collect();
        let head = format!("{sign} {} {}", difference.kind, difference.name);
        if fields.is_empty() { head } else { format!("{head} ({})", fields.join("; ")) }
    };
    applied.changes.iter().map(of).collect()
}

async fn log_rows(server: &TestServer) -> usize {
    server.server().app.events_after(incidentd::domain::Seq(0), 1_000).await.expect("rows").len()
}

const BILLING: &str = r#"
[[users]]
username = "dora"
email = "dora@example.com"
[[teams]]
slug = "billing"
members = { dora = "admin" }
[[services]]
slug = "invoices"
team = "billing"
[[integrations]]
service = "invoices"
name = "cron"
"#;

#[tokio::test]
async fn a_dry_run_says_what_an_apply_would_do_and_does_nothing() {
    let server = TestServer::start().await;
    let (before, rows) = (export(&server).await, log_rows(&server).await);
    let dry = configure(&server, "root", BILLING, DRY).await.expect("rehearsed");
    let expected =
        ["+ user dora", "+ team billing", "+ service invoices", "+ integration invoices/cron"];
    assert_eq!(lines(&dry), expected);
    assert!(dry.keys.is_empty(), "a key that is nowhere");
    assert_eq!((export(&server).await, log_rows(&server).await), (before, rows));

    let applied = configure(&server, "root", BILLING, ApplyQuery::default()).await.expect("so");
    assert_eq!((lines(&applied), applied.keys.len()), (lines(&dry), 1));
    let path = format!("/integrations/{}/generic", applied.keys[0].key);
    assert_eq!(server.post_raw(&path, "text/plain", b"x".to_vec()).await.0, 202);
    // Whom it could not tell is in the log, too.
    server.settle_deliveries().await;
    let rows = log_rows(&server).await;
    assert_eq!(apply(&server, BILLING).await, [""; 0], "the second time nothing differs");
    assert_eq!(log_rows(&server).await, rows);
}

#[tokio::test]
async fn present_fields_own_and_absent_ones_stay() {
    let server = TestServer::start().await;
    let changed = r#"
[[users]]
username = "bob"
name = "Bob"
email = "bob@example.com"
[[teams]]
slug = "payments"
members = { alice = "admin", bob = "admin", mallory = "observer" }
[[services]]
slug = "checkout"
team = "payments"
ack_timeout = "30m"
[[integrations]]
service = "checkout"
name = "prometheus"
key = "ffffffffffffffffffffffffffffffff"
"#;
    assert_eq!(
        apply(&server, changed).await,
        [
            "~ user bob (name: \"bob\" → \"Bob\"; email: nothing → \"bob@example.com\")",
            "~ team payments (members.bob: responder → admin; members.mallory: nothing → \
             observer; members.carol: observer → nothing)",
            "~ service checkout (ack_timeout: 8h → 30m)",
            "~ integration checkout/prometheus (key changed)",
        ]
    );
    assert_eq!(server.post("generic", &json!({"title": "x"})).await.0, 404, "the old key");
    let named = "[[teams]]\nslug = \"payments\"\n[[users]]\nusername = \"bob\"\nemail = \"\"";
    assert_eq!(
        apply(&server, named).await,
        ["~ user bob (email: \"bob@example.com\" → nothing)"],
        "members stay, the name stays"
    );
    let exported = export(&server).await;
    let service = exported.services.iter().find(|of| of.slug == "checkout").expect("there");
    assert_eq!(service.ack_timeout, Some(Span::secs(1_800)));
}

#[tokio::test]
async fn everything_wrong_is_named_at_once_and_nothing_is_changed() {
    let server = TestServer::start().await;
    let before = export(&server).await;
    let by_itself = r#"
[[users]]
username = "Dora"
[[users]]
username = "erin"
email = "nowhere"
time_zone = "Mars/Base"
[[teams]]
slug = "a"
[[teams]]
slug = "a"
[[services]]
slug = "s"
team = "a"
group_by = [""]
[[integrations]]
service = "s"
name = "x"
key = "short"
[[integrations]]
service = "s"
name = "y"
key = { env = "HOME" }
"#;
    let wrong = refused(&server, by_itself, ApplyQuery::default()).await;
    let places: Vec<&str> =
        wrong.iter().map(|line| line.split(": ").next().expect("a place")).collect();
    assert_eq!(
        places,
        [
            "teams[1]",
            "users[0].username",
            "users[1].email",
            "users[1].time_zone",
            "services[0].group_by",
            "integrations[0].key",
            "integrations[1].key",
        ]
    );
    let by_reference = r#"
[[users]]
username = "dora"
[[teams]]
slug = "billing"
members = { dora = "admin", nobody = "admin" }
[[services]]
slug = "invoices"
team = "biling"
[[services]]
slug = "index"
team = "payments"
[[integrations]]
service = "invoices"
name = "cron"
[[integrations]]
service = "nothing"
name = "cron"
[[integrations]]
service = "checkout"
name = "copy"
key = "0123456789abcdef0123456789abcdef"
"#;
    let wrong = refused(&server, by_reference, DRY).await;
    assert_eq!(wrong, refused(&server, by_reference, ApplyQuery::default()).await);
    assert_eq!(
        wrong,
        [
            "teams[0].members.nobody: there is no user `nobody`; add him under [[users]]",
            "services[0].team: there is no team `biling`; add it under [[teams]]",
            "services[1].team: service `index` belongs to team `search` and its incidents stay \
             there; make a new one",
            "integrations[1].service: there is no service `nothing`; add it under [[services]]",
            "integrations[2].key: This key belongs to another integration. Choose another key.",
        ]
    );
    assert_eq!(export(&server).await, before);
}

#[tokio::test]
async fn what_is_renamed_keeps_its_history_members_and_keys() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full"})).await;
    let renamed = r#"
[[users]]
username = "robert"
renamed_from = "bob"
[[teams]]
slug = "pay"
renamed_from = "payments"
[[services]]
slug = "shop"
renamed_from = "checkout"
team = "pay"
"#;
    let expected = [
        "~ user robert (username: bob → robert)",
        "~ team pay (slug: payments → pay)",
        "~ service shop (slug: checkout → shop)",
    ];
    assert_eq!(apply(&server, renamed).await, expected);
    assert_eq!(apply(&server, renamed).await, [""; 0], "it is so already");
    let incident = server.incident(1).await;
    assert_eq!((incident.team.slug.as_str(), incident.team.id.0), ("pay", 1));
    assert_eq!(incident.service.expect("a service").slug, "shop");
    server.alert(json!({"title": "disk full"})).await;
    let ack = Action::Acknowledge { span: None, until: None, note: None, take: false };
    server.act("bob", 1, ack).await.expect("his token is still good");
    assert_eq!(server.incident(1).await.assignees[0].username, "robert");

    let both = "[[teams]]\nslug = \"pay\"\nrenamed_from = \"search\"";
    let wrong = refused(&server, both, ApplyQuery::default()).await;
    assert!(wrong[0].starts_with("teams[0].renamed_from: `search` and `pay` both exist"));
    let fresh = "[[teams]]\nslug = \"fresh\"\nrenamed_from = \"never-was\"";
    assert_eq!(apply(&server, fresh).await, ["+ team fresh"], "as on an empty server");
}

#[tokio::test]
async fn a_prune_ends_what_an_apply_made_and_its_return_brings_it_back() {
    let server = TestServer::start().await;
    let by_hand = incidentd::api::teams::NewTeam { slug: "by-hand".into(), name: None };
    let create = incidentd::api::teams::CREATE_TEAM;
    server.call("root", &create, Nothing {}, &Nothing {}, &by_hand).await.expect("added");
    let both = format!("{WORLD}{BILLING}");
    let applied = configure(&server, "root", &both, PRUNE).await.expect("applied");
    let key = applied.keys[0].key.clone();
    let new = NewToken { user: Some("dora".into()), ..NewToken::default() };
    let issued = server.server().app.create_token(&Caller::host(), new).await;
    let token = issued.expect("made").token;
    assert_eq!(apply(&server, WORLD).await, [""; 0], "without prune all stays");

    let pruned = configure(&server, "root", WORLD, PRUNE).await.expect("pruned");
    assert_eq!(lines(&pruned), ["- service invoices", "- team billing", "- user dora"]);
    let again = configure(&server, "root", WORLD, PRUNE).await.expect("so already");
    assert_eq!(lines(&again), [""; 0]);
    let path = format!("/integrations/{key}/generic");
    assert_eq!(server.post_raw(&path, "text/plain", b"x".to_vec()).await.0, 404);
    let me = server.http().get(format!("{}/api/v1/me", server.url)).bearer_auth(&token);
    assert_eq!(crate::harness::answer(me).await.0, 401);

    let back = configure(&server, "root", &both, PRUNE).await.expect("back");
    assert_eq!(lines(&back), ["+ user dora", "+ team billing", "+ service invoices"]);
    assert!(back.keys.is_empty(), "with the key that it had");
    assert_eq!(server.post_raw(&path, "text/plain", b"x".to_vec()).await.0, 202);
    // A service that stays loses what the file no longer names.
    let less = both.replace("[[integrations]]\nservice = \"invoices\"\nname = \"cron\"\n", "");
    let pruned = configure(&server, "root", &less, PRUNE).await.expect("pruned");
    assert_eq!(lines(&pruned), ["- integration invoices/cron"]);
    assert_eq!(server.post_raw(&path, "text/plain", b"x".to_vec()).await.0, 404);
}

#[tokio::test]
async fn a_prune_names_what_it_may_not_end() {
    let server = TestServer::start().await;
    apply(&server, BILLING).await;
    server.alert(json!({"title": "disk full"})).await;
    let keep = r#"
[[users]]
username = "root"
[[users]]
username = "dora"
"#;
    let by_hand = json!({"service": "invoices", "name": "by hand"});
    let request = server.http().post(format!("{}/api/v1/integrations", server.url));
    let request = request.bearer_auth(server.token("root")).json(&by_hand);
    assert_eq!(crate::harness::answer(request).await.0, 200);
    let before = export(&server).await;
    assert_eq!(
        refused(&server, keep, PRUNE).await,
        [
            "prune: Service `checkout` has 1 open incident: 1.",
            "prune: Service `invoices` has integrations that stay: by hand.",
            "prune: Team `billing` still has services: invoices.",
            "prune: Team `payments` still has services: checkout.",
            "prune: User `alice` still belongs to teams that stay: payments.",
            "prune: User `bob` still belongs to teams that stay: payments.",
            "prune: User `carol` still belongs to teams that stay: payments.",
        ]
    );
    assert_eq!(export(&server).await, before, "all or nothing");
}

#[tokio::test]
async fn the_caller_and_the_last_admin_stay() {
    let server = TestServer::start().await;
    let nobody = ["root", "alice"].map(|who| configure(&server, who, "", PRUNE));
    let [root, alice] = nobody;
    assert_eq!(alice.await.expect_err("no platform admin").kind, Kind::Forbidden);
    let pruned = root.await.expect("pruned");
    assert_eq!(pruned.warnings, ["User root stays: that is you."]);
    assert!(lines(&pruned).contains(&"- user alice".to_owned()));
    let host = Caller::host();
    let pruned = server.server().app.configure(&host, Document::default(), PRUNE).await;
    let stays = "User root stays: there is no other platform admin.";
    assert_eq!(pruned.expect("pruned").warnings, [stays]);

    let demoted = "[[users]]\nusername = \"root\"\nadmin = false";
    let wrong = refused(&server, demoted, ApplyQuery::default()).await;
    assert!(wrong[0].starts_with("users[0].admin: is you"), "{wrong:?}");
    let document = toml::from_str(demoted).expect("a document");
    let last = server.server().app.apply(&host, document).await.expect_err("the last");
    assert_eq!(last.kind, Kind::Refused);
}

#[tokio::test]
async fn whom_somebody_disabled_no_file_lets_in_again() {
    let server = TestServer::start().await;
    let app = &server.server().app;
    app.disable_user(&Caller::host(), "bob".into()).await.expect("disabled");
    let applied = configure(&server, "root", WORLD, PRUNE).await.expect("applied");
    assert_eq!(lines(&applied), [""; 0]);
    let warning = "User bob is disabled; `disabled = false` lets him in again.";
    assert!(applied.warnings.contains(&warning.to_owned()), "{:?}", applied.warnings);
    let back = "[[users]]\nusername = \"bob\"\ndisabled = false";
    assert_eq!(apply(&server, back).await, ["+ user bob"]);
    let gone = "[[users]]\nusername = \"bob\"\ndisabled = true";
    assert_eq!(apply(&server, gone).await, ["- user bob"]);
}

#[tokio::test]
async fn holes_are_said_and_no_error() {
    let server = TestServer::start().await;
    let document = r#"
[[users]]
username = "dora"
[[teams]]
slug = "empty"
members = { dora = "observer" }
[[services]]
slug = "deaf"
team = "empty"
"#;
    let applied = configure(&server, "root", document, DRY).await.expect("rehearsed");
    assert_eq!(
        applied.warnings,
        [
            "User dora cannot log in: no password, token or link. Next: incidentd user link dora",
            "Team empty has nobody who can answer: no responder.",
            "Service deaf has no integration: nothing can send to it.",
            "Service deaf: nobody would be told of an alert. Next: incidentd route test --service \
             deaf",
        ]
    );
}

#[tokio::test]
async fn it_is_said_where_nobody_would_be_told_or_only_late() {
    let server = TestServer::start().await;
    let ladder = |people: &str, after: &str| {
        format!(
            "{people}[[services]]\nslug = \"checkout\"\nteam = \"payments\"\n\
             [[escalation_policies]]\nslug = \"payments-default\"\nteam = \"payments\"\n\
             steps = [ {{ after = \"{after}\", targets = [\"user:bob\"] }} ]"
        )
    };
    let warned = async |document: &str| {
        let applied = configure(&server, "root", document, DRY).await.expect("rehearsed");
        let of_service = |said: &String| said.starts_with("Service ");
        applied.warnings.into_iter().filter(of_service).collect::<Vec<_>>()
    };
    let bob = "[[users]]\nusername = \"bob\"\ncontacts = [ { name = \"phone\", channel = \"ntfy\", \
               address = \"https://ntfy.example.com/b\" } ]\n";
    assert_eq!(
        warned(&ladder("", "0m")).await,
        ["Service checkout: nobody would be told of an alert. Next: incidentd route test \
          --service checkout"]
    );
    assert_eq!(
        warned(&ladder(bob, "7d")).await,
        ["Service checkout: nobody is told of an alert before 7d. Next: incidentd route test \
          --service checkout"]
    );
    assert_eq!(warned(&ladder(bob, "7m")).await, [""; 0]);
}

#[test]
fn a_table_of_an_unknown_name_is_told() {
    let wrong = toml::from_str::<Document>("[[tems]]\nslug = \"a\"").expect_err("a typing error");
    assert!(wrong.message().contains("unknown field `tems`"), "{wrong}");
}

/// A document out of `seed`: few names, so that they meet.
fn random_document(random: &mut Random) -> Document {
    let some = |random: &mut Random, text: String| match random.below(3) {
        0 => Value::Null,
        _ => Value::String(text),
    };
    let names = ["ann", "ben", "cleo", "dan"];
    let words = ["", "\"quoted\"", "ünï\u{1F525}", "x'y", "a b # c", "[t]", "= 1", "\\n"];
    let (mut users, mut teams, mut services, mut integrations) = (vec![], vec![], vec![], vec![]);
    let mut schedules = vec![];
    for name in names {
        if random.below(4) == 0 {
            continue;
        }
        let word = *random.pick::<&str>(&words);
        let mut user = json!({
            "username": name, "name": some(random, format!("{name} {word}")),
            "email": some(random, format!("{name}@example.com")),
            "time_zone": some(random, "Europe/Paris".into()),
        });
        if random.below(5) == 0 {
            user["disabled"] = json!(true);
        }
        user["admin"] = json!(random.below(3) == 0);
        users.push(user);
    }
    for slug in ["red", "green"] {
        if random.below(4) == 0 {
            continue;
        }
        let members: serde_json::Map<String, Value> = users
            .iter()
            .filter_map(|user| {
                let role = *random.pick(&["observer", "responder", "admin", ""]);
                (!role.is_empty())
                    .then(|| (user["username"].as_str().expect("a name").into(), json!(role)))
            })
            .collect();
        teams.push(json!({"slug": slug, "members": members, "name": some(random, "T".into())}));
        for schedule in 0..random.below(3) {
            schedules.push(random_schedule(random, &format!("{slug}-{schedule}"), slug, &users));
        }
        for service in 0..random.below(3) {
            let service = format!("{slug}-{service}");
            let mut entry = json!({
                "slug": service, "team": slug,
                "urgency": random.pick(&["auto", "high", "low"]),
                "ack_timeout": format!("{}s", random.below(10_000)),
                "reopen_within": some(random, "2d".into()),
            });
            if random.below(2) == 0 {
                entry["group_by"] = json!(["alertname", random.pick::<&str>(&words[1..])]);
            }
            services.push(entry);
            for _ in 0..random.below(2) {
                let name = format!("{}k", random.pick::<&str>(&words));
                integrations.push(json!({"service": service, "name": name}));
            }
        }
    }
    let document = json!({
        "users": users, "teams": teams, "services": services, "integrations": integrations,
        "schedules": schedules,
    });
    serde_json::from_value(document).expect("a document")
}

fn random_schedule(random: &mut Random, slug: &str, team: &str, users: &[Value]) -> Value {
    let mut schedule = json!({"slug": slug, "team": team});
    if random.below(2) == 0 {
        schedule["time_zone"] = json!(random.pick(&["Europe/Paris", "UTC", "Asia/Kathmandu"]));
    }
    let mut rotations = vec![];
    for name in ["first", "second \u{1F525}"].iter().filter(|_| !users.is_empty()) {
        let people: Vec<&Value> =
            (0..=random.below(3)).map(|_| &random.pick(users)["username"]).collect();
        let mut rotation = json!({
            "name": name, "participants": people,
            "every": random.pick(&["12h", "24h", "7d", "1mo", "10 d"]),
            "handoff": random.pick(&["2026-01-05T09:00", "1999-12-31 23:59"]),
        });
        if random.below(2) == 0 {
            rotation["restrict"] = json!([
                {"from": "09:00", "to": "24:00"},
                {"days": ["sat", "mon"], "from": "22:00", "to": "06:00"},
            ]);
        }
        rotations.push(rotation);
    }
    if random.below(3) > 0 {
        schedule["rotations"] = json!(rotations);
    }
    schedule
}

/// Whatever is applied after whatever: its export differs in nothing, survives TOML, and makes
/// the same on an empty server.
#[tokio::test]
async fn an_export_is_the_configuration() {
    let seed = 0x5eed;
    for round in 0..rounds(12) {
        say(&format!("seed {seed} round {round}"));
        let mut random = Random::new(seed + round);
        let (here, there) = (TestServer::empty().await, TestServer::empty().await);
        let host = Caller::host();
        for _ in 0..3 {
            let document = random_document(&mut random);
            let how = if random.below(2) == 0 { PRUNE } else { ApplyQuery::default() };
            let app = &here.server().app;
            // A prune may be refused: then nothing happened, and that is exported.
            let _ = app.configure(&host, document.clone(), how).await;
            let exported = app.export(&host).await.expect("exported");
            let text = toml::to_string(&exported).expect("TOML");
            let read: Document = toml::from_str(&text).expect("a document");
            assert_eq!(read, exported, "{text}");
            let again = app.configure(&host, read, DRY).await.expect("rehearsed");
            assert_eq!(lines(&again), [""; 0], "{text}");
        }
        let exported = here.server().app.export(&host).await.expect("exported");
        let made = there.server().app.apply(&host, exported.clone()).await.expect("applied");
        assert_eq!(made.keys.len(), exported.integrations.len(), "keys are new");
        assert_eq!(there.server().app.export(&host).await.expect("exported"), exported);
    }
}

/// Runs a command on `dir`: exit code, stdout, stderr.
fn command(dir: &Path, arguments: &[&str], stdin: &str) -> (Option<i32>, String, String) {
    let mut command = incidentd();
    command.args(arguments).arg("--data-dir").arg(dir).env("CHECKOUT_KEY", KEY);
    let output = run(&mut command, stdin);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_commands_on_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let (dir, file) = (folder.path().join("data"), folder.path().join("oncall.toml"));
    let file = file.to_str().expect("UTF-8");
    std::fs::write(folder.path().join("key"), format!("{}\n", "f".repeat(32))).expect("written");
    let document = r#"
[[teams]]
slug = "payments"
[[services]]
slug = "checkout"
team = "payments"
[[integrations]]
service = "checkout"
name = "one"
key = { env = "CHECKOUT_KEY" }
[[integrations]]
service = "checkout"
name = "two"
key = { file = "key" }
[[integrations]]
service = "checkout"
name = "three"
"#;
    std::fs::write(file, document).expect("written");
    let (code, out, said) = command(&dir, &["apply", "-f", file, "--check"], "");
    assert_eq!((code, out.lines().count()), (Some(1), 5), "{said}");
    assert!(out.starts_with("+ team payments\n+ service checkout\n"), "{out}");
    assert!(said.contains("Things differ from"), "{said}");
    let (code, out, _) = command(&dir, &["apply", "-f", file, "--dry-run"], "");
    assert_eq!((code, out.lines().count()), (Some(0), 5));

    let (code, made, said) = command(&dir, &["apply", "-f", file], "");
    let key = made.trim().rsplit_once("/integrations/").map(|(_, key)| key.len());
    assert_eq!((code, key), (Some(0), Some(32)), "the one address that was made: {said}");
    assert!(said.contains("warning: Team payments has nobody"), "{said}");
    let secrets = [KEY.to_owned(), "f".repeat(32)];
    assert!(!secrets.iter().any(|secret| said.contains(secret)), "{said}");
    let (code, _, said) = command(&dir, &["apply", "-f", file, "--check"], "");
    assert_eq!(code, Some(0), "{said}");

    let exported = on_host(&dir, &["export"], "");
    assert!(exported.starts_with("# The configuration") && !exported.contains(KEY), "{exported}");
    let (code, out, said) = command(&dir, &["apply", "-f", "-", "--check", "--prune"], &exported);
    assert_eq!((code, out.as_str()), (Some(0), ""), "{said}");
    let json = on_host(&dir, &["export", "-o", "json"], "");
    let (code, _, said) = command(&dir, &["apply", "-f", "-", "--check"], &json);
    assert_eq!(code, Some(0), "{said}");
    let other = folder.path().join("other");
    let (code, keys, said) = command(&other, &["apply", "-f", "-"], &exported);
    assert_eq!((code, keys.lines().count()), (Some(0), 3), "{said}");
    assert_eq!(on_host(&other, &["export"], ""), exported);
}

#[test]
fn a_wrong_file_is_told_by_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let document = "[[teams]]\nslug = \"a\"\n\n[[services]]\nslug = \"b\"\nteam = \"c\"\n\
                    [[services]]\nslug = \"d\"\nteam = \"e\"\n";
    let (code, _, said) = command(dir, &["apply", "-f", "-"], document);
    assert_eq!(code, Some(1));
    assert!(said.contains("stdin:6: services[0].team: there is no team `c`"), "{said}");
    assert!(said.contains("stdin:9: services[1].team: there is no team `e`"), "{said}");
    assert!(said.contains("2 things are wrong in stdin. Nothing was changed."), "{said}");
    for (document, expected) in [
        ("[[teams]\n", "stdin: line 1, `[[teams]`:"),
        ("\n[[tems]]\nslug = \"a\"\n", "stdin: line 2, `[[tems]]`: unknown field `tems`"),
        ("[[teams]]\nslug = \"a\"\nslugs = 1\n", "stdin: line 3, `slugs`: unknown field `slugs`"),
        (
            "[[services]]\nslug = \"a\"\nteam = \"b\"\nack_timeout = \"soon\"\n",
            "stdin: line 4, `ack_timeout`:",
        ),
        (
            "[[integrations]]\nservice = \"a\"\nname = \"b\"\nkey = { env = \"NOT_THERE\" }\n",
            "stdin:4: integrations[0].key: the environment has no readable `NOT_THERE`",
        ),
        (
            "[[integrations]]\nservice = \"a\"\nname = \"b\"\nkey = { fil = \"x\" }\n",
            "stdin: line 4, `key`: a text, { env",
        ),
    ] {
        let (code, out, said) = command(dir, &["apply", "-f", "-"], document);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{document}: {said}");
        assert!(said.contains(expected), "{document}: {said}");
    }
    // Whatever the environment says of servers.
    let server = ("INCIDENTD_URL", "http://127.0.0.1:1");
    let schema = run(incidentd().args(["apply", "--schema"]).env(server.0, server.1), "");
    let schema: Value = serde_json::from_slice(&schema.stdout).expect("JSON");
    assert!(
        schema["properties"]["teams"].is_object()
            && schema["properties"]["schedules"].is_object()
            && schema["properties"]["heartbeats"].is_object()
    );
}
