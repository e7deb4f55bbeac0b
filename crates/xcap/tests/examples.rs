//! Every example of RFC 4825 that is about parts of documents.

use xcap::{Conflict, Limits, NodeSelector, Reference, Refusal};
use xml::Tree;

const WATCHERINFO: &str = r#"<?xml version="1.0"?>
<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo"
             version="0" state="full">
  <watcher-list resource="sip:professor@example.net"
                package="presence">
    <watcher status="active"
             id="8ajksjda7s"
             duration-subscribed="509"
             event="approved">sip:userA@example.net</watcher>
    <watcher status="pending"
             id="hh8juja87s997-ass7"
             display-name="Mr. Subscriber"
             event="subscribe">sip:userB@example.org</watcher>
  </watcher-list>
</watcherinfo>
"#;
const WATCHERINFO_NAMESPACE: &str = "urn:ietf:params:xml:ns:watcherinfo";

const NAMESPACES: &str = r#"<?xml version="1.0"?>
<foo xmlns="urn:test:default-namespace">
  <ns1:bar xmlns:ns1="urn:test:namespace1-uri"
           xmlns="urn:test:namespace1-uri">
    <baz/>
    <ns2:baz xmlns:ns2="urn:test:namespace2-uri"/>
  </ns1:bar>
  <ns3:hi xmlns:ns3="urn:test:namespace3-uri">
    <there/>
  </ns3:hi>
</foo>
"#;

const ROOT: &str = r#"<?xml version="1.0"?>
<root>
 <el1 att="first"/>
 <el1 att="second"/>
 <!-- comment -->
 <el2 att="first"/>
</root>
"#;

fn selector(uri: &str, default_namespace: &str) -> NodeSelector {
    let limits = Limits::default();
    let (path, query) = match uri.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (uri, None),
    };
    let reference = Reference::split(path, query, &limits).expect("a URI");
    let node = reference.node.expect("a node selector");
    NodeSelector::parse(node, reference.query, default_namespace, &limits).expect("a node selector")
}

fn tree(document: &str) -> Tree<'_> {
    Tree::read(document.as_bytes(), &xml::Limits::default()).expect("a document")
}

fn get(document: &str, uri: &str, default_namespace: &str) -> Option<String> {
    xcap::get(&tree(document), &selector(uri, default_namespace)).map(|body| body.into_owned())
}

fn put(document: &str, uri: &str, default_namespace: &str, body: &str) -> Result<(String, bool), Refusal> {
    let selector = selector(uri, default_namespace);
    let tree_before = tree(document);
    let edit = xcap::put(&tree_before, &selector, body.as_bytes(), &xml::Limits::default())?;
    let (document, created) = (String::from_utf8(edit.document()).expect("text"), edit.created);
    assert_eq!(
        xcap::get(&tree(&document), &selector).as_deref(),
        Some(body),
        "GET after PUT gives what was put"
    );
    Ok((document, created))
}

fn delete(document: &str, uri: &str, default_namespace: &str) -> Result<String, Refusal> {
    let selector = selector(uri, default_namespace);
    let document = String::from_utf8(xcap::delete(&tree(document), &selector)?).expect("text");
    assert_eq!(xcap::get(&tree(&document), &selector), None, "GET after DELETE gives nothing");
    Ok(document)
}

fn conflict<T: core::fmt::Debug>(result: Result<T, Refusal>) -> Conflict {
    match result {
        Err(Refusal::Conflict(conflict)) => conflict,
        other => panic!("a conflict was expected, not {other:?}"),
    }
}

/// RFC 4825 §6.3, Figure 3.
#[test]
fn a_watcher_is_selected_by_its_id() {
    let uri = "/watchers/global/index/~~/watcherinfo/watcher-list/watcher%5b@id=%228ajksjda7s%22%5d";
    let watcher = "<watcher status=\"active\"
             id=\"8ajksjda7s\"
             duration-subscribed=\"509\"
             event=\"approved\">sip:userA@example.net</watcher>";
    assert_eq!(get(WATCHERINFO, uri, WATCHERINFO_NAMESPACE).as_deref(), Some(watcher));
}

/// RFC 4825 §7.4: insertion at a position takes an attribute test that does not match what is there.
#[test]
fn a_watcher_is_inserted_as_the_second() {
    let base = "/watchers/global/index/~~/watcherinfo/watcher-list/";
    let new = r#"<watcher id="hhggff" status="active" event="approved">sip:userC@example.org</watcher>"#;
    let uri = format!("{base}*%5b2%5d%5b@id=%22hhggff%22%5d");
    let (document, created) = put(WATCHERINFO, &uri, WATCHERINFO_NAMESPACE, new).unwrap();
    assert!(created);
    let expected =
        WATCHERINFO.replacen("userA@example.net</watcher>", &format!("userA@example.net</watcher>{new}"), 1);
    assert_eq!(document, expected);
    let (document, created) =
        put(WATCHERINFO, &format!("{base}*%5b2%5d"), WATCHERINFO_NAMESPACE, new).unwrap();
    assert!(!created, "by position alone it replaces");
    assert!(document.contains("userA") && !document.contains("userB"));
}

