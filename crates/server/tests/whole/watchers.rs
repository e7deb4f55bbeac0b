//! Somebody asks to watch, the presentity sees it and decides, and the watcher's dialog follows: from end to end.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use client::{
    Basic, Client, Event, Identity, Options, Presence, State, Status, Termination, Update, Watching,
};
use serde_json::Value;
use server::server::Server;
use sip_stack::Protocol;

use crate::web::{Http, entrance, start};

const RULES: &str = "/xcap-root/org.openmobilealliance.pres-rules/users/sip:alice@example.com/pres-rules";

/// A server of several users, where nobody watches anybody who has not said so.
pub(crate) struct House {
    pub(crate) server: Server,
}

impl House {
    pub(crate) fn new(set: &[&str]) -> Self {
        Self::of(&["alice", "bob", "carol", "erin"], set)
    }

    /// With other users.
    pub(crate) fn of(users: &[&str], set: &[&str]) -> Self {
        let users: Vec<_> = users.iter().map(|name| format!("{name} = \"wonderland\"")).collect();
        let users = format!("authentication.users={{ {} }}", users.join(", "));
        let own = [
            "listen=tcp:127.0.0.1:0",
            "authentication.open=false",
            users.as_str(),
            "presence-server.watch=oneself",
            "presence-server.unmatched=confirm",
            "presence-server.pace=0s",
        ];
        Self { server: start(&[&own[..], set].concat()) }
    }

    pub(crate) fn command(&self, who: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.args(arguments).stdin(Stdio::null());
        command.env("ROLLCALL_IDENTITY", format!("{who}@example.com")).env("ROLLCALL_PASSWORD", "wonderland");
        command.env("ROLLCALL_XCAP_ROOT", format!("http://{}/xcap-root", entrance(&self.server)));
        command
    }

