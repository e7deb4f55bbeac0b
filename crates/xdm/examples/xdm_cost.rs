//! What a request for a list of 10 KiB costs the machine, in nanoseconds, store and HTTP apart.
//!
//! `cargo run --release -p rollcall-xdm --example xdm_cost`

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::time::Instant;

use sip::Aor;
use sip_stack::Timestamp;
use xcap::{DocumentSelector, ETag};
use xdm::{
    Conditions, Decision, EntityTags, Index, Listed, Method, Principal, Request, Settings, Snapshot, Stored,
    Xdms,
};

/// Many short rounds, so that some are not disturbed by what else the machine does.
const ROUNDS: usize = 300;
const PER_ROUND: u32 = 50;
const DOCUMENT: &str = "/resource-lists/users/sip:alice@example.com/index";
const ENTRY: &str = "/resource-lists/users/sip:alice@example.com/index/~~/resource-lists/list%5b@name=%22friends%22%5d/entry%5b@uri=%22sip:user50@example.com%22%5d";
const BODY: &[u8] =
    br#"<entry uri="sip:user50@example.com"><display-name>Somebody else</display-name></entry>"#;

fn main() -> io::Result<()> {
    let xdms = Xdms::new(Settings::default());
    let alice = Principal::user(Aor::parse("sip:alice@example.com").map_err(io::Error::other)?);
    let index = Index::new(1);
    let list = list();
    let snapshot = Snapshot {
        document: Some(Stored {
            etag: ETag("1.0".into()),
            body: list.as_bytes().into(),
            modified: Timestamp::from_secs(1),
        }),
        reading: None,
        listing: listing(),
        index: &index,
    };
    let mut tags = EntityTags::new(1, 0);
    let request = |method, path, content_type, body| Request {
        method,
        path,
        query: None,
        conditions: Conditions::default(),
        content_type,
        body,
        standing: None,
        principal: &alice,
    };
    let mut ask = |request: &Request<'_>, snapshot: &Snapshot<'_>| {
        let Ok(plan) = xdms.plan(black_box(request)) else { return None };
        Some(xdms.decide(Timestamp::from_secs(2), request, &plan, black_box(snapshot), &mut tags))
    };
    let element = Some("application/xcap-el+xml");
    let whole = Some("application/resource-lists+xml");
    let cases: [(&str, u16, Request<'_>); 5] = [
        ("GET of the document", 200, request(Method::Get, DOCUMENT, None, b"")),
        ("GET of an entry", 200, request(Method::Get, ENTRY, None, b"")),
        ("PUT of an entry", 200, request(Method::Put, ENTRY, element, BODY)),
        ("DELETE of an entry", 200, request(Method::Delete, ENTRY, None, b"")),
        ("PUT of the document, another one", 200, request(Method::Put, DOCUMENT, whole, list.as_bytes())),
    ];
    let other = list.replace("Person 7<", "Person 8<");
    let mut out = io::stdout().lock();
    writeln!(out, "{} bytes; best of {ROUNDS} rounds", list.len())?;
    // As it is kept after the document was put: what is stored now was judged.
    let put = request(Method::Put, DOCUMENT, whole, list.as_bytes());
    let judged = ask(&put, &Snapshot { document: None, ..snapshot.clone() });
    let kept = Snapshot { reading: judged.and_then(|decision| decision.reading), ..snapshot.clone() };
    for (what, status, mut request) in cases {
        if request.method == Method::Put && request.path == DOCUMENT {
            request.body = other.as_bytes();
        }
        for (how, snapshot) in [("", &snapshot), (", its tree kept", &kept)] {
            let decided: Option<Decision> = ask(&request, snapshot);
            assert_eq!(decided.map(|decision| decision.answer.status), Some(status), "{what}");
            writeln!(out, "{:>8.0} ns  {what}{how}", cost(|| drop(black_box(ask(&request, snapshot)))))?;
        }
    }
    let bytes = list.as_bytes();
    let limits = xml::Limits::NONE;
    let read = cost(|| drop(black_box(xml::Tree::read(black_box(bytes), &limits))));
    writeln!(out, "{read:>8.0} ns  of these: xml::Tree::read, each time")?;
    let tree = xml::Tree::read(bytes, &limits).map_err(io::Error::other)?;
    let grammar = &documents::resource_lists::GRAMMAR;
    let check = cost(|| _ = black_box(xml::schema::check_tree(black_box(&tree), grammar)));
    writeln!(out, "{check:>8.0} ns  of these: the grammar")?;
    Ok(())
}

/// A list of a hundred entries.
fn list() -> String {
    let mut list = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\n  <list name=\"friends\">\n",
    );
    for number in 0..100 {
        _ = writeln!(
            list,
            "    <entry uri=\"sip:user{number}@example.com\">\n      <display-name>Person {number}</display-name>\n    </entry>"
        );
    }
    list.push_str("  </list>\n</resource-lists>\n");
    list
}

/// The ten documents of a usual user.
fn listing() -> Vec<Listed> {
    let listed = |number: u64| Listed {
        document: DocumentSelector::of_user("pres-rules", "sip:alice@example.com", &format!("d{number}")),
        etag: ETag("1.0".into()),
        modified: Timestamp::from_secs(1),
        bytes: 1000,
    };
    (0..10).map(listed).collect()
}

/// Nanoseconds per call: the best round, as the others were disturbed.
fn cost(mut work: impl FnMut()) -> f64 {
    (0..ROUNDS).fold(f64::INFINITY, |best, _| {
        let start = Instant::now();
        (0..PER_ROUND).for_each(|_| work());
        let round = start.elapsed().as_secs_f64() * 1e9 / f64::from(PER_ROUND);
        best.min(round)
    })
}
