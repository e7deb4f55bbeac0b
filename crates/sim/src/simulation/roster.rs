//! What a watcher of a list knows of its resources, and whether what it is told of each is true.

use std::collections::BTreeMap;

use super::reference::told;
use crate::rlmi;
use crate::wire::Message;

/// Who takes lists in requests, RFC 5367.
pub(super) const SERVER: &str = "sip:rls@example.com";

/// The resources of a list as a watcher has been told of them, RFC 4662 §5.6.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster {
    told: rlmi::Told,
    /// What each tells; `None` without a document.
    rows: BTreeMap<String, Option<Vec<String>>>,
}

impl Roster {
    /// Takes a NOTIFY; gives what is new of the resources that have a document in it.
    pub(super) fn hear(&mut self, notify: &Message) -> Result<Vec<String>, String> {
        let list = rlmi::read(notify)?;
        if !self.told.hear(&list) {
            return Ok(Vec::new());
        }
        if list.full {
            self.rows.clear();
        }
        let mut news = Vec::new();
        for resource in list.resources {
            let lines = resource.body.as_deref().map(told).transpose()?;
            news.extend(lines.iter().flatten().cloned());
            self.rows.insert(resource.uri, lines);
        }
        Ok(news)
    }

    /// Whether versions were missed, so that only a full list makes it sure what is true.
    pub(super) fn has_gap(&self) -> bool {
        self.told.gap
    }

    pub(super) fn of(&self, resource: &str) -> Option<&[String]> {
        self.rows.get(resource)?.as_deref()
    }
}

/// The users in the body of a SUBSCRIBE.
pub(super) fn members(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    let entries = text.split("<entry uri=\"").skip(1).filter_map(|rest| rest.split('"').next());
    entries.map(str::to_owned).collect()
}
