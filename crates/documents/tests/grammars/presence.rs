//! Presence documents and what belongs to them.

use documents::{pidf, pres_content, rlmi, watcherinfo};

use super::{Change, check_changes, check_examples};

#[test]
fn the_examples_of_presence_are_valid_but_for_the_faults_of_their_texts() {
    const FAULTY: &[(&str, &str)] = &[
        // No entity.
        ("rfc4479-7.xml", "the attribute `entity` on `presence`"),
        // An end tag of another element.
        ("rfc4482-4-first.xml", "the end tag of the element that is open"),
    ];
    check_examples("pidf", &pidf::GRAMMAR, FAULTY);
}

#[test]
fn presence_is_refused_where_it_breaks_its_grammar() {
    const PLAIN: &str = "rfc3863-4.3.1.xml";
    const CHANGES: &[Change] = &[
        (
            PLAIN,
            "entity=\"pres:someone@example.com\"",
            "",
            "the attribute `entity` on `presence` (RFC 3863 §4.4)",
        ),
        (PLAIN, "entity=", "xml:lang=\"en\" entity=", "no attribute `lang` on `presence`"),
        (
            PLAIN,
            "<note>I'll",
            "<x xmlns=\"urn:x\"/><note>I'll",
            "an element of another namespace or the end of `pres",
        ),
        (
            PLAIN,
            "<tuple id=\"eg92n8\">",
            "<note/><tuple id=\"eg92n8\">",
            "`note`, an element of another namespace or",
        ),
        (PLAIN, "eg92n8", "bs35r9", "an id other than `bs35r9`, which stands in the document before"),
        (PLAIN, "eg92n8", "9eg2n8", "a name without a colon as `id`"),
        (PLAIN, ">open<", ">Open<", "`open` or `closed` as `basic`"),
        (PLAIN, ">open<", "> open <", "`open` or `closed` as `basic`"),
        (PLAIN, ">open<", ">op<!-- -->en<", ""),
        (PLAIN, "<basic>open</basic>", "", ""),
        (
            PLAIN,
            "<im:im>",
            "<basic>open</basic><im:im>",
            "an element of another namespace or the end of `status`",
        ),
        (PLAIN, "priority=\"0.8\"", "priority=\"0.8125\"", "a number from 0 to 1 with at most three digits"),
        (PLAIN, "priority=\"0.8\"", "priority=\"\"", "a number from 0 to 1 with at most three digits"),
        (
            PLAIN,
            "2001-10-27T16:49:29Z",
            "yesterday",
            "a date and time such as `2002-10-10T12:00:00Z` as `timestamp`",
        ),
        (PLAIN, "<status>", "<contact/><status>", "`status` here, not `contact`"),
        (
            PLAIN,
            "<contact priority=\"0.8\">",
            "<contact/><contact>",
            "`note`, `timestamp` or the end of `tuple`",
        ),
        (PLAIN, "<im:im>", "<im:im xmlns:p=\"urn:ietf:params:xml:ns:pidf\" p:mustUnderstand=\"1\">", ""),
        (
            PLAIN,
            "<im:im>",
            "<im:im xmlns:p=\"urn:ietf:params:xml:ns:pidf\" p:mustUnderstand=\"x\">",
            "`true`, `fa",
        ),
    ];
    check_changes("pidf", &pidf::GRAMMAR, CHANGES);
}

