//! The watchers of a user: who they are, which the shard of the user knows, and what was decided about them, which is in
//! the user's rules.

use core::hash::{Hash, Hasher};
use std::hash::DefaultHasher;
use std::sync::Arc;

use documents::watcherinfo::{ANONYMOUS, Watcher};
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Method, StatusCode};
use node::{Partition, ShardId};
use serde_json::json;
use sip::Aor;
use store::docs::DocStore;
use xcap::ETag;
use xdm::json::watchers::{self, RULES};
use xdm::json::{Edited, JsonError};

use super::{Asking, Behind, TRIES, not_offered, refused, shown, told, with_etag};
use crate::http::Answer;
use crate::pump::Order;
use crate::question::Question;

impl<D: DocStore> Asking<'_, D> {
    /// `/watchers`: who watches `owner`, and who waits.
    pub(super) async fn watchers(&self, user: &str, owner: Aor) -> Answer {
        // Whoever may read the rules may know whom they are about.
        let rules = match self.rules(user, 0).await {
            Ok(rules) => rules,
            Err(answer) => return answer,
        };
        let post = &self.site.post;
        let shard = ShardId::owner_of(Partition::of_hash(owner.stable_hash()), post.shards());
        let (question, answer) = Question::new(owner);
        post.order(shard, Order::Watchers(Arc::new(question)));
        let Some(found) = answer.wait().await else {
            return Answer::later(StatusCode::SERVICE_UNAVAILABLE, 1, "the shard does not answer");
        };
        let etag = version(&found, rules.etag.as_ref());
        if let Err(answer) = self.conditions(Some(&etag), true) {
            return answer;
        }
        let rows: Result<Vec<_>, _> =
            found.iter().map(|watcher| watchers::row(watcher, rules.body.as_deref())).collect();
        match rows {
            // Weak: times go by without another version.
            Ok(rows) => match HeaderValue::try_from(format!("W/{}", etag.to_header())) {
                Ok(etag) => {
                    shown(StatusCode::OK, &json!({ "watchers": rows }), None).with(header::ETAG, etag)
                }
                Err(_) => shown(StatusCode::OK, &json!({ "watchers": rows }), None),
            },
            Err(error) => refused(&error),
        }
    }

    /// `/watchers/{watcher}`: what was decided about one.
    pub(super) async fn watcher(
        &self,
        method: &Method,
        user: &str,
        owner: &Aor,
        watcher: &Aor,
        body: &Bytes,
    ) -> Answer {
        let decision = match *method {
            Method::GET => return self.decision(user, watcher).await,
            Method::PUT => match watchers::wanted(body) {
                Ok(_) if watcher.as_str() == ANONYMOUS => {
                    let why = "nothing can be decided about a single anonymous watcher";
                    return told(StatusCode::UNPROCESSABLE_ENTITY, why);
                }
                Ok(decision) => Some(decision),
                Err(error) => return refused(&error),
            },
            Method::DELETE => None,
            _ => return not_offered("GET, HEAD, PUT, DELETE"),
        };
        for _ in 0..TRIES {
            let rules = match self.rules(user, 0).await {
                Ok(rules) => rules,
                Err(answer) => return answer,
            };
            if let Err(answer) = self.conditions(rules.etag.as_ref(), false) {
                return answer;
            }
            let Edited { document, created } =
                match watchers::decide(rules.body.as_deref(), owner, watcher, decision) {
                    Ok(edited) => edited,
                    Err(error) => return refused(&error),
                };
            let document = Bytes::from(document);
            let etag = match self.write(&rules, &document).await {
                Ok(etag) => etag,
                Err(answer) if answer.status == StatusCode::PRECONDITION_FAILED => continue,
                Err(answer) => return answer,
            };
            if decision.is_none() {
                return with_etag(Answer::new(StatusCode::NO_CONTENT), etag.as_ref());
            }
            let status = if created { StatusCode::CREATED } else { StatusCode::OK };
            return self.told_decision(status, user, watcher, &document, etag.as_ref()).await;
        }
        Answer::later(StatusCode::SERVICE_UNAVAILABLE, 1, "others change the document all the time")
    }

    async fn decision(&self, user: &str, watcher: &Aor) -> Answer {
        let rules = match self.rules(user, 0).await {
            Ok(rules) => rules,
            Err(answer) => return answer,
        };
        if let Err(answer) = self.conditions(rules.etag.as_ref(), true) {
            return answer;
        }
        match (watchers::decided(rules.body.as_deref(), watcher), rules.body) {
            (Ok(Some(_)), Some(document)) => {
                self.told_decision(StatusCode::OK, user, watcher, &document, rules.etag.as_ref()).await
            }
            (Ok(_), _) => refused(&JsonError::Absent),
            (Err(error), _) => refused(&error),
        }
    }

    /// What the rules say now, and which others make it vain.
    async fn told_decision(
        &self,
        status: StatusCode,
        user: &str,
        watcher: &Aor,
        rules: &Bytes,
        etag: Option<&ETag>,
    ) -> Answer {
        let others = match self.rules(user, 1).await {
            Ok(others) => others.body.unwrap_or_default(),
            Err(answer) => return answer,
        };
        match watchers::decided(Some(rules), watcher) {
            Ok(decision) => {
                let documents = [(RULES[0].0, &**rules), (RULES[1].0, &*others)];
                shown(status, &watchers::show(watcher, decision, documents.into_iter()), etag)
            }
            Err(error) => refused(&error),
        }
    }

    async fn rules(&self, user: &str, usage: usize) -> Result<Behind, Answer> {
        let (auid, name) = RULES[usage];
        self.behind(format!("/{auid}/users/{user}/{name}"), documents::rules::MEDIA_TYPE).await
    }
}

/// Another for others, for another state of one of them, and for other rules.
fn version(watchers: &[Watcher], rules: Option<&ETag>) -> ETag {
    let mut hasher = DefaultHasher::new();
    for watcher in watchers {
        (&watcher.id, watcher.status, watcher.event).hash(&mut hasher);
    }
    rules.map(|etag| &*etag.0).hash(&mut hasher);
    ETag(format!("{:016x}", hasher.finish()).into())
}
