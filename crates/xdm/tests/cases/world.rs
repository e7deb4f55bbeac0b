//! A store in memory around the machine, as a shell has one.

use std::collections::BTreeMap;
use std::sync::Arc;

use documents::rules::{Attribute, Permissions, Selection, SubHandling};
use sip::Aor;
use sip_stack::Timestamp;
use xcap::{Change, DocumentSelector, ETag, Tree, Version};
use xdm::{
    Commit, Conditions, Declared, EntityTags, Index, Listed, Method, Principal, Reading, Request, Services,
    Settings, Snapshot, Standing, Stored, Tightenings, Users, Write, Xdms,
};

use crate::script::{self, Answer};

/// The document servers of one case.
pub(crate) struct World {
    settings: Settings,
    xdms: Option<Xdms>,
    who: BTreeMap<String, Vec<String>>,
    /// What the rules of everybody let a user do, by his first URI.
    standings: BTreeMap<String, Standing>,
    documents: BTreeMap<DocumentSelector, Stored>,
    /// What was made of versions, as a shell keeps it: each request is decided with and without.
    readings: BTreeMap<(DocumentSelector, ETag), Reading>,
    index: Index,
    tags: EntityTags,
    now: Timestamp,
    all_fields: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            settings: Settings {
                domains: vec!["example.com".into()],
                roots: vec!["http://xcap.example.com".into()],
                declared: vec![Declared {
                    auid: "org.example.test".into(),
                    media_type: "application/x-test+xml".into(),
                    namespace: "urn:example:test".into(),
                    schema: None,
                }],
                ..Settings::default()
            },
            xdms: None,
            who: BTreeMap::new(),
            standings: BTreeMap::new(),
            documents: BTreeMap::new(),
            readings: BTreeMap::new(),
            index: Index::new(1),
            tags: EntityTags::new(1, 0),
            now: Timestamp::from_secs(1_900_000_000),
            all_fields: false,
        }
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let number = || value.parse().unwrap_or_else(|_| panic!("setting {name}: a number"));
        let limits = &mut self.settings.limits;
        match name {
            "profile" => {
                self.settings.tightenings =
                    if value == "oma" { Tightenings::OMA } else { Tightenings::default() }
            }
            "domains" => self.settings.domains = value.split_whitespace().map(Box::from).collect(),
            "roots" => self.settings.roots = value.split_whitespace().map(Box::from).collect(),
            "others" => self.settings.others = value.split_whitespace().map(Box::from).collect(),
            "users" | "certain-users" => {
                let known: Vec<String> = value.split_whitespace().map(str::to_owned).collect();
                let knows = Arc::new(move |user: &Aor| known.iter().any(|known| known == user.as_str()));
                self.settings.users =
                    if name == "users" { Users::Known(knows) } else { Users::Certain(knows) };
            }
            "service-shape" => {
                let parameter = format!(";{value}=");
                self.settings.services = Services::Shaped(Arc::new(move |uri| {
                    let (owner, _) = uri.split_once(&parameter)?;
                    Aor::parse(owner).ok()
                }));
            }
            "document-bytes" => limits.document = number(),
            "documents" => limits.documents = number(),
            "bytes" => limits.bytes = number(),
            "depth" => limits.depth = number(),
            "nodes" => limits.nodes = number(),
            "global-index" => limits.global_index = number(),
            "content-bytes" => self.settings.content.size = number(),
            "standing" => self.stand(value),
            "fields" => self.all_fields = value == "all",
            _ => panic!("an unknown setting {name}"),
        }
    }

    /// `<who> <handling> [shows-<attribute>|shows-all] [publishes-<attribute>|publishes-all] [handles-permanent]`
    fn stand(&mut self, value: &str) {
        let mut words = value.split_whitespace();
        let who = words.next().expect("who");
        let handling = words.next().and_then(SubHandling::read).expect("a sub-handling");
        let mut standing = Standing { handling, ..Standing::default() };
        let grant = |granted: &mut Permissions, word: &str| match word {
            "all" => *granted = Permissions::everything(),
            "services" => granted.services = Selection::All,
            "persons" => granted.persons = Selection::All,
            "status-icon" => granted.attributes.insert(Attribute::StatusIcon),
            "note" => granted.attributes.insert(Attribute::Note),
            "unknown" => drop(granted.unknown.insert(("urn:x".into(), "y".into()))),
            _ => panic!("setting standing: {word}"),
        };
        for word in words {
            match word.split_once('-') {
                Some(("shows", word)) => grant(&mut standing.shown, word),
                Some(("publishes", word)) => grant(standing.published.get_or_insert_default(), word),
                Some(("handles", "permanent")) => standing.permanent = true,
                _ => panic!("setting standing: {word}"),
            }
        }
        self.standings.insert(format!("sip:{who}@example.com"), standing);
    }

    pub(crate) fn name(&mut self, who: &str, uris: Vec<String>) {
        self.who.insert(who.to_owned(), uris);
    }

    fn xdms(&mut self) -> &Xdms {
        let settings = &self.settings;
        self.xdms.get_or_insert_with(|| Xdms::new(settings.clone()))
    }

    fn principal(&self, who: &str) -> Principal {
        match who {
            "anonymous" => Principal::Anonymous,
            "element" => Principal::Element,
            "provider" => Principal::Provider,
            _ => {
                let uris =
                    self.who.get(who).cloned().unwrap_or_else(|| vec![format!("sip:{who}@example.com")]);
                Principal::User(uris.iter().map(|uri| Aor::parse(uri).expect(uri)).collect())
            }
        }
    }

    /// Stores a document as if it had always been there.
    pub(crate) fn give(&mut self, path: &str, body: &str) {
        let (document, _) =
            self.xdms().select(path, None).unwrap_or_else(|refusal| panic!("{path}: {refusal}"));
        let etag = self.tags.give();
        self.write(&document, &Write::Put { etag, body: script::bytes(body).into() });
    }

    /// The bodies of all documents, by name.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (&DocumentSelector, &Stored)> {
        self.documents.iter()
    }

    /// The index as it came to be, and as a start would make it.
    pub(crate) fn indexes(&self) -> (&Index, Index) {
        let mut restored = Index::new(1);
        for (document, Stored { etag, body, .. }) in &self.documents {
            let current = Some(Version { etag: etag.clone(), body: Arc::clone(body) });
            restored.apply(&Change { document: document.clone(), previous: None, current });
        }
        (&self.index, restored)
    }

    pub(crate) fn stored(&mut self, path: &str) -> Option<String> {
        let (document, _) =
            self.xdms().select(path, None).unwrap_or_else(|refusal| panic!("{path}: {refusal}"));
        self.documents.get(&document).map(|stored| script::show(&stored.body))
    }

    fn write(&mut self, document: &DocumentSelector, write: &Write) {
        let previous = self.documents.get(document).map(|stored| stored.etag.clone());
        let current = match write {
            Write::Put { etag, body } => {
                let stored = Stored { etag: etag.clone(), body: Arc::clone(body), modified: self.now };
                self.documents.insert(document.clone(), stored);
                Some(Version { etag: etag.clone(), body: Arc::clone(body) })
            }
            Write::Delete => {
                self.documents.remove(document);
                None
            }
        };
        self.index.apply(&Change { document: document.clone(), previous, current });
    }

    /// Runs one request, and looks at what must hold of every answer.
    pub(crate) fn run(
        &mut self,
        who: &str,
        method: &str,
        target: &str,
        fields: &[(String, String)],
        body: Option<&str>,
    ) -> Answer {
        self.now = self.now + core::time::Duration::from_secs(1);
        let target = String::from_utf8(script::bytes(target)).expect("targets are text");
        let body = body.map(script::bytes).unwrap_or_default();
        let before = self.documents.clone();
        let answer = self.ask(&self.principal(who), method, &target, fields, &body);
        if answer.status >= 300 || !matches!(method, "PUT" | "DELETE") {
            assert!(self.documents == before, "{method} {target}: {} leaves no trace", answer.status);
        }
        match (method, answer.status) {
            ("PUT", 200 | 201) => self.look_after_put(&target, &answer, &body),
            ("DELETE", 200) => {
                let gone = self.ask(&Principal::Provider, "GET", &target, &[], &[]);
                assert_eq!(gone.status, 404, "{target}: nothing is selected after a DELETE");
            }
            _ => {}
        }
        self.shown(&answer)
    }

    /// GET(PUT(x)) == x, RFC 4825 §7, and the version is the one that was told.
    fn look_after_put(&mut self, target: &str, answer: &xdm::Answer, body: &[u8]) {
        let got = self.ask(&Principal::Provider, "GET", target, &[], &[]);
        assert_eq!(got.status, 200, "{target}: what was put can be had");
        assert_eq!(got.etag, answer.etag, "{target}: its version is that of the answer");
        let sent = if target.contains("~~") || target.contains("%7E") { body.trim_ascii() } else { body };
        assert!(*got.body == *sent, "{target}: GET gives what was put, not {}", script::show(&got.body));
    }

    fn ask(
        &mut self,
        principal: &Principal,
        method: &str,
        target: &str,
        fields: &[(String, String)],
        body: &[u8],
    ) -> xdm::Answer {
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let default_type = self.default_type(path);
        let field =
            |name: &str| fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
        let request = Request {
            method: Method::of(method),
            path,
            query,
            conditions: Conditions {
                if_match: field("If-Match"),
                if_none_match: field("If-None-Match"),
                if_modified_since: field("If-Modified-Since"),
                if_unmodified_since: field("If-Unmodified-Since"),
            },
            content_type: field("Content-Type").or(default_type.as_deref()).filter(|value| *value != "-"),
            body,
            principal,
            standing: None,
        };
        self.xdms();
        let xdms = self.xdms.as_ref().expect("it was just made");
        let standing = xdms.presentity(&request).map(|_| match principal {
            Principal::User(names) => self.standings.get(names[0].as_str()).cloned().unwrap_or_default(),
            _ => panic!("only of users rules are asked"),
        });
        let request = Request { standing: standing.as_ref(), ..request };
        let plan = match xdms.plan(&request) {
            Ok(plan) => plan,
            Err(answer) => return answer,
        };
        let snapshot = Snapshot {
            document: plan.document().and_then(|document| self.documents.get(document).cloned()),
            reading: None,
            listing: plan.listing().map(|tree| listing(&self.documents, tree)).unwrap_or_default(),
            index: &self.index,
        };
        let mut tags = self.tags.clone();
        let mut decision = xdms.decide(self.now, &request, &plan, &snapshot, &mut self.tags);
        let version =
            plan.document().cloned().zip(snapshot.document.as_ref().map(|stored| stored.etag.clone()));
        if let Some(kept) = version.and_then(|version| self.readings.get(&version)) {
            let snapshot = Snapshot { reading: Some(kept.clone()), ..snapshot };
            let same = xdms.decide(self.now, &request, &plan, &snapshot, &mut tags);
            assert_eq!(same.answer, decision.answer, "{method} {target} with what was read before");
            assert_eq!(same.commit, decision.commit, "{method} {target} with what was read before");
            decision.reading = same.reading;
        }
        let version = match &decision.commit {
            Some(Commit { write: Write::Put { etag, .. }, .. }) => Some(etag.clone()),
            Some(Commit { write: Write::Delete, .. }) => None,
            None => decision.answer.etag.clone(),
        };
        if let (Some(version), Some(reading)) = (plan.document().cloned().zip(version), decision.reading) {
            self.readings.insert(version, reading);
        }
        if let Some(commit) = decision.commit {
            assert!(decision.answer.status < 300, "a refusal commits nothing");
            self.commit(&commit);
        }
        decision.answer
    }

    fn commit(&mut self, commit: &Commit) {
        let current = self.documents.get(&commit.document).map(|stored| stored.etag.clone());
        assert_eq!(current, commit.expected, "nobody else writes");
        assert!(commit.services.is_empty() || self.index.reserve(commit), "what is free can be reserved");
        self.write(&commit.document, &commit.write);
        self.index.release(commit);
    }

    /// The media type that a body has if a case does not say another.
    fn default_type(&mut self, path: &str) -> Option<String> {
        let last = path.rsplit('/').next().unwrap_or_default();
        let is_node = path.contains("/~~/");
        if is_node && (last.starts_with('@') || last.starts_with("%40")) {
            return Some("application/xcap-att+xml".to_owned());
        }
        if is_node {
            return Some("application/xcap-el+xml".to_owned());
        }
        let auid = path.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
        self.xdms().usage(&auid).map(|(_, media_type)| media_type.to_owned())
    }

    fn shown(&self, answer: &xdm::Answer) -> Answer {
        let is_dull = |name: &str| matches!(name, "Cache-Control" | "Last-Modified") && !self.all_fields;
        let fields = answer.fields().filter(|(name, _)| !is_dull(name));
        Answer {
            status: answer.status,
            fields: fields.map(|(name, value)| (name.to_owned(), value.into_owned())).collect(),
            body: (!answer.body.is_empty()).then(|| script::show(&answer.body)),
        }
    }
}

fn listing(documents: &BTreeMap<DocumentSelector, Stored>, tree: &Tree) -> Vec<Listed> {
    let of_tree = documents.iter().filter(|(document, _)| document.tree == *tree);
    let listed = |(document, stored): (&DocumentSelector, &Stored)| Listed {
        document: document.clone(),
        etag: stored.etag.clone(),
        modified: stored.modified,
        bytes: stored.body.len() as u64,
    };
    of_tree.map(listed).collect()
}
