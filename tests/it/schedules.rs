//! Who is on call: schedules as people have them. The rules themselves are told in the domain.
use incidentd::api::Nothing;
use incidentd::api::configuration::{ApplyQuery, Document};
use incidentd::api::contacts::{CREATE_CONTACT, NewContact};
use incidentd::api::overview::{OVERVIEW, OverviewQuery, Unreachable};
use incidentd::api::schedules::{
    CREATE_OVERRIDE, CREATE_SCHEDULE, DELETE_SCHEDULE, END_OVERRIDE, NewOverride, NewSchedule,
    ON_CALL, OVERRIDES, OnCallQuery, Override, OverridesQuery, PREVIEW, Plan, SET_SCHEDULE, SHIFTS,
    SWAP, SpanQuery, Swap, TAKE, Take,
};
use incidentd::app::Caller;
use incidentd::domain::{Seq, Span};
use incidentd::error::{Error, Kind};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::harness::{TestServer, hours, mins};
use crate::process::{incidentd, run};

const NONE: &Nothing = &Nothing {};
const PRIMARY: &str = "primary";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn plan(every: &str, people: &[&str]) -> Plan {
    serde_json::from_value(json!({"rotations": [{
        "name": "turns", "every": every, "handoff": "2026-01-05T09:00", "participants": people,
    }]}))
    .expect("a plan")
}

/// A server with a schedule of payments by the clocks of Paris. The story begins on a Monday
/// there, at 04:00; weekly it is bob's turn until 09:00, then alice's.
async fn with(every: &str, people: &[&str]) -> TestServer {
    let server = TestServer::start().await;
    let new = NewSchedule {
        slug: PRIMARY.into(),
        team: "payments".into(),
        time_zone: Some("Europe/Paris".into()),
        rotations: plan(every, people).rotations,
    };
    server.call("alice", &CREATE_SCHEDULE, Nothing {}, NONE, &new).await.expect("added");
    server
}

/// `who until then next` for each who is on call.
async fn on_call(server: &TestServer, at: Option<Timestamp>) -> Vec<String> {
    let query = OnCallQuery { at, ..OnCallQuery::default() };
    let page = server.call("carol", &ON_CALL, Nothing {}, &query, NONE).await.expect("a page");
    let words = |of: incidentd::api::schedules::OnCall| {
        let who = of.user.map_or_else(|| "nobody".into(), |user| user.username);
        let until = of.until.map_or_else(|| "always".into(), |until| until.to_string());
        let next: Vec<String> = of.next.into_iter().map(|user| user.username).collect();
        format!("{who} until {until} then {}", next.join(","))
    };
    page.items.into_iter().map(words).collect()
}

/// `who start end` of shifts and gaps.
async fn shifts(server: &TestServer, from: &str, until: &str) -> Vec<String> {
    let span = SpanQuery { from: Some(at(from)), until: Some(at(until)) };
    let found = server.call("carol", &SHIFTS, PRIMARY.into(), &span, NONE).await.expect("shifts");
    assert_eq!((found.from, found.until), (at(from), at(until)));
    let shifts =
        found.items.iter().map(|one| format!("{} {} {}", one.user.username, one.start, one.end));
    let gaps = found.gaps.iter().map(|gap| format!("nobody {} {}", gap.start, gap.end));
    shifts.chain(gaps).collect()
}

async fn stand_in(
    server: &TestServer,
    who: &str,
    user: &str,
    (start, end): (&str, &str),
    replacing: Option<&str>,
) -> Result<Override, Error> {
    let replacing = replacing.map(str::to_owned);
    let new = NewOverride { user: user.into(), start: at(start), end: at(end), replacing };
    server.call(who, &CREATE_OVERRIDE, PRIMARY.into(), NONE, &new).await
}

#[tokio::test]
async fn a_week_passes_from_hand_to_hand() {
    let mut server = with("1w", &["alice", "bob"]).await;
    let now = "bob until 2026-11-23T08:00:00Z then alice";
    assert_eq!(on_call(&server, None).await, [now]);
    let later = Some(at("2026-11-25T00:00:00Z"));
    let then = "alice until 2026-11-30T08:00:00Z then bob";
    assert_eq!(on_call(&server, later).await, [then]);
    server.advance(hours(5)).await;
    assert_eq!(on_call(&server, None).await, [then], "the time itself hands over");
    let strangers = OnCallQuery::default();
    let page = server.call("mallory", &ON_CALL, Nothing {}, &strangers, NONE).await;
    assert!(page.expect("a page").items.is_empty(), "of another team");
}

