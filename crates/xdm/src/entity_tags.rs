//! New entity-tags for documents.

use xcap::ETag;

/// Gives entity-tags that were never given before: opaque, and not to be told from the content.
///
/// As with publications, a tag is the life of the server (`epoch`, another one at each start and on disk before the first
/// request) and a running number; `lane` keeps the givers of one life apart, so each thread has its own without a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTags {
    epoch: u32,
    next: u64,
}

impl EntityTags {
    /// The giver of `lane` in the life `epoch`. No two givers of one life may share a lane.
    pub const fn new(epoch: u32, lane: u16) -> Self {
        Self { epoch, next: (lane as u64) << 48 }
    }

    /// The next tag.
    pub fn give(&mut self) -> ETag {
        let number = self.next;
        self.next += 1;
        ETag(format!("{:x}.{number:x}", self.epoch).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tag_is_given_twice_over_lives_and_lanes() {
        let mut seen = std::collections::BTreeSet::new();
        for epoch in 0..4 {
            for lane in [0, 1, u16::MAX] {
                let mut tags = EntityTags::new(epoch, lane);
                for _ in 0..100 {
                    assert!(seen.insert(tags.give()), "given twice");
                }
            }
        }
    }
}
