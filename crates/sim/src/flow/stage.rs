//! The node's settings as a flow words them: `set pace 5s`, `set user bob secret`, `set lifetimes 60s 1h 2h`.

use core::time::Duration;
use std::sync::Arc;

use documents::rules::SubHandling;
use node::{Listener, Lists, Oversize, Peer, Settings};
use presence::{Lifetimes, Policy, PublishPolicy, Watch, composition};
use rls::service::Policy as ListPolicy;
use sip::Aor;
use sip_stack::Protocol;
use sip_stack::auth::Entitled;
use sip_stack::digest_client::Account;
use xcap::{Remote, Roots};
use xdm::{Declared, Xdms};

use crate::flow::script::span;

/// What a flow starts from: open mode, everyone may do everything, pace off, an hour of lifetime.
pub(crate) fn defaults() -> Settings {
    Settings {
        domains: vec!["example.com".into()],
        listeners: vec![
            Listener { protocol: Protocol::Udp, sent_by: "192.0.2.250:5060".into() },
            Listener { protocol: Protocol::Tcp, sent_by: "192.0.2.250:5060".into() },
        ],
        authentication: sip_stack::auth::Settings {
            open: true,
            realm: "example.com".into(),
            ..Default::default()
        },
        policy: Policy {
            watch: Watch::Everyone,
            publish: PublishPolicy::Everyone,
            roots: Roots::own(["https://xcap.example.com"]),
            ..Policy::default()
        },
        pace: Duration::ZERO,
        ..Settings::default()
    }
}