#[tokio::test]
async fn at_a_glance() {
    let server = with("1w", &["alice", "bob"]).await;
    let look = |who: &'static str, team: Option<&str>| {
        let query = OverviewQuery { team: team.map(str::to_owned) };
        let server = &server;
        async move { server.call(who, &OVERVIEW, Nothing {}, &query, NONE).await }
    };
    let calm = look("carol", None).await.expect("seen");
    assert_eq!((calm.last_alert_at, calm.untold, calm.gaps.len()), (None, 0, 0));
    assert_eq!(calm.on_call[0].user.as_ref().expect("somebody").username, "bob");

    server.alert(json!({"title": "disk full"})).await;
    let now = server.server().app.now();
    assert_eq!(look("carol", Some("payments")).await.expect("seen").last_alert_at, Some(now));
    let strange = look("mallory", None).await.expect("her own");
    assert!(strange.on_call.is_empty() && strange.last_alert_at.is_none());
    assert_eq!(look("mallory", Some("payments")).await.expect_err("hidden").kind, Kind::NotFound);

    let disabled = server.server().app.disable_user(&Caller::host(), "alice".into()).await;
    disabled.expect("disabled");
    let gap = look("carol", None).await.expect("seen").gaps.remove(0).gap;
    assert_eq!(gap.start, at("2026-11-23T08:00:00Z"), "alice's turn is nobody's");
}

#[tokio::test]
async fn whoever_is_on_call_and_cannot_be_reached_hears_of_it_and_so_do_the_teams_admins() {
    let server = with("1w", &["bob", "alice"]).await;
    let mute = |who: &'static str| {
        let server = &server;
        async move {
            let all = OverviewQuery::default();
            let seen = server.call(who, &OVERVIEW, Nothing {}, &all, NONE).await.expect("seen");
            let told = |one: Unreachable| {
                assert_eq!(one.schedule.slug, PRIMARY);
                format!("{} {}", one.user.username, one.start)
            };
            seen.unreachable.into_iter().map(told).collect::<Vec<_>>()
        }
    };
    let (alice, bob) = ("alice 2026-11-23T03:00:00Z", "bob 2026-11-23T08:00:00Z");
    for who in ["alice", "root"] {
        assert_eq!(mute(who).await, [alice, bob], "{who} answers for the team");
    }
    assert_eq!(mute("bob").await, [bob]);
    for who in ["carol", "mallory"] {
        assert_eq!(mute(who).await, Vec::<String>::new(), "none of {who}'s business");
    }

    // One that is not verified does not ring.
    let new = NewContact {
        name: "phone".into(),
        channel: "webhook".into(),
        address: Some("https://example.com/hook".into()),
    };
    server.call("alice", &CREATE_CONTACT, "me".into(), NONE, &new).await.expect("added");
    assert_eq!(mute("alice").await, [alice, bob]);
    server.call("root", &CREATE_CONTACT, "bob".into(), NONE, &new).await.expect("added");
    assert_eq!(mute("alice").await, [alice]);
    assert_eq!(mute("bob").await, Vec::<String>::new());
}

#[tokio::test]
async fn the_night_of_the_clocks_belongs_to_one_person() {
    let server = with("1d", &["alice", "bob"]).await;
    // Put back on the 31st at 03:00: 25 hours from nine to nine.
    assert_eq!(
        shifts(&server, "2027-10-30T07:00:00Z", "2027-11-01T08:00:00Z").await,
        [
            "bob 2027-10-30T07:00:00Z 2027-10-31T08:00:00Z",
            "alice 2027-10-31T08:00:00Z 2027-11-01T08:00:00Z",
        ]
    );
    // Put forward on the 28th at 02:00: 23 hours.
    assert_eq!(
        shifts(&server, "2027-03-27T08:00:00Z", "2027-03-29T07:00:00Z").await,
        [
            "alice 2027-03-27T08:00:00Z 2027-03-28T07:00:00Z",
            "bob 2027-03-28T07:00:00Z 2027-03-29T07:00:00Z",
        ]
    );
}

