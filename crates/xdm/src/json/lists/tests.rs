//! Lists and contacts, shown and changed.

use serde_json::{Value, json};

use crate::json::{Change, Collection, JsonError, change, show};

const DOCUMENT: &str = r#"<?xml version="1.0"?>
<rl:resource-lists xmlns:rl="urn:ietf:params:xml:ns:resource-lists" xmlns:x="urn:x">
  <!-- mine -->
  <rl:list name="friends">
    <rl:display-name xml:lang="en">Friends</rl:display-name>
    <rl:entry uri="sip:bob@example.com" x:since="1999"><rl:display-name>Bob</rl:display-name><x:note/></rl:entry>
    <rl:entry uri="tel:+15550100"/>
    <rl:list name="close"><rl:entry uri="sip:dave@example.com"/></rl:list>
    <rl:external anchor="http://x/~~/y"/>
  </rl:list>
  <rl:list name="work"><rl:entry uri="sip:bob@example.com"/></rl:list>
</rl:resource-lists>
"#;

fn changed(
    collection: Collection,
    item: Option<&str>,
    how: Change,
    body: Value,
) -> Result<(String, bool), JsonError> {
    let body = body.to_string();
    let edited = change(collection, item, how, body.as_bytes(), Some(DOCUMENT.as_bytes()))?;
    let text = String::from_utf8(edited.document).unwrap();
    xml::Tree::read(text.as_bytes(), &xml::Limits::default()).unwrap();
    for kept in ["<!-- mine -->", "rl:external anchor", "name=\"close\""] {
        if text.contains("friends") {
            assert!(text.contains(kept), "{kept} is gone:\n{text}");
        }
    }
    Ok((text, edited.created))
}

#[test]
fn what_is_there_is_shown() {
    let lists = show(Collection::Lists, None, Some(DOCUMENT.as_bytes())).unwrap();
    assert_eq!(lists["lists"][0]["display_name"], "Friends");
    assert_eq!(lists["lists"][0]["contacts"][0], json!({ "uri": "sip:bob@example.com", "name": "Bob" }));
    assert_eq!(lists["lists"][0]["lists"][0]["name"], "close");
    let bob = show(Collection::Contacts, Some("bob@EXAMPLE.com"), Some(DOCUMENT.as_bytes())).unwrap();
    assert_eq!(bob, json!({ "uri": "sip:bob@example.com", "name": "Bob", "lists": ["friends", "work"] }));
    assert_eq!(show(Collection::Lists, Some("x"), Some(DOCUMENT.as_bytes())), Err(JsonError::Absent));
    assert_eq!(show(Collection::Lists, None, None), Ok(json!({ "lists": [] })));
    assert_eq!(show(Collection::Lists, None, Some(b"<other/>")), Err(JsonError::Unreadable));
}

#[test]
fn putting_what_was_got_changes_not_a_byte() {
    for (collection, item) in [
        (Collection::Lists, None),
        (Collection::Lists, Some("friends")),
        (Collection::Contacts, None),
        (Collection::Contacts, Some("sip:bob@example.com")),
    ] {
        let shown = show(collection, item, Some(DOCUMENT.as_bytes())).unwrap();
        assert_eq!(
            changed(collection, item, Change::Put, shown),
            Ok((DOCUMENT.to_owned(), false)),
            "{collection:?} {item:?}"
        );
    }
}

#[test]
fn a_list_becomes_what_was_put_and_keeps_what_json_does_not_speak_of() {
    let body = json!({ "display_name": "Pals & co", "contacts": ["carol@example.com", { "uri": "sip:bob@example.com", "name": "Bobby" }] });
    let (text, created) = changed(Collection::Lists, Some("friends"), Change::Put, body).unwrap();
    assert!(!created && !text.contains("tel:"), "{text}");
    assert!(text.contains("<rl:display-name xml:lang=\"en\">Pals &amp; co</rl:display-name>"), "{text}");
    assert!(text.contains("x:since=\"1999\"><rl:display-name>Bobby</rl:display-name><x:note/>"), "{text}");
    assert!(text.contains("\n    <rl:entry uri=\"sip:carol@example.com\"/>"), "{text}");
    let (text, created) =
        changed(Collection::Lists, Some("a \"b\""), Change::Put, json!({ "contacts": [] })).unwrap();
    assert!(created && text.contains("<rl:list name=\"a &quot;b&quot;\">"), "{text}");
}