/// Applies one `set` line. `shards` is not a setting of the node but of its shell.
pub(crate) fn set(settings: &mut Settings, shards: &mut u16, words: &[String]) -> Result<(), String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |word: &str| word.parse::<usize>().map_err(|_| format!("`{word}` is no number"));
    match words.as_slice() {
        ["shards", count] => *shards = count.parse().map_err(|_| "`shards` wants a number")?,
        ["domains", domains @ ..] => {
            settings.domains = domains.iter().map(|domain| (*domain).into()).collect()
        }
        ["open", word] => settings.authentication.open = yes(word)?,
        ["user", name, password] => {
            settings
                .authentication
                .users
                .insert((*name).to_owned(), sip_stack::auth::Secret::Password((*password).to_owned()));
        }
        ["trusted", networks @ ..] => {
            for network in networks {
                let network = network.parse().map_err(|_| format!("`{network}` is no network"))?;
                settings.authentication.trusted.push(network);
            }
        }
        ["nonce-lifetime", time] => settings.authentication.nonce_lifetime = span(time)?,
        ["watch", "everyone"] => settings.policy.watch = Watch::Everyone,
        ["watch", "own-domain"] => settings.policy.watch = Watch::OwnDomain,
        ["watch", "oneself"] => settings.policy.watch = Watch::Oneself,
        ["publish", "everyone"] => settings.policy.publish = PublishPolicy::Everyone,
        ["publish", "oneself"] => settings.policy.publish = PublishPolicy::Oneself,
        ["unmatched", handling] => {
            settings.policy.defaults.unmatched =
                SubHandling::read(handling).ok_or("`unmatched` wants a sub-handling")?;
        }
        ["bare-allow", "nothing"] => settings.policy.defaults.bare_allow_shows_all = false,
        ["bare-allow", "everything"] => settings.policy.defaults.bare_allow_shows_all = true,
        ["composition", "merge"] => settings.policy.composition = composition::Policy::Merge,
        ["composition", "latest"] => settings.policy.composition = composition::Policy::Latest,
        ["composition", "priority"] => settings.policy.composition = composition::Policy::Priority,
        ["composition", "single"] => settings.policy.composition = composition::Policy::Single,
        ["entitled", function, entries @ ..] => {
            let entitled = Entitled::of(entries.iter().copied());
            match *function {
                "watch" => settings.policy.entitled = entitled,
                "publish" => settings.entitlement.publish = entitled,
                "lists" => settings.entitlement.lists = entitled,
                "winfo" => settings.entitlement.winfo = entitled,
                "documents" => settings.entitlement.documents = entitled,
                other => return Err(format!("{other:?} is no function")),
            }
        }
        ["publications", min, default, max] => settings.publications = lifetimes(min, default, max)?,
        ["subscriptions", min, default, max] => settings.subscriptions = lifetimes(min, default, max)?,
        ["roots", roots @ ..] => {
            settings.policy.roots = Roots::own(roots.iter().copied());
        }
        ["pace", time] => settings.pace = span(time)?,
        ["documents", "on"] => settings.documents = Some(Arc::new(Xdms::new(document_servers()))),
        ["changes-pace", time] => settings.changes_pace = span(time)?,
        ["limit", "resources", count] => settings.limits.changes.resources = number(count)?,
        ["limit", "body", count] => settings.limits.changes.body = number(count)?,
        ["limit", "history", count] => settings.limits.changes.history = number(count)?,
        ["oversize", "datagram"] => settings.oversize = Oversize::Datagram,
        ["oversize", "stream"] => settings.oversize = Oversize::Stream,
        ["lists", "off"] => settings.lists = None,
        ["lists", words @ ..] => {
            let lists = settings.lists.get_or_insert_with(|| Lists {
                server: Some("sip:rls@example.com".into()),
                window: Duration::from_secs(2),
                ..Lists::default()
            });
            match words {
                ["on"] => {}
                ["policy", "owner"] => lists.policy = ListPolicy::Owner,
                ["policy", "own-domain"] => lists.policy = ListPolicy::OwnDomain,
                ["policy", "everyone"] => lists.policy = ListPolicy::Everyone,
                ["references", "owner"] => lists.references = ListPolicy::Owner,
                ["references", "own-domain"] => lists.references = ListPolicy::OwnDomain,
                ["references", "everyone"] => lists.references = ListPolicy::Everyone,
                ["root", root] => lists.roots = Roots::own([*root]),
                ["remote", root, domain] => {
                    let remote = Remote {
                        names: vec![(*root).into()],
                        domains: vec![(*domain).into()],
                        ..Remote::default()
                    };
                    lists.roots = lists.roots.clone().with_remotes(vec![remote]);
                }
                ["window", time] => lists.window = span(time)?,
                ["notify", octets] => lists.notify_max = number(octets)?,
                ["watched", count] => lists.watched_max = number(count)?,
                ["entries", count] => lists.flat.entries = number(count)?,
                ["peer", domain, hop, rest @ ("trusted" | "stranger")] => {
                    let next_hop = (*hop != "dns").then(|| (*hop).to_owned());
                    let peer = Peer { next_hop, trusted: *rest == "trusted", account: None };
                    lists.foreign.peers.insert((*domain).to_owned(), peer);
                }
                ["account", domain, username, password] => {
                    let peer = lists.foreign.peers.get_mut(*domain).ok_or("no such peer")?;
                    let (username, password) = ((*username).to_owned(), (*password).to_owned());
                    peer.account = Some(Account { username, password });
                }
                ["peer", domain, "none"] => drop(lists.foreign.peers.remove(*domain)),
                ["foreign", count] => lists.foreign.max = number(count)?,
                ["gate", count] => lists.foreign.window = number(count)?,
                ["lifetime", time] => lists.foreign.lifetime = span(time)?,
                _ => return Err(format!("`set lists {}` is not known", words.join(" "))),
            }
        }
        ["limit", "document", count] => settings.limits.document = number(count)?,
        ["limit", "publications", count] => settings.limits.publications = number(count)?,
        ["limit", "subscriptions", count] => settings.limits.subscriptions = number(count)?,
        ["limit", "watcher", count] => settings.limits.watcher = number(count)?,
        ["limit", "source-publications", count] => settings.limits.source_publications = number(count)?,
        ["limit", "presentities", count] => settings.limits.presentities = number(count)?,
        ["limit", "dialogs", count] => settings.limits.dialogs = number(count)?,
        ["limit", "parked", count] => settings.limits.parked = number(count)?,
        ["limit", "unanswered", count] => {
            settings.limits.unanswered =
                u8::try_from(number(count)?).map_err(|_| "a small number is wanted")?;
        }
        ["limit", "turn", count] => settings.limits.turn = number(count)?,
        ["limit", "message", count] => settings.limits.sip.message = number(count)?,
        ["limit", "window", count] => {
            settings.limits.window = u16::try_from(number(count)?).map_err(|_| "a window is small")?;
        }
        _ => return Err(format!("`set {}` is not known", words.join(" "))),
    }
    Ok(())
}

/// As RFC 5875 §A.1 has it: a usage of the name `tests` besides all others.
fn document_servers() -> xdm::Settings {
    let tests = Declared {
        auid: "tests".into(),
        media_type: "application/xml".into(),
        namespace: "".into(),
        schema: None,
    };
    xdm::Settings {
        domains: vec!["example.com".into()],
        roots: vec!["http://xcap.example.com".into()],
        declared: vec![tests],
        providers: [Aor::parse("sip:provider@example.com").expect("an address-of-record")].into(),
        ..xdm::Settings::default()
    }
}

fn lifetimes(min: &str, default: &str, max: &str) -> Result<Lifetimes, String> {
    Ok(Lifetimes { min: span(min)?, default: span(default)?, max: span(max)? })
}

fn yes(word: &str) -> Result<bool, String> {
    match word {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("`{word}` is neither yes nor no")),
    }
}