#[tokio::test]
async fn who_is_disabled_is_on_call_nowhere() {
    let server = with("1w", &["alice", "bob"]).await;
    let night = ("2026-11-24T20:00:00Z", "2026-11-24T22:00:00Z");
    stand_in(&server, "bob", "bob", night, None).await.expect("stands in");
    let app = &server.server().app;
    app.disable_user(&Caller::host(), "bob".into()).await.expect("disabled");
    let gap = "nobody until 2026-11-23T08:00:00Z then alice";
    assert_eq!(on_call(&server, None).await, [gap]);
    let tuesday = shifts(&server, "2026-11-24T19:00:00Z", "2026-11-24T23:00:00Z").await;
    let beneath = "alice 2026-11-24T19:00:00Z 2026-11-24T23:00:00Z";
    assert_eq!(tuesday, [beneath], "the rotation beneath counts");
    let refused = stand_in(&server, "alice", "bob", night, None).await.expect_err("disabled");
    assert_eq!(refused.kind, Kind::Refused);
}

#[tokio::test]
async fn an_override_outlives_a_restart_and_ends_when_it_ends() {
    let mut server = with("1w", &["alice", "bob"]).await;
    let (start, end) = ("2026-11-23T03:00:00Z", "2026-11-23T05:00:00Z");
    stand_in(&server, "bob", "alice", (start, end), Some("bob")).await.expect("stands in");
    let alice = format!("alice until {end} then bob");
    assert_eq!(on_call(&server, None).await, [alice.as_str()]);
    server.restart().await;
    assert_eq!(on_call(&server, None).await, [alice.as_str()]);
    server.advance(hours(2)).await;
    assert_eq!(on_call(&server, None).await, ["bob until 2026-11-23T08:00:00Z then alice"]);
}

#[tokio::test]
async fn bob_takes_a_night_and_gives_it_back() {
    let mut server = with("1w", &["alice", "bob"]).await;
    server.advance(hours(6)).await;
    let take = Take { span: Some(Span::secs(7_200)) };
    let taken = server.call("bob", &TAKE, PRIMARY.into(), NONE, &take).await.expect("taken");
    assert_eq!(taken.end, at("2026-11-23T11:00:00Z"));
    assert_eq!(on_call(&server, None).await, ["bob until 2026-11-23T11:00:00Z then alice"]);
    server.advance(mins(30)).await;
    let path = (PRIMARY.to_owned(), taken.id);
    server.call("bob", &END_OVERRIDE, path.clone(), NONE, NONE).await.expect("ended");
    server.call("bob", &END_OVERRIDE, path, NONE, NONE).await.expect("so already");
    assert_eq!(on_call(&server, None).await, ["alice until 2026-11-30T08:00:00Z then bob"]);
    let was = shifts(&server, "2026-11-23T09:00:00Z", "2026-11-23T10:00:00Z").await;
    let expected = [
        "bob 2026-11-23T09:00:00Z 2026-11-23T09:30:00Z",
        "alice 2026-11-23T09:30:00Z 2026-11-23T10:00:00Z",
    ];
    assert_eq!(was, expected, "what was stays");
    // Without a length: until the next turn, a day at most.
    let taken = server.call("bob", &TAKE, PRIMARY.into(), NONE, &Take::default()).await;
    assert_eq!(taken.expect("taken").end, at("2026-11-24T09:30:00Z"));
}

#[tokio::test]
async fn two_swap_both_or_neither() {
    let server = with("1d", &["alice", "bob"]).await;
    let swap = |back: Value| -> Swap {
        serde_json::from_value(json!({
            "user": "me", "with": "bob",
            "start": "2026-11-24T08:00:00Z", "end": "2026-11-25T08:00:00Z", "back": back,
        }))
        .expect("a swap")
    };
    let before = shifts(&server, "2026-11-24T08:00:00Z", "2026-11-26T08:00:00Z").await;
    let expected = [
        "bob 2026-11-24T08:00:00Z 2026-11-25T08:00:00Z",
        "alice 2026-11-25T08:00:00Z 2026-11-26T08:00:00Z",
    ];
    assert_eq!(before, expected);
    let past = json!({"start": "2026-11-22T08:00:00Z", "end": "2026-11-23T02:00:00Z"});
    let refused = server.call("bob", &SWAP, PRIMARY.into(), NONE, &swap(past)).await;
    assert_eq!(refused.expect_err("with himself").fields[0].field, "with");
    let mut good = swap(json!({"start": "2026-11-25T08:00:00Z", "end": "2026-11-26T08:00:00Z"}));
    good.with = "alice".into();
    let made = server.call("bob", &SWAP, PRIMARY.into(), NONE, &good).await.expect("swapped");
    assert_eq!(made.items.len(), 2);
    let after = shifts(&server, "2026-11-24T08:00:00Z", "2026-11-26T08:00:00Z").await;
    let expected = [
        "alice 2026-11-24T08:00:00Z 2026-11-25T08:00:00Z",
        "bob 2026-11-25T08:00:00Z 2026-11-26T08:00:00Z",
    ];
    assert_eq!(after, expected);
    good.back = serde_json::from_value(json!(
        {"start": "2026-11-22T08:00:00Z", "end": "2026-11-23T02:00:00Z"}
    ))
    .expect("a span");
    let refused = server.call("bob", &SWAP, PRIMARY.into(), NONE, &good).await;
    assert_eq!(refused.expect_err("over").kind, Kind::Invalid);
    let span = OverridesQuery::default();
    let listed = server.call("carol", &OVERRIDES, PRIMARY.into(), &span, NONE).await;
    assert_eq!(listed.expect("a page").items.len(), 2, "neither of the second");
}

