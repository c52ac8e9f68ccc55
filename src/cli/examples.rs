//! What `--help` ends with: a line to copy for each command, kept readable by the parser itself.

/// What comes after the program's name.
const EXAMPLES: &[&str] = &[
    "serve --data-dir /var/lib/incidentd --listen 127.0.0.1:8080",
    "watch --team payments",
    "watch -o json | jq -c '[.at, .type, .incidentId]'",
    "list --service checkout --since 24h",
    "show 42",
    "timeline 42",
    "ack 42",
    "ack 42 43 --for 2h --note 'on it'",
    "ack $(incidentd list -q --service checkout)",
    "resolve 42 --note 'the disk was full'",
    "unack 42",
    "escalate 42",
    "reopen 42",
    "snooze 42 --until 08:00",
    "reassign 42 --to bob --note 'yours since yesterday'",
    "note 42 'the snapshots of Friday can go'",
    "merge 43 44 --into 42",
    "trigger --service checkout --title 'disk full' --label host=db-3",
    "page bob 'please look at the queue'",
    "page team:payments 'the bank calls' --urgency low",
    "login https://oncall.example.com",
    "logout",
    "whoami",
    "session list",
    "session end --others",
    "setup-link --data-dir /var/lib/incidentd",
    "user add bob --email bob@example.com --team payments:responder",
    "user list",
    "user show bob",
    "user edit bob --time-zone Europe/Paris",
    "user link bob",
    "user disable bob",
    "user enable bob",
    "user set-password",
    "token create --name deploy --scope respond --expires 90d",
    "token list",
    "token revoke 7",
    "team add payments --name Payments",
    "team list",
    "team set payments --name 'Payments and ledger'",
    "team remove payments",
    "team member add payments bob --role responder",
    "team member list payments",
    "team member remove payments bob",
    "service add checkout --team payments",
    "service list --team payments",
    "service set checkout --urgency high",
    "service remove checkout",
    "integration add checkout prometheus --source alertmanager",
    "integration list --service checkout",
    "integration set checkout/prometheus --name cluster-2",
    "integration rotate checkout/prometheus",
    "integration payloads checkout/prometheus",
    "integration test checkout/prometheus",
    "integration remove checkout/prometheus",
    "heartbeat add nightly-backup --service checkout --every 1d --grace 1h",
    "heartbeat list",
    "heartbeat set nightly-backup --grace 2h",
    "heartbeat rotate nightly-backup",
    "heartbeat remove nightly-backup",
    "heartbeat wrap --key KEY -- /usr/local/bin/backup --all",
    "contact list",
    "contact add phone --channel ntfy --address https://ntfy.example.com/bob-x7f3",
    "contact set phone --name pocket",
    "contact verify phone 123456",
    "contact code phone",
    "contact remove phone",
    "contact rules --high '0m=phone 5m=mail'",
    "notify test",
    "policy list --team payments",
    "policy show payments-default",
    "policy add nights --team payments --step 0m=schedule:primary --step 5m=team:payments",
    "policy set nights --repeat 2",
    "policy remove nights",
    "channel list",
    "channel add chat --team payments --channel slack --address https://hooks.slack.com/services/T",
    "channel set chat --slug payments-chat",
    "channel test chat",
    "channel remove chat",
    "webhook list",
    "webhook add https://example.com/hook --team payments",
    "webhook test 3",
    "webhook enable 3",
    "webhook disable 3",
    "webhook rotate 3",
    "webhook remove 3",
    "apply -f incidentd.toml --dry-run",
    "on-call --team payments --at 2026-12-24T20:00",
    "schedule list",
    "schedule show primary --weeks 4",
    "schedule override primary --user bob --until 09:00",
    "schedule swap primary --with bob --from 2026-12-24T09:00 --until 2026-12-25T09:00",
    "schedule take primary --for 2h",
    "schedule end primary 7",
    "schedule feed add primary",
    "schedule feed list",
    "schedule feed remove 7",
    "schedule remove primary",
    "route test host=db-3 --service checkout",
    "silence add --team payments @service=checkout severity!=critical --for 2h --reason deploy",
    "silence preview --team payments host=~db-.*",
    "silence list",
    "silence end 7",
    "audit --since 7d --user bob",
    "template render --template page.txt",
    "export > incidentd.toml",
    "backup /var/backups/incidentd.db",
    "doctor",
    "restore /var/backups/incidentd.db --data-dir /var/lib/incidentd",
    "config check --config /etc/incidentd.toml",
    "config example > /etc/incidentd.toml",
    "demo --tui",
    "completions bash",
    "version",
];

/// Is it a line that a shell makes more of than words?
pub fn is_of_shell(line: &str) -> bool {
    line.starts_with("  incidentd ") && ["$(", " | ", " > "].iter().any(|sign| line.contains(sign))
}

/// Is it one of this command, `silence add`?
fn is_of(example: &str, command: &str) -> bool {
    let rest = example.strip_prefix(command);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// The same command, each that it holds ending with its examples.
pub fn explained(command: clap::Command) -> clap::Command {
    shown(command, "")
}

fn shown(command: clap::Command, way: &str) -> clap::Command {
    if command.has_subcommands() {
        return command.mut_subcommands(|inner| {
            let way = format!("{way} {}", inner.get_name());
            shown(inner, way.trim_start())
        });
    }
    let lines: Vec<String> = EXAMPLES
        .iter()
        .filter(|example| is_of(example, way))
        .map(|example| format!("  incidentd {example}"))
        .collect();
    let more = command.get_after_help().map(|text| format!("\n\n{text}")).unwrap_or_default();
    match lines.as_slice() {
        [] => command,
        [one] => command.after_help(format!("Example:\n{one}{more}")),
        some => command.after_help(format!("Examples:\n{}{more}", some.join("\n"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(command: &clap::Command, way: &str, found: &mut Vec<String>) {
        for inner in command.get_subcommands() {
            let way = format!("{way} {}", inner.get_name());
            let way = way.trim_start();
            if inner.has_subcommands() {
                bare(inner, way, found);
            } else if !inner
                .get_after_help()
                .is_some_and(|help| help.to_string().contains(&format!("  incidentd {way}")))
            {
                found.push(way.to_owned());
            }
        }
    }

    #[test]
    fn every_command_shows_a_line_to_copy_that_can_be_read() {
        let mut found = Vec::new();
        bare(&super::super::command(), "", &mut found);
        assert!(found.is_empty(), "without an example: {found:?}");
        for example in EXAMPLES {
            // What the shell takes for itself.
            let line = example.split(" > ").next().unwrap_or_default();
            let line = line.split(" | ").next().unwrap_or_default();
            let line = line.replace("$(incidentd list -q --service checkout)", "42 43");
            let mut words = crate::tui::command::split(&line).expect("words");
            words.insert(0, "incidentd".into());
            let read = super::super::command().try_get_matches_from(words);
            assert!(read.is_ok(), "{example}: {}", read.expect_err("wrong"));
        }
    }
}