/// RFC 4825 §6.4 and §10.
#[test]
fn prefixes_are_those_of_the_query() {
    let uri = |rest: &str| format!("/test/users/sip:joe@example.com/index/~~/{rest}");
    let get = |rest: &str| get(NAMESPACES, &uri(rest), "urn:test:default-namespace");
    let first = "<baz/>";
    let second = r#"<ns2:baz xmlns:ns2="urn:test:namespace2-uri"/>"#;
    let one = "foo/a:bar/b:baz?xmlns(a=urn:test:namespace1-uri)xmlns(b=urn:test:namespace1-uri)";
    let two = "foo/a:bar/b:baz?xmlns(a=urn:test:namespace1-uri)%20xmlns(b=urn:test:namespace2-uri)";
    let three = "d:foo/a:bar/b:baz?xmlns(a=urn:test:namespace1-uri)xmlns(b=urn:test:namespace2-uri)\
                 xmlns(d=urn:test:default-namespace)";
    assert_eq!(get(one).as_deref(), Some(first));
    assert_eq!(get(two).as_deref(), Some(second));
    assert_eq!(get(three).as_deref(), Some(second));
    let bindings = "df:foo/df2:bar/df2:baz/namespace::*?xmlns(df=urn:test:default-namespace)\
                    xmlns(df2=urn:test:namespace1-uri)";
    let expected = r#"<baz xmlns="urn:test:namespace1-uri" xmlns:ns1="urn:test:namespace1-uri"/>"#;
    assert_eq!(get(bindings).as_deref(), Some(expected));
}

/// RFC 4825 §7.4: the body is not what the URI describes.
#[test]
fn an_element_with_another_attribute_than_the_uri_says_cannot_be_put() {
    let document = r#"<rls-services xmlns="urn:ietf:params:xml:ns:rls-services"><service uri="sip:good-friends@example.com"/></rls-services>"#;
    let uri = "/rls-services/users/sip:bill@example.com/index/~~/rls-services/service%5b@uri=%22sip:good-friends@example.com%22%5d";
    let body = r#"<service uri="sip:mybuddies@example.com"><packages><package>presence</package></packages></service>"#;
    let refused = put(document, uri, "urn:ietf:params:xml:ns:rls-services", body);
    assert!(matches!(conflict(refused), Conflict::CannotInsert(_)));
    let by_position = "/rls-services/users/sip:bill@example.com/index/~~/rls-services/service%5b1%5d";
    assert!(put(document, by_position, "urn:ietf:params:xml:ns:rls-services", body).is_ok());
}

/// RFC 4825 §7.7.
#[test]
fn an_attribute_that_the_uri_tests_cannot_be_changed() {
    let document = r#"<rls-services xmlns="urn:ietf:params:xml:ns:rls-services"><service uri="sip:good-friends@example.com"/></rls-services>"#;
    let base = "/rls-services/users/sip:bill@example.com/index/~~/rls-services/service";
    let body = "\"sip:bad-friends@example.com\"";
    let uri = format!("{base}%5b@uri=%22sip:good-friends@example.com%22%5d/@uri");
    let refused = put(document, &uri, "urn:ietf:params:xml:ns:rls-services", body);
    assert!(matches!(conflict(refused), Conflict::CannotInsert(_)));
    let (document, created) =
        put(document, &format!("{base}/@uri"), "urn:ietf:params:xml:ns:rls-services", body).unwrap();
    assert!(document.contains("sip:bad-friends@example.com") && !created);
}

