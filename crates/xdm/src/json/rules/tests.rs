//! Rules, shown and changed.

use serde_json::{Value, json};

use crate::json::{Change, Collection, JsonError, change, show};

const DOCUMENT: &str = r#"<cp:ruleset xmlns:cp="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">
  <cp:rule id="friends">
    <cp:conditions>
      <cp:identity><cp:one id="sip:bob@example.com"/><cp:many domain="example.org"><cp:except id="sip:eve@example.org"/></cp:many></cp:identity>
      <cp:sphere value="home"/>
    </cp:conditions>
    <cp:actions><pr:sub-handling>allow</pr:sub-handling></cp:actions>
    <cp:transformations><pr:provide-note>true</pr:provide-note></cp:transformations>
  </cp:rule>
  <cp:rule id="empty"/>
</cp:ruleset>"#;

fn changed(item: Option<&str>, how: Change, body: Value) -> Result<(String, bool), JsonError> {
    let edited =
        change(Collection::Rules, item, how, body.to_string().as_bytes(), Some(DOCUMENT.as_bytes()))?;
    let text = String::from_utf8(edited.document).unwrap();
    xml::Tree::read(text.as_bytes(), &xml::Limits::default()).unwrap();
    Ok((text, edited.created))
}

#[test]
fn a_rule_is_shown_with_what_json_cannot_say() {
    let rule = show(Collection::Rules, Some("friends"), Some(DOCUMENT.as_bytes())).unwrap();
    let expected = json!({
        "id": "friends", "identities": ["sip:bob@example.com"], "domains": ["example.org"], "everyone": false,
        "handling": "allow", "shows": "something", "other_conditions": ["sphere"], "exceptions": true,
    });
    assert_eq!(rule, expected);
    assert_eq!(
        changed(Some("friends"), Change::Put, expected),
        Ok((DOCUMENT.to_owned(), false)),
        "not a byte changes"
    );
}

#[test]
fn only_what_differs_is_changed() {
    let (text, _) = changed(Some("friends"), Change::Put, json!({
        "identities": ["bob@example.com"], "domains": ["example.org"], "handling": "block", "shows": "something",
    }))
    .unwrap();
    assert!(
        text.contains("<cp:except ") && text.contains("<pr:sub-handling>block</pr:sub-handling>"),
        "{text}"
    );
    let (text, _) = changed(
        Some("friends"),
        Change::Put,
        json!({ "everyone": true, "handling": "allow", "shows": "everything" }),
    )
    .unwrap();
    assert!(
        text.contains("<cp:identity><cp:many/></cp:identity>\n      <cp:sphere value=\"home\"/>"),
        "{text}"
    );
    assert!(text.contains("<pr:all-services/>") && !text.contains("provide-note"), "{text}");
}

#[test]
fn a_new_rule_is_whole_and_valid() {
    let body = json!({ "identities": ["carol@example.com"], "handling": "allow" });
    for item in ["new", "empty"] {
        let (text, created) = changed(Some(item), Change::Put, body.clone()).unwrap();
        assert_eq!(created, item == "new");
        let shown = show(Collection::Rules, Some(item), Some(text.as_bytes())).unwrap();
        assert_eq!((&shown["shows"], &shown["handling"]), (&json!("everything"), &json!("allow")), "{text}");
        assert_eq!(shown["identities"], json!(["sip:carol@example.com"]));
    }
    let first = change(Collection::Rules, Some("a"), Change::Put, body.to_string().as_bytes(), None).unwrap();
    documents::rules::check(&first.document, &xml::Limits::default()).unwrap();
}

#[test]
fn rules_are_added_and_removed_together() {
    let body = json!({ "add": [{ "id": "b", "domains": ["example.net"], "handling": "confirm" }], "remove": ["friends"] });
    let (text, created) = changed(None, Change::Patch, body).unwrap();
    assert!(
        created && !text.contains("friends") && text.contains("<cp:many domain=\"example.net\"/>"),
        "{text}"
    );
    let (text, _) = changed(None, Change::Put, json!({ "rules": [] })).unwrap();
    assert!(!text.contains("cp:rule ") && text.contains("ruleset"));
    assert_eq!(changed(Some("nothing"), Change::Delete, Value::Null), Err(JsonError::Absent));
}

#[test]
fn what_is_wrong_is_named() {
    let refused = |body: Value| changed(Some("x"), Change::Put, body).unwrap_err().to_string();
    assert_eq!(
        refused(json!({ "everyone": true })),
        "handling: expected allow, block, polite-block or confirm"
    );
    assert!(refused(json!({ "handling": "allow" })).starts_with("identities: expected at least one"));
    assert!(refused(json!({ "handling": "allow", "shows": "all", "everyone": true })).starts_with("shows: "));
    assert_eq!(
        refused(json!({ "handling": "allow", "identities": ["x"] })),
        "identities: expected addresses of users"
    );
}
