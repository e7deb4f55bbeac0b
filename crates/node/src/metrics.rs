//! What a shard counts: plain numbers that the shell copies and adds up.

use core::time::Duration;

use rls::roster::Virtual;

/// A histogram of durations in powers of two of microseconds; the first bucket ends at 64 us, the last is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Counts per bucket: bucket `i` holds durations below `64 << i` microseconds.
    pub buckets: [u64; Histogram::BUCKETS],
    /// Sum of all durations, microseconds.
    pub sum: u64,
    /// How many.
    pub count: u64,
}

impl Histogram {
    /// Number of buckets; the last ends nowhere.
    pub const BUCKETS: usize = 22;

    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = (64 - (micros >> 6).leading_zeros()) as usize;
        self.buckets[bucket.min(Self::BUCKETS - 1)] += 1;
        self.sum = self.sum.saturating_add(micros);
        self.count += 1;
    }

    /// Upper bound of a bucket in microseconds; `None` for the open one.
    pub const fn bound(bucket: usize) -> Option<u64> {
        if bucket + 1 < Self::BUCKETS { Some(64 << bucket) } else { None }
    }

    fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.sum += other.sum;
        self.count += other.count;
    }
}

/// A histogram of counts in powers of two: how many there are of something at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Counts per bucket: bucket `i` holds what is `1 << i` at most, and more than the bucket before it.
    pub buckets: [u64; Sizes::BUCKETS],
    /// Sum of all.
    pub sum: u64,
    /// How many.
    pub count: u64,
}

impl Sizes {
    /// Number of buckets; the last ends nowhere.
    pub const BUCKETS: usize = 14;

    /// Counts one.
    pub fn record(&mut self, size: usize) {
        let bucket = size.next_power_of_two().trailing_zeros() as usize;
        self.buckets[bucket.min(Self::BUCKETS - 1)] += 1;
        self.sum += size as u64;
        self.count += 1;
    }

    /// The most that a bucket holds; `None` for the open one.
    pub const fn bound(bucket: usize) -> Option<u64> {
        if bucket + 1 < Self::BUCKETS { Some(1 << bucket) } else { None }
    }

    fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.sum += other.sum;
        self.count += other.count;
    }
}

macro_rules! metrics {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ident,)+) => {
        /// Counters and gauges of one shard, or the sum over several.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Metrics {
            $($(#[doc = $doc])+ pub $name: u64,)+
            /// From the PUBLISH that changed a view to the NOTIFY that carries it leaving here.
            pub publish_to_notify: Histogram,
            /// Resources of a list, each time that one was put together or edited.
            pub list_sizes: Sizes,
            /// Resources that one NOTIFY of a list told of.
            pub list_changes_told: Sizes,
        }

        /// Whether a number only grows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum MetricKind {
            /// Only grows.
            Counter,
            /// Goes up and down.
            Gauge,
        }

        impl Metrics {
            /// Adds another shard's numbers.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)+
                self.publish_to_notify.add(&other.publish_to_notify);
                self.list_sizes.add(&other.list_sizes);
                self.list_changes_told.add(&other.list_changes_told);
            }

            /// Name, kind, help text and value of each number, in the order of declaration.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, MetricKind, &'static str, u64)> {
                [$((stringify!($name), MetricKind::$kind, concat!($($doc),+), self.$name),)+].into_iter()
            }
        }
    };
}

impl Metrics {
    /// Virtual subscriptions of lists have come to stand otherwise.
    pub(crate) fn virtuals(&mut self, moved: &Virtual) {
        for (gauge, more) in [
            (&mut self.list_local_unknown, moved.local.unknown),
            (&mut self.list_local_active, moved.local.active),
            (&mut self.list_local_pending, moved.local.pending),
            (&mut self.list_local_terminated, moved.local.terminated),
            (&mut self.list_foreign_unknown, moved.foreign.unknown),
            (&mut self.list_foreign_active, moved.foreign.active),
            (&mut self.list_foreign_pending, moved.foreign.pending),
            (&mut self.list_foreign_terminated, moved.foreign.terminated),
        ] {
            *gauge = gauge.wrapping_add_signed(more);
        }
    }
}

