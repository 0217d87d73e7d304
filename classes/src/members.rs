//! The digital IDs of one class, person by person.

use alloc::vec::Vec;

use protocol::error::Bug;
use protocol::seed::Stream;

/// Digital ID of a class.
#[derive(Clone, Copy)]
pub(crate) struct Member {
    /// Person today, or when it was last live.
    pub(crate) person: u32,
    /// Place among the items of the release.
    pub(crate) at: usize,
    pub(crate) live: bool,
    /// Live, and a record of it matched.
    pub(crate) wanted: bool,
    /// Known to be unwanted: live and not wanted today, or so when it was last live.
    pub(crate) unwanted: bool,
    /// Leaves for a reason of rights.
    pub(crate) departing: bool,
}

/// Sorts members by person; within a person by place.
pub(crate) fn sort(members: &mut [Member]) {
    members.sort_unstable_by_key(|member| (member.person, member.at));
}

/// Persons who own a member that `is` accepts; members are sorted.
pub(crate) fn persons(members: &[Member], is: impl Fn(&Member) -> bool) -> usize {
    by_person(members).filter(|own| own.iter().any(&is)).count()
}

/// The members of each person.
pub(crate) fn by_person(members: &[Member]) -> impl Iterator<Item = &[Member]> {
    members.chunk_by(|one, next| one.person == next.person)
}

/// Part of a class that leaves: persons with all their members.
pub(crate) struct Leaving {
    /// Places of the members.
    pub(crate) places: Vec<usize>,
    /// Persons with a live member among them.
    pub(crate) live: usize,
    /// Persons with a live member who leave as cover of the others.
    pub(crate) covering: usize,
}

/// Persons who own a member that `leaves`, and random others who cover them.
///
/// Others are drawn from all of the class, whether live or missing, so that nothing about those who
/// had to leave shows in who left; the draw ends once `least` persons with a live member leave, or
/// nobody is left.
pub(crate) fn leave_with_cover(
    members: &[Member],
    least: usize,
    leaves: impl Fn(&Member) -> bool,
    stream: &mut Stream,
) -> Result<Leaving, Bug> {
    let (own, mut others): (Vec<&[Member]>, Vec<&[Member]>) =
        by_person(members).partition(|own| own.iter().any(&leaves));
    let is_live = |own: &[Member]| own.iter().any(|one| one.live);
    let mut leaving = Leaving {
        places: own.iter().copied().flatten().map(|one| one.at).collect(),
        live: own.iter().filter(|own| is_live(own)).count(),
        covering: 0,
    };
    while leaving.live < least && !others.is_empty() {
        let left = u64::try_from(others.len()).map_err(|_| Bug::invariant())?;
        let drawn = usize::try_from(stream.uniform(left)).map_err(|_| Bug::invariant())?;
        if drawn >= others.len() {
            return Err(Bug::invariant());
        }
        let drawn = others.swap_remove(drawn);
        leaving.places.extend(drawn.iter().map(|one| one.at));
        if is_live(drawn) {
            leaving.live += 1;
            leaving.covering += 1;
        }
    }
    Ok(leaving)
}

/// Marks `take` of `of` positions: `Select(of, take)` [K-04] on a stream that others use as well.
pub(crate) fn select(of: usize, take: usize, stream: &mut Stream) -> Result<Vec<bool>, Bug> {
    let as_u64 = |count: usize| u64::try_from(count).map_err(|_| Bug::invariant());
    let (all, mut to_take) = (as_u64(of)?, as_u64(take)?);
    let mut chosen = Vec::with_capacity(of);
    for left in (1..=all).rev() {
        let taken = stream.uniform(left) < to_take;
        if taken {
            to_take = to_take.checked_sub(1).ok_or(Bug::invariant())?;
        }
        chosen.push(taken);
    }
    Ok(chosen)
}
