//! What goes wrong in the company of the demo.

/// Who sends it: the name of the integration, and the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Prometheus by way of its Alertmanager.
    Prometheus,
    Grafana,
    /// `curl` in somebody's script.
    Cron,
}

impl Sender {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Grafana => "grafana",
            Self::Cron => "cron",
        }
    }

    /// The last part of the address.
    #[must_use]
    pub const fn format(self) -> &'static str {
        match self {
            Self::Prometheus => "alertmanager",
            Self::Grafana => "grafana",
            Self::Cron => "generic",
        }
    }
}

/// A thing that goes wrong in one of several places.
#[derive(Debug)]
pub struct Kind {
    pub team: &'static str,
    pub service: &'static str,
    pub sender: Sender,
    pub name: &'static str,
    pub severity: &'static str,
    /// `{}` is the place.
    pub title: &'static str,
    pub about: &'static str,
    pub places: &'static [&'static str],
    /// Alerts that come together as one.
    pub size: usize,
    /// What people write while they look, and when it is over.
    pub note: &'static str,
    pub end: &'static str,
}

use Sender::{Cron, Grafana, Prometheus};

const fn payments(service: &'static str, sender: Sender, name: &'static str) -> Kind {
    kind("payments", service, sender, name)
}

const fn platform(service: &'static str, sender: Sender, name: &'static str) -> Kind {
    kind("platform", service, sender, name)
}

const fn kind(
    team: &'static str,
    service: &'static str,
    sender: Sender,
    name: &'static str,
) -> Kind {
    let (severity, title, about, places) = ("critical", "", "", [].as_slice());
    Kind { team, service, sender, name, severity, title, about, places, size: 1, note: "", end: "" }
}

pub const DISK_FULL: &str = "DiskFull";
pub const CERTIFICATE: &str = "CertificateExpires";
pub const INVOICES: &str = "InvoiceRunFailed";
pub const SLOW_BACKUP: &str = "BackupSlow";
pub const NIGHTLY: &str = "NightlyFailed";
pub const REPLICA_LAG: &str = "ReplicaLag";
pub const DECLINED: &str = "PaymentsDeclined";
pub const DISK_FILLS: &str = "DiskFills";
/// It comes and goes.
pub const FLAPS: &str = "HealthCheckFails";

pub const KINDS: &[Kind] = &[
    Kind {
        title: "Disk full on {}",
        about: "97 % of /var are used. It grows by 2 GB an hour.",
        places: &["db-1", "db-2", "db-3"],
        size: 3,
        note: "Friday's snapshots can go.",
        end: "Removed old snapshots; 41 % are free.",
        ..payments("checkout", Prometheus, DISK_FULL)
    },
    Kind {
        title: "Checkout answers 5xx in {}",
        about: "4.2 % of requests fail, most of them in POST /orders.",
        places: &["eu-1", "us-1"],
        size: 4,
        note: "Began with release 2026.47.2. Rolling back.",
        end: "Rolled back to 2026.47.1.",
        ..payments("checkout", Prometheus, "CheckoutErrors")
    },
    Kind {
        severity: "warning",
        title: "Checkout is slow in {}: p99 above 2 s",
        about: "The slow requests wait for the stock service.",
        places: &["eu-1", "us-1"],
        ..payments("checkout", Prometheus, "CheckoutSlow")
    },
    Kind {
        title: "Health check of {} fails",
        about: "GET /healthz: no answer within 5 s.",
        places: &["cart", "search", "login"],
        note: "Restarts by itself: it runs out of memory.",
        end: "Raised its memory limit to 2 GB.",
        ..payments("checkout", Prometheus, FLAPS)
    },
    Kind {
        severity: "error",
        title: "Card payments declined by {}",
        about: "31 % of payments are declined; 4 % are usual.",
        places: &["Cardbridge", "Paynorth"],
        note: "Their status page admits it. Asked them for a time.",
        end: "Sent through the other acquirer meanwhile; they are back.",
        ..payments("billing", Grafana, DECLINED)
    },
    Kind {
        severity: "warning",
        title: "Queue {} grows",
        about: "12,400 messages wait, the oldest for 18 min.",
        places: &["invoices", "refunds", "receipts"],
        note: "One poisoned message; moved it aside.",
        end: "The queue is empty again.",
        ..payments("billing", Grafana, "QueueGrows")
    },
    Kind {
        severity: "error",
        title: "Invoice run failed for {}",
        about: "exit status 3: no exchange rate for 2026-11-22",
        places: &["tenant 118", "tenant 204", "tenant 377"],
        note: "The rates came late. Ran it by hand.",
        end: "Ran it again, all invoices are out.",
        ..payments("billing", Cron, INVOICES)
    },
    Kind {
        title: "Certificate of {} expires in 2 days",
        about: "The renewal failed three times: the challenge got a 404.",
        places: &["api.example.com", "shop.example.com"],
        note: "The new proxy does not pass /.well-known on.",
        end: "Renewed, good for 90 days.",
        ..platform("edge", Prometheus, CERTIFICATE)
    },
    Kind {
        title: "Edge {} does not answer",
        about: "4 of 5 probes time out.",
        places: &["fra-2", "iad-1", "sin-1"],
        note: "Taken out of DNS; the provider looks at its power.",
        end: "Back in DNS.",
        ..platform("edge", Prometheus, "EdgeDown")
    },
    Kind {
        severity: "warning",
        title: "Latency at {} above 300 ms",
        about: "p95 is 412 ms, 120 ms are usual.",
        places: &["fra-2", "iad-1", "sin-1"],
        ..platform("edge", Grafana, "LatencyHigh")
    },
    Kind {
        title: "Replica lag on {}",
        about: "It is 340 s behind and falls further back.",
        places: &["db-2", "db-4"],
        size: 12,
        note: "A report holds it up; asked its owner to stop.",
        end: "The report was stopped, the replica has caught up.",
        ..platform("postgres", Prometheus, REPLICA_LAG)
    },
    Kind {
        severity: "warning",
        title: "Disk of {} full in 18 h",
        about: "predict_linear says so since 20 min.",
        places: &["db-1", "db-4", "logs-1"],
        ..platform("postgres", Prometheus, DISK_FILLS)
    },
    Kind {
        severity: "error",
        title: "Backup of {} failed",
        about: "rsync: connection unexpectedly closed (0 bytes received so far)",
        places: &["orders", "customers", "ledger"],
        note: "The target was rebooted. Running again.",
        end: "The second run went through.",
        ..platform("postgres", Cron, "BackupFailed")
    },
    Kind {
        severity: "warning",
        title: "Backup of {} slow",
        about: "It runs for 5 h; 40 min are usual.",
        places: &["orders", "customers", "ledger"],
        ..platform("postgres", Cron, SLOW_BACKUP)
    },
    Kind {
        severity: "info",
        title: "Nightly build of {} failed",
        about: "3 of 1,204 tests failed.",
        places: &["web", "api", "ios"],
        note: "A flaky test. Ran it again.",
        end: "Green.",
        ..platform("ci", Cron, NIGHTLY)
    },
    Kind {
        severity: "warning",
        title: "Runner {} is stuck",
        about: "The same job for 3 h.",
        places: &["runner-3", "runner-7"],
        note: "Killed the job.",
        end: "Restarted the runner.",
        ..platform("ci", Cron, "RunnerStuck")
    },
];
