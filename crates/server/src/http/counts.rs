//! What the entrance counts.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Statuses that are counted by themselves; the others under their hundred.
const STATUSES: [u16; 21] =
    [200, 201, 204, 304, 400, 401, 403, 404, 405, 408, 409, 412, 413, 414, 415, 429, 500, 501, 502, 503, 504];

/// Counters of connections and requests.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections now.
    pub connections: AtomicUsize,
    /// Connections taken.
    pub accepted: AtomicU64,
    /// Connections refused because there were too many in all.
    pub refused_all: AtomicU64,
    /// Connections refused because there were too many of one address.
    pub refused_peer: AtomicU64,
    /// TLS connections that did not come about.
    pub handshakes_failed: AtomicU64,
    /// Connections ended because a head or a body did not come in time.
    pub late: AtomicU64,
    /// Requests at work now.
    pub at_work: AtomicUsize,
    /// Requests that met a bug of ours.
    pub panics: AtomicU64,
    statuses: [AtomicU64; STATUSES.len()],
    classes: [AtomicU64; 6],
}

impl Counts {
    /// Counts an answer.
    pub fn answered(&self, status: u16) {
        let slot = match STATUSES.binary_search(&status) {
            Ok(index) => &self.statuses[index],
            Err(_) => &self.classes[usize::from(status / 100).min(5)],
        };
        slot.fetch_add(1, Ordering::Relaxed);
    }

    /// Status, or the hundred of the others such as `4xx`, and how many; without zeros.
    pub fn answers(&self) -> Vec<(String, u64)> {
        let one = |(status, count): (&u16, &AtomicU64)| (status.to_string(), count.load(Ordering::Relaxed));
        let class =
            |(hundred, count): (usize, &AtomicU64)| (format!("{hundred}xx"), count.load(Ordering::Relaxed));
        let single = STATUSES.iter().zip(&self.statuses).map(one);
        single.chain(self.classes.iter().enumerate().map(class)).filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_counted_by_themselves_or_by_their_hundred() {
        assert!(STATUSES.is_sorted());
        let counts = Counts::default();
        for status in [200, 200, 418, 999] {
            counts.answered(status);
        }
        let expected = [("200", 2), ("4xx", 1), ("5xx", 1)].map(|(status, count)| (status.to_owned(), count));
        assert_eq!(counts.answers(), expected);
    }
}
