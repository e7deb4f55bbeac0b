//! Which children of an element are which of another: the longest common subsequence, within bounds.

use std::collections::BTreeMap;

use crate::node::Node;
use crate::tree::Kind;

/// Above so many comparisons, what lies between equal ends is not compared.
const MOST: usize = 64 * 1024;

/// Pairs of an old and a new child, in order, no child twice: first those that are equal byte for byte; between them,
/// those that have name and first attribute in common; between them, as many of one name as are on either side.
/// Linear in the bytes of both, and in the product of the children between equal ends, if that is small; if it is
/// large these are not paired.
pub(crate) fn align(old: &[Node<'_>], new: &[Node<'_>]) -> Vec<(usize, usize)> {
    let equal = common(old, new, 0, 0, Node::source);
    let keyed = between(&equal, old, new, |old, new, from| common(old, new, from.0, from.1, key));
    between(&keyed, old, new, |old, new, from| {
        let is_alike = |(old, new): (&Node<'_>, &Node<'_>)| name(*old) == name(*new);
        if old.len() == new.len() && old.iter().zip(new).all(is_alike) {
            (0..old.len()).map(|index| (from.0 + index, from.1 + index)).collect()
        } else {
            Vec::new()
        }
    })
}

/// The pairs, and between them what `pair` finds among the children that are in none.
fn between<'t>(
    pairs: &[(usize, usize)],
    old: &[Node<'t>],
    new: &[Node<'t>],
    pair: impl Fn(&[Node<'t>], &[Node<'t>], (usize, usize)) -> Vec<(usize, usize)>,
) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    let mut from = (0, 0);
    for &(to_old, to_new) in pairs.iter().chain([&(old.len(), new.len())]) {
        all.extend(pair(&old[from.0..to_old], &new[from.1..to_new], from));
        if to_old < old.len() && to_new < new.len() {
            all.push((to_old, to_new));
        }
        from = (to_old + 1, to_new + 1);
    }
    all
}

/// A longest common subsequence by what `of` gives, with equal ends taken as they are.
fn common<'t>(
    old: &[Node<'t>],
    new: &[Node<'t>],
    old_from: usize,
    new_from: usize,
    of: impl Fn(Node<'t>) -> &'t str,
) -> Vec<(usize, usize)> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut number = |node: &Node<'t>| {
        let next = numbers.len();
        *numbers.entry(of(*node)).or_insert(next)
    };
    let olds: Vec<usize> = old.iter().map(&mut number).collect();
    let news: Vec<usize> = new.iter().map(&mut number).collect();
    let first = olds.iter().zip(&news).take_while(|(old, new)| old == new).count();
    let most = olds.len().min(news.len()) - first;
    let last =
        olds.iter().rev().zip(news.iter().rev()).take(most).take_while(|(old, new)| old == new).count();
    let mut pairs: Vec<(usize, usize)> = (0..first).map(|index| (index, index)).collect();
    let middle = subsequence(&olds[first..olds.len() - last], &news[first..news.len() - last]);
    pairs.extend(middle.into_iter().map(|(old, new)| (old + first, new + first)));
    pairs.extend((0..last).map(|index| (olds.len() - last + index, news.len() - last + index)));
    pairs.iter_mut().for_each(|(old, new)| (*old, *new) = (*old + old_from, *new + new_from));
    pairs
}

fn subsequence(old: &[usize], new: &[usize]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    if old.is_empty() || new.is_empty() || old.len() * new.len() > MOST {
        return Vec::new();
    }
    // At (i, j): how long it is for what follows i and j.
    let mut lengths = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            lengths[i * width + j] = if old[i] == new[j] {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < old.len() && j < new.len() {
        if old[i] == new[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

/// An element from its name to its first attribute; of others all.
fn key(node: Node<'_>) -> &str {
    let Some(element) = node.element() else { return node.source() };
    let tag = element.tag().range();
    let end = element.attributes().next().map_or(tag.end, |attribute| attribute.span.range().end);
    &node.tree().text()[tag.start..end]
}

/// The kind and, of an element, the name as it is written.
fn name(node: Node<'_>) -> (Kind, Option<std::borrow::Cow<'_, str>>) {
    (node.kind(), node.element().map(|element| element.name().written()))
}
