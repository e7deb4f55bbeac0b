//! Content models: as written, and as the automaton that is walked.

use super::local::{Local, Met};
use super::table::Element;

/// A content model as it is written, a particle in the words of XML Schema.
#[derive(Clone, Copy, Debug)]
pub enum Particle {
    /// One of the names of an element.
    Element(&'static Element),
    /// Each name of an element once at most, in the order in which they are listed.
    InOrder(&'static Element),
    /// An element of another namespace than that of the grammar, and not of none: `##other`.
    Other,
    /// Any element: `##any`.
    Any,
    /// One after the other.
    Sequence(&'static [Particle]),
    /// One of them.
    Choice(&'static [Particle]),
    /// As often as from the first number to the second.
    Repeat(&'static Particle, u8, u8),
}

/// No upper bound of [`Particle::Repeat`].
pub(super) const UNBOUNDED: u8 = u8::MAX;
/// The most leaves of one model: a set of them is a number.
const MOST: usize = 128;

/// Where one child is matched in a model.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leaf {
    /// Any name of the element.
    Element(&'static Element),
    /// One name of the element.
    Named(&'static Element, Local),
    /// [`Particle::Other`].
    Other,
    /// [`Particle::Any`].
    Any,
}

/// A set of leaves of one model, by their positions.
pub(super) type Leaves = u128;

/// The position automaton of a content model (Glushkov 1961): what may come first, and what after each leaf.
///
/// Walking it keeps the set of leaves that may come next, so a model need not be deterministic.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    pub(super) leaves: &'static [Leaf],
    pub(super) first: Leaves,
    /// For each leaf, what may follow it.
    follow: &'static [Leaves],
    /// After which leaves the content may end.
    last: Leaves,
    /// Whether it may be empty.
    pub(super) nullable: bool,
}

impl Model {
    /// What may follow the leaves of a set that is not empty, and whether the content may end after one of them.
    #[inline]
    pub(super) fn after(&self, matched: Leaves) -> (Leaves, bool) {
        let mut next = 0;
        let mut rest = matched;
        while rest != 0 {
            next |= self.follow[rest.trailing_zeros() as usize];
            rest &= rest - 1;
        }
        (next, matched & self.last != 0)
    }

    /// The leaves of a set, in the order in which they are written.
    pub(super) fn iter(&self, set: Leaves) -> impl Iterator<Item = &'static Leaf> {
        let leaves = self.leaves;
        leaves.iter().enumerate().filter_map(move |(at, leaf)| (set >> at & 1 == 1).then_some(leaf))
    }
}

/// A [`Model`] with its tables, made while compiling.
#[derive(Clone, Copy, Debug)]
pub struct Automaton<const N: usize> {
    leaves: [Leaf; N],
    follow: [Leaves; N],
    len: usize,
    whole: Fragment,
}

/// What is known of a part of a model.
#[derive(Clone, Copy, Debug)]
struct Fragment {
    first: Leaves,
    last: Leaves,
    nullable: bool,
}

impl Fragment {
    const EMPTY: Self = Self { first: 0, last: 0, nullable: true };
}

impl Particle {
    /// How many leaves the automaton of this particle has: bounds above one count as copies.
    pub const fn leaves(&self) -> usize {
        match self {
            Self::Element(_) | Self::Other | Self::Any => 1,
            Self::InOrder(element) => element.names.len(),
            Self::Sequence(parts) | Self::Choice(parts) => {
                let mut sum = 0;
                let mut at = 0;
                while at < parts.len() {
                    sum += parts[at].leaves();
                    at += 1;
                }
                sum
            }
            Self::Repeat(part, min, max) => part.leaves() * copies(*min, *max) as usize,
        }
    }
}

/// How often a repeated particle is written out.
const fn copies(min: u8, max: u8) -> u8 {
    match (min, max) {
        (0, UNBOUNDED) => 1,
        (min, UNBOUNDED) => min,
        (_, max) => max,
    }
}

impl<const N: usize> Automaton<N> {
    /// The automaton of a particle with `N` leaves; more than 128 do not compile.
    pub const fn new(particle: &Particle) -> Self {
        assert!(N <= MOST, "a content model has too many leaves");
        let mut automaton = Self { leaves: [Leaf::Any; N], follow: [0; N], len: 0, whole: Fragment::EMPTY };
        automaton.whole = automaton.add(particle);
        assert!(automaton.len == N, "N is the number of leaves of the particle");
        automaton
    }

    /// The model, for a [`Content`](super::Content).
    pub const fn model(&'static self) -> Model {
        let Fragment { first, last, nullable } = self.whole;
        Model { leaves: &self.leaves, first, follow: &self.follow, last, nullable }
    }

    /// Adds the leaves of a particle. Runs while compiling, so that its recursion costs no document anything.
    const fn add(&mut self, particle: &Particle) -> Fragment {
        match particle {
            Particle::Element(element) => match element.names {
                [name] => self.leaf(Leaf::Named(element, *name)),
                _ => self.leaf(Leaf::Element(element)),
            },
            Particle::Other => self.leaf(Leaf::Other),
            Particle::Any => self.leaf(Leaf::Any),
            Particle::InOrder(element) => {
                let mut whole = Fragment::EMPTY;
                let mut at = 0;
                while at < element.names.len() {
                    let mut part = self.leaf(Leaf::Named(element, element.names[at]));
                    part.nullable = true;
                    whole = self.then(whole, part);
                    at += 1;
                }
                whole
            }
            Particle::Sequence(parts) => {
                let mut whole = Fragment::EMPTY;
                let mut at = 0;
                while at < parts.len() {
                    let part = self.add(&parts[at]);
                    whole = self.then(whole, part);
                    at += 1;
                }
                whole
            }
            Particle::Choice(parts) => {
                let mut whole = Fragment { nullable: false, ..Fragment::EMPTY };
                let mut at = 0;
                while at < parts.len() {
                    let part = self.add(&parts[at]);
                    whole.first |= part.first;
                    whole.last |= part.last;
                    whole.nullable |= part.nullable;
                    at += 1;
                }
                whole
            }
            Particle::Repeat(part, min, max) => self.repeat(part, *min, *max),
        }
    }

    const fn repeat(&mut self, part: &Particle, min: u8, max: u8) -> Fragment {
        assert!(min <= max && max > 0, "a particle is repeated once at least");
        let mut whole = Fragment::EMPTY;
        let mut copy = 0;
        while copy < copies(min, max) {
            let mut fragment = self.add(part);
            if copy + 1 == copies(min, max) && max == UNBOUNDED {
                self.link(fragment.last, fragment.first);
            }
            fragment.nullable |= copy >= min;
            whole = self.then(whole, fragment);
            copy += 1;
        }
        whole
    }

    const fn leaf(&mut self, leaf: Leaf) -> Fragment {
        let set = 1 << self.len;
        self.leaves[self.len] = leaf;
        self.len += 1;
        Fragment { first: set, last: set, nullable: false }
    }

    const fn then(&mut self, before: Fragment, after: Fragment) -> Fragment {
        self.link(before.last, after.first);
        Fragment {
            first: before.first | if before.nullable { after.first } else { 0 },
            last: after.last | if after.nullable { before.last } else { 0 },
            nullable: before.nullable && after.nullable,
        }
    }

    /// Lets each leaf of one set be followed by each of the other.
    const fn link(&mut self, from: Leaves, to: Leaves) {
        let mut rest = from;
        while rest != 0 {
            self.follow[rest.trailing_zeros() as usize] |= to;
            rest &= rest - 1;
        }
    }
}

impl Leaf {
    /// The element that is matched here by this local name, if it is in the element's namespace; wildcards apart.
    #[inline]
    pub(super) fn named(&self, local: Met<'_>) -> Option<&'static Element> {
        match self {
            Self::Element(element) => element.is_local(local).then_some(*element),
            Self::Named(element, name) => name.is(local).then_some(*element),
            Self::Other | Self::Any => None,
        }
    }
}
