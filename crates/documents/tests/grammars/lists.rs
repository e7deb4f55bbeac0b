//! Resource lists and RLS services.

use documents::{resource_lists, rls_services};

use super::{Change, check_changes, check_examples};

#[test]
fn the_examples_of_resource_lists_are_valid() {
    check_examples("resource-lists", &resource_lists::GRAMMAR, &[]);
}

#[test]
fn resource_lists_are_refused_where_they_break_their_grammar() {
    const LISTS: &str = "rfc4826-3.3.xml";
    const OMA: &str = "oma-appusages.xml";
    const CHANGES: &[Change] = &[
        (
            LISTS,
            "urn:ietf:params:xml:ns:resource-lists",
            "urn:other",
            "the root `resource-lists` of the namespace",
        ),
        (
            LISTS,
            "<resource-lists",
            "<resource-lists version=\"1\"",
            "no attribute `version` on `resource-lists`",
        ),
        (
            LISTS,
            "<list name=\"friends\">",
            "<entry uri=\"a\"/><list>",
            "`list` or the end of `resource-lists` here",
        ),
        (
            LISTS,
            "<list name=\"friends\">",
            "text<list name=\"friends\">",
            "no text, only elements, in `resource",
        ),
        (LISTS, "<list name=\"friends\">", "<list name=\"friends\"><!-- c --><?p i?>", ""),
        (LISTS, "<list name=\"friends\">", "<list>", ""),
        (LISTS, "<list name=\"friends\">", "<list name=\"\">", ""),
        (LISTS, "<list name=\"friends\">", "<list title=\"friends\">", "no attribute `title` on `list`"),
        (
            LISTS,
            "<list name=\"friends\">",
            "<list xmlns:o=\"urn:o\" o:title=\"friends\" xml:lang=\"en\">",
            "",
        ),
        (LISTS, "<list name=\"friends\">", "<list xml:lang=\"e n\">", "a language tag as `lang`"),
        (
            LISTS,
            "<list name=\"friends\">",
            "<list><display-name/><display-name/>",
            "`list`, `external`, `entry`,",
        ),
        (
            LISTS,
            "<list name=\"friends\">",
            "<list><entry uri=\"a\"/><display-name/>",
            "`list`, `external`, `entry`,",
        ),
        (
            LISTS,
            "<list name=\"friends\">",
            "<list><o xmlns=\"urn:o\"/>",
            "an element of another namespace or the end of",
        ),
        (
            LISTS,
            "<list name=\"friends\">",
            "<list><o xmlns=\"\"/>",
            "`display-name`, `list`, `external`, `entry`,",
        ),
        (
            LISTS,
            "</resource-lists>",
            "<o xmlns=\"urn:o\"/></resource-lists>",
            "`list` or the end of `resource-lists`",
        ),
        (LISTS, "uri=\"sip:bill@example.com\"", "", "the attribute `uri` on `entry` (RFC 4826 §3.2)"),
        (LISTS, "uri=\"sip:bill@example.com\"", "uri=\"\"", ""),
        (
            LISTS,
            "<display-name>Bill Doe</display-name>",
            "<display-name>Bill <b/></display-name>",
            "the end of `display-name` here, not `b`",
        ),
        (LISTS, "<display-name>Bill Doe</display-name>", "<display-name name=\"a\"/>", "no attribute `name`"),
        (LISTS, "<display-name>Bill Doe</display-name>", "<x xmlns=\"urn:x\">a<y/>b</x>", ""),
        (LISTS, "<display-name>Bill Doe</display-name>", "text", "no text, only elements, in `entry`"),
        (OMA, "auid=\"rls-services\"", "", "the attribute `auid` on `nodeuri`"),
        (
            OMA,
            "<oau:nodeuri",
            "<oau:node/><oau:nodeuri",
            "`nodeuri` or the end of `appusages` here, not `oau:node`",
        ),
        (OMA, "<oau:appusages>", "<oau:appusage/><oau:appusages>", ""),
        (OMA, "<oau:appusages>", "<v xmlns=\"urn:v\"><oau:nodeuri/></v><oau:appusages>", ""),
        (
            OMA,
            "<oau:appusages>",
            "<v xmlns=\"urn:v\"><oau:appusages>a</oau:appusages></v><oau:appusages>",
            "no text,",
        ),
    ];
    check_changes("resource-lists", &resource_lists::GRAMMAR, CHANGES);
}

#[test]
fn the_examples_of_rls_services_are_valid() {
    // These two stand in the text without their namespaces.
    const BARE: &str = "the root `rls-services` of the namespace";
    let faulty = [("rfc4826-4.4.8.xml", BARE), ("rfc4826-4.4.8-2.xml", BARE)];
    check_examples("rls-services", &rls_services::GRAMMAR, &faulty);
}

#[test]
fn rls_services_are_refused_where_they_break_their_grammar() {
    const SERVICES: &str = "rfc4826-4.3.xml";
    const CHANGES: &[Change] = &[
        (
            SERVICES,
            "<packages>",
            "<packages><package/><package><b/></package>",
            "the end of `package` here, not `b`",
        ),
        (SERVICES, "<packages>", "<packages><o xmlns=\"urn:o\"/>", "`package` or the end of `packages` here"),
        (SERVICES, "<packages>", "<packages><package/><o xmlns=\"urn:o\"/>", ""),
        (
            SERVICES,
            "<packages>",
            "<packages/><packages>",
            "an element of another namespace or the end of `service`",
        ),
        (
            SERVICES,
            "<service uri=\"sip:marketing@example.com\">",
            "<service>",
            "the attribute `uri` on `service`",
        ),
        (
            SERVICES,
            "<list name=\"marketing\">",
            "<resource-list/><list>",
            "`packages`, an element of another",
        ),
        (
            SERVICES,
            "<list name=\"marketing\">",
            "<list><entry uri=\"a\"/>",
            "an element of another namespace or the end of `list` here, not `rl:entry`",
        ),
        (
            SERVICES,
            "<rl:entry uri=\"sip:joe@example.com\"/>",
            "<rl:entry/>",
            "the attribute `uri` on `entry`",
        ),
        (
            SERVICES,
            "<rl:entry uri=\"sip:joe@example.com\"/>",
            "<rl:list><rl:entry-ref ref=\"\"/></rl:list>",
            "",
        ),
        (
            SERVICES,
            "<rl:entry uri=\"sip:joe@example.com\"/>",
            "<list/>",
            "an element of another namespace or the end of `list`",
        ),
        (
            SERVICES,
            "</rls-services>",
            "<service uri=\"a\"></service></rls-services>",
            "`resource-list` or `list` before",
        ),
        (SERVICES, "</rls-services>", "<service uri=\"a\"><list/></service></rls-services>", ""),
    ];
    check_changes("rls-services", &rls_services::GRAMMAR, CHANGES);
}
