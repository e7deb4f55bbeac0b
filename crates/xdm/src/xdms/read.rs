//! GET and HEAD, RFC 4825 §8.3.

use std::sync::Arc;

use super::{Plan, Xdms};
use crate::answer::Answer;
use crate::conditions::{self, Verdict};
use crate::reading::Reading;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::snapshot::{Decision, Snapshot, Stored};
use crate::usage::Place;

impl Xdms {
    pub(super) fn get(
        &self,
        request: &Request<'_>,
        plan: &Plan<'_, '_>,
        snapshot: &Snapshot<'_>,
    ) -> Result<Decision, Refusal> {
        let mut reading = None;
        let stored = match plan.target.place {
            Place::Generated(generated) => Some(self.generate(generated, request, plan, snapshot)?),
            Place::Stored | Place::Alias(_) => snapshot.document.clone(),
            Place::Form | Place::Barred(_) | Place::NoFolder => None,
        };
        let stored = stored.ok_or(Refusal::NoDocument)?;
        let (content_type, body): (&str, Arc<[u8]>) = match &plan.selector {
            None => (plan.target.usage.definition().media_type, Arc::clone(&stored.body)),
            Some(selector) => {
                // One that is made when it is asked for is made anew each time.
                let kept = snapshot.reading.as_ref().filter(|_| snapshot.document.is_some());
                let tree = &reading.insert(Reading::of(&stored, kept)?).tree;
                let found = xcap::get(tree, selector).ok_or(Refusal::NoNode)?;
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
        let answer = Answer { etag: Some(etag), modified, ..answer };
        Ok(Decision {
            answer,
            commit: None,
            reading: reading.filter(|_| snapshot.document.is_some() && snapshot.reading.is_none()),
        })
    }
}
