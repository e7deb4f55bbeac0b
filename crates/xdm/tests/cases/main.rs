//! Requests and their answers, as the text files under `cases/` have them.
//!
//! A file is one store in memory; its requests come one after the other. `given` stores a document, `alice > PUT target`
//! is a request of `sip:alice@example.com` with fields and body below it, `<` its answer, `stored` what is there then.
//! `UPDATE_CASES=1` writes the answers that the machine gives; people review the difference.

mod random;
mod script;
mod world;

use std::fs;
use std::path::{Path, PathBuf};

use script::Item;
use world::World;

#[test]
fn every_request_is_answered_as_its_case_says() {
    let mut failures = Vec::new();
    let mut answers = 0;
    let mut paths = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"), &mut paths);
    let update = std::env::var_os("UPDATE_CASES").is_some();
    for path in paths {
        let text = fs::read_to_string(&path).expect("a case is text");
        let expected = script::read(&text);
        let actual = run(&expected);
        answers += actual.iter().filter(|item| matches!(item, Item::Answer(_))).count();
        if update {
            fs::write(&path, script::write(&actual)).expect("a case can be written");
        } else if actual != expected {
            failures.push(difference(&path, &expected, &actual));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(answers >= 600, "{answers} answers are fewer than there were");
}

#[test]
fn what_is_generated_is_of_its_grammar() {
    let mut world = World::new();
    world.give(
        "rls-services/users/sip:alice@example.com/index",
        r#"<s:rls-services xmlns:s="urn:ietf:params:xml:ns:rls-services" xmlns:x="urn:x"><s:service uri="sip:a@example.com" x:b=""><s:list/></s:service></s:rls-services>"#,
    );
    world.give(
        "org.openmobilealliance.user-profile/users/sip:alice@example.com/user-profile",
        r#"<user-profiles xmlns="urn:oma:xml:xdm:user-profile"><user-profile uri="sip:alice@example.com"/></user-profiles>"#,
    );
    let search = r#"<search-set xmlns="urn:oma:xml:xdm:search"><search id="&quot;"><request><query><![CDATA[for $x in collection("org.openmobilealliance.user-profile/users/")/user-profiles/user-profile return <user-profile>{$x/@uri}</user-profile>]]></query></request></search></search-set>"#;
    type Check = fn(&[u8], &xml::Limits) -> Result<(), xml::schema::Invalid>;
    let generated: [(&str, &str, Option<&str>, Check); 4] = [
        ("GET", "/xcap-caps/global/index", None, documents::xcap_caps::check),
        ("GET", "/rls-services/global/index", None, documents::rls_services::check),
        (
            "GET",
            "/org.openmobilealliance.xcap-directory/users/sip:alice@example.com/directory.xml",
            None,
            documents::xcap_directory::check,
        ),
        ("POST", "/org.openmobilealliance.search", Some(search), documents::search::check),
    ];
    for standing in [
        "",
        " publishes-services publishes-status-icon publishes-unknown",
        " publishes-all handles-permanent",
    ] {
        world.set("standing", &format!("bob block{standing}"));
        let target = "/org.openmobilealliance.pub-rules-view/users/sip:alice@example.com/pub-rules";
        let body = world.run("bob", "GET", target, &[], None).body.expect(target);
        let checked = documents::pub_rules::check(body.as_bytes(), &xml::Limits::default());
        assert_eq!(checked, Ok(()), "{body}");
    }
    for (method, target, body, check) in generated {
        let answer = world.run("provider", method, target, &[], body);
        let body = answer.body.expect(target);
        assert_eq!(check(body.as_bytes(), &xml::Limits::default()), Ok(()), "{body}");
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder of cases") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "case") {
            paths.push(path);
        }
    }
    paths.sort();
}

/// The case with the answers that the machine gives.
fn run(items: &[Item]) -> Vec<Item> {
    let mut world = World::new();
    let mut actual = Vec::new();
    for item in items {
        match item {
            Item::Remark(_) => actual.push(item.clone()),
            Item::Setting(name, value) => {
                world.set(name, value);
                actual.push(item.clone());
            }
            Item::Who(name, uris) => {
                world.name(name, uris.clone());
                actual.push(item.clone());
            }
            Item::Given { path, body } => {
                world.give(path, body);
                actual.push(item.clone());
            }
            Item::Request { who, method, target, fields, body } => {
                actual.push(item.clone());
                actual.push(Item::Answer(world.run(who, method, target, fields, body.as_deref())));
            }
            Item::Answer(_) => {}
            Item::Stored { path, .. } => {
                actual.push(Item::Stored { path: path.clone(), body: world.stored(path) });
            }
        }
    }
    actual
}

/// The first item that differs.
fn difference(path: &Path, expected: &[Item], actual: &[Item]) -> String {
    let at =
        expected.iter().zip(actual).position(|(a, b)| a != b).unwrap_or(expected.len().min(actual.len()));
    let show = |items: &[Item]| items.get(at..at + 1).map(script::write).unwrap_or_default();
    let before = actual[..at].iter().rev().find(|item| matches!(item, Item::Request { .. }));
    let request = before.map(|item| script::write(core::slice::from_ref(item))).unwrap_or_default();
    format!("{}\n{request}expected\n{}actual\n{}", path.display(), show(expected), show(actual))
}
