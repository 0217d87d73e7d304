//! Parts of byte arrays whose places are checked when the program is built.

/// The `N` bytes of `whole` from `AT` on.
///
/// A copy, as secret as the whole is.
pub(crate) const fn part<const AT: usize, const N: usize, const M: usize>(
    whole: &[u8; M],
) -> [u8; N] {
    const { assert!(AT + N <= M, "the part lies in the whole") };
    let mut part = [0; N];
    let (_, from) = whole.split_at(AT);
    let (from, _) = from.split_at(N);
    part.copy_from_slice(from);
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_bytes_from_their_place() {
        assert_eq!(part::<0, 2, 5>(&[1, 2, 3, 4, 5]), [1, 2]);
        assert_eq!(part::<3, 2, 5>(&[1, 2, 3, 4, 5]), [4, 5]);
    }
}
