//! A name that means something public when it is looked at and something private a moment later.
//! In a network of the test's own, where its name server is the only one and a public address is
//! this machine's.
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::ConnectInfo;
use incidentd::clock::Clock;
use incidentd::config::Config;
use incidentd::notify::{Failure, Notifier};

use crate::channels::{incident, key, page};

const INSIDE: &str = "INCIDENTD_TEST_INSIDE";
const PUBLIC: Ipv4Addr = Ipv4Addr::new(93, 184, 215, 14);
const PRIVATE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Runs the rest of the command line where `lo` has a public address, too, and names are asked of
/// it alone.
const APART: &str = "ip link set lo up && ip address add 93.184.215.14/32 dev lo \
    && echo nameserver 127.0.0.1 > $DIR/resolv && mount --bind $DIR/resolv /etc/resolv.conf \
    && exec \"$@\"";

/// A message of DNS in answer to `asked`: these addresses, of which the next time others hold.
fn answer(asked: &[u8], addresses: &[Ipv4Addr]) -> Vec<u8> {
    let name = asked[12..].iter().position(|byte| *byte == 0).expect("a name");
    let question = &asked[12..12 + name + 5];
    let is_a = question[name + 1..name + 3] == [0, 1];
    let addresses = if is_a { addresses } else { &[] };
    let count = u8::try_from(addresses.len()).expect("few");
    let mut answer = [&asked[..2], &[0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0], question].concat();
    for address in addresses {
        // The name as above, A, IN, good for no time at all.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend(address.octets());
    }
    answer
}

/// What names mean, one lookup after the other; the last meaning stays.
fn name_server(mut meanings: Vec<Vec<Ipv4Addr>>) -> Arc<AtomicUsize> {
    let socket = UdpSocket::bind((PRIVATE, 53)).expect("root of its own network");
    let lookups = Arc::new(AtomicUsize::new(0));
    let counted = lookups.clone();
    std::thread::spawn(move || {
        let mut asked = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut asked) {
            let answer = answer(&asked[..length], &meanings[0]);
            // Both families are asked for; that of IPv4 counts.
            if answer[7] > 0 {
                counted.fetch_add(1, Ordering::SeqCst);
                if meanings.len() > 1 {
                    meanings.remove(0);
                }
            }
            socket.send_to(&answer, from).expect("sent");
        }
    });
    lookups
}

/// The addresses at which somebody called; whoever calls is led to what is inside.
async fn far_end() -> (u16, Arc<Mutex<Vec<IpAddr>>>) {
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let called = Arc::new(Mutex::new(Vec::new()));
    let hits = called.clone();
    // The caller's own address is that which he called, as all of them are this machine's.
    let hear = move |ConnectInfo(from): ConnectInfo<std::net::SocketAddr>| {
        hits.lock().expect("unpoisoned").push(from.ip());
        let inside = format!("http://127.0.0.1:{port}/inside");
        std::future::ready((axum::http::StatusCode::FOUND, [("location", inside)]))
    };
    let router = axum::Router::new().fallback(hear);
    let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    (port, called)
}

async fn inside() {
    let both = vec![PRIVATE, PUBLIC];
    let lookups = name_server(vec![vec![PUBLIC], vec![PRIVATE], both, vec![PRIVATE]]);
    let (port, called) = far_end().await;
    let hits = || std::mem::take(&mut *called.lock().expect("unpoisoned"));
    let notifier = Notifier::new(&Config::default(), Clock::System, key()).expect("defaults");
    let message = page(vec![incident(42, "disk full")]);
    let address = format!("http://sly.example.com:{port}/hook");

    // It means the public one while it is looked at: that is where the connection goes, once, and
    // nobody follows the far end's hint.
    let outcome = notifier.send("webhook", &address, &message).await.expect_err("led elsewhere");
    assert!(outcome.why().contains("redirects are not followed"), "{outcome:?}");
    assert_eq!((hits(), lookups.load(Ordering::SeqCst)), (vec![IpAddr::V4(PUBLIC)], 1));

    // A moment later it means this machine. (Another client: the first holds its connection.)
    let notifier = Notifier::new(&Config::default(), Clock::System, key()).expect("defaults");
    let sent = async || notifier.send("webhook", &address, &message).await.expect_err("refused");
    let outcome = sent().await;
    assert!(
        matches!(&outcome, Failure::Never { why } if why.contains("private network")),
        "{outcome:?}"
    );
    assert_eq!((hits(), lookups.load(Ordering::SeqCst)), (vec![], 2));

    // Both at once: the public one alone is called.
    sent().await;
    assert_eq!((hits(), lookups.load(Ordering::SeqCst)), (vec![IpAddr::V4(PUBLIC)], 3));
}

#[test]
fn a_name_that_changes_its_meaning_leads_nowhere_private() {
    if std::env::var_os(INSIDE).is_some() {
        tokio::runtime::Runtime::new().expect("a runtime").block_on(inside());
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let apart = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "--net", "sh", "-c", script, "sh"]);
        command.env("DIR", dir.path()).env(INSIDE, "1");
        command
    };
    // In some containers nobody may have a network of his own: there it is not tried.
    let possible = apart(APART).arg("true").stderr(Stdio::null()).status();
    if !possible.is_ok_and(|status| status.success()) {
        return;
    }
    let this = std::env::current_exe().expect("this program");
    let name = "rebinding::a_name_that_changes_its_meaning_leads_nowhere_private";
    let ran = apart(APART).arg(this).args(["--exact", name, "--nocapture"]).output().expect("ran");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
