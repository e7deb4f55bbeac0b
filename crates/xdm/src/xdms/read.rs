//! GET and HEAD, RFC 4825 §8.3.

use std::sync::Arc;

use super::{Plan, Xdms};
use crate::answer::Answer;
use crate::conditions::{self, Verdict};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::snapshot::{Snapshot, Stored};
use crate::usage::Place;

impl Xdms {
    pub(super) fn get(
        &self,
        request: &Request<'_>,
        plan: &Plan<'_, '_>,
        snapshot: &Snapshot<'_>,
    ) -> Result<Answer, Refusal> {
        let stored = match plan.target.place {
            Place::Generated(generated) => Some(self.generate(generated, plan, snapshot)?),
            Place::Stored | Place::Alias(_) => snapshot.document.clone(),
            Place::Form | Place::Barred(_) | Place::NoFolder => None,
        };
        let stored = stored.ok_or(Refusal::NoDocument)?;
        let (content_type, body): (&str, Arc<[u8]>) = match &plan.selector {
            None => (plan.target.usage.media_type(), Arc::clone(&stored.body)),
            Some(selector) => {
                let tree = xml::Tree::read(&stored.body, &xml::Limits::NONE)
                    .map_err(|_| Refusal::Fault("the stored document is not well-formed"))?;
                let found = xcap::get(&tree, selector).ok_or(Refusal::NoNode)?;
                (selector.media_type(), found.as_bytes().into())
            }
        };
        let answer = match conditions::check(&request.conditions, Some(&stored), true)? {
            Verdict::Proceed => Answer::new(200).with_body(content_type, body),
            Verdict::NotModified => Answer::new(304),
            Verdict::Failed => return Err(Refusal::PreconditionFailed),
        };
        let Stored { etag, modified, .. } = stored;
        let modified = (modified != sip_stack::Timestamp::ZERO).then_some(modified);
        Ok(Answer { etag: Some(etag), modified, ..answer })
    }
}