#[tokio::test]
async fn those_who_stand_in_come_in_parts_in_the_order_of_time() {
    let server = with("1w", &["alice", "bob"]).await;
    for (day, who) in [(3, "bob"), (1, "alice"), (2, "bob"), (1, "bob")] {
        let span = (format!("2026-12-0{day}T08:00:00Z"), format!("2026-12-0{day}T20:00:00Z"));
        stand_in(&server, "alice", who, (&span.0, &span.1), None).await.expect("made");
    }
    let (mut found, mut query) =
        (Vec::new(), OverridesQuery { limit: Some(1), ..OverridesQuery::default() });
    loop {
        let page = server.call("carol", &OVERRIDES, PRIMARY.into(), &query, NONE).await;
        let page = page.expect("a page");
        assert!(page.items.len() <= 1);
        found.extend(page.items.into_iter().map(|one| (one.id.0, one.user.username)));
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    let who = |id, name: &str| (id, name.to_owned());
    assert_eq!(found, [who(2, "alice"), who(4, "bob"), who(3, "bob"), who(1, "bob")]);
    query.limit = Some(0);
    let refused = server.call("carol", &OVERRIDES, PRIMARY.into(), &query, NONE).await;
    assert_eq!(refused.expect_err("no part").fields[0].field, "limit");
}

#[tokio::test]
async fn people_settle_what_concerns_them_and_the_log_says_who() {
    let server = with("1w", &["alice", "bob"]).await;
    let span = ("2026-11-25T08:00:00Z", "2026-11-25T20:00:00Z");
    let all = server.server().app.events_after(Seq(0), 1_000).await.expect("rows");
    let from = all.last().expect("a row").seq;
    let others = stand_in(&server, "bob", "carol", span, Some("alice")).await.expect_err("others");
    assert_eq!(others.kind, Kind::Forbidden);
    let nobody = stand_in(&server, "alice", "mallory", span, None).await.expect_err("a stranger");
    assert_eq!((nobody.kind, nobody.fields[0].field.as_str()), (Kind::NotFound, "user"));
    let wrong = stand_in(&server, "bob", "bob", (span.1, span.0), None).await.expect_err("back");
    assert_eq!(wrong.fields[0].field, "end");
    let past = ("2026-11-22T08:00:00Z", "2026-11-23T02:00:00Z");
    let over = stand_in(&server, "bob", "bob", past, None).await.expect_err("over");
    assert_eq!(over.fields[0].field, "end");
    stand_in(&server, "alice", "bob", span, Some("alice")).await.expect("by the team's admin");
    let rows = server.server().app.events_after(from, 10).await.expect("rows");
    let rows: Vec<Value> =
        rows.iter().map(|row| serde_json::from_str(&row.json).expect("JSON")).collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        rows[0]["change"],
        "overrode: bob for alice from 2026-11-25T08:00:00Z until 2026-11-25T20:00:00Z"
    );
    assert_eq!(
        (&rows[0]["actor"]["name"], &rows[0]["about"]["team"]["slug"]),
        (&json!("alice"), &json!("payments"))
    );
}

