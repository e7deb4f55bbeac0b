//! What holds for all inputs: printing and parsing undo each other, splits do not matter, nothing panics.

use proptest::prelude::*;
use sip::{
    Aor, CSeq, Challenge, Credentials, EventHeader, Frame, Framer, Limits, MediaType, Message, Method, Name,
    NameAddr, SubscriptionState, Uri, Via, Writer, aor_hash, quote, respond, unquote,
};

const TOKEN: &str = "[A-Za-z0-9.!%*_+`'~-]{1,12}";
const USER: &str = "([A-Za-z0-9_.!~*'()&=+$,;?/-]|%[0-9A-Fa-f]{2}){1,16}";
const PARAM: &str = "([A-Za-z0-9_.!~*'()/:&+$\\[\\]-]|%[0-9A-Fa-f]{2}){1,8}";
const NAME: &str = "[a-zA-Z][a-zA-Z0-9-]{0,8}(\\.[a-zA-Z][a-zA-Z0-9]{0,5}){0,2}";

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        NAME.prop_map(String::from),
        any::<[u8; 4]>().prop_map(|octets| core::net::Ipv4Addr::from(octets).to_string()),
        any::<[u8; 16]>().prop_map(|octets| format!("[{}]", core::net::Ipv6Addr::from(octets))),
    ]
}

fn port() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), any::<u16>().prop_map(|port| format!(":{port}"))]
}

fn uri_params() -> impl Strategy<Value = String> {
    proptest::collection::vec((PARAM, proptest::option::of(PARAM)), 0..4).prop_map(|params| {
        params
            .into_iter()
            .map(|(name, value)| value.map_or(format!(";{name}"), |value| format!(";{name}={value}")))
            .collect()
    })
}

fn field_params() -> impl Strategy<Value = String> {
    let value =
        prop_oneof![TOKEN.prop_map(String::from), "[ -~äж]{0,12}".prop_map(|text| quote(&text)), host()];
    proptest::collection::vec((TOKEN, proptest::option::of(value)), 0..4).prop_map(|params| {
        params
            .into_iter()
            .map(|(name, value)| value.map_or(format!(";{name}"), |value| format!(";{name}={value}")))
            .collect()
    })
}

fn sip_uri() -> impl Strategy<Value = String> {
    (
        prop_oneof![Just("sip"), Just("sips")],
        USER,
        proptest::option::of("[A-Za-z0-9&=+$,]{0,6}"),
        host(),
        port(),
        uri_params(),
    )
        .prop_map(|(scheme, user, password, host, port, params)| {
            let password = password.map_or(String::new(), |password| format!(":{password}"));
            format!("{scheme}:{user}{password}@{host}{port}{params}")
        })
}

fn method() -> impl Strategy<Value = String> {
    prop_oneof![Just("PUBLISH".to_owned()), Just("NOTIFY".to_owned()), TOKEN.prop_map(String::from)]
}

/// A message as our writer makes it, with its fields and body.
fn message() -> impl Strategy<Value = (Vec<u8>, Vec<(String, String)>, Vec<u8>)> {
    let field = ("X-[A-Za-z0-9]{1,8}", "[!-~]([ -~äж]{0,30}[!-~])?");
    let fields = proptest::collection::vec(field, 0..60);
    (method(), sip_uri(), fields, proptest::collection::vec(any::<u8>(), 0..200)).prop_map(
        |(method, uri, fields, body)| {
            let mut out = Vec::new();
            let mut writer = Writer::request(&mut out, &method, &uri);
            for (name, value) in &fields {
                writer.other(name, value);
            }
            writer.finish(&body);
            (out, fields, body)
        },
    )
}

