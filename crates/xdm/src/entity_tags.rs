//! New entity-tags for documents.

use xcap::ETag;

/// Gives entity-tags that were never given before: opaque, and not to be told from the content.
///
/// A tag is the life of the server (`life`, another one at each start, also after documents were restored from a back-up
/// whose successors had lives of their own) and a running number; `lane` keeps the givers of one life apart, so each thread has its own without a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTags {
    life: u64,
    next: u64,
}

impl EntityTags {
    /// The giver of `lane` in a life. No two givers of one life may share a lane.
    pub const fn new(life: u64, lane: u16) -> Self {
        Self { life, next: (lane as u64) << 48 }
    }

    /// The next tag.
    pub fn give(&mut self) -> ETag {
        let number = self.next;
        self.next += 1;
        ETag(format!("{:x}.{number:x}", self.life).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tag_is_given_twice_over_lives_and_lanes() {
        let mut seen = std::collections::BTreeSet::new();
        for life in 0..4 {
            for lane in [0, 1, u16::MAX] {
                let mut tags = EntityTags::new(life, lane);
                for _ in 0..100 {
                    assert!(seen.insert(tags.give()), "given twice");
                }
            }
        }
    }
}
