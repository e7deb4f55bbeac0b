//! The order in which records are used: NAPTR by RFC 3403 and RFC 3263 §4.1, SRV by RFC 2782. Pure.

use super::{Naptr, Srv, Transport};

/// The transports that the records offer and we allow, with the names of their SRV records, best first. Once an order
/// has a match, later orders do not count (RFC 3403 §4.1).
pub(super) fn services(records: &[Naptr], allowed: impl Fn(Transport) -> bool) -> Vec<(Transport, String)> {
    let mut usable: Vec<(&Naptr, Transport)> = records
        .iter()
        .filter(|record| record.flags.eq_ignore_ascii_case("s") && record.regexp.is_empty())
        .filter(|record| !is_root(&record.replacement))
        .filter_map(|record| {
            let transport = [Transport::Tls, Transport::Udp, Transport::Tcp]
                .into_iter()
                .find(|transport| record.service.eq_ignore_ascii_case(transport.service()))?;
            allowed(transport).then_some((record, transport))
        })
        .collect();
    usable.sort_by_key(|(record, _)| (record.order, record.preference));
    let first = usable.first().map(|(record, _)| record.order);
    usable
        .into_iter()
        .take_while(|(record, _)| Some(record.order) == first)
        .map(|(record, transport)| (transport, record.replacement.clone()))
        .collect()
}

/// Servers in the order to try: by priority, and within one by drawing with the weights. Empty if the only target is
/// the root: the service is not offered.
pub(super) fn servers(mut records: Vec<Srv>, draw: &mut Draw) -> Vec<Srv> {
    records.retain(|record| !is_root(&record.target));
    // The draws below favor the record that happens to stand first, so the seed arranges them, not the name server.
    // Within a priority those of weight 0 stand first, so that a draw of 0 falls on them.
    records.sort_by(|a, b| (&a.target, a.port).cmp(&(&b.target, b.port)));
    records.sort_by_cached_key(|record| (record.priority, record.weight != 0, draw.next()));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let priority = first.priority;
        let peers = records.iter().take_while(|record| record.priority == priority);
        let sum: u64 = peers.clone().map(|record| u64::from(record.weight)).sum();
        let drawn = draw.up_to(sum);
        let mut running = 0;
        let chosen = peers.into_iter().position(|record| {
            running += u64::from(record.weight);
            running >= drawn
        });
        ordered.push(records.remove(chosen.expect("the last running sum is the sum drawn from")));
    }
    ordered
}

fn is_root(name: &str) -> bool {
    name.is_empty() || name == "."
}

/// Numbers drawn from a seed: SplitMix64, small and even enough to spread load; not for secrets.
pub(super) struct Draw(pub(super) u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `most`, both included. Sums of weights stay below 2⁴⁸: the bias is below one in 65,536.
    fn up_to(&mut self, most: u64) -> u64 {
        self.next() % (most + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn srv(priority: u16, weight: u16, target: &str) -> Srv {
        Srv { priority, weight, port: 5060, target: target.into() }
    }

    fn naptr(order: u16, preference: u16, service: &str, replacement: &str) -> Naptr {
        Naptr {
            order,
            preference,
            flags: "s".into(),
            service: service.into(),
            regexp: String::new(),
            replacement: replacement.into(),
        }
    }

    fn targets(records: &[Srv], seed: u64) -> Vec<String> {
        servers(records.to_vec(), &mut Draw(seed)).into_iter().map(|record| record.target).collect()
    }

    /// How often `target` comes first in 10,000 draws.
    fn firsts(records: &[Srv], target: &str) -> usize {
        (0..10_000).filter(|seed| targets(records, *seed)[0] == target).count()
    }

    #[test]
    fn priorities_come_first_whatever_the_weights() {
        let records = [srv(20, 65_535, "c"), srv(10, 0, "b"), srv(0, 1, "a")];
        (0..100).for_each(|seed| assert_eq!(targets(&records, seed), ["a", "b", "c"]));
    }

    #[test]
    fn weights_share_the_first_place() {
        let records = [srv(0, 1, "one"), srv(0, 2, "two"), srv(0, 7, "seven")];
        // The draw is one of 11, as 0 is included; it falls on whichever stands first, each for a third of the seeds.
        let [one, two, seven] = ["one", "two", "seven"].map(|target| firsts(&records, target));
        assert_eq!(one + two + seven, 10_000);
        assert!((1_100..1_330).contains(&one), "{one}");
        assert!((2_000..2_250).contains(&two), "{two}");
        assert!((6_500..6_830).contains(&seven), "{seven}");
    }

    #[test]
    fn equal_weights_share_equally() {
        for weight in [0, 1, 100] {
            let first = firsts(&[srv(0, weight, "a"), srv(0, weight, "b")], "a");
            assert!((4_850..5_150).contains(&first), "{first} of 10,000 with weight {weight}");
        }
    }

    #[test]
    fn weight_zero_has_a_small_chance_but_has_one() {
        let records = [srv(0, 99, "heavy"), srv(0, 0, "light")];
        let light = firsts(&records, "light");
        assert!((50..200).contains(&light), "{light}");
    }

    #[test]
    fn all_servers_are_in_the_order_once_and_a_seed_repeats_it() {
        let records: Vec<Srv> =
            (0..20).map(|index| srv(index % 3, index * 7 % 5, &index.to_string())).collect();
        let order = targets(&records, 42);
        let mut reversed = records.clone();
        reversed.reverse();
        assert_eq!(order, targets(&reversed, 42), "the order of the answer does not matter");
        let mut sorted = order;
        sorted.sort_by_key(|target| target.parse::<u8>().unwrap());
        assert_eq!(sorted, (0..20).map(|index| index.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn the_root_is_no_server() {
        assert!(targets(&[srv(0, 0, ".")], 1).is_empty());
        assert_eq!(targets(&[srv(0, 0, "."), srv(1, 0, "a")], 1), ["a"]);
    }

    #[test]
    fn the_example_of_rfc_3263_gives_tcp_to_a_client_without_tls() {
        let records = [
            naptr(50, 50, "SIPS+D2T", "_sips._tcp.example.com."),
            naptr(90, 50, "SIP+D2T", "_sip._tcp.example.com"),
            naptr(100, 50, "SIP+D2U", "_sip._udp.example.com."),
        ];
        let without_tls = services(&records, |transport| transport != Transport::Tls);
        assert_eq!(without_tls, [(Transport::Tcp, "_sip._tcp.example.com".into())]);
        let with_all = services(&records, |_| true);
        assert_eq!(with_all, [(Transport::Tls, "_sips._tcp.example.com.".into())]);
    }

    #[test]
    fn preference_decides_within_an_order() {
        let records =
            [naptr(10, 20, "SIP+D2U", "u"), naptr(10, 10, "sip+d2t", "t"), naptr(5, 1, "SIP+D2S", "s")];
        let chosen = services(&records, |_| true);
        assert_eq!(chosen, [(Transport::Tcp, "t".into()), (Transport::Udp, "u".into())]);
    }

    #[test]
    fn records_that_are_not_for_sip_are_passed_over() {
        let mut with_regexp = naptr(1, 1, "SIP+D2U", "a");
        with_regexp.regexp = "!^.*$!sip:x@example.com!".into();
        let mut not_srv = naptr(1, 1, "SIP+D2U", "a");
        not_srv.flags = "u".into();
        let records = [with_regexp, not_srv, naptr(1, 1, "E2U+sip", "a"), naptr(1, 1, "SIP+D2U", ".")];
        assert!(services(&records, |_| true).is_empty());
    }
}
