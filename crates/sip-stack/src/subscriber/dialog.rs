//! The subscriber's side of a dialog, made by the first NOTIFY. RFC 6665 §4.4.1, RFC 3261 §12.1.2.

use sip::{Message, Name, NameAddr, Uri};

use super::Refusal;

/// What stays the same, or is kept up to date, in a dialog.
#[derive(Debug)]
pub(super) struct Dialog {
    remote_tag: String,
    /// CSeq of the last NOTIFY taken.
    remote_cseq: u32,
    /// As Route values, in order of use.
    routes: Vec<String>,
    remote_target: String,
}

impl Dialog {
    /// The dialog of a first NOTIFY: its route set is that of the NOTIFY, in order (RFC 3261 §12.1.1, we are its
    /// server), not that of the response to SUBSCRIBE (RFC 6665 §4.4.1).
    pub(super) fn new(notify: &Message<'_>, remote_tag: &str, cseq: u32) -> Result<Self, Refusal> {
        let routes = notify.values(Name::RecordRoute).map(str::to_owned).collect();
        let remote_target = contact(notify).ok_or(Refusal::NoContact)?;
        Ok(Self { remote_tag: remote_tag.to_owned(), remote_cseq: cseq, routes, remote_target })
    }

    pub(super) fn remote_tag(&self) -> &str {
        &self.remote_tag
    }

    /// Whether a NOTIFY with this CSeq comes in order, RFC 3261 §12.2.2. One with the same number that is no
    /// retransmission has been overtaken just as well.
    pub(super) fn is_next(&self, cseq: u32) -> bool {
        cseq > self.remote_cseq
    }

    /// NOTIFY is a target refresh request, RFC 6665 §4.4.1; the route set stays (RFC 3261 §12.2.1.2).
    pub(super) fn follow(&mut self, notify: &Message<'_>, cseq: u32) {
        self.remote_cseq = cseq;
        if let Some(target) = contact(notify) {
            self.remote_target = target;
        }
    }

    /// The target as a response says it, RFC 3261 §12.2.1.2.
    pub(super) fn retarget(&mut self, response: &Message<'_>) {
        if let Some(target) = contact(response) {
            self.remote_target = target;
        }
    }

    /// Request-URI and Route values of a request in the dialog, RFC 3261 §12.2.1.1.
    pub(super) fn route(&self) -> (String, Vec<String>) {
        match self.routes.split_first() {
            Some((first, rest)) if !is_loose(first) => {
                // A strict router takes the Request-URI for its own, and the target from the end of the list.
                let target = format!("<{}>", self.remote_target);
                (bare(first), rest.iter().cloned().chain([target]).collect())
            }
            Some(_) | None => (self.remote_target.clone(), self.routes.clone()),
        }
    }

    /// Where a request in the dialog goes first.
    pub(super) fn hop(&self) -> String {
        self.routes.first().map_or_else(|| self.remote_target.clone(), |first| bare(first))
    }
}

fn contact(message: &Message<'_>) -> Option<String> {
    let address = NameAddr::parse(message.values(Name::Contact).next()?).ok()?;
    matches!(Uri::parse(address.uri), Ok(Uri::Sip(_))).then(|| address.uri.to_owned())
}

fn bare(route: &str) -> String {
    NameAddr::parse(route).map_or_else(|_| route.to_owned(), |address| address.uri.to_owned())
}

fn is_loose(route: &str) -> bool {
    let Ok(address) = NameAddr::parse(route) else { return false };
    matches!(Uri::parse(address.uri), Ok(Uri::Sip(uri)) if uri.is_loose_route())
}
