//! `result`: writes a result again that is kept; contacts nobody, and charges nothing.

use std::path::Path;

use node::console::{OutputOptions, Terminal};
use node::failure::Failure;
use node::status;
use protocol::suite::Profile;
use report::{Arg, Code, Text};
use store::results::{Results, StoredResult};

use super::run::show;
use crate::Home;
use crate::answer::Answer;
use crate::cli::ResultOptions;
use crate::departures;
use crate::places::{self, Named, Places};
use crate::runs::Runs;

pub(crate) fn run(
    dir: &Path,
    options: &ResultOptions,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    let _lock = home.lock()?;
    // A ledger that cannot be read keeps nobody from what is paid for; nothing expires by it then.
    let time = status::ledger(&home).ok().flatten().and_then(|ledger| ledger.latest_time().ok());
    let results = Results::open(&home.path(""), &home.storage, time.flatten())?;
    let named = match options.session.as_str() {
        "last" => None,
        name if node::program::run_id(name).is_ok() => Runs::open(&home)?.read(name)?,
        _ => None,
    };
    let session = named.as_ref().and_then(|run| run.session);
    let found = find(results.all()?, &options.session, session)?;
    let about = &found.about;
    let answer = &about.answer;
    if places::now() > about.kept_until {
        let text = Text::new("result-too-old")
            .with("session", status::short(&about.sid))
            .with("time", Arg::Time(about.kept_until));
        return Err(Failure::new(Code::ToDoFirst, text));
    }
    departures::refuse_left(&departures::open(&home)?, &found)?;
    let profile = Profile::from_name(&answer.profile);
    let nameless = || Failure::new(Code::Storage, Text::new("result-without-profile"));
    let profile = profile.ok_or_else(nameless)?;
    let rows = matches!(profile, Profile::MatchedRows | Profile::DigitalIds);
    if rows && options.output.is_none() {
        let text = Text::new("output-needed").with("profile", profile.name());
        return Err(Failure::new(Code::Usage, text));
    }
    let own = named.map_or_else(Vec::new, |run| run.own_files());
    let named = Named { result: options.output.as_deref(), options: output, own: &own };
    let places = Places::claim(&home, &[], profile, named, terminal)?;
    let paid = |failure: Failure| places::kept(&failure, &about.sid, dir);
    places.write(&home, &found, None).map_err(paid)?;
    places.write_summary(&answer.object("result", about.sid, output)).map_err(paid)?;
    places.done();
    show(terminal, answer, &places);
    if !found.has_receipt() {
        terminal.tell(&Text::new("result-unsigned"));
    }
    Ok(())
}

/// The result of a session, by the id of its run, the first digits of its own, its directory, or
/// `last`; `known` is the session that a run of this id is known to have ended with.
fn find(
    mut all: Vec<StoredResult<Answer>>,
    session: &str,
    known: Option<[u8; 32]>,
) -> Result<StoredResult<Answer>, Failure> {
    let of_run = |result: &StoredResult<Answer>| {
        Some(result.about.sid) == known || result.about.answer.run_id == session
    };
    if let Some(at) = all.iter().position(of_run) {
        return Ok(all.swap_remove(at));
    }
    let name = Path::new(session).file_name().map(|name| name.to_string_lossy().to_lowercase());
    let name = name.unwrap_or_default();
    let told = |code, id| Failure::new(code, Text::new(id).with("session", session));
    let none = || told(Code::ToDoFirst, "result-none");
    if name == "last" {
        return all.pop().ok_or_else(none);
    }
    if name.len() < DIGITS_MIN {
        return Err(told(Code::Usage, "result-no-session"));
    }
    let mut found: Vec<_> = all
        .into_iter()
        .filter(|result| store::hex(&result.about.sid).starts_with(name.as_str()))
        .collect();
    match (found.pop(), found.len()) {
        (Some(result), 0) => Ok(result),
        (None, _) => Err(none()),
        (Some(_), more) => {
            let text = Text::new("result-several").with("n", more + 1);
            Err(Failure::new(Code::Usage, text.with("session", session)))
        }
    }
}

const DIGITS_MIN: usize = 4;