#[test]
fn extensions_of_presence_are_held_to_their_own_grammars() {
    const RICH: &str = "rfc4480-4.xml";
    const MODEL: &str = "rfc4479-7-mended.xml";
    const CARD: &str = "rfc4482-4-second.xml";
    const TIMED: &str = "rfc4481-4.xml";
    const CAPS: &str = "rfc5196-5.xml";
    const OMA: &str = "oma-extensions.xml";
    const CHANGES: &[Change] = &[
        (RICH, "<rpid:away/>", "", ""),
        (RICH, "<rpid:away/>", "<rpid:unknown/>", ""),
        (
            RICH,
            "<rpid:away/>",
            "<rpid:unknown/><rpid:away/>",
            "the end of `activities` here, not `rpid:away`",
        ),
        (RICH, "<rpid:away/>", "<rpid:lunch/><x xmlns=\"urn:x\"/><rpid:other>a</rpid:other>", ""),
        (RICH, "<rpid:away/>", "<rpid:away> </rpid:away>", "nothing in `away`"),
        (RICH, "from=\"2005-05-30T12:00:00+05:00\"", "from=\"today\"", "a date and time such as"),
        (
            RICH,
            "from=\"2005-05-30T12:00:00+05:00\"",
            "id=\"ty4658\"",
            "an id other than `ty4658`, which stands in the",
        ),
        (RICH, "<rpid:noisy/>", "<rpid:noisy/><rpid:ok/>", "the end of `audio` here, not `rpid:ok`"),
        (RICH, "<rpid:angry/>", "<rpid:livid/>", "`note`, `unknown`, `afraid`"),
        (
            RICH,
            "idle-threshold=\"600\"",
            "idle-threshold=\"0\"",
            "a whole number of at least 1 as `idle-threshold`",
        ),
        (RICH, ">idle<", ">sleeping<", "`active` or `idle` as `user-input`"),
        (RICH, ">-240<", ">-4h<", "a whole number as `time-offset`"),
        (
            RICH,
            "<rpid:self/>",
            "<rpid:self/><rpid:friend/>",
            "the end of `relationship` here, not `rpid:friend`",
        ),
        (RICH, "<rpid:sphere>bowling league", "<rpid:sphere>a <rpid:work/> b", ""),
        (RICH, "<lt:residence/>", "<rpid:residence/>", "`note`, `other` or an element of another namespace"),
        (
            MODEL,
            "<dm:deviceID>mac:8asd7d7d70</dm:deviceID>\n </dm:device>",
            "</dm:device>",
            "an element of another",
        ),
        (MODEL, "<dm:person id=\"p1\">", "<dm:person>", "the attribute `id` on `person` (RFC 4479 §5)"),
        (MODEL, "<dm:person id=\"p1\">", "<dm:person id=\"sg89ae\">", "an id other than `sg89ae`"),
        (
            MODEL,
            "<dm:person id=\"p1\">",
            "<dm:person id=\"p1\"><dm:timestamp>1</dm:timestamp>",
            "a date and time",
        ),
        (CARD, "<c:map>", "<c:map><a/></c:map><c:map>", "the end of `map` here, not `a` (RFC 4482 §5)"),
        (
            TIMED,
            "from=\"2005-08-15T10:20:00.000-05:00\"",
            "",
            "the attribute `from` on `timed-status` (RFC 4481 §5)",
        ),
        (
            CAPS,
            "<caps:audio>true</caps:audio>",
            "<caps:audio>loud</caps:audio>",
            "`true`, `false`, `1` or `0` as",
        ),
        (CAPS, "<caps:video>", "<caps:text>1</caps:text><caps:video>", ""),
        (
            CAPS,
            "<caps:video>",
            "<caps:audio>1</caps:audio><caps:video>",
            "`text`, `type`, `video`, an element of",
        ),
        (CAPS, "<caps:ACK/>", "<caps:BYE/><caps:ACK/>", "`CANCEL`, `INFO`, `INVITE`, `MESSAGE`"),
        (CAPS, "<caps:s>sip</caps:s>", "", "`s` before the end of `supported`"),
        (CAPS, "maxvalue=\"10\"", "maxvalue=\"ten\"", "a whole number as `maxvalue`"),
        (CAPS, "<caps:lowerthan maxvalue=\"10\"/>", "<caps:higherthan minvalue=\"1\"/>", ""),
        (OMA, "<op:version>1.0</op:version>", "", "`version` here, not `op:description`"),
        (OMA, "<op:basic>open</op:basic>", "<basic>open</basic>", ""),
        (OMA, "<op:basic>open</op:basic>", "<op:basic>yes</op:basic>", "`open` or `closed` as `basic`"),
        (OMA, "opd:until=\"2030-05-01T18:00:00Z\"", "opd:until=\"tonight\"", "a date and time such as"),
        (OMA, ">terminated<", ">ended<", "`active` or `terminated` as `barring-state`"),
        (
            OMA,
            "<opd:manual/>",
            "<opd:manual/><opd:automatic/>",
            "an element of another namespace or the end of `ses",
        ),
        (OMA, "opd:fsize=\"4711\"", "opd:fsize=\"4 KiB\"", "a whole number as `fsize`"),
        (OMA, "opd11:priority=\"0.5\"", "opd11:priority=\"high\"", "a number from 0 to 1"),
        (OMA, "<op:network id=\"IMS\">", "<op:network>", "the attribute `id` on `network`"),
        (
            OMA,
            "<op:active/>",
            "<op:terminated/><op:active/>",
            "an element of another namespace or the end of `net",
        ),
    ];
    check_changes("pidf", &pidf::GRAMMAR, CHANGES);
}

