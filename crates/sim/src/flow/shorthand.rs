//! Rules and lists of a user in one line: `allow bob carol of services note; confirm others`, `friends = bob carol`.

use core::fmt::Write as _;
use core::time::Duration;

use super::script::span;

/// Where flows' XCAP documents are.
const ROOT: &str = "https://xcap.example.com";
const FITS: &str = "a string takes what is written to it";

/// The rules document that a line describes.
///
/// Rules are separated by `;`. Each is a sub-handling, then whom it is for: names of peers, URIs, `@domain`,
/// `list:<name>` of the owner, `anonymous`, `others` or `everybody`. Then, as need be, `of` and what is shown
/// (`services`, `persons`, `devices`, names of attributes, `nothing`; everything if it is left out), `in` and a sphere,
/// `from` and `until` with times of the flow.
pub(crate) fn rules(owner: &str, line: &str) -> Result<String, String> {
    let mut text = "<cr:ruleset xmlns:cr=\"urn:ietf:params:xml:ns:common-policy\" \
        xmlns:pr=\"urn:ietf:params:xml:ns:pres-rules\" xmlns:op=\"urn:oma:xml:prs:pres-rules\" \
        xmlns:oc=\"urn:oma:xml:xdm:common-policy\">"
        .to_owned();
    for (index, item) in line.split(';').map(str::trim).filter(|item| !item.is_empty()).enumerate() {
        rule(&mut text, owner, index, item)?;
    }
    text.push_str("</cr:ruleset>");
    Ok(text)
}

fn rule(to: &mut String, owner: &str, index: usize, item: &str) -> Result<(), String> {
    let mut words = item.split_whitespace().peekable();
    let handling = words.next().unwrap_or_default();
    let mut taken = |end: fn(&str) -> bool| {
        let mut taken = Vec::new();
        while let Some(word) = words.next_if(|word| !end(word)) {
            taken.push(word);
        }
        (taken, words.next())
    };
    let is_part = |word: &str| matches!(word, "of" | "in" | "from" | "until");
    let (who, mut part) = taken(is_part);
    let mut conditions = conditions(owner, &who);
    let mut shown = "<pr:provide-services><pr:all-services/></pr:provide-services>\
        <pr:provide-persons><pr:all-persons/></pr:provide-persons>\
        <pr:provide-devices><pr:all-devices/></pr:provide-devices><pr:provide-all-attributes/>"
        .to_owned();
    let (mut from, mut until) = (Duration::ZERO, Duration::from_secs(23 * 3600));
    let mut is_limited = false;
    while let Some(word) = part {
        let (values, next) = taken(is_part);
        let value = values.first().copied().unwrap_or_default();
        match word {
            "of" => shown = values.iter().map(|grant| provided(grant)).collect(),
            "in" => write!(conditions, "<cr:sphere value=\"{}\"/>", values.join(" ")).expect(FITS),
            "from" => (from, is_limited) = (span(value)?, true),
            _ => (until, is_limited) = (span(value)?, true),
        }
        part = next;
    }
    if is_limited {
        let (from, until) = (instant(from), instant(until));
        write!(
            conditions,
            "<cr:validity><cr:from>{from}</cr:from><cr:until>{until}</cr:until></cr:validity>"
        )
        .expect(FITS);
    }
    let shown = if handling == "allow" { shown } else { String::new() };
    write!(
        to,
        "<cr:rule id=\"r{index}\"><cr:conditions>{conditions}</cr:conditions><cr:actions>\
         <pr:sub-handling>{handling}</pr:sub-handling></cr:actions><cr:transformations>{shown}\
         </cr:transformations></cr:rule>"
    )
    .expect(FITS);
    Ok(())
}

fn conditions(owner: &str, who: &[&str]) -> String {
    match who {
        ["anonymous"] => "<oc:anonymous-request/>".to_owned(),
        ["others"] => "<oc:other-identity/>".to_owned(),
        ["everybody"] => String::new(),
        [list] if list.starts_with("list:") => {
            let (owner, name) = (uri(owner), &list["list:".len()..]);
            format!(
                "<oc:external-list><oc:entry anc=\"{ROOT}/resource-lists/users/{owner}/index/~~/resource-lists/\
                 list%5B@name=%22{name}%22%5D\"/></oc:external-list>"
            )
        }
        who => {
            let one = |word: &&str| match word.strip_prefix('@') {
                Some(domain) => format!("<cr:many domain=\"{domain}\"/>"),
                None => format!("<cr:one id=\"{}\"/>", uri(word)),
            };
            format!("<cr:identity>{}</cr:identity>", who.iter().map(one).collect::<String>())
        }
    }
}

fn provided(grant: &str) -> String {
    match grant {
        "services" | "persons" | "devices" => {
            format!("<pr:provide-{grant}><pr:all-{grant}/></pr:provide-{grant}>")
        }
        "nothing" => String::new(),
        "willingness" => "<op:provide-willingness>true</op:provide-willingness>".to_owned(),
        attribute => format!("<pr:provide-{attribute}>true</pr:provide-{attribute}>"),
    }
}

/// The document with the lists that a line describes: `friends = bob carol; foes = eve`. A member `list:<name>` refers
/// to a list of the owner.
pub(crate) fn lists(owner: &str, line: &str) -> Result<String, String> {
    let mut text = "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">".to_owned();
    for item in line.split(';').map(str::trim).filter(|item| !item.is_empty()) {
        let (name, members) = item.split_once('=').ok_or("`<list> = <members>` was expected")?;
        write!(text, "<list name=\"{}\">", name.trim()).expect(FITS);
        for member in members.split_whitespace() {
            match member.strip_prefix("list:") {
                Some(list) => write!(
                    text,
                    "<external anchor=\"{ROOT}/resource-lists/users/{}/index/~~/resource-lists/\
                     list%5B@name=%22{list}%22%5D\"/>",
                    uri(owner)
                ),
                None => write!(text, "<entry uri=\"{}\"/>", uri(member)),
            }
            .expect(FITS);
        }
        text.push_str("</list>");
    }
    text.push_str("</resource-lists>");
    Ok(text)
}

/// A URI as it is, or that of the user of this name.
fn uri(name: &str) -> String {
    if name.contains(':') { name.to_owned() } else { format!("sip:{name}@example.com") }
}

/// A time of the flow as documents write it. Flows begin at eight o'clock.
/// So long after the start of every flow and run, to the second, as XML has it.
pub(crate) fn instant(at: Duration) -> String {
    let seconds = 8 * 3600 + at.as_secs();
    let (day, seconds) = (15 + seconds / 86_400, seconds % 86_400);
    format!("2027-01-{day:02}T{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use documents::rules::Ruleset;

    use super::*;

    #[test]
    fn what_is_written_is_what_is_meant() {
        let line = "allow bob @example.org of services note in work; block list:foes from 10s until 20s; confirm others";
        let text = rules("alice", line).expect("the line is sound");
        let ruleset = Ruleset::read(text.as_bytes(), &xml::Limits::default()).expect(&text);
        let conditions: Vec<_> = ruleset.rules.iter().map(|rule| rule.conditions.len()).collect();
        assert_eq!(conditions, [2, 2, 1]);
        let checked = documents::rules::check(text.as_bytes(), &xml::Limits::default());
        assert!(checked.is_ok(), "{checked:?}");
        assert!(text.contains("2027-01-15T08:00:10Z"));
        let text = lists("alice", "friends = bob tel:+1 list:more; more =").expect("the line is sound");
        assert!(documents::resource_lists::check(text.as_bytes(), &xml::Limits::default()).is_ok());
    }
}