    /// Exit code, and what it said beside its output.
    pub(crate) fn run(&self, who: &str, arguments: &[&str]) -> (i32, String) {
        let output = self.command(who, arguments).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    pub(crate) fn sip(&self) -> String {
        self.server.listen()[0].address.to_string()
    }

    pub(crate) async fn client(&self, who: &str) -> Client {
        let mut options = Options::new(user(who));
        options.password = Some("wonderland".to_owned());
        options.server = Some(self.sip());
        options.protocol = Protocol::Tcp;
        Client::connect(options).await.unwrap()
    }

    fn rules(&self) -> String {
        // Over HTTP with the password, as curl would: the client does it.
        let output =
            self.command("alice", &["xcap", "get", "org.openmobilealliance.pres-rules"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

pub(crate) fn user(name: &str) -> Identity {
    format!("{name}@example.com").parse().unwrap()
}

/// `rollcall watchers --json`, line by line.
struct Table {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Table {
    fn follow(house: &House) -> Self {
        let words = ["watchers", "--json", "--tcp", "--server", &house.sip()];
        let mut process = house.command("alice", &words).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// Reads up to the line that says this of bob.
    fn until(&mut self, status: &str, why: &str) -> Value {
        loop {
            let line = self.lines.next().expect("the table goes on").unwrap();
            let row: Value = serde_json::from_str(&line).unwrap();
            if row["watcher"] == "sip:bob@example.com" && row["status"] == status {
                assert_eq!(row["why"], why, "{row}");
                return row;
            }
        }
    }

    fn end(mut self) {
        let ended = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().unwrap();
        assert!(ended.success() && self.process.wait().unwrap().success());
    }
}

async fn next(watching: &mut Watching) -> Update {
    match watching.next().await {
        Some(Event::Update(update)) => update,
        other => panic!("{other:?}"),
    }
}

fn note(update: &Update) -> Option<String> {
    update.presence.as_ref().and_then(|presence| presence.summary().notes.first().cloned())
}

fn document(presence: &Presence, user: &str) -> String {
    String::from_utf8(presence.bytes().to_vec()).unwrap().replace(user, "")
}

#[test]
fn a_watcher_is_seen_waiting_and_what_is_decided_reaches_its_dialog_by_itself() {
    let house = House::new(&[]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut table = Table::follow(&house);
    runtime.block_on(async {
        let alice = house.client("alice").await;
        let mut publication = alice.publish(said("in the garden")).await.unwrap();
        let bob = house.client("bob").await;
        let mut watching = bob.watch(user("alice"));
        let first = next(&mut watching).await;
        assert_eq!(
            (first.state, first.presence.is_none()),
            (State::Pending, true),
            "nothing before a decision"
        );
        table.until("pending", "subscribe");

        let (code, told) = house.run("alice", &["approve", "bob@example.com"]);
        assert_eq!(code, 0, "{told}");
        assert!(told.contains("bob@example.com is approved") && told.contains("your first rules"), "{told}");
        let shown = next(&mut watching).await;
        assert_eq!((shown.state, note(&shown)), (State::Active, Some("in the garden".to_owned())));
        table.until("active", "approved");
        let rules = house.rules();
        let (code, told) = house.run("alice", &["approve", "sip:bob@EXAMPLE.com"]);
        assert_eq!((code, told.as_str()), (0, "bob@example.com is already approved\n"));
        assert_eq!(house.rules(), rules, "twice is once");

        // Politely blocked, bob sees what there is to see of somebody who is not there, and nothing of what comes.
        assert_eq!(house.run("alice", &["polite-block", "bob@example.com"]).0, 0);
        let polite = next(&mut watching).await;
        let erin = house.client("erin").await;
        let mut absent = erin.watch(user("erin"));
        let absent = next(&mut absent).await.presence.unwrap();
        assert_eq!(polite.state, State::Active);
        assert_eq!(document(&polite.presence.unwrap(), "alice"), document(&absent, "erin"));
        publication.update(said("bob does not see it")).await.unwrap();

        assert_eq!(house.run("alice", &["block", "bob@example.com"]).0, 0);
        let over = next(&mut watching).await;
        assert_eq!((over.state, over.reason.as_deref()), (State::Terminated, Some("rejected")));
        assert!(over.presence.is_none());
        assert!(matches!(
            watching.next().await,
            Some(Event::Over(Termination::Ended { reason })) if reason == "rejected"
        ));
        table.until("terminated", "rejected");
        publication.remove().await;
        bob.close().await;
    });
    let rules = house.rules();
    assert_eq!(rules.matches("sip:bob@example.com").count(), 1, "{rules}");
    table.end();
    assert_eq!(house.server.stop(), Ok(()));
}

fn said(note: &str) -> Status {
    Status { note: Some(note.to_owned()), ..Status::new(Basic::Open) }
}

#[test]
fn the_table_is_shown_once_and_says_what_can_be_done() {
    let house = House::new(&[]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let bob = house.client("bob").await;
        let mut watching = bob.watch(user("alice"));
        next(&mut watching).await;
        let words = ["watchers", "--once", "--tcp", "--server", &house.sip()];
        let output = house.command("alice", &words).output().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success());
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[0].starts_with("pending     bob@example.com  asked "), "{shown}");
        assert_eq!(lines[1], "decide: rollcall approve bob@example.com (or block, or polite-block)");
        let nobody = house.command("carol", &words).output().unwrap();
        assert_eq!(String::from_utf8(nobody.stdout).unwrap(), "nobody\n");
        bob.close().await;
    });
    assert_eq!(house.server.stop(), Ok(()));
}

#[test]
fn what_others_wrote_stays_and_a_vain_decision_is_told_as_such() {
    let house = House::new(&["authentication.open=true"]);
    let mut http = Http::connect(entrance(&house.server));
    let friends = "<cr:rule id=\"friends\"><cr:conditions><cr:identity><cr:many domain=\"example.com\"/></cr:identity>\
        </cr:conditions><cr:actions><pr:sub-handling>allow</pr:sub-handling></cr:actions></cr:rule>";
    let written = format!(
        "<cr:ruleset xmlns:cr=\"urn:ietf:params:xml:ns:common-policy\" xmlns:pr=\"urn:ietf:params:xml:ns:pres-rules\">\
         <!-- by hand -->{friends}</cr:ruleset>"
    );
    let put = http.ask("PUT", RULES, &["Content-Type: application/auth-policy+xml"], &written);
    assert_eq!(put.status, 201, "{}", put.text());
    let (code, told) = house.run("alice", &["block", "bob@example.com"]);
    assert_eq!(code, 3);
    assert!(told.contains("bob@example.com is blocked\n"), "{told}");
    let vain = "that has no effect: org.openmobilealliance.pres-rules/friends grants more";
    assert!(told.contains(vain), "{told}");
    assert!(http.ask("GET", RULES, &[], "").text().starts_with(written.trim_end_matches("</cr:ruleset>")));
    assert_eq!(house.run("alice", &["block", "dave@example.net"]).0, 0);

    let anonymous = house.run("alice", &["block", "anonymous@anonymous.invalid"]);
    assert!(anonymous.0 == 3 && anonymous.1.contains("single anonymous watcher"), "{anonymous:?}");
    let (code, told) = house.run("alice", &["block", "nobody at all"]);
    assert!(code == 2 && told.contains("write user@domain"), "{told}");
    assert_eq!(house.server.stop(), Ok(()));
}
