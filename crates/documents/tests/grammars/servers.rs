//! What the document servers keep and make beside lists, rules and presence.

use documents::xcap_caps::Capabilities;
use documents::xcap_directory::{Directory, Entry, Folder};
use documents::{
    group_usage_list, groups, pub_rules, resource_lists, search, user_profile, xcap_caps, xcap_diff,
    xcap_directory,
};
use xml::Limits;

use super::{Change, check_changes, check_examples};

#[test]
fn publication_rules_are_held_to_their_grammar() {
    const RULES: &str = "calendar.xml";
    check_examples("pub-rules", &pub_rules::GRAMMAR, &[]);
    const CHANGES: &[Change] = &[
        (RULES, "pub-handling>allow<", "pub-handling>confirm<", "`block` or `allow` as `pub-handling`"),
        (RULES, "allow-note>true<", "allow-note>full<", "`true`, `false`, `1` or `0` as `allow-note`"),
        (RULES, "name=\"link\"", "", "the attribute `name` on `allow-unknown-attribute`"),
        (RULES, "<cr:rule id=\"calendar-app\">", "<cr:rule>", "the attribute `id` on `rule`"),
        (RULES, "<opb:allow-note>", "<opb:allow-all-attributes/><opb:allow-note>", ""),
        (
            RULES,
            "<opb:allow-note>",
            "<opb:allow-all-attributes>1</opb:allow-all-attributes><opb:allow-note>",
            "nothing",
        ),
    ];
    check_changes("pub-rules", &pub_rules::GRAMMAR, CHANGES);
}

#[test]
fn groups_are_held_to_their_grammar() {
    const CREW: &str = "crew.xml";
    check_examples("groups", &groups::GRAMMAR, &[]);
    const CHANGES: &[Change] = &[
        (CREW, "uri=\"sip:crew@home1.example\"", "", "the attribute `uri` on `list-service`"),
        (
            CREW,
            "<invite-members>true<",
            "<invite-members>all<",
            "`true`, `false`, `1` or `0` as `invite-members`",
        ),
        (CREW, "-count>10<", "-count>-10<", "a whole number of at least 0 as `max-participant-count`"),
        (CREW, "<list>", "<list><external/>", "`external` or the end of `list` here, not `entry`"),
        (
            CREW,
            "<list>",
            "<list><rl:entry uri=\"a\"/>",
            "`entry`, `external` or the end of `list` here, not `rl:ent",
        ),
        (CREW, "<cr:ruleset>", "<cr:ruleset/><cr:ruleset>", ""),
        (CREW, "<cr:rule id=\"r1\">", "<cr:rule>", "the attribute `id` on `rule`"),
        (CREW, "<is-list-member/>", "<is-list-member>1</is-list-member>", "nothing in `is-list-member`"),
        (
            CREW,
            "<join-handling>true<",
            "<join-handling>ask<",
            "`true`, `false`, `1` or `0` as `join-handling`",
        ),
        (
            CREW,
            "<list>",
            "<invite-members>1</invite-members><list>",
            "`max-participant-count`, `ruleset`, an element",
        ),
    ];
    check_changes("groups", &groups::GRAMMAR, CHANGES);
}

