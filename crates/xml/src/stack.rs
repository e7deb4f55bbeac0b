//! A stack that keeps its first items inline, so that documents of a usual shape cost no allocation.

/// The first `N` items live in the value itself; from the next on, all of them live on the heap.
#[derive(Clone, Debug)]
pub(crate) struct Stack<T, const N: usize> {
    inline: [T; N],
    len: usize,
    spilled: Vec<T>,
}

impl<T: Copy + Default, const N: usize> Stack<T, N> {
    pub(crate) fn new() -> Self {
        Self { inline: [T::default(); N], len: 0, spilled: Vec::new() }
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        if self.spilled.is_empty() { &self.inline[..self.len] } else { &self.spilled }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        if self.spilled.is_empty() { &mut self.inline[..self.len] } else { &mut self.spilled }
    }

    pub(crate) fn len(&self) -> usize {
        if self.spilled.is_empty() { self.len } else { self.spilled.len() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn last(&self) -> Option<&T> {
        self.as_slice().last()
    }

    #[inline]
    pub(crate) fn last_mut(&mut self) -> Option<&mut T> {
        self.as_mut_slice().last_mut()
    }

    #[inline]
    pub(crate) fn push(&mut self, item: T) {
        // Through a place, so that the item need not be in memory before.
        *self.place() = item;
    }

    /// A place on top, to be written.
    #[inline]
    fn place(&mut self) -> &mut T {
        if self.spilled.is_empty() && self.len < N {
            self.len += 1;
            &mut self.inline[self.len - 1]
        } else {
            self.spill()
        }
    }

    #[cold]
    fn spill(&mut self) -> &mut T {
        if self.spilled.is_empty() {
            self.spilled.extend_from_slice(&self.inline[..self.len]);
            self.len = 0;
        }
        self.spilled.push(T::default());
        self.spilled.last_mut().expect("it was just pushed")
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<T> {
        if !self.spilled.is_empty() {
            return self.spilled.pop();
        }
        self.len = self.len.checked_sub(1)?;
        Some(self.inline[self.len])
    }

    #[inline]
    pub(crate) fn truncate(&mut self, len: usize) {
        if self.spilled.is_empty() {
            self.len = self.len.min(len);
        } else {
            self.spilled.truncate(len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_back_in_order_from_inline_and_heap() {
        let mut stack: Stack<u8, 2> = Stack::new();
        for round in 0..2 {
            for item in 0..5 {
                stack.push(item);
                assert_eq!(stack.len(), usize::from(item) + 1, "round {round}");
            }
            assert_eq!(stack.as_slice(), [0, 1, 2, 3, 4]);
            assert_eq!(stack.last(), Some(&4));
            stack.truncate(3);
            assert_eq!(
                (stack.pop(), stack.pop(), stack.pop(), stack.pop()),
                (Some(2), Some(1), Some(0), None)
            );
            assert!(stack.is_empty());
        }
    }
}
