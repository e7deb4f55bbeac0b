//! What owners tell each other: within a shard, across the shards of a node, later across nodes.

use std::sync::Arc;

use presence::Standing;
use rls::BackendName;
use rls::roster::Listed;
use sip::Aor;
use sip_stack::Timestamp;
use sip_stack::interest::{Asker, Interest, Shown};

use crate::door::ShardId;

/// One letter. Letters between two shards arrive in the order in which they were written, and none is lost while both
/// live; after a restart the owners that ask write anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Letter {
    /// Asks a presentity to show what a watcher may see.
    Interest(Aor, Interest),
    /// Asks it to show nothing any more.
    NoInterest(Aor, Asker),
    /// Asks a back-end subscription by SIP to show what its resource shows.
    ForeignInterest(BackendName, Interest),
    /// Asks it to show nothing any more.
    NoForeignInterest(BackendName, Asker),
    /// Shows it.
    Shown(Shown),
    /// Asks a presentity what its rules let somebody do, by all his proven names, now and whenever that changes.
    FollowStanding(Aor, Asker, Arc<[Aor]>),
    /// Asks it that no more.
    UnfollowStanding(Aor, Asker),
    /// Says it; nothing if that cannot be known here.
    Standing(Asker, Option<Box<Standing>>),
    /// Shows a list that others keep, and when that last changed.
    Listed(Asker, Arc<Listed>, Timestamp),
    /// Tells a watcher's home how many subscriptions it has in a shard.
    Subscriptions(Aor, ShardId, usize),
    /// Tells a shard whether a watcher has as many subscriptions as it may.
    Full(ShardId, Aor, bool),
}