#[test]
fn user_profiles_are_held_to_their_grammar() {
    const NORA: &str = "nora.xml";
    check_examples("user-profile", &user_profile::GRAMMAR, &[]);
    const CHANGES: &[Change] = &[
        (NORA, "uri=\"sip:nora@home1.example\"", "", "the attribute `uri` on `user-profile`"),
        (
            NORA,
            "</user-profile>",
            "</user-profile><user-profile uri=\"a\"/>",
            "the end of `user-profiles` here",
        ),
        (NORA, "<hobbies>", "<birth-date>2000-02-30</birth-date><hobbies>", "a date such as `2002-10-10` as"),
        (NORA, "<hobbies>", "<birth-date>2000-02-29</birth-date><gender>\nmale </gender><hobbies>", ""),
        (NORA, "<hobbies>", "<gender>other</gender><hobbies>", "`male` or `female` as `gender`"),
        (NORA, "<hobbies>", "<name><family-name/><name-prefix/><x xmlns=\"urn:x\"/></name><hobbies>", ""),
        (
            NORA,
            "<hobbies>",
            "<name><family-name/><given-name/></name><hobbies>",
            "`middle-name`, `name-suffix`, `name",
        ),
        (
            NORA,
            "<hobbies>",
            "<name><given-name/><given-name/></name><hobbies>",
            "`family-name`, `middle-name`,",
        ),
        (
            NORA,
            "<display-name",
            "<hobbies/><display-name",
            "`favourite-links`, an element of another namespace or",
        ),
    ];
    check_changes("user-profile", &user_profile::GRAMMAR, CHANGES);
}

#[test]
fn searches_are_held_to_their_grammar() {
    const REQUEST: &str = "request.xml";
    check_examples("search", &search::GRAMMAR, &[]);
    const CHANGES: &[Change] = &[
        (REQUEST, "max-results=\"20\"", "max-results=\"0\"", "a whole number of at least 1 as `max-results`"),
        (REQUEST, "id=\"q1\"", "", "the attribute `id` on `search`"),
        (
            REQUEST,
            "<request>",
            "<response>a<b/></response><request>",
            "the end of `search` here, not `request`",
        ),
        (REQUEST, "</search>", "</search><search id=\"q2\"/>", "the end of `search-set` here, not `search`"),
        (REQUEST, "<query>", "<query/><query>", "the end of `request` here, not `query`"),
    ];
    check_changes("search", &search::GRAMMAR, CHANGES);
}

#[test]
fn directories_are_held_to_their_grammar() {
    const FOLDERS: &str = "two-folders.xml";
    check_examples("xcap-directory", &xcap_directory::GRAMMAR, &[]);
    const CHANGES: &[Change] = &[
        (FOLDERS, "auid=\"rls-services\"", "", "the attribute `auid` on `folder`"),
        (FOLDERS, "etag=\"77f0\"", "", "the attribute `etag` on `entry`"),
        (FOLDERS, "size=\"812\"", "size=\"-812\"", "a whole number of at least 0 as `size`"),
        (
            FOLDERS,
            "last-modified=\"2030-05-01T08:00:00Z\"",
            "last-modified=\"2030-05-01\"",
            "a date and time such as",
        ),
        (FOLDERS, "<error-code>503</error-code>", "", ""),
        (FOLDERS, "<error-code>", "<error-code/><error-code>", "the end of `folder` here, not `error-code`"),
        (
            FOLDERS,
            "<error-code>",
            "<entry uri=\"\" etag=\"\"/><error-code>",
            "`entry` or the end of `folder` here, not",
        ),
    ];
    check_changes("xcap-directory", &xcap_directory::GRAMMAR, CHANGES);
}

#[test]
fn what_is_read_of_a_directory_is_printed_again() {
    let directory = Directory {
        folders: vec![
            Folder {
                auid: "resource-lists".to_owned(),
                documents: Ok(vec![Entry {
                    uri: "https://example.com/a?b&c".to_owned(),
                    etag: "7\"f".to_owned(),
                    last_modified: Some("2030-05-01T08:00:00Z".to_owned()),
                    size: Some(812),
                }]),
            },
            Folder { auid: "rls-services".to_owned(), documents: Ok(Vec::new()) },
            Folder { auid: "org.example".to_owned(), documents: Err("503 & more".to_owned()) },
        ],
    };
    assert_eq!(Directory::parse(&directory.print(), &Limits::default()), Ok(directory));
    assert!(Directory::parse(b"<xcap-directory/>", &Limits::default()).is_err());
}

