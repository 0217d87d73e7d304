//! The verdict for people: the statement, one line for each check, and the conclusion.

use protocol::transcript::Role;
use report::{Reader, Text};
use verify::{CheckResult, Conclusion, Signers, Verdict};

use crate::page::{Page, told};
use crate::parties::Names;
use crate::statement;

/// The verdict as text: the session's own words, one line for each check, one for all of them.
///
/// A failing check names the signers of the part that fails, or says that anybody who holds the
/// package may have made it [T-18].
#[must_use]
pub fn checklist(verdict: &Verdict, names: &Names, torn: Option<u64>, reader: &Reader) -> String {
    let mut page = Page::new(reader);
    for check in &verdict.checks {
        let mark = match check.result {
            CheckResult::Passed => "ok  ",
            CheckResult::Failed(_) => "FAIL",
            CheckResult::NotChecked(_) => "--  ",
        };
        let title = page.words(&title(check.name));
        page.line(0, &format!("{mark} {}  {title}", check.rule));
        match &check.result {
            CheckResult::Passed => {}
            CheckResult::Failed(why) => {
                page.say(DETAIL, &Text::new("audit-failed").with("why", told(why)));
                page.say(DETAIL, &Text::new("audit-by").with("by", check.by.name()));
            }
            CheckResult::NotChecked(why) => {
                page.say(DETAIL, &Text::new("audit-unchecked").with("why", told(why)));
            }
        }
    }
    conclude(&mut page, verdict, torn);
    statement::head(&verdict.account, names, reader) + &page.finish()
}

/// The rule of this name in a few words.
pub(crate) fn title(name: &str) -> Text {
    Text::named(format!("verify-rule-{name}"))
}

/// Parties that signed a part which fails; empty for nobody.
pub(crate) fn accused(by: Signers) -> Vec<&'static str> {
    let roles = [Role::Advertiser, Role::Provider].into_iter();
    roles.filter(|role| by.contains(*role)).map(Role::name).collect()
}

fn conclude(page: &mut Page<'_>, verdict: &Verdict, torn: Option<u64>) {
    let count = |wanted: fn(&CheckResult) -> bool| {
        verdict.checks.iter().filter(|check| wanted(&check.result)).count()
    };
    let total = verdict.checks.len();
    let unmade = Text::new("audit-unmade")
        .with("unmade", count(|result| matches!(result, CheckResult::NotChecked(_))))
        .with("total", total);
    match verdict.conclusion() {
        Conclusion::Accepted => {
            page.say(0, &Text::new("audit-verdict-accepted").with("total", total));
        }
        Conclusion::Incomplete => {
            page.say(0, &Text::new("audit-verdict-incomplete").with("unmade", unmade));
        }
        Conclusion::Interrupted => {
            let ended = statement::ending(&verdict.account, torn);
            page.say(0, &Text::new("audit-verdict-interrupted").with("ended", ended));
            page.say(BELOW_VERDICT, &unmade);
        }
        Conclusion::NotAccepted => {
            let failed = count(|result| matches!(result, CheckResult::Failed(_)));
            let not = Text::new("audit-verdict-failed").with("failed", failed);
            page.say(0, &not.with("total", total));
            let by = verdict.accused();
            let whom = match by.is_nobody() {
                true => Text::new("audit-accuses-nobody"),
                false => Text::new("audit-accuses").with("by", by.name()),
            };
            page.say(BELOW_VERDICT, &whom);
        }
    }
}

/// Blanks before the lines below a check.
pub(crate) const DETAIL: usize = 12;
/// Blanks before the line below the verdict.
const BELOW_VERDICT: usize = 9;

#[cfg(test)]
pub(crate) mod tests {
    use protocol::transcript::Opening;
    use report::Lang;
    use serde_json::{Value, json};
    use verify::{Account, Arg, Check, Ending, Finding, Parties, Place};

    use super::*;
    use crate::machine;
    use crate::statement::hex;

    const FR: Reader = Reader { lang: Lang::Fr, own: None, plain: false };

    fn told(verdict: &Verdict, torn: Option<u64>, reader: &Reader) -> String {
        checklist(verdict, &Names::default(), torn, reader)
    }

    #[test]
    fn both_forms_of_a_verdict_name_the_parties() {
        let mut verdict = verdict(Ending::Closed, []);
        verdict.account.parties.advertiser = Some(protocol::attestation::PartyId([0xA1; 32]));
        let file = format!("shop-a = \"{}\"", hex(&[0xA1; 32]));
        let names = Names::parse(&file).unwrap();
        let text = checklist(&verdict, &names, None, &Reader::LOG);
        assert!(text.contains("shop-a (advertiser), unknown (provider)"), "{text}");
        assert!(text.contains(&"a1".repeat(32)), "{text}");
        let json = machine::verdict(&verdict, &names, None);
        assert_eq!(json["parties"]["advertiser"]["name"], "shop-a");
        assert_eq!(json["parties"]["provider"]["party"], Value::Null);
    }