#[tokio::test]
async fn a_change_is_seen_before_it_is_made() {
    let server = with("1w", &["alice", "bob"]).await;
    let span = SpanQuery { from: None, until: Some(at("2026-11-30T08:00:00Z")) };
    let other = plan("1w", &["bob", "alice"]);
    let preview = server.call("alice", &PREVIEW, PRIMARY.into(), &span, &other).await.expect("so");
    let lines: Vec<String> = preview
        .items
        .iter()
        .map(|of| format!("{} {} {}", if of.gains { '+' } else { '-' }, of.user.username, of.start))
        .collect();
    assert_eq!(
        lines,
        [
            "+ alice 2026-11-23T03:00:00Z",
            "- bob 2026-11-23T03:00:00Z",
            "- alice 2026-11-23T08:00:00Z",
            "+ bob 2026-11-23T08:00:00Z",
        ]
    );
    assert_eq!(on_call(&server, None).await, ["bob until 2026-11-23T08:00:00Z then alice"]);
    server.call("alice", &SET_SCHEDULE, PRIMARY.into(), NONE, &other).await.expect("set");
    assert_eq!(on_call(&server, None).await, ["alice until 2026-11-23T08:00:00Z then bob"]);
    let mut wrong = plan("1w", &["alice", "mallory"]);
    wrong.rotations[0].name = String::new();
    let said = server.call("alice", &SET_SCHEDULE, PRIMARY.into(), NONE, &wrong).await;
    let said = said.expect_err("a stranger");
    assert_eq!(said.fields[0].field, "rotations[0].participants[1]");
    assert!(said.detail.contains("there is no user `mallory`"), "{said}");
}

const FILE: &str = r#"
[[schedules]]
slug = "primary"
team = "payments"
time_zone = "Europe/Paris"
[[schedules.rotations]]
name = "weekly"
every = "1w"
handoff = "2026-01-05T09:00"
participants = ["alice", "bob"]
restrict = [ { days = ["mon","tue","wed","thu","fri"], from = "09:00", to = "17:00" } ]
"#;