#[test]
fn what_is_read_of_capabilities_is_printed_again() {
    let capabilities = Capabilities {
        auids: vec!["xcap-caps".to_owned(), "resource-lists".to_owned()],
        extensions: Vec::new(),
        namespaces: vec![xcap_caps::NAMESPACE.to_owned(), "urn:a&b".to_owned()],
    };
    assert_eq!(Capabilities::parse(&capabilities.print(), &Limits::default()), Ok(capabilities));
}

#[test]
fn capabilities_without_extensions_are_read_and_others_than_the_grammar_has_refused() {
    let document = |groups: &str| {
        let text = format!("<xcap-caps xmlns=\"{}\">{groups}</xcap-caps>", xcap_caps::NAMESPACE);
        Capabilities::parse(text.as_bytes(), &Limits::default())
    };
    let read = document("<auids><auid> a </auid></auids><namespaces/>").expect("it is valid");
    assert_eq!((read.auids, read.extensions.len()), (vec!["a".to_owned()], 0));
    for groups in ["", "<auids/>", "<namespaces/><auids/>", "<auids><extension/></auids><namespaces/>"] {
        assert!(document(groups).is_err(), "{groups}");
    }
}

#[test]
fn a_group_usage_list_is_a_resource_list_of_another_type() {
    let list = br#"<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list name="groups">
        <entry uri="sip:crew@example.com"><u:uriusages xmlns:u="urn:oma:xml:xdm:resource-list:oma-uriusage">
            <pocusage xmlns="urn:oma:xml:poc:oma-pocusage">chat</pocusage></u:uriusages></entry>
    </list></resource-lists>"#;
    assert_eq!(group_usage_list::check(list, &Limits::default()), Ok(()));
    let other = String::from_utf8_lossy(list).replace(">chat<", ">talk<");
    assert!(resource_lists::check(other.as_bytes(), &Limits::default()).is_err());
}

#[test]
fn diff_documents_are_held_to_their_grammar() {
    const PATCH: &str = "rfc5875-A.4-2.xml";
    check_examples("xcap-diff", &xcap_diff::GRAMMAR, &[]);
    const CHANGES: &[Change] = &[
        (PATCH, "xcap-root=\"http://xcap.example.com/\"", "", "the attribute `xcap-root` on `xcap-diff`"),
        (PATCH, "<d:add sel=\"*\"", "<d:add", "the attribute `sel` on `add`"),
        (
            PATCH,
            "<d:add sel=\"*\"",
            "<d:add sel=\"*\" pos=\"inside\"",
            "`before`, `after` or `prepend` as `pos`",
        ),
        (PATCH, "<d:add sel", "<d:body-not-changed/><d:add sel", "the end of `document` here, not `d:add`"),
        (
            PATCH,
            "<d:add sel",
            "<d:remove sel=\"a\" ws=\"all\"/><d:add sel",
            "`before`, `after` or `both` as `ws`",
        ),
        (PATCH, "<d:add sel", "<d:remove sel=\"a\">b</d:remove><d:add sel", "nothing in `remove`"),
        (
            PATCH,
            "<d:add sel",
            "<d:replace sel=\"a\"><a/><b/></d:replace><d:add sel",
            "the end of `replace` here, not",
        ),
        (PATCH, "<d:add sel", "<d:replace sel=\"a\">b</d:replace><x xmlns=\"urn:x\"/><d:add sel", ""),
        (
            PATCH,
            "<d:document",
            "<d:element sel=\"a\" exists=\"no\"/><d:document",
            "`true`, `false`, `1` or `0` as",
        ),
        (
            PATCH,
            "<d:document",
            "<d:element sel=\"a\"><b/><c/></d:element><d:document",
            "the end of `element` here",
        ),
        (
            PATCH,
            "<d:document",
            "<d:attribute sel=\"a\"><b/></d:attribute><d:document",
            "the end of `attribute` here",
        ),
    ];
    check_changes("xcap-diff", &xcap_diff::GRAMMAR, CHANGES);
}
