//! Removal: persons who left for a reason of rights go through the match by themselves, before a
//! run of the same node with that provider.

use std::sync::Arc;

use crm::{Leavers, PreparedInput};
use node::engine::BatchEngine;
use node::failure::{Failure, WithheldResult};
use node::invite::Invitation;
use protocol::suite::Profile;
use report::{Code, Text};
use session::disclosure::Outcome;
use tokio::runtime::Runtime;

use super::approval::Approval;
use super::session::{Finish, Run};
use crate::Home;
use crate::answer::{Answer, Figures};
use crate::classes::Classes;
use crate::departures::{Departures, bag_of, sendable};
use crate::partner::{kinds, providers};
use crate::policy::Policy;
use crate::request::Request;

/// Persons who are to leave what was delivered to a provider.
pub(super) fn leavers(
    home: &Home,
    departures: &Departures,
    invitation: &Invitation,
    now: u64,
) -> Result<Leavers, Failure> {
    let kinds = kinds(invitation);
    let party = invitation.provider.party().0;
    Ok(departures.leavers(&party, &sendable(home, invitation, &kinds), now)?)
}

/// The input of a removal.
pub(super) fn input(home: &Home, leavers: &Leavers) -> Result<PreparedInput, Failure> {
    let store = home.private_dir("inputs")?;
    let engine = BatchEngine::detect();
    Ok(PreparedInput::of_leavers(&leavers.rows, &store, &home.storage, &engine)?)
}

/// Names the persons who left to the provider, if any are due and none were named lately.
///
/// # Errors
///
/// [`Failure`] that says that they were not named: no handles leave over it. A run that sends none
/// goes on, and so does any if the allowance of the day is all that is missing.
pub(super) fn before(
    run: &Run<'_>,
    leavers: &Leavers,
    runtime: &Runtime,
    now: u64,
) -> Result<(), Failure> {
    tell_elsewhere(run, now)?;
    let tell = |id, persons| run.terminal.tell(&Text::new(id).with("persons", persons));
    if leavers.unnameable > 0 {
        tell("removal-unnameable", leavers.unnameable);
    }
    if !leavers.due {
        return Ok(());
    }
    if Classes::of(run.invitation).is_none() {
        tell("removal-not-invited", leavers.persons);
        return Ok(());
    }
    if run.departures.removals(&run.invitation.provider.party().0)?.must_wait(now) {
        tell("removal-tomorrow", leavers.persons);
        return Ok(());
    }
    let told = |failure: Failure| {
        let text = Text::new("removal-failed").with("persons", leavers.persons);
        Failure::new(failure.code(), text.with("what", failure.text()))
    };
    let handles = run.request.profile.sends_handles();
    match named(run, leavers, runtime, now) {
        Ok(()) => Ok(()),
        // The allowance of the day is spent: these are for the next run.
        Err(failure) if failure.code() == Code::BudgetExceeded => {
            tell("removal-tomorrow", leavers.persons);
            Ok(())
        }
        // That of a group lasts for days, and who waits is in no list meanwhile.
        Err(failure) if failure.code() != Code::EpsilonExceeded && handles => Err(told(failure)),
        Err(failure) => {
            run.terminal.tell(&told(failure).text());
            Ok(())
        }
    }
}

fn named(run: &Run<'_>, leavers: &Leavers, runtime: &Runtime, now: u64) -> Result<(), Failure> {
    let input = input(run.home, leavers)?;
    let request = Request::parse(Profile::Activation.name(), None)?;
    let removal = Run {
        request,
        shape: request.shape(&input)?,
        policy: Policy::of(run.home, run.invitation, Profile::Activation)?,
        input: &input,
        engine: Arc::clone(&run.engine),
        approval: Approval::Given,
        segment: None,
        ..*run
    };
    match runtime.block_on(removal.until_done())? {
        Finish::Ended(ended, _) if Figures::of(&ended.outcome) == Figures::Removed => {
            let party = run.invitation.provider.party().0;
            run.departures.removed(&party, &leavers.rows, now)?;
            let done = Text::new("removal-done").with("persons", leavers.persons);
            run.terminal.say(&done);
            Ok(())
        }
        Finish::Ended(ended, _) => match ended.outcome {
            Outcome::Withheld(why) => Err(WithheldResult(why).into()),
            _ => Err(protocol::error::Bug::invariant().into()),
        },
        Finish::Stored(_) => Err(protocol::error::Bug::invariant().into()),
    }
}

/// Tells of persons who wait at other providers: nothing removes them there but a run.
fn tell_elsewhere(run: &Run<'_>, now: u64) -> Result<(), Failure> {
    let here = store::hex(&run.invitation.provider.party().0);
    for (party, removals) in run.departures.all_removals()? {
        let waited_s = now.checked_sub(removals.waiting_since);
        let in_time = waited_s.is_none_or(|waited_s| waited_s < OPTOUT_DELAY_S);
        if party == here || removals.waiting == 0 || in_time {
            continue;
        }
        let is_party = |it: Invitation| store::hex(&it.provider.party().0) == party;
        let mut known = providers(run.home).into_iter();
        let known = known.find(|(_, path)| Invitation::read(path).is_ok_and(is_party));
        let name = known.map_or_else(|| party.chars().take(16).collect(), |(name, _)| name);
        let text = Text::new("removal-elsewhere").with("persons", removals.waiting);
        run.terminal.tell(&text.with("provider", name));
    }
    Ok(())
}

/// Destroys the bags of this provider before that of the session `sid`: they hold persons who left.
pub(super) fn after(run: &Run<'_>, sid: &[u8; 32]) -> Result<(), Failure> {
    let departures = run.departures;
    let party = run.invitation.provider.party().0;
    if !departures.removals(&party)?.release_due {
        return Ok(());
    }
    let of_provider = |kept: &super::session::Kept| bag_of(&kept.about.answer) == Some(party);
    let bags: Vec<_> = run.results.all::<Answer>()?.into_iter().filter(of_provider).collect();
    match run.request.profile {
        // What a platform has of it is replaced by this release.
        Profile::Activation if bags.is_empty() => {}
        Profile::DigitalIds => {
            for kept in bags.into_iter().filter(|kept| kept.about.sid != *sid) {
                kept.destroy()?;
            }
            run.terminal.say(&Text::new("removal-bags-destroyed"));
        }
        _ => {
            run.terminal.say(&Text::new("removal-release-due"));
            return Ok(());
        }
    }
    Ok(departures.released(&party)?)
}

/// Time within which who left is to be named.
const OPTOUT_DELAY_S: u64 = 86_400;
