//! Asking the shard of a presentity what its rules let somebody do.

use std::sync::Arc;

use node::{Partition, ShardId};
use presence::Standing;
use sip::Aor;

use crate::pump::{Order, Post};
use crate::question::Question;

/// What may somebody do?
#[derive(Debug)]
pub struct May {
    /// Who asks, by all proven names.
    pub identities: Vec<Aor>,
    /// Whose rules. There is no answer while they cannot be read.
    pub question: Question<Option<Standing>>,
}

/// What the rules of a presentity let somebody with these names do; `None` if nobody can say now.
pub(crate) async fn standing(post: &Post, presentity: Aor, identities: Vec<Aor>) -> Option<Standing> {
    let shard = ShardId::owner_of(Partition::of_hash(presentity.stable_hash()), post.shards());
    let (question, answer) = Question::new(presentity);
    post.order(shard, Order::May(Arc::new(May { identities, question })));
    answer.wait().await?
}