proptest! {
    #[test]
    fn a_uri_is_printed_as_it_was_read(text in sip_uri()) {
        let uri = Uri::parse(&text).expect("a URI");
        prop_assert_eq!(uri.to_string(), text.clone());
        prop_assert!(uri.equivalent(&uri));
    }

    #[test]
    fn a_user_has_one_name_and_one_hash(text in sip_uri()) {
        let aor = Aor::parse(&text).expect("a user");
        prop_assert_eq!(Aor::parse(aor.as_str()).expect("the canonical form"), aor.clone(), "canonical once, canonical for ever");
        prop_assert_eq!(aor_hash(&text), Some(aor.stable_hash()));
        prop_assert_eq!(aor_hash(aor.as_str()), Some(aor.stable_hash()));
    }

    #[test]
    fn equivalence_goes_both_ways(a in sip_uri(), b in sip_uri()) {
        let (a, b) = (Uri::parse(&a).expect("a URI"), Uri::parse(&b).expect("a URI"));
        prop_assert_eq!(a.equivalent(&b), b.equivalent(&a));
    }

    #[test]
    fn an_address_survives_printing(display in proptest::option::of("[ -~äж]{0,16}"), uri in sip_uri(), params in field_params()) {
        let text = display.as_ref().map_or(String::new(), |name| quote(name)) + &format!("<{uri}>{params}");
        let address = NameAddr::parse(&text).expect("an address");
        prop_assert_eq!(address.display_name().map(String::from), display);
        prop_assert_eq!(address.uri, &uri);
        let printed = address.to_string();
        prop_assert_eq!(NameAddr::parse(&printed).expect("printed"), address);
    }

    #[test]
    fn a_via_survives_printing(protocol in TOKEN, host in host(), port in port(), params in field_params()) {
        let text = format!("SIP/2.0/{protocol} {host}{port}{params}");
        let via = Via::parse(&text).expect("a Via");
        let printed = via.to_string();
        prop_assert_eq!(Via::parse(&printed).expect("printed"), via);
    }

    #[test]
    fn small_fields_survive_printing(number in any::<u32>(), token in "[A-Za-z0-9]{1,9}", method in method(), params in field_params()) {
        let text = format!("{number} {method}");
        prop_assert_eq!(CSeq::parse(&text).expect("CSeq").to_string(), text);
        let text = format!("{token}{params}");
        prop_assert_eq!(EventHeader::parse(&text).expect("Event").to_string(), text.clone());
        prop_assert_eq!(SubscriptionState::parse(&text).expect("state").to_string(), text);
        let text = format!("{token}/{token}{params}");
        prop_assert_eq!(MediaType::parse(&text).expect("media type").to_string(), text);
    }

    #[test]
    fn credentials_survive_printing(texts in proptest::collection::vec("[ !#-\\[\\]-~]{0,12}", 8), nc in any::<u32>(), userhash in any::<bool>()) {
        let nc = format!("{nc:08x}");
        let credentials = Credentials {
            username: &texts[0], realm: &texts[1], nonce: &texts[2], uri: &texts[3], response: &texts[4],
            algorithm: Some("SHA-256"), cnonce: Some(&texts[5]), opaque: Some(&texts[6]), qop: Some("auth"), nc: Some(&nc), userhash,
        };
        let printed = credentials.to_string();
        prop_assert_eq!(Credentials::parse(&printed), Ok(credentials));
        let challenge = Challenge {
            realm: &texts[0], nonce: &texts[1], opaque: Some(&texts[2]), domain: None, algorithm: None,
            qop: Some(&texts[7]), stale: userhash,
        };
        let printed = challenge.to_string();
        prop_assert_eq!(Challenge::parse(&printed), Ok(challenge));
    }

    #[test]
    fn quoting_is_undone(text in "\\PC*") {
        let quoted = quote(&text);
        prop_assert_eq!(unquote(&quoted), text);
    }

    #[test]
    fn what_is_written_is_read_back((bytes, fields, body) in message()) {
        let message = Message::parse(&bytes, &Limits::DEFAULT).expect("a message");
        prop_assert_eq!(message.bytes(), &bytes[..]);
        prop_assert_eq!(message.body(), &body[..]);
        let read: Vec<_> = message.fields().filter(|field| field.name == Name::Other)
            .map(|field| (field.raw_name.to_owned(), field.value.to_owned())).collect();
        prop_assert_eq!(read, fields);
    }

    #[test]
    fn any_split_of_a_stream_gives_the_same_frames(
        messages in proptest::collection::vec((message(), 0_usize..4), 1..6),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut stream = Vec::new();
        for ((bytes, _, _), crlfs) in &messages {
            stream.extend(b"\r\n".repeat(*crlfs));
            stream.extend(bytes);
        }
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.sort_unstable();
        cuts.push(stream.len());
        let mut framer = Framer::new(Limits::DEFAULT);
        let (mut from, mut pings, mut read) = (0, 0, Vec::new());
        for to in cuts {
            framer.push(&stream[from..to]);
            from = to;
            while let Some(frame) = framer.next().expect("a good stream") {
                match frame {
                    Frame::Message(bytes) => read.push(bytes.to_vec()),
                    Frame::Ping => pings += 1,
                    Frame::Pong => {}
                }
            }
        }
        let sent: Vec<_> = messages.iter().map(|((bytes, _, _), _)| bytes.clone()).collect();
        prop_assert_eq!(read, sent);
        prop_assert_eq!(pings, messages.iter().map(|(_, crlfs)| crlfs / 2).sum::<usize>());
    }

    /// A response to whatever can be split can itself be read, and carries the fields that match it to its request.
    #[test]
    fn a_response_to_anything_is_a_message(bytes in "OPTIONS sip:a@b SIP/2.0\r\n((Via|v|To|f|CSeq|X): [ -~\r\n\täж]{0,40}\r\n){0,8}\r\n") {
        let Ok(mut request) = Message::parse(bytes.as_bytes(), &Limits::DEFAULT) else { return Ok(()) };
        let _ = request.check(&Limits::DEFAULT);
        let mut out = Vec::new();
        respond(&mut out, &request, 400, "192.0.2.1:5060".parse().ok(), Some("tag")).finish(b"x");
        let response = Message::parse(&out, &Limits::DEFAULT).expect("a response");
        prop_assert_eq!(response.body(), b"x");
        prop_assert_eq!(response.all(Name::Via).count(), request.all(Name::Via).count());
        let unfolded = |text: Option<&str>| text.map(|text| text.replace(['\r', '\n'], ""));
        prop_assert_eq!(unfolded(response.get(Name::CSeq)), unfolded(request.get(Name::CSeq)));
        prop_assert_eq!(request.method(), Some(Method::Options));
    }

    #[test]
    fn no_text_panics_a_parser(text in "[ -~\r\n\t;,<>\"=:@\\[\\]%äж]{0,60}") {
        let _ = Uri::parse(&text).map(|uri| uri.to_string());
        let _ = Via::parse(&text).map(|via| (via.branch(), via.rport(), via.received()));
        let _ = NameAddr::parse(&text).map(|address| address.to_string());
        let _ = EventHeader::parse(&text);
        let _ = CSeq::parse(&text);
        let _ = MediaType::parse(&text);
        let _ = Credentials::parse(&text);
        let _ = Challenge::parse(&format!("Digest {text}"));
        let _ = sip::RetryAfter::parse(&text);
        let _ = sip::accepts([&*text], "a/b");
        let _ = aor_hash(&text);
    }
}
