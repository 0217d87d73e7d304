//! The node's memory of deliveries, and of persons who left.

use crm::Sendable;
use node::failure::Failure;
use node::invite::Invitation;
use node::status;
use protocol::suite::Profile;
use report::{Code, Text};
use store::results::StoredResult;

use crate::Home;
use crate::answer::Answer;

pub(crate) use crm::Departures;

/// Opens the memory in the directory of the node.
pub(crate) fn open(home: &Home) -> Result<Departures, Failure> {
    let directory = home.private_dir(DELIVERED)?;
    Ok(Departures::open(directory, home.storage.clone(), home.workspace()?))
}

/// Identifiers that the terms with a provider take.
pub(crate) fn sendable<'a>(home: &Home, invitation: &Invitation, kinds: &'a [u8]) -> Sendable<'a> {
    let ruleset = home.config.common.ruleset.code();
    Sendable { kinds, ruleset, width: invitation.guardrails.row_width_max }
}

/// Refuses a bag that may hold a person who left since.
pub(crate) fn refuse_left(
    departures: &Departures,
    kept: &StoredResult<Answer>,
) -> Result<(), Failure> {
    let Some(provider) = bag_of(&kept.about.answer) else { return Ok(()) };
    if !departures.removals(&provider)?.outdate(kept.about.sealed_at) {
        return Ok(());
    }
    let text = Text::new("result-holds-leavers");
    Err(Failure::new(Code::ToDoFirst, text.with("session", status::short(&kept.about.sid))))
}

/// The provider of a bag of digital IDs; `None` for another answer.
pub(crate) fn bag_of(answer: &Answer) -> Option<[u8; 32]> {
    let is_bag = answer.profile == Profile::DigitalIds.name();
    answer.asked.as_ref().filter(|_| is_bag).map(|asked| asked.provider)
}

const DELIVERED: &str = "delivered";
