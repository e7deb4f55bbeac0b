//! Services documents: the example of RFC 4826, what is refused, and what is printed is read back.

use documents::resource_lists::{Entry, List, Name};
use documents::rls_services::{Service, Services, Source};
use documents::{DocumentError, Rule};
use proptest::prelude::*;

fn read(document: &str) -> Result<Services, DocumentError> {
    Services::parse(document.as_bytes(), &xml::Limits::default())
}

#[test]
fn the_example_of_rfc_4826_section_4_3_reads_as_it_says() {
    let services = read(include_str!("data/rfc4826-4.3.xml")).expect("a document").services;
    let reference = "http://xcap.example.com/resource-lists/users/sip:joe@example.com/index/~~/\
        resource-lists/list%5b@name=%22l1%22%5d";
    let mut marketing: List =
        ["sip:joe@example.com", "sip:sudhir@example.com"].map(Entry::new).into_iter().collect();
    marketing.name = Some("marketing".into());
    let presence = || Some(vec!["presence".into()]);
    let expected = [
        Service {
            uri: "sip:mybuddies@example.com".into(),
            source: Source::Reference(reference.into()),
            packages: presence(),
        },
        Service {
            uri: "sip:marketing@example.com".into(),
            source: Source::List(marketing),
            packages: presence(),
        },
    ];
    assert_eq!(services, expected);
    assert!(expected[0].serves("presence") && !expected[0].serves("presence.winfo"));
}

#[test]
fn a_service_without_packages_serves_any_and_one_with_none_serves_none() {
    let within = |packages: &str| {
        let document = format!(
            "<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\"><service uri=\"sip:l@x\"><list/>{packages}\
             <x xmlns=\"urn:x\"><list/></x></service></rls-services>"
        );
        read(&document).expect("a document").services[0].clone()
    };
    assert!(within("").serves("dialog"));
    assert!(!within("<packages/>").serves("dialog"));
    assert!(within("<packages><package> dialog </package></packages>").serves("dialog"));
}

#[test]
fn a_service_without_uri_or_list_is_refused_where_it_is_at_fault() {
    let within = |content: &str| {
        format!("<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\">{content}</rls-services>")
    };
    let cases = [
        ("<services/>".to_owned(), 0, Rule::RootOf("rls-services")),
        (within("<service><list/></service>"), 58, Rule::Missing("uri")),
        (within("<service uri='sip:a@x'><packages/></service>"), 58, Rule::Empty("service")),
        (
            within("<service uri='sip:a@x'><resource-list> </resource-list></service>"),
            81,
            Rule::Empty("resource-list"),
        ),
        (
            within(
                "<service uri='sip:a@x'><list><e:entry xmlns:e='urn:ietf:params:xml:ns:resource-lists'/></list></service>",
            ),
            87,
            Rule::Missing("uri"),
        ),
    ];
    for (document, offset, rule) in cases {
        assert_eq!(read(&document), Err(DocumentError::Rule { offset, rule }), "{document}");
    }
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(
        services in proptest::collection::vec(("[a-z&]{1,6}", any::<bool>(), proptest::option::of(proptest::collection::vec("[a-z.]{1,5}", 0..3))), 0..4)
    ) {
        let services = services.into_iter().map(|(uri, inline, packages)| {
            let mut list: List = ["sip:a@x", "sip:b&@x"].map(Entry::new).into_iter().collect();
            list.display_name = Some(Name::new(&uri));
            list.members.push(documents::resource_lists::Member::List(list.clone()));
            let source = if inline { Source::List(list) } else { Source::Reference(uri.as_str().into()) };
            let packages = packages.map(|packages| packages.iter().map(|package| package.as_str().into()).collect());
            Service { uri: uri.as_str().into(), source, packages }
        });
        let services = Services { services: services.collect() };
        prop_assert_eq!(Services::parse(&services.print(), &xml::Limits::default()), Ok(services));
    }
}
