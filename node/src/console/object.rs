//! The one object that a command tells machines: first what every command says, then its own.

use report::{Exit, Failure, Reader};
use serde_json::{Map, Value, json};

use super::OutputOptions;

/// Object for machines.
#[derive(Debug, Clone)]
pub struct Object {
    command: &'static str,
    run_id: String,
    exit: Exit,
    outcome: &'static str,
    session: Option<[u8; 32]>,
    warnings: Vec<String>,
    body: Map<String, Value>,
}

impl Object {
    /// The object of a command that ended well.
    #[must_use]
    pub fn done(command: &'static str, options: &OutputOptions) -> Self {
        Self {
            command,
            run_id: options.run_id.clone(),
            exit: Exit::Done,
            outcome: "done",
            session: None,
            warnings: Vec::new(),
            body: Map::new(),
        }
    }

    /// With this end, in one word and as a status.
    #[must_use]
    pub fn ended(self, outcome: &'static str, exit: Exit) -> Self {
        Self { outcome, exit, ..self }
    }

    /// Ended by a failure, such as a result that is withheld, under the word it has.
    #[must_use]
    pub fn failed(self, failure: &Failure, reader: &Reader) -> Self {
        let (exit, error) = (failure.exit(), json!({ "error": failure.json(reader) }));
        Self { exit, ..self }.with(error)
    }

    /// About this session.
    #[must_use]
    pub fn in_session(self, session: Option<[u8; 32]>) -> Self {
        Self { session, ..self }
    }

    /// With one more warning, in English.
    #[must_use]
    pub fn warns(mut self, warning: String) -> Self {
        self.warnings.push(warning);
        self
    }

    /// With what the command itself has to say, which must be an object.
    #[must_use]
    pub fn with(mut self, body: Value) -> Self {
        if let Value::Object(body) = body {
            self.body.extend(body);
        }
        self
    }

    fn parts(&self) -> impl Iterator<Item = (&str, Value)> {
        let head = [
            ("schema", format!("veilmatch.{}/1", self.command).into()),
            ("version", env!("CARGO_PKG_VERSION").into()),
            ("command", self.command.into()),
            ("exit", self.exit.code().into()),
            ("outcome", self.outcome.into()),
            ("run_id", self.run_id.as_str().into()),
            ("session", json!(self.session.map(|sid| store::hex(&sid)))),
            ("warnings", json!(self.warnings)),
        ];
        let own = self.body.iter().map(|(name, value)| (name.as_str(), value.clone()));
        head.into_iter().chain(own)
    }

    /// The object in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let parts = self.parts().map(|(name, value)| format!("{}:{value}", json!(name)));
        format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
    }

    /// The object in lines of its own, as a file has it.
    #[must_use]
    pub fn pretty(&self) -> String {
        let part = |(name, value): (&str, Value)| {
            // A line end in a text is written as two characters.
            let value = format!("{value:#}").replace('\n', "\n  ");
            format!("  {}: {value}", json!(name))
        };
        format!("{{\n{}\n}}\n", self.parts().map(part).collect::<Vec<_>>().join(",\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_begins_alike_and_is_json() {
        let options = OutputOptions { run_id: "nightly".into(), ..OutputOptions::default() };
        let body = json!({ "b": { "c": ["x\ny"] }, "a": null });
        let object = Object::done("check", &options).in_session(Some([7; 32])).with(body);
        let object = object.warns("late".to_owned()).ended("failed", Exit::Absent);
        let read: Value = serde_json::from_str(&object.pretty()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&object.line()).unwrap(), read);
        assert_eq!(object.line().lines().count(), 1);
        assert_eq!((&read["exit"], &read["b"]["c"][0]), (&json!(66), &json!("x\ny")));
        assert_eq!(
            (&read["session"], &read["warnings"][0]),
            (&json!("07".repeat(32)), &json!("late"))
        );
        let pretty = object.pretty();
        let names: Vec<&str> = pretty
            .lines()
            .filter_map(|line| line.strip_prefix("  \"")?.split('"').next())
            .collect();
        let head = ["schema", "version", "command", "exit", "outcome", "run_id", "session"];
        assert_eq!(names[..7], head);
        assert_eq!(names[7..], ["warnings", "a", "b"]);
    }
}
