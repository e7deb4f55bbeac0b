//! The grammar of watcher information, RFC 3858 §6.

use xml::schema::{
    ANY_URI, Grammar, LANG, NON_NEGATIVE, STRING, Simple, UNSIGNED_LONG, Vocabulary, optional, required,
};

use super::NAMESPACE;

xml::schema! {
    namespace NAMESPACE from "RFC 3858 §6";

    element WATCHERINFO = "watcherinfo"
        [required("version", NON_NEGATIVE), required("state", Simple::Exactly(&["full", "partial"]))]
        (WATCHER_LIST*, other*);
    element WATCHER_LIST = "watcher-list" [required("resource", ANY_URI), required("package", STRING)]
        (WATCHER*, other*);
    element WATCHER = "watcher"
        [optional("display-name", STRING), required("status", STATUS), required("event", EVENT),
         optional("expiration", UNSIGNED_LONG), required("id", STRING),
         optional("duration-subscribed", UNSIGNED_LONG), LANG]
        text(ANY_URI);
}

const STATUS: Simple = Simple::Exactly(&["pending", "active", "waiting", "terminated"]);
const EVENT: Simple = Simple::Exactly(&[
    "subscribe",
    "approved",
    "deactivated",
    "probation",
    "rejected",
    "timeout",
    "giveup",
    "noresource",
]);

static VOCABULARY: Vocabulary =
    Vocabulary { origin: &ORIGIN, elements: &[&WATCHERINFO, &WATCHER_LIST, &WATCHER], attributes: &[] };

/// Watcher information, full or partial.
pub static GRAMMAR: Grammar = Grammar { root: &WATCHERINFO, vocabularies: &[&VOCABULARY] };
