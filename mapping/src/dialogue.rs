//! The questions of a proposal at a terminal, one after the other.

use report::Text;

use crate::draft::Draft;
use crate::questions::{Question, Unclear};

/// Somebody at a terminal.
pub trait Person {
    /// Shows a line.
    fn show(&mut self, line: &Text);

    /// Waits for an answer; `None` at the end of what is typed.
    fn answer(&mut self) -> Option<String>;
}

/// Asks every open question; an empty answer leaves its question open.
///
/// An answer may open a question that was none before, which is asked too. The end of what is
/// typed ends the questions, and the rest stays open.
pub fn ask(draft: &mut Draft, person: &mut dyn Person) {
    let mut asked: Vec<Question> = Vec::new();
    loop {
        let mut open = draft.questions();
        open.retain(|question| !asked.contains(question));
        let total = asked.len() + open.len();
        let Some(next) = open.into_iter().next() else { return };
        asked.push(next.clone());
        person.show(&Text::new("map-blank"));
        let (question, choices) = draft.words(&next);
        let number = report::Arg::Number(asked.len() as u64);
        let total = report::Arg::Number(total as u64);
        let heading = Text::new("map-question").with("number", number).with("total", total);
        person.show(&heading.with("question", question));
        choices.iter().for_each(|choice| person.show(choice));
        person.show(&draft.hint(&next));
        let values = draft.values_of(&next);
        if values.is_empty() {
            let told = until_clear(person, |answer| draft.answer(&next, answer));
            if told.is_none() {
                return;
            }
            continue;
        }
        let mut objecting = Vec::new();
        for (value, rows) in values {
            let line = Text::new("map-value").with("value", &value).with("rows", rows);
            person.show(&line);
            let told = until_clear(person, |answer| draft.answer_value(&next, &value, answer));
            match told.as_deref().map(str::trim) {
                None => return,
                Some("3") => objecting.push(value),
                Some(_) => {}
            }
        }
        draft.settle(&next, &objecting);
    }
}

/// Takes answers until one is understood; that one, or `None` at the end of what is typed.
fn until_clear(
    person: &mut dyn Person,
    mut take: impl FnMut(&str) -> Result<(), Unclear>,
) -> Option<String> {
    loop {
        let answer = person.answer()?;
        match take(&answer) {
            Ok(()) => return Some(answer),
            Err(Unclear(why)) => person.show(&why),
        }
    }
}