    #[test]
    fn every_conclusion_has_its_words_in_both_languages() {
        let passed = || check(CheckResult::Passed, Signers::NOBODY);
        let absent = || check(CheckResult::NotChecked(fact("verify-no-frames")), Signers::NOBODY);
        let failed = |by| check(CheckResult::Failed(fact("verify-table-root")), by);
        let cut = Ending::Cut { after: Some(Place { name: "BLIND", frame: Some(2) }) };
        let word =
            |signed| Ending::Word { name: "REFUSE", by: Role::Provider, signed, code: 0x0205 };
        for (ending, checks, torn, english, french) in [
            (
                Ending::Closed,
                [passed(), passed()],
                None,
                "accepted, all 2 checks passed",
                "accepté, les 2 contrôles sont satisfaits",
            ),
            (
                Ending::Closed,
                [passed(), absent()],
                None,
                "incomplete, 1 of 2 checks could not be made; none failed",
                "incomplet, 1 contrôle sur 2 n’a pas pu être fait\u{202F}; aucun n’est en échec",
            ),
            (
                cut,
                [passed(), absent()],
                Some(9),
                "interrupted, the records end after BLIND frame 2, in the middle of record 9\n",
                "interrompu, les enregistrements s’arrêtent après la trame 2 du flux BLIND, au \
                 milieu de l’enregistrement 9\n",
            ),
            (
                word(true),
                [passed(), absent()],
                None,
                "interrupted, ended by the provider's signed word: REFUSE, V0205, ",
                "interrompu, fin par la parole signée du prestataire\u{A0}: REFUSE, V0205, ",
            ),
            (
                word(false),
                [passed(), absent()],
                None,
                "interrupted, ended by the provider's word, as whoever holds this package claims \
                 it: REFUSE, V0205, ",
                "interrompu, fin par la parole du prestataire, telle que le détenteur de ce \
                 dossier l’affirme\u{A0}: REFUSE, V0205, ",
            ),
            (
                Ending::Closed,
                [passed(), failed(Signers::NOBODY)],
                None,
                "NOT accepted, 1 of 2 checks failed\n         this accuses nobody",
                "NON accepté, 1 contrôle sur 2 est en échec\n         cela n’accuse personne",
            ),
            (
                Ending::Closed,
                [passed(), failed(Signers::of(Role::Provider))],
                None,
                "NOT accepted, 1 of 2 checks failed\n         inside what is signed by the \
                 provider",
                "NON accepté, 1 contrôle sur 2 est en échec\n         dans ce qui est signé par \
                 le prestataire",
            ),
        ] {
            let verdict = verdict(ending, checks);
            for (reader, label, words) in
                [(Reader::LOG, "verdict: ", english), (FR, "verdict\u{A0}: ", french)]
            {
                let text = told(&verdict, torn, &reader);
                let begin = text.find(label).unwrap();
                assert!(text[begin + label.len()..].starts_with(words), "{words}\n{text}");
            }
        }
    }

    #[test]
    fn a_failure_says_who_signed_it_beside_its_line_and_in_the_json() {
        for (by, words, name, accused) in [
            (Signers::NOBODY, "claimed by whoever holds this package", "holder", json!([])),
            (
                Signers::of(Role::Advertiser),
                "signed by the advertiser",
                "advertiser",
                json!(["advertiser"]),
            ),
            (Signers::BOTH, "signed by both parties", "both", json!(["advertiser", "provider"])),
        ] {
            let args = vec![("stream", Arg::Name("BLIND")), ("frame", Arg::Number(3))];
            let why = Finding { id: "verify-frame-other", args };
            let verdict = verdict(Ending::Closed, [check(CheckResult::Failed(why), by)]);
            let text = told(&verdict, None, &Reader::LOG);
            let place = "BLIND frame 3 is not the recorded one";
            let expected = format!("FAILED: {place}\n            {words}\n");
            assert!(text.contains(&expected), "{text}");
            let report = machine::verdict(&verdict, &Names::default(), None);
            let check = &report["checks"][0];
            assert_eq!((&check["by"], &check["detail"]), (&json!(name), &json!(place)));
            let args = json!({"stream": "BLIND", "frame": 3});
            assert_eq!(check["finding"], json!({"id": "verify-frame-other", "args": args}));
            assert_eq!(report["accused"], accused);
            assert_eq!(report["verdict"], "NOT accepted");
        }
    }

    #[test]
    fn an_unsigned_statement_is_told_as_a_claim() {
        let text = told(&verdict(Ending::Closed, []), None, &Reader::LOG);
        let claim =
            "by whoever holds this package: that it is the provider's, and which certificates";
        assert!(text.contains(claim), "{text}");
        assert!(text.contains("signed   nothing"), "{text}");
    }

    #[test]
    fn every_rule_has_its_words_in_both_languages() {
        for rule in verify::rules::T0.rules {
            assert!(Lang::ALL.iter().all(|lang| title(rule.name).exists(*lang)), "{}", rule.name);
        }
    }

    fn fact(id: &'static str) -> Finding {
        Finding { id, args: Vec::new() }
    }

    fn check(result: CheckResult, by: Signers) -> Check {
        Check { rule: "T0-01", name: "programs", result, by }
    }

    fn verdict(ending: Ending, checks: impl IntoIterator<Item = Check>) -> Verdict {
        let checks = checks.into_iter().collect();
        Verdict { level: "T0", parties: Parties::default(), account: account(ending), checks }
    }

    /// Account of a package in which nothing stands but its opening.
    pub(crate) fn account(ending: Ending) -> Account {
        let opening = Opening {
            protocol: 3,
            role: Role::Provider,
            exporter: [0; 32],
            spki_advertiser: [1; 32],
            spki_provider: [2; 32],
        };
        Account {
            opening,
            parties: Parties::default(),
            hello_a: None,
            hello_p: None,
            hellos: Signers::NOBODY,
            terms: None,
            sid: None,
            session: Signers::NOBODY,
            input: verify::Input::NotShown,
            receipt: None,
            receipt_by: Signers::NOBODY,
            ending,
        }
    }
}
