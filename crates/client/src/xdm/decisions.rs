//! Deciding about watchers: the presentity's rules, edited in place over XCAP.

use documents::DocumentError;
use documents::rules::{SubHandling, decisions};
use documents::watcherinfo::ANONYMOUS;
use sip::Aor;
use xml::{Limits, Node, Tree};

use super::{Condition, Found, Resource, XdmClient, XdmError};

/// The application usages that hold rules, the preferred one first: of the OMA, and of RFC 5025.
const USAGES: [(&str, &str); 2] =
    [("org.openmobilealliance.pres-rules", "pres-rules"), ("pres-rules", "index")];

/// A decision is made anew so often when somebody else has changed the rules meanwhile.
const TRIES: usize = 8;

/// What a rules document may be to be read.
const LIMITS: Limits = Limits { bytes: 4 << 20, depth: 64, attributes: 64, nodes: 1 << 18, declarations: 64 };

/// What became of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The application usage of the rules document that says it.
    pub usage: &'static str,
    /// Whether that document did not say it before.
    pub changed: bool,
    /// Whether there was no rules document before. The new one lets the presentity see itself, and has everybody else wait.
    pub is_first: bool,
    /// Rules that others wrote and that grant the watcher more, so that the decision is vain: `pres-rules/friends`.
    pub overruled_by: Vec<String>,
}

/// Why there is no decision.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The document server does not do it.
    #[error(transparent)]
    Xdm(#[from] XdmError),
    /// The rules that are there cannot be read, so they are left as they are.
    #[error("the rules document cannot be read: {0}")]
    Unreadable(#[from] DocumentError),
    /// Watchers that do not show who they are cannot be told from each other.
    #[error("nothing can be decided about a single anonymous watcher")]
    Anonymous,
}

impl XdmClient {
    /// Decides about a watcher in the own rules: allows it, blocks it, blocks it politely, or with `None` takes back what
    /// was decided. What was decided before goes; rules that others wrote stay as they are. Where both usages are offered
    /// the rules of the OMA are written, as its Presence Server reads them (OMA Presence XDM). [`SubHandling::Confirm`] is
    /// no decision, and counts as `None`.
    pub async fn decide(&self, watcher: &Aor, decision: Option<SubHandling>) -> Result<Decided, DecideError> {
        if watcher.as_str() == ANONYMOUS {
            return Err(DecideError::Anonymous);
        }
        let decision = decision.filter(|decision| *decision != SubHandling::Confirm);
        let names = |uri: &str| Aor::parse(uri.trim()).is_ok_and(|uri| uri == *watcher);
        let usages = self.rules_usages().await?;
        let (usage, name) = usages[0];
        let document = Resource::own(usage, name);
        for _ in 0..TRIES {
            let found = self.get(&document).await?;
            let is_first = found.is_none();
            if is_first && decision.is_none() {
                return Ok(Decided { usage, changed: false, is_first: false, overruled_by: Vec::new() });
            }
            let (before, condition) = match found {
                Some(Found { body, etag, .. }) => {
                    (body.to_vec(), etag.map_or(Condition::None, Condition::At))
                }
                None => (decisions::first(self.identity().aor().as_str()), Condition::Absent),
            };
            let after = decisions::decide(&before, watcher.as_str(), &names, decision, &LIMITS)?;
            let changed = is_first || after != before;
            if changed {
                match self.put(&document, after.clone(), &condition).await {
                    Ok(_) => {}
                    Err(XdmError::Changed) => continue,
                    Err(error) => return Err(error.into()),
                }
            }
            let mut overruled_by = Vec::new();
            if let Some(decision) = decision {
                for (other, name) in &usages {
                    let body = if *other == usage {
                        after.clone()
                    } else {
                        let found = self.get(&Resource::own(other, name)).await?;
                        found.map(|found| found.body.to_vec()).unwrap_or_default()
                    };
                    // What cannot be read there grants nobody anything.
                    let vain = decisions::overruling(&body, watcher.domain(), &names, decision, &LIMITS)
                        .unwrap_or_default();
                    overruled_by.extend(vain.into_iter().map(|id| format!("{other}/{id}")));
                }
            }
            return Ok(Decided { usage, changed, is_first, overruled_by });
        }
        Err(DecideError::Xdm(XdmError::Changed))
    }

    /// The usages for rules that the server offers, as its capabilities say (RFC 4825 §12), the preferred one first; the
    /// one of RFC 5025 where they say nothing.
    async fn rules_usages(&self) -> Result<Vec<(&'static str, &'static str)>, XdmError> {
        let capabilities = Resource::read("xcap-caps").expect("it names the capabilities");
        let body = match self.get(&capabilities).await {
            Ok(found) => found.map(|found| found.body).unwrap_or_default(),
            Err(XdmError::Refused { status: 403 | 405, .. }) => hyper::body::Bytes::new(),
            Err(error) => return Err(error),
        };
        Ok(offered(&body))
    }
}

/// Capabilities of deployed servers break their schema; the names of usages are found all the same.
fn offered(capabilities: &[u8]) -> Vec<(&'static str, &'static str)> {
    let tree = Tree::read(capabilities, &LIMITS);
    let nodes = tree.iter().flat_map(|tree| tree.root().node().descendants());
    let auids: Vec<String> = nodes.filter_map(auid).collect();
    let mut offered: Vec<_> =
        USAGES.into_iter().filter(|(usage, _)| auids.iter().any(|auid| auid == usage)).collect();
    if offered.is_empty() {
        offered.push(USAGES[1]);
    }
    offered
}

fn auid(node: Node<'_>) -> Option<String> {
    let element = node.element().filter(|element| element.name().local == "auid")?;
    Some(element.node().string_value().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_written_where_the_server_reads_them() {
        let usages = |auids: &[&str]| {
            let auids: String = auids.iter().map(|auid| format!("<auid> {auid}\n</auid>")).collect();
            let document = format!(
                "<xcap-caps xmlns=\"urn:ietf:params:xml:ns:xcap-caps\"><auids>{auids}</auids></xcap-caps>"
            );
            offered(document.as_bytes()).into_iter().map(|(usage, _)| usage).collect::<Vec<_>>()
        };
        let (oma, ietf) = ("org.openmobilealliance.pres-rules", "pres-rules");
        assert_eq!(usages(&["resource-lists", ietf, oma]), [oma, ietf]);
        assert_eq!(usages(&[ietf]), [ietf]);
        assert_eq!(usages(&[oma]), [oma]);
        assert_eq!(usages(&["resource-lists"]), [ietf]);
        assert_eq!(offered(b"what is this?"), [("pres-rules", "index")]);
    }
}
