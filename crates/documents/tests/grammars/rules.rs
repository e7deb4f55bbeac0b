//! Authorization rules.

use documents::rules;

use super::{Change, check_changes, check_examples};

#[test]
fn the_examples_of_rules_are_valid() {
    check_examples("rules", &rules::GRAMMAR, &[]);
}

#[test]
fn rules_are_refused_where_they_break_their_grammar() {
    const COMMON: &str = "rfc4745-12.xml";
    const PRES: &str = "rfc5025-6.xml";
    const OMA: &str = "oma-pres-rules.xml";
    const CHANGES: &[Change] = &[
        (COMMON, "<actions/>", "<transformations/><actions/>", "the end of `rule` here, not `actions`"),
        (COMMON, "</rule>", "</rule><rule/>", "the attribute `id` on `rule` (RFC 4745 §13)"),
        (COMMON, "</rule>", "</rule><rule id=\"1\"/>", "a name without a colon as `id`"),
        (
            COMMON,
            "</rule>",
            "</rule><rule id=\" f3g44r1&#x9;\"/>",
            "an id other than `f3g44r1`, which stands",
        ),
        (COMMON, "</rule>", "</rule><rule id=\"b\"/><rule id=\"c\"/>", ""),
        (
            COMMON,
            "<conditions>",
            "<conditions><identity/>",
            "`one`, `many` or an element of another namespace before",
        ),
        (COMMON, "<conditions>", "<conditions><identity><many><except/></many></identity>", ""),
        (COMMON, "<conditions>", "<conditions><sphere/>", "the attribute `value` on `sphere`"),
        (COMMON, "<conditions>", "<conditions><sphere value=\"a\"> </sphere>", "nothing in `sphere`"),
        (
            COMMON,
            "<conditions>",
            "<conditions><one id=\"a\"/>",
            "`identity`, `sphere`, `validity`, an element of",
        ),
        (COMMON, "<until>", "<from>", "`until` here, not `from`"),
        (COMMON, "2003-12-24T17:00:00+01:00", "2003-12-24", "a date and time such as"),
        (COMMON, "2003-12-24T17:00:00+01:00", "2003-12-<!-- -->24T17:00:00<![CDATA[Z]]>", ""),
        (
            COMMON,
            "2003-12-24T17:00:00+01:00",
            "2003-02-<!-- -->29T17:00:00<![CDATA[Z]]>",
            "a date and time such",
        ),
        (PRES, ">allow<", ">permit<", "`block`, `confirm`, `polite-block` or `allow` as `sub-handling`"),
        (PRES, ">allow<", ">\n polite-block\n<", ""),
        (PRES, ">allow<", "><", "`block`, `confirm`, `polite-block` or `allow` as `sub-handling`"),
        (PRES, ">bare<", "> bare<", "`false`, `bare`, `thresholds` or `full` as `provide-user-input`"),
        (
            PRES,
            "<pr:all-persons/>",
            "<pr:all-persons/><pr:class>a</pr:class>",
            "the end of `provide-persons` here",
        ),
        (
            PRES,
            "<pr:all-persons/>",
            "<pr:service-uri>a</pr:service-uri>",
            "`all-persons`, `occurrence-id`, `class`",
        ),
        (PRES, "<pr:all-persons/>", "", ""),
        (PRES, "name=\"foo\"", "", "the attribute `name` on `provide-unknown-attribute`"),
        (PRES, "activities>true<", "activities>yes<", "`true`, `false`, `1` or `0` as `provide-activities`"),
        (
            PRES,
            "<cr:actions>",
            "<cr:actions><cr:sphere/>",
            "an element of another namespace or the end of `actions`",
        ),
        (PRES, "<cr:actions>", "<cr:actions><pr:unheard-of>1</pr:unheard-of>", ""),
        (PRES, "<cr:actions>", "<cr:actions xml:lang=\"en\">", "no attribute `lang` on `actions`"),
        (OMA, ">false<", ">true<", "`false` or `full` as `provide-geopriv`"),
        (
            OMA,
            "willingness>true<",
            "willingness>maybe<",
            "`true`, `false`, `1` or `0` as `provide-willingness`",
        ),
        (
            OMA,
            "<ocp:other-identity/>",
            "<ocp:other-identity>a</ocp:other-identity>",
            "nothing in `other-identity`",
        ),
        (OMA, "<ocp:other-identity/>", "<ocp:external-list/>", ""),
        (OMA, "<ocp:external-list>", "<ocp:external-list><ocp:entry x=\"1\"/>", ""),
        (
            OMA,
            "<ocp:external-list>",
            "<ocp:external-list><ocp:list/>",
            "`entry` or the end of `external-list` here",
        ),
    ];
    check_changes("rules", &rules::GRAMMAR, CHANGES);
}
