//! `result`: writes a result again that is kept; contacts nobody, and charges nothing.

use std::path::Path;

use node::console::Terminal;
use node::failure::{Failure, Inline as _};
use node::results::{Results, StoredResult};
use node::status;
use protocol::suite::Profile;

use super::run::show;
use crate::Home;
use crate::answer::Answer;
use crate::cli::ResultOptions;
use crate::places::{self, Named, Places};

pub(crate) fn run(options: &ResultOptions, terminal: &Terminal) -> Result<(), Failure> {
    let home = Home::open(&options.dir)?;
    let _lock = home.lock()?;
    // A ledger that cannot be read keeps nobody from what is paid for; nothing expires by it then.
    let time = status::ledger(&home).ok().flatten().and_then(|ledger| ledger.latest_time().ok());
    let results = Results::open(&home.path(""), &home.storage, time.flatten())?;
    let found = find(results.all()?, &options.session)?;
    let about = &found.about;
    let answer = &about.answer;
    if places::now() > about.kept_until {
        return Err(Failure::operator(
            &format!(
                "the result of session {} could be used until {}",
                status::short(&about.sid),
                status::time(about.kept_until)
            ),
            "start a new run",
        ));
    }
    let withheld = answer.figures.withheld();
    let profile = Profile::from_name(&answer.profile);
    let profile = profile.ok_or_else(|| Failure::storage("a result names no profile"))?;
    let rows = matches!(profile, Profile::MatchedRows | Profile::DigitalIds);
    if rows && withheld.is_none() && options.output.is_none() {
        return Err(Failure::usage(
            &format!("{} writes a file, and none is named", profile.name()),
            "name one with --output",
        ));
    }
    let named = Named {
        result: options.output.as_deref(),
        summary: options.json.as_deref(),
        overwrite: options.overwrite,
    };
    let places = Places::claim(&home, &[], profile, named, terminal)?;
    let paid = |failure: Failure| places::kept(&failure, &about.sid, &options.dir);
    places.write(&home, &found, None).map_err(paid)?;
    places.write_summary(answer.summary(&about.sid)).map_err(paid)?;
    places.done();
    if let Some(why) = withheld {
        return Err(node::failure::WithheldResult(why).into());
    }
    show(terminal, answer, &places);
    if !found.has_receipt() {
        terminal.error(
            "note: the run ended before the provider's signature under the receipt was here; the \
             result is complete, and its charge stands",
        );
    }
    Ok(())
}

/// The result of a session, by the first digits of its id, its directory, or `last`.
fn find(
    mut all: Vec<StoredResult<Answer>>,
    session: &Path,
) -> Result<StoredResult<Answer>, Failure> {
    let name = session.file_name().map(|name| name.to_string_lossy().to_lowercase());
    let name = name.unwrap_or_default();
    let shown = report::shown(&session.display().to_string());
    let none = || {
        Failure::operator(
            &format!("no result of session {shown} is kept"),
            "`advertiser-node status` lists sessions; a result is kept until its audit window \
             ends, digital IDs until they may no longer be used",
        )
    };
    if name == "last" {
        return all.pop().ok_or_else(none);
    }
    if name.len() < DIGITS_MIN {
        return Err(Failure::usage(
            &format!("`{shown}` names no session"),
            "give at least four digits of its id, its directory, or `last`",
        ));
    }
    let mut found: Vec<_> = all
        .into_iter()
        .filter(|result| node::hex(&result.about.sid).starts_with(name.as_str()))
        .collect();
    match (found.pop(), found.len()) {
        (Some(result), 0) => Ok(result),
        (None, _) => Err(none()),
        (Some(_), more) => Err(Failure::usage(
            &format!("{} sessions begin with {shown}", more.saturating_add(1)),
            "give more digits",
        )),
    }
}

const DIGITS_MIN: usize = 4;