/// RFC 4825 §8.2.3: its five documents.
#[test]
fn new_elements_stand_where_the_standard_says() {
    let third = |selector: &str| {
        let uri = format!("/a/global/index/~~/{selector}");
        put(ROOT, &uri, "", r#"<el1 att="third"/>"#).unwrap().0
    };
    let expected = ROOT.replacen("second\"/>", "second\"/><el1 att=\"third\"/>", 1);
    for selector in ["root/el1[@att=\"third\"]", "root/el1[3][@att=\"third\"]", "root/*[3][@att=\"third\"]"] {
        assert_eq!(third(selector), expected, "{selector}");
    }
    let (document, _) = put(ROOT, "/a/global/index/~~/root/el3", "", r#"<el3 att="first"/>"#).unwrap();
    assert_eq!(document, ROOT.replacen("</root>", "<el3 att=\"first\"/></root>", 1));
    let second = |selector: &str| {
        put(ROOT, &format!("/a/global/index/~~/{selector}"), "", r#"<el2 att="2"/>"#).unwrap().0
    };
    let expected = ROOT.replacen("<el2 att=\"first\"/>", "<el2 att=\"first\"/><el2 att=\"2\"/>", 1);
    assert_eq!(second("root/el2[@att=\"2\"]"), expected);
    assert_eq!(second("root/el2[2][@att=\"2\"]"), expected);
    assert_eq!(
        second("root/*[2][@att=\"2\"]"),
        ROOT.replacen("<el1 att=\"first\"/>", "<el1 att=\"first\"/><el2 att=\"2\"/>", 1)
    );
    assert_eq!(
        second("root/el2[1][@att=\"2\"]"),
        ROOT.replacen("<el2 att=\"first\"/>", "<el2 att=\"2\"/><el2 att=\"first\"/>", 1)
    );
}

/// RFC 4825 §7.5: what may be deleted by position.
#[test]
fn only_the_last_is_deleted_by_position_alone() {
    let uri = |selector: &str| format!("/a/global/index/~~/root/{selector}");
    for selector in ["el1[1]", "*[1]", "*[2]"] {
        assert!(
            matches!(conflict(delete(ROOT, &uri(selector), "")), Conflict::CannotDelete(_)),
            "{selector}"
        );
    }
    assert_eq!(delete(ROOT, &uri("el1[2]"), "").unwrap(), ROOT.replace("<el1 att=\"second\"/>", ""));
    assert_eq!(delete(ROOT, &uri("*[3]"), "").unwrap(), ROOT.replace("<el2 att=\"first\"/>", ""));
    assert_eq!(
        delete(ROOT, &uri("*[1][@att=\"first\"]"), "").unwrap(),
        ROOT.replace("<el1 att=\"first\"/>", "")
    );
}

/// RFC 4825 §13, Figures 24 to 32.
#[test]
fn bill_keeps_his_friends() {
    const LISTS: &str = "urn:ietf:params:xml:ns:resource-lists";
    let document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">
  <list name=\"friends\">
  </list>
</resource-lists>";
    let base = "/resource-lists/users/sip:bill@example.com/index/~~/resource-lists";
    let bob = "<entry uri=\"sip:bob@example.com\">
    <display-name>Bob Jones</display-name>
  </entry>";
    let (document, created) =
        put(document, &format!("{base}/list%5b@name=%22friends%22%5d/entry"), LISTS, bob).unwrap();
    assert!(created);
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">
  <list name=\"friends\">
  <entry uri=\"sip:bob@example.com\">
    <display-name>Bob Jones</display-name>
  </entry></list>
</resource-lists>";
    assert_eq!(document, expected);
    let close = "<list name=\"close-friends\">
   <entry uri=\"sip:joe@example.com\">
     <display-name>Joe Smith</display-name>
   </entry>
   <entry uri=\"sip:nancy@example.com\">
     <display-name>Nancy Gross</display-name>
   </entry>
   <entry uri=\"sip:petri@example.com\">
     <display-name>Petri Aukia</display-name>
   </entry>
</list>";
    let uri = format!("{base}/list%5b@name=%22friends%22%5d/list%5b@name=%22close-friends%22%5d");
    let (document, created) = put(&document, &uri, LISTS, close).unwrap();
    assert!(created && document.contains("</entry><list name=\"close-friends\">"));
    let uri = format!("{base}/list/list/entry%5b@uri=%22sip:petri@example.com%22%5d");
    let document = delete(&document, &uri, LISTS).unwrap();
    assert!(!document.contains("Petri") && document.contains("Nancy"));
    let nancy = get(&document, &format!("{base}/list/list/entry%5b2%5d/@uri"), LISTS);
    assert_eq!(nancy.as_deref(), Some("\"sip:nancy@example.com\""));
}

/// RFC 4825 §11.1: the example's field.
#[test]
fn the_field_of_a_uniqueness_failure_is_a_selector() {
    let document = r#"<rls-services xmlns="urn:ietf:params:xml:ns:rls-services"><service uri="sip:friends@example.com"/></rls-services>"#;
    let tree = tree(document);
    let service = tree.root().elements().next().expect("a service");
    let field = NodeSelector::of_element(service, "urn:ietf:params:xml:ns:rls-services")
        .attribute(xcap::ExpandedName::new("", "uri"));
    assert_eq!(field.to_uri(), "rls-services/service/@uri");
}

/// RFC 4825 §15.2.
#[test]
fn what_is_selected_has_its_media_type() {
    let media_type = |uri: &str| selector(&format!("/a/global/index/~~/{uri}"), "").media_type();
    assert_eq!(media_type("root"), "application/xcap-el+xml");
    assert_eq!(media_type("root/@a"), "application/xcap-att+xml");
    assert_eq!(media_type("root/namespace::*"), "application/xcap-ns+xml");
}