metrics! {
    /// Messages that reached the shard.
    messages_received: Counter,
    /// Messages handed to the transport.
    messages_sent: Counter,
    /// Requests answered again from the transaction table.
    retransmissions_received: Counter,
    /// Malformed messages answered with 4xx by the door.
    malformed_answered: Counter,
    /// Bytes that were no SIP, dropped without an answer.
    malformed_dropped: Counter,
    /// Presentities with state.
    presentities: Gauge,
    /// Live publications.
    publications: Gauge,
    /// Active presence subscriptions.
    subscriptions_presence_active: Gauge,
    /// Pending presence subscriptions.
    subscriptions_presence_pending: Gauge,
    /// Active list subscriptions.
    subscriptions_list_active: Gauge,
    /// Pending list subscriptions.
    subscriptions_list_pending: Gauge,
    /// Lists with subscriptions, each watcher's own.
    lists: Gauge,
    /// Resources in these lists.
    list_resources: Gauge,
    /// Resources of lists here that nothing is known of.
    list_local_unknown: Gauge,
    /// Resources of lists here that have a state to show.
    list_local_active: Gauge,
    /// Resources of lists here that have not decided.
    list_local_pending: Gauge,
    /// Resources of lists here, or nowhere, that are over.
    list_local_terminated: Gauge,
    /// Resources of lists in other domains that nothing is known of.
    list_foreign_unknown: Gauge,
    /// Resources of lists in other domains that have a state to show.
    list_foreign_active: Gauge,
    /// Resources of lists in other domains that have not decided.
    list_foreign_pending: Gauge,
    /// Resources of lists in other domains that are over.
    list_foreign_terminated: Gauge,
    /// NOTIFYs of lists sent, retransmissions not counted.
    list_notify_sent: Counter,
    /// Resources that NOTIFYs of lists told of.
    list_resources_told: Counter,
    /// NOTIFYs of lists that said less than was owed, as more did not fit.
    list_notify_split: Counter,
    /// References and entries of lists that were left out: they lead nowhere, in a circle, or beyond a limit.
    list_left_out: Counter,
    /// Entries beyond the limit of a list, each time that there were more or fewer: their watchers are told how many.
    list_omitted: Counter,
    /// References in lists by an XCAP root that is not known, or not one of the server that has the document: nobody was asked.
    list_unknown_roots: Counter,
    /// Back-end subscriptions to other domains that have a state to show.
    backend_active: Gauge,
    /// Back-end subscriptions to other domains that nobody has decided on.
    backend_pending: Gauge,
    /// Back-end subscriptions to other domains of which nothing is known that could be shown.
    backend_unknown: Gauge,
    /// Back-end subscriptions to other domains that are over, for now or for good.
    backend_terminated: Gauge,
    /// Back-end subscriptions to other domains that wait for their turn to be asked for.
    backend_waiting: Gauge,
    /// Back-end subscriptions to other domains that were not made, as there were too many.
    backend_refused: Counter,
    /// SUBSCRIBEs sent to other domains, retransmissions counted.
    backend_subscribes: Counter,
    /// NOTIFYs of other domains in a dialog of ours.
    backend_notifies: Counter,
    /// Documents of other domains that were overtaken by a later one before they were looked at.
    backend_coalesced: Counter,
    /// Documents of other domains that cannot be read, and states without one.
    backend_unreadable: Counter,
    /// Lists of other domains that were asked for as a whole, as something of them was missed.
    backend_missed: Counter,
    /// Active subscriptions to changes of documents.
    subscriptions_xcap_diff_active: Gauge,
    /// Pending subscriptions to changes of documents.
    subscriptions_xcap_diff_pending: Gauge,
    /// PUBLISH accepted: initial.
    publish_initial: Counter,
    /// PUBLISH accepted: refresh.
    publish_refresh: Counter,
    /// PUBLISH accepted: modify.
    publish_modify: Counter,
    /// PUBLISH accepted: remove.
    publish_remove: Counter,
    /// PUBLISH refused.
    publish_refused: Counter,
    /// Publications that ran out.
    publications_expired: Counter,
    /// Stored rules documents that cannot be read, each time that one was read: their presentities are closed to everybody.
    rules_unreadable: Counter,
    /// SUBSCRIBE accepted: new dialog.
    subscribe_initial: Counter,
    /// SUBSCRIBE accepted: refresh.
    subscribe_refresh: Counter,
    /// SUBSCRIBE accepted: fetch (Expires 0 outside a dialog).
    subscribe_fetch: Counter,
    /// SUBSCRIBE accepted: unsubscribe.
    subscribe_end: Counter,
    /// SUBSCRIBE refused.
    subscribe_refused: Counter,
    /// Subscriptions that ran out.
    subscriptions_expired: Counter,
    /// Subscriptions ended because the watcher could not be told.
    subscriptions_lost: Counter,
    /// Challenges sent (401).
    challenges: Counter,
    /// NOTIFYs sent, retransmissions not counted.
    notify_sent: Counter,
    /// NOTIFYs retransmitted.
    notify_retransmitted: Counter,
    /// NOTIFYs answered 2xx.
    notify_answered_2xx: Counter,
    /// NOTIFYs answered 481.
    notify_answered_481: Counter,
    /// NOTIFYs answered with another failure.
    notify_answered_other: Counter,
    /// NOTIFYs never answered.
    notify_timeouts: Counter,
    /// Changes that were merged into a NOTIFY not sent yet.
    notify_coalesced: Counter,
    /// NOTIFYs not sent because the watcher's view had not changed.
    notify_suppressed_unchanged: Counter,
    /// NOTIFYs without an answer now.
    notify_in_flight: Gauge,
    /// NOTIFYs that wait for their destination's window.
    notify_waiting: Gauge,
    /// Requests refused with 503 or 500 because a limit was reached or the store fails.
    overload_refused: Counter,
    /// A presentity had as many publications as it may.
    limit_reached_publications: Counter,
    /// A source had as many publications for somebody else as it may.
    limit_reached_source_publications: Counter,
    /// A presentity had as many watchers as it may.
    limit_reached_watchers: Counter,
    /// A watcher had as many subscriptions as it may.
    limit_reached_watcher_subscriptions: Counter,
    /// Watchers with subscriptions, each shard counted by itself.
    watchers: Gauge,
    /// Watchers with so many subscriptions that they are counted over all shards.
    watchers_with_many: Gauge,
    /// Requests refused because the caller is not entitled to the function.
    requests_not_entitled: Counter,
    /// Requests that had to wait for documents.
    requests_parked: Counter,
    /// Requests that wait for documents now.
    requests_waiting: Gauge,
    /// Deadlines handled more than a second late, ever.
    timers_overdue: Counter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_counted_in_the_bucket_that_reaches_up_to_it() {
        let mut sizes = Sizes::default();
        for (size, bucket) in
            [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (1000, 10), (usize::MAX / 4, 13)]
        {
            let before = sizes.buckets[bucket];
            sizes.record(size);
            assert_eq!(sizes.buckets[bucket], before + 1, "{size}");
            assert!(Sizes::bound(bucket).is_none_or(|most| size as u64 <= most));
        }
        assert_eq!(sizes.count, 8);
    }
}
