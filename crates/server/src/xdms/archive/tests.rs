//! The document servers on a store whose commits are made when the test says so.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use node::Partition;
use sip_stack::Timestamp;
use store::MemoryDocs;
use store::docs::{self, Doc, Feed, Position, wait};
use xdm::{Conditions, Limits, Principal};

use super::*;

const OWNER: &str = "sip:alice@example.com";
const EMPTY: &[u8] = br#"<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"/>"#;

/// Commits wait for [`Late::catch_up`], in their order; whoever asked has to ask again.
#[derive(Default)]
struct Late {
    docs: MemoryDocs,
    waiting: Mutex<Vec<Commit>>,
    late: bool,
}

impl Late {
    fn catch_up(&self) {
        for commit in core::mem::take(&mut *self.waiting.lock().unwrap()) {
            wait(self.docs.commit(commit)).unwrap();
        }
    }
}

impl DocStore for Late {
    async fn get(&self, document: &DocumentSelector) -> Result<Option<Doc>, StoreError> {
        self.docs.get(document).await
    }

    async fn list(&self, auid: &str, tree: &Tree) -> Result<Vec<docs::Listed>, StoreError> {
        self.docs.list(auid, tree).await
    }

    async fn list_tree(&self, tree: &Tree) -> Result<Vec<docs::Listed>, StoreError> {
        self.docs.list_tree(tree).await
    }

    async fn users(&self, auid: &str) -> Result<Vec<Arc<str>>, StoreError> {
        self.docs.users(auid).await
    }

    async fn commit(&self, commit: Commit) -> Result<Outcome, StoreError> {
        if self.late {
            self.waiting.lock().unwrap().push(commit);
            core::future::pending::<()>().await;
            return Err(StoreError::Unknown);
        }
        self.docs.commit(commit).await
    }

    async fn delete_tree(&self, tree: &Tree, at: Timestamp) -> Result<Outcome, StoreError> {
        self.docs.delete_tree(tree, at).await
    }

    async fn changes(&self, partition: Partition, after: Position, max: usize) -> Result<Feed, StoreError> {
        self.docs.changes(partition, after, max).await
    }

    async fn head(&self, partition: Partition) -> Result<Position, StoreError> {
        self.docs.head(partition).await
    }

    async fn trim(&self, partition: Partition, through: Position) -> Result<(), StoreError> {
        self.docs.trim(partition, through).await
    }

    fn listen(&self, listener: Listener) {
        self.docs.listen(listener);
    }
}

fn archive(limits: Limits, trees: usize, late: bool) -> Archive<Late> {
    let settings = Settings { limits, ..Settings::default() };
    let store = Arc::new(Late { late, ..Late::default() });
    wait(Archive::open(settings, trees, store, Epoch(1), Clock::new(), Audit::off(), Box::new(|_| {})))
        .unwrap()
}

fn request<'a>(method: Method, path: &'a str, body: &'a [u8], principal: &'a Principal) -> Request<'a> {
    let kind = if path.contains("~~") { "application/xcap-el+xml" } else { "application/resource-lists+xml" };
    Request {
        method,
        path,
        query: None,
        conditions: Conditions::default(),
        content_type: (method == Method::Put).then_some(kind),
        body,
        standing: None,
        principal,
    }
}

fn path(name: &str) -> String {
    format!("/resource-lists/users/{OWNER}/{name}")
}

fn alice() -> Principal {
    Principal::user(Aor::parse(OWNER).unwrap())
}

#[test]
fn clients_that_go_away_while_their_documents_are_written_do_not_exceed_a_limit() {
    for limits in
        [Limits { documents: 3, ..Limits::default() }, Limits { bytes: 3 * EMPTY.len(), ..Limits::default() }]
    {
        let archive = archive(limits, 1 << 20, true);
        let alice = alice();
        for number in 0..10 {
            let path = path(&number.to_string());
            let asked = request(Method::Put, &path, EMPTY, &alice);
            let mut answer = pin!(archive.answer(&asked));
            let polled = answer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Pending), "its commit is under way");
        }
        archive.store.catch_up();
        let tree = Tree::User(OWNER.into());
        assert_eq!(wait(archive.store.list_tree(&tree)).unwrap().len(), 3);
    }
}

#[test]
fn whoever_exceeds_a_limit_is_told_which() {
    let limits = Limits { documents: 1, ..Limits::default() };
    let (archive, alice) = (archive(limits, 1 << 20, false), alice());
    let put = |name| wait(archive.answer(&request(Method::Put, &path(name), EMPTY, &alice))).unwrap();
    assert_eq!(put("index").status, 201);
    let refused = put("other");
    assert_eq!(refused.status, 409);
    assert!(String::from_utf8_lossy(&refused.body).contains("max-documents"));
}

/// The same requests with trees kept and without, and documents changed by other hands in between.
#[test]
fn a_tree_that_is_kept_is_of_the_version_that_is_stored() {
    let kept = archive(Limits::default(), 1 << 20, false);
    let bare = archive(Limits::default(), 0, false);
    let (alice, index) = (alice(), path("index"));
    let whole = |entry: &str| {
        let text = String::from_utf8_lossy(EMPTY).replace("/>", ">");
        format!("{text}<list name=\"a\">{entry}</list></resource-lists>")
    };
    let element = format!("{index}/~~/resource-lists/list/entry%5b@uri=%22a%22%5d");
    let (one, other) = ("<entry uri=\"a\"/>", "<entry uri=\"a\"><display-name>A</display-name></entry>");
    let by_hand = whole("<!-- other hands --><entry uri='a'/>");
    let ask = |method, path: &str, body: &str| {
        let asked = request(method, path, body.as_bytes(), &alice);
        let answers = [&kept, &bare].map(|archive| wait(archive.answer(&asked)).unwrap());
        assert_eq!((answers[0].status, &answers[0].body), (answers[1].status, &answers[1].body), "{path}");
        (answers[0].status, String::from_utf8_lossy(&answers[0].body).into_owned())
    };
    assert_eq!(ask(Method::Put, &index, &whole("")).0, 201);
    assert_eq!(ask(Method::Put, &element, one).0, 201);
    assert!(kept.trees_bytes() > 0 && bare.trees_bytes() == 0);
    assert_eq!(ask(Method::Get, &element, ""), (200, one.to_owned()));
    assert_eq!(ask(Method::Put, &element, other).0, 200);
    assert_eq!(ask(Method::Get, &element, ""), (200, other.to_owned()));
    for archive in [&kept, &bare] {
        let document = DocumentSelector::of_user("resource-lists", OWNER, "index");
        let write = Write::Put { etag: ETag("hand".into()), mime: None, body: by_hand.as_bytes().into() };
        let DocumentSelector { auid, tree, name } = document;
        let operations = vec![Operation { auid, name, precondition: Precondition::Exists, write }];
        wait(archive.store.commit(Commit { tree, at: Timestamp::ZERO, operations, room: None })).unwrap();
    }
    assert_eq!(ask(Method::Get, &element, ""), (200, "<entry uri='a'/>".to_owned()));
    assert_eq!(ask(Method::Put, &element, one).0, 200);
    assert_eq!(ask(Method::Get, &index, "").1, by_hand.replace('\'', "\""));
    assert_eq!(ask(Method::Delete, &index, "").0, 200);
    assert_eq!(kept.trees_bytes(), 0, "what is gone takes no memory");
    assert_eq!(ask(Method::Get, &element, "").0, 404);
}
