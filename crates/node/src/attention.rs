//! In which partitions there are trees whose documents somebody follows: of their changes a shard is told at once, of
//! others when it turns.

use std::collections::BTreeMap;

use xcap::Tree;

use crate::record::Partition;

/// How many trees are followed of each partition, and what has changed of that lately.
#[derive(Debug, Default)]
pub(crate) struct Attention {
    trees: BTreeMap<Partition, u32>,
    fresh: BTreeMap<Partition, bool>,
}

impl Attention {
    /// A tree is followed that was not.
    pub(crate) fn add(&mut self, tree: &Tree) {
        let partition = Partition::of_tree(tree);
        let trees = self.trees.entry(partition).or_default();
        *trees += 1;
        if *trees == 1 {
            self.fresh.insert(partition, true);
        }
    }

    /// A tree is followed no more.
    pub(crate) fn remove(&mut self, tree: &Tree) {
        let partition = Partition::of_tree(tree);
        let Some(trees) = self.trees.get_mut(&partition) else { return };
        *trees -= 1;
        if *trees == 0 {
            self.trees.remove(&partition);
            self.fresh.insert(partition, false);
        }
    }

    /// The partitions that are followed now and were not, or the other way around, since this was asked last.
    pub(crate) fn take(&mut self) -> BTreeMap<Partition, bool> {
        core::mem::take(&mut self.fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_followed_as_long_as_one_of_its_trees_is() {
        let mut attention = Attention::default();
        let alice = Tree::User("sip:alice@example.com".into());
        let partition = Partition::of_tree(&alice);
        attention.add(&alice);
        attention.add(&alice);
        assert_eq!(attention.take(), BTreeMap::from([(partition, true)]));
        attention.remove(&alice);
        assert_eq!(attention.take(), BTreeMap::new());
        attention.add(&Tree::Global);
        attention.remove(&alice);
        assert_eq!(attention.take(), BTreeMap::from([(Partition(0), true), (partition, false)]));
        attention.add(&alice);
        attention.remove(&alice);
        assert_eq!(attention.take(), BTreeMap::from([(partition, false)]));
    }
}