#[tokio::test]
async fn a_file_says_before_whose_turns_it_moves() {
    let server = TestServer::start().await;
    let rehearsed = |text: String, dry_run: bool| {
        let app = server.server().app.clone();
        async move {
            let document: Document = toml::from_str(&text).expect("a document");
            let how = ApplyQuery { dry_run, prune: false };
            app.configure(&Caller::host(), document, how).await.expect("configured").changes
        }
    };
    let (file, _) = FILE.split_once("restrict").expect("restricted");
    rehearsed(file.to_owned(), false).await;
    assert!(rehearsed(file.to_owned(), true).await.is_empty());
    let swapped = file.replace(r#""alice", "bob""#, r#""bob", "alice""#);
    let changes = rehearsed(swapped, true).await;
    let [change] = changes.as_slice() else { panic!("{changes:?}") };
    let said: Vec<String> = change.fields[1..]
        .iter()
        .map(|it| format!("{}: {} → {}", it.field, it.from.is_some(), it.to.is_some()))
        .collect();
    assert_eq!(said.len(), 10, "five turns in four weeks: {said:?}");
    for user in ["alice", "bob"] {
        assert!(said.contains(&format!("on call, {user}: true → false")), "{said:?}");
        assert!(said.contains(&format!("on call, {user}: false → true")), "{said:?}");
    }
    let turn = change.fields.iter().find_map(|it| it.to.as_ref().filter(|to| to.contains("until")));
    let turn = turn.expect("a turn");
    assert!(turn.contains("until 2026-11-23 09:00 CET"), "by the schedule's clocks: {turn}");
}

#[tokio::test]
async fn a_file_makes_schedules_and_prunes_only_what_nobody_agreed_on() {
    let server = TestServer::start().await;
    let app = &server.server().app;
    let configure = |text: String, prune: bool| async move {
        let document: Document = toml::from_str(&text).expect("a document");
        let how = ApplyQuery { dry_run: false, prune };
        app.configure(&Caller::host(), document, how).await
    };
    let world = crate::harness::WORLD;
    let applied = configure(format!("{world}{FILE}"), true).await.expect("applied");
    assert_eq!(applied.changes[0].kind, "schedule");
    let hole = "Schedule primary has nobody on call from now until 2026-11-23 09:00 CET \
                and 20 times more within four weeks.";
    assert!(applied.warnings.contains(&hole.to_owned()), "{:?}", applied.warnings);
    let again = configure(format!("{world}{FILE}"), true).await.expect("so already");
    assert!(again.changes.is_empty(), "{again:?}");

    let wrong = FILE.replace("\"bob\"", "\"nobody\"").replace("\"1w\"", "\"2w\"");
    let wrong = wrong.replace("\"weekly\"", "\"\"");
    let wrong = configure(wrong, false).await.expect_err("wrong");
    let places: Vec<&str> = wrong.fields.iter().map(|wrong| wrong.field.as_str()).collect();
    assert_eq!(
        places,
        ["schedules[0].rotations[0].participants[1]", "schedules[0].rotations[0].name"]
    );

    let span = ("2026-11-25T08:00:00Z", "2026-11-25T20:00:00Z");
    let made = stand_in(&server, "bob", "bob", span, None).await.expect("stands in");
    let kept = configure(world.into(), true).await.expect_err("agreed");
    assert_eq!(kept.fields[0].message, "Schedule `primary` has overrides from now on: 1.");
    let removed = server.call("alice", &DELETE_SCHEDULE, PRIMARY.into(), NONE, NONE).await;
    assert_eq!(removed.expect_err("agreed").kind, Kind::Refused);
    let renamed = FILE.replace("\"primary\"", "\"first\"\nrenamed_from = \"primary\"");
    let renamed = configure(format!("{world}{renamed}"), true).await.expect("renamed");
    assert_eq!(renamed.changes[0].fields[0].to_string(), "slug: primary → first");
    let path = ("first".to_owned(), made.id);
    server.call("bob", &END_OVERRIDE, path, NONE, NONE).await.expect("ended");
    let pruned = configure(world.into(), true).await.expect("pruned");
    assert_eq!((pruned.changes.len(), pruned.changes[0].name.as_str()), (1, "first"));
}

/// Runs a command as bob: exit code, stdout, stderr.
fn command(server: &TestServer, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = incidentd();
    command.args(arguments).env("INCIDENTD_URL", &server.url);
    command.env("INCIDENTD_TOKEN", server.token("bob"));
    let output = run(&mut command, "");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands() {
    let server = TestServer::start().await;
    let document: Document = toml::from_str(FILE).expect("a document");
    server.server().app.apply(&Caller::host(), document).await.expect("applied");
    let gap = "primary\tpayments\t\t2026-11-23T08:00:00Z\talice\n";
    assert_eq!(command(&server, &["on-call"]).1, gap);
    let (_, list, _) = command(&server, &["schedule", "list"]);
    assert_eq!(list, "primary\tpayments\tEurope/Paris\tweekly\n");
    let arguments = ["--user", "me", "--from", "2026-11-24T15:00:00Z", "--until"];
    let arguments = [&["schedule", "override", PRIMARY], &arguments[..]].concat();
    let (code, out, said) = command(&server, &[&arguments[..], &["2026-11-24T17:00:00Z"]].concat());
    assert_eq!((code, out.as_str()), (Some(0), ""), "{said}");
    let stands_in = "bob stands in for everybody from 2026-11-24T15:00:00Z until \
                     2026-11-24T17:00:00Z (override 1).\n";
    assert_eq!(said, stands_in);
    let show = ["schedule", "show", PRIMARY, "--weeks", "1", "--from", "2026-11-24T10:00:00Z"];
    let (code, out, said) = command(&server, &show);
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<&str> = out.lines().take(3).collect();
    assert_eq!(
        lines,
        [
            "2026-11-24T10:00:00Z\t2026-11-24T15:00:00Z\t5:00\talice\tweekly",
            "2026-11-24T15:00:00Z\t2026-11-24T17:00:00Z\t2:00\tbob\toverride 1",
            "2026-11-24T17:00:00Z\t2026-11-25T08:00:00Z\t15:00\t\tgap",
        ]
    );
    assert_eq!(command(&server, &["schedule", "end", PRIMARY, "1"]).0, Some(0));
    let (code, _, said) = command(&server, &["schedule", "take", PRIMARY, "--for", "2h"]);
    assert!(code == Some(0) && said.contains("until 2026-11-23T05:00:00Z"), "{said}");
    let (code, out, _) = command(&server, &["on-call", "-o", "json"]);
    let items: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &items[0]["user"]["username"]), (Some(0), &json!("bob")));
    let swap = ["schedule", "swap", PRIMARY, "--with", "alice", "--from", "2026-11-24T10:00:00Z"];
    let (code, _, said) =
        command(&server, &[&swap[..], &["--until", "2026-11-24T12:00Z"]].concat());
    assert_eq!((code, said.lines().count()), (Some(0), 2), "{said}");
    assert_eq!(command(&server, &["schedule", "show", "nothing"]).0, Some(3));
    assert_eq!(command(&server, &["schedule", "take", PRIMARY, "--for", "soon"]).0, Some(2));
    assert_eq!(command(&server, &["schedule", "remove", PRIMARY]).0, Some(5));
}