#[test]
fn patches_add_and_remove() {
    let patch = json!({ "add": [{ "uri": "tel:+1-555-0100", "name": "Phone" }, "eve@example.com"], "remove": ["bob@example.com"] });
    let (text, _) = changed(Collection::Lists, Some("friends"), Change::Patch, patch.clone()).unwrap();
    assert!(
        text.contains("<rl:entry uri=\"tel:+15550100\"><rl:display-name>Phone</rl:display-name></rl:entry>"),
        "{text}"
    );
    assert_eq!(text.matches("sip:bob@").count(), 1, "only of that list: {text}");
    let (text, created) = changed(Collection::Contacts, None, Change::Patch, patch).unwrap();
    assert!(created && !text.contains("sip:bob@"), "{text}");
    assert!(
        text.contains("<rl:list name=\"oma_buddylist\">\n    <rl:entry uri=\"sip:eve@example.com\"/>"),
        "{text}"
    );
    let (text, _) =
        changed(Collection::Lists, None, Change::Patch, json!({ "remove": ["work", "nothing"] })).unwrap();
    assert!(!text.contains("work"));
}

#[test]
fn a_contact_is_on_the_lists_that_were_put() {
    let put = |body| changed(Collection::Contacts, Some("sip:bob@example.com"), Change::Put, body).unwrap().0;
    let text = put(json!({ "lists": ["work", "new"] }));
    assert!(!text.contains("1999") && text.contains("name=\"new\""), "{text}");
    assert_eq!(text.matches("sip:bob@").count(), 2);
    let text = put(json!({ "name": "B" }));
    assert_eq!(
        text.matches("<rl:display-name>B</rl:display-name>").count(),
        2,
        "named wherever it is: {text}"
    );
    let deleted =
        changed(Collection::Contacts, Some("bob@example.com"), Change::Delete, Value::Null).unwrap().0;
    assert!(!deleted.contains("bob"));
    let gone = changed(Collection::Contacts, Some("nobody@example.com"), Change::Delete, Value::Null);
    assert_eq!(gone, Err(JsonError::Absent));
}

#[test]
fn a_first_contact_makes_the_document() {
    let edited = change(Collection::Contacts, Some("bob@example.com"), Change::Put, b"{}", None).unwrap();
    assert!(edited.created);
    let shown = show(Collection::Contacts, None, Some(&edited.document)).unwrap();
    assert_eq!(shown["contacts"][0]["lists"], json!(["oma_buddylist"]));
    assert!(documents::resource_lists::check(&edited.document, &xml::Limits::default()).is_ok());
}

#[test]
fn what_is_wrong_is_named() {
    let refused =
        |body: Value| changed(Collection::Lists, Some("friends"), Change::Put, body).unwrap_err().to_string();
    assert_eq!(refused(json!([])), "list: expected an object");
    assert_eq!(refused(json!({ "contact": [] })), "list.contact: expected no such key");
    assert_eq!(refused(json!({ "contacts": 7 })), "contacts: expected a list");
    assert_eq!(refused(json!({ "contacts": ["nobody"] })), "uri: expected the address of a user");
    let twice = json!({ "lists": [{ "name": "a" }, { "name": "a" }] });
    assert!(changed(Collection::Lists, None, Change::Put, twice).is_err());
    let broken = change(Collection::Lists, None, Change::Put, b"{", Some(DOCUMENT.as_bytes()));
    assert_eq!(broken.unwrap_err().status(), 400);
}