#[test]
fn presence_content_is_held_to_its_grammar() {
    const ICON: &str = "icon.xml";
    check_examples("pres-content", &pres_content::GRAMMAR, &[]);
    const CHANGES: &[Change] = &[
        (ICON, "<data>iVBORw0KGgo=</data>", "", "`description` or `data` before the end of `content`"),
        (ICON, "<encoding>base64</encoding>", "", ""),
        (
            ICON,
            "<encoding>",
            "<data/><encoding>",
            "an element of another namespace or the end of `content` here",
        ),
        (ICON, "<data>", "<data a=\"b\">", ""),
        (ICON, "</data>", "</data><x xmlns=\"urn:x\">a</x>", ""),
        (ICON, "xml:lang=\"en\"", "xml:lang=\"-\"", "a language tag as `lang`"),
    ];
    check_changes("pres-content", &pres_content::GRAMMAR, CHANGES);
}

#[test]
fn watcher_information_is_held_to_its_grammar() {
    const FULL: &str = "rfc3858-5.xml";
    check_examples("watcherinfo", &watcherinfo::GRAMMAR, &[]);
    const CHANGES: &[Change] = &[
        (FULL, "version=\"0\"", "version=\"-1\"", "a whole number of at least 0 as `version`"),
        (FULL, "state=\"full\"", "state=\"all\"", "`full` or `partial` as `state`"),
        (FULL, "package=\"presence\"", "", "the attribute `package` on `watcher-list`"),
        (
            FULL,
            "status=\"active\"",
            "status=\"live\"",
            "`pending`, `active`, `waiting` or `terminated` as `status`",
        ),
        (
            FULL,
            "event=\"approved\"",
            "event=\"allowed\"",
            "`subscribe`, `approved`, `deactivated`, `probation`,",
        ),
        (
            FULL,
            "duration-subscribed=\"509\"",
            "duration-subscribed=\"1.5\"",
            "a whole number from 0 to 184467440737",
        ),
    ];
    check_changes("watcherinfo", &watcherinfo::GRAMMAR, CHANGES);
}

#[test]
fn list_meta_information_is_held_to_its_grammar() {
    const LIST: &str = "rfc4662-5.1.xml";
    // A quote too many.
    check_examples("rlmi", &rlmi::GRAMMAR, &[("rfc4662-6.xml", "whitespace, `/>` or `>` in a start tag")]);
    const CHANGES: &[Change] = &[
        (LIST, "version=\"7\"", "version=\"4294967296\"", "a whole number from 0 to 4294967295 as `version`"),
        (LIST, "fullState=\"true\"", "", "the attribute `fullState` on `list`"),
        (LIST, "state=\"active\"", "state=\"on\"", "`active`, `pending` or `terminated` as `state`"),
        (
            LIST,
            "<resource",
            "<instance id=\"a\" state=\"active\"/><resource",
            "`name`, `resource` or the end of `list`",
        ),
        (
            LIST,
            "<resource",
            "<resource uri=\"a\"><instance id=\"a\" state=\"active\"><x/></instance></resource><resource",
            "",
        ),
    ];
    check_changes("rlmi", &rlmi::GRAMMAR, CHANGES);
}
