//! Scratch memory that held values derived from secrets, and its erasure.

use core::ops::{Deref, DerefMut};
use core::sync::atomic::{Ordering, compiler_fence};

/// A buffer of fixed length, filled with its blank value again when dropped.
pub(crate) struct Scratch<T: Copy> {
    items: Vec<T>,
    blank: T,
}

impl<T: Copy> Scratch<T> {
    /// `len` copies of `blank`, which must not depend on a secret.
    pub(crate) fn filled(blank: T, len: usize) -> Self {
        Scratch { items: vec![blank; len], blank }
    }
}

impl<T: Copy> Deref for Scratch<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T: Copy> DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items
    }
}

impl<T: Copy> Drop for Scratch<T> {
    fn drop(&mut self) {
        for item in &mut self.items {
            // SAFETY: `item` is an exclusive reference, so it is valid and aligned for a write,
            // and `T` is `Copy`, so nothing has to be dropped. No processor feature is involved.
            unsafe { core::ptr::write_volatile(item, self.blank) };
        }
        compiler_fence(Ordering::SeqCst);
    }
}
